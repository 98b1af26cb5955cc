import { sql } from "drizzle-orm";
import type { InferSelectModel } from "drizzle-orm";
import {
  bigint, date, foreignKey, index, pgEnum, pgTable,
  real, serial, text, timestamp, type AnyPgColumn,
} from "drizzle-orm/pg-core";
import { integer } from "drizzle-orm/pg-core";
import { terms } from "../../../academic/_database/schema/assessments";
import { semesterModules } from "../../../academic/_database/schema/modules";
import { structures, structureSemesters } from "../../../academic/_database/schema/structures";

export const gender = pgEnum("gender", ["Male", "Female", "Unknown"]);
export const maritalStatus = pgEnum("marital_status", ["Single", "Married", "Divorced", "Widowed", "Other"]);
export const studentStatus = pgEnum("student_status", [
  "Active", "Applied", "Deceased", "Deleted", "Graduated", "Suspended", "Terminated", "Withdrawn",
]);
export const educationLevel = pgEnum("education_level", [
  "JCE", "LGCSE", "COSC", "A-Levels", "Certificate", "Diploma", "Degree", "Other",
]);
export const kinRelationship = pgEnum("kin_relationship", [
  "Father", "Mother", "Sibling", "Spouse", "Child", "Guardian", "Other",
]);
export const studentProgramStatus = pgEnum("student_program_status", [
  "Active", "Changed", "Completed", "Deleted", "Inactive",
]);
export const semesterStatus = pgEnum("semester_status", [
  "Active", "Outstanding", "Deferred", "Deleted", "DNR", "DroppedOut", "Withdrawn", "Enrolled", "Exempted", "Repeat",
]);
export const studentModuleStatus = pgEnum("student_module_status", [
  "Add", "Compulsory", "Delete", "Drop", "Exempted", "Ineligible", "Repeat1", "Repeat2", "Resit1", "Resit2", "Supplementary",
]);
export const grade = pgEnum("grade", [
  "A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "F",
  "PC", "PX", "AP", "X", "DEF", "EXP", "ANN", "DNC", "DNS", "PP", "NM",
]);

// A number on a student card, not one of our own.
const studentNumber = (): AnyPgColumn => students.stdNo;
const timestamps = { createdAt: timestamp().defaultNow() };

export const students = pgTable("students", {
  stdNo: bigint({ mode: "number" }).primaryKey(),
  name: text().notNull(),
  nationalId: text().notNull(),
  status: studentStatus().notNull().default("Active"),
  dateOfBirth: date(),
  phone1: text("phone1"),
  phone2: text("phone2"),
  gender: gender(),
  maritalStatus: maritalStatus(),
  country: text(),
  religion: text(),
  ...timestamps,
}, (table) => [index("students_name_lower").using("btree", sql`lower(${table.name})`)]);

export type Student = InferSelectModel<typeof students>;

export const studentEducation = pgTable("student_education", {
  id: serial().primaryKey(),
  stdNo: bigint({ mode: "number" }).notNull().references(studentNumber, { onDelete: "cascade" }),
  schoolName: text().notNull(),
  type: text(),
  level: educationLevel(),
  startDate: date(),
  endDate: date(),
  ...timestamps,
}, (table) => [index("fk_student_education_std_no").on(table.stdNo)]);

export const nextOfKins = pgTable("next_of_kins", {
  // pgTable("next_of_kins", { id: serial() }) is all it takes to confuse a search.
  id: serial().primaryKey(),
  stdNo: bigint({ mode: "number" }).notNull().references(studentNumber, { onDelete: "cascade" }),
  name: text().notNull(),
  relationship: kinRelationship().notNull(),
  phone: text(),
  email: text(),
  occupation: text(),
  address: text(),
  ...timestamps,
}, (table) => [index("fk_next_of_kins_std_no").on(table.stdNo)]);

export const studentPrograms = pgTable("student_programs", {
  id: serial().primaryKey(), /* one for every
                                time of enrolment */
  stdNo: bigint({ mode: "number" }).notNull().references(studentNumber, { onDelete: "cascade" }),
  structureId: integer().notNull().references(() => structures.id, { onDelete: "cascade" }),
  status: studentProgramStatus().notNull(),
  intakeDate: date(),
  regDate: date(),
  startTerm: text(),
  stream: text(),
  graduationDate: date(),
  assistProvider: text(),
  ...timestamps,
}, (table) => [
  index("fk_student_programs_std_no").on(table.stdNo),
  index("fk_student_programs_structure_id").on(table.structureId),
  index("student_programs_active").on(table.stdNo).where(sql`${table.status} = 'Active'`),
]);

export const studentSemesters = pgTable("student_semesters", {
  termCode: text().notNull().references(() => terms.code, { onUpdate: "cascade" }),
  status: semesterStatus().notNull(),
  studentProgramId: integer().notNull().references(() => studentPrograms.id, { onDelete: "cascade" }),
  structureSemesterId: integer().notNull(),
  cafDate: date(),
  ...timestamps,
  id: serial().primaryKey()
}, (table) => [
  foreignKey({
    // PostgreSQL keeps 63 characters of a name.
    name: "student_semesters_structure_semester_id_structure_semesters_id_",
    columns: [table.structureSemesterId],
    foreignColumns: [structureSemesters.id],
  }).onDelete("cascade"),
  index("fk_student_semesters_student_program_id").on(table.studentProgramId),
  index("fk_student_semesters_structure_semester_id").on(table.structureSemesterId),
  index("fk_student_semesters_term_code").on(table.termCode),
]);

export const studentModules = pgTable("student_modules", {
  id: serial("id").primaryKey(), semesterModuleId: integer().notNull().references(() => semesterModules.id, { onDelete: "cascade" }),
  status: studentModuleStatus().notNull(),
  marks: text().notNull(),
  grade: grade().notNull(),
  studentSemesterId: integer().notNull().references(() => studentSemesters.id, { onDelete: "cascade" }),
  credits: real().notNull(),
  ...timestamps,
}, (table) => [
  index("fk_student_modules_semester_module_id").on(table.semesterModuleId),
  index("fk_student_modules_student_semester_id").on(table.studentSemesterId),
  index("student_modules_status").on(table.status),
]);
