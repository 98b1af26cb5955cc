import * as pg from 'drizzle-orm/pg-core';
import { studentModules } from '../../../registry/_database/schema/students';
import { modules } from './modules';

export const assessmentKind = pg.pgEnum('assessment_kind', [
  'Quiz', 'Test', 'Practical', 'Project', 'Mid-term', 'Final exam',
]);

export const terms = pg.pgTable('terms', {
  id: pg.serial().primaryKey(),
  code: pg.text().notNull().unique(),
  name: pg.text().notNull(),
  isActive: pg.boolean().notNull().default(false),
  createdAt: pg.timestamp().defaultNow(),
});

export const assessments = pg.pgTable(
  'assessments',
  {
    id: pg.serial().primaryKey(),
    moduleId: pg.integer().notNull().references(() => modules.id, { onDelete: 'cascade' }),
    termId: pg.integer().notNull().references(() => terms.id),
    assessmentNumber: pg.text().notNull(),
    assessmentType: assessmentKind().notNull(),
    totalMarks: pg.real().notNull(),
    weight: pg.real().notNull(),
    createdAt: pg.timestamp().defaultNow(),
  },
  (table) => [
    pg.unique('assessments_module_id_assessment_number_term_id_unique').on(table.moduleId, table.assessmentNumber, table.termId),
    pg.index('fk_assessments_module_id').on(table.moduleId),
    pg.index('fk_assessments_term_id').on(table.termId),
  ],
);

export const assessmentMarks = pg.pgTable(
  'assessment_marks',
  {
    id: pg.serial().primaryKey(),
    assessmentId: pg.integer().notNull().references(() => assessments.id, { onDelete: 'cascade' }),
    marks: pg.real().notNull(),
    studentModuleId: pg.integer().notNull().references(() => studentModules.id, { onDelete: 'cascade' }),
    createdAt: pg.timestamp().defaultNow(),
  },
  (table) => [
    pg.index('fk_assessment_marks_assessment_id').on(table.assessmentId),
    pg.index('fk_assessment_marks_student_module_id').on(table.studentModuleId),
  ],
);

export const schoolEnrolment = pg.pgView('school_enrolment', {
  id: pg.integer(),
  code: pg.text(),
  name: pg.text(),
  students: pg.bigint({ mode: 'number' }),
  activeStudents: pg.bigint({ mode: 'number' }),
}).existing();
