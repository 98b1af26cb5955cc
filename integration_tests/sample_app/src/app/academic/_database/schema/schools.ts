import { boolean, index, pgEnum, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core';

export const programLevel = pgEnum('program_level', ['certificate', 'diploma', 'degree']);

export const schools = pgTable('schools', {
  id: serial().primaryKey(),
  code: text().notNull().unique(),
  name: text().notNull(),
  isActive: boolean().notNull().default(true),
  createdAt: timestamp().defaultNow(),
});

export const programs = pgTable(
  'programs',
  (t) => ({
    id: t.serial().primaryKey(), // the number on the application form
    code: t.text().notNull().unique(),
    name: t.text().notNull(),
    level: programLevel().notNull(),
    schoolId: t
      .integer()
      .notNull()
      .references(() => schools.id, { onDelete: 'cascade' }),
    createdAt: t.timestamp().defaultNow(),
  }),
  (table) => [index('fk_programs_school_id').on(table.schoolId)],
);
