import { pgTable, index } from "drizzle-orm/pg-core"
import { programs } from "./schools"

/*
 * A structure says what is taught when. It used to be declared as
 *   pgTable("structures", { id: serial().primaryKey() })
 * before the code was split up.
 */
export const structures = pgTable("structures", (t) => ({
	id: t.serial().primaryKey(),
	code: t.text().notNull().unique(),
	desc: t.text(),
	programId: t.integer().notNull().references(() => programs.id, { onDelete: "cascade" }),
	createdAt: t.timestamp().defaultNow()
}), (t) => ({
	programIndex: index("fk_structures_program_id").on(t.programId)
}))

export const structureSemesters = pgTable("structure_semesters", ({ serial, char, text, real, integer: int, timestamp }) => {
	return {
		/** Known to the students as the semester's number. */
		id: serial().primaryKey(),

		structureId: int().notNull().references(() => structures.id, { onDelete: "cascade" }),
		semesterNumber: char({ length: 2 }).notNull(),
		name: text().notNull(),
		totalCredits: real().notNull(),
		createdAt: timestamp().defaultNow(),
	}
}, (t) => [index("fk_structure_semesters_structure_id").on(t.structureId)])
