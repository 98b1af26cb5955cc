import { sql } from 'drizzle-orm';
import {
    boolean,
    check,
    foreignKey,
    index,
    integer,
    pgEnum,
    pgTable as table,
    real,
    serial,
    text,
    timestamp,
    unique,
} from 'drizzle-orm/pg-core';
import { structureSemesters } from './structures';

export const moduleStatus = pgEnum('module_status', ['Active', 'Defunct']);
export const moduleType = pgEnum('module_type', ['Major', 'Minor', 'Core', 'Delete', 'Elective']);

const MODULES = 'modules';

export const modules = table(MODULES, {
    'id': serial().primaryKey(),
    'code': text().notNull(),
    'name': text().notNull(),
    'status': moduleStatus().notNull().default('Active'),
    'remark': text(),
    'timestamp': text(),
    'createdAt': timestamp().defaultNow(),
});

export const semesterModules = table(
    `semester_modules`,
    { id: serial().primaryKey(), moduleId: integer().notNull().references(() => modules.id), type: moduleType().notNull(),
      credits: real().notNull(), semesterId: integer().references(() => structureSemesters.id, { onDelete: 'set null' }),
      hidden: boolean().notNull().default(false), createdAt: timestamp().defaultNow() },
    (self) => [
        index('fk_semester_modules_module_id').on(self.moduleId),
        index('fk_semester_modules_semester_id').on(self.semesterId),
    ],
);

export const modulePrerequisites = table('module_prerequisites', {
    id: serial()
        .primaryKey()
    , semesterModuleId: integer().notNull()
    , prerequisiteId: integer().notNull()
    , createdAt: timestamp().defaultNow()
}, (self) => [
    foreignKey({ columns: [self.semesterModuleId], foreignColumns: [semesterModules.id] }).onDelete('cascade'),
    foreignKey({ columns: [self.prerequisiteId], foreignColumns: [semesterModules.id] }).onDelete('cascade'),
    unique('module_prerequisites_semester_module_id_prerequisite_id_unique').on(self.semesterModuleId, self.prerequisiteId),
    check('module_prerequisites_not_itself', sql`${self.semesterModuleId} <> ${self.prerequisiteId}`),
    index('fk_module_prerequisites_semester_module_id').on(self.semesterModuleId),
    index('fk_module_prerequisites_prerequisite_id').on(self.prerequisiteId),
]);
