"""Damage done to a migrated registry, each with the tests that must see it, and no others.

A test is called by its label: a singular test by its name, a packaged expectation by `table: expectation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.local_rows import CORE_TABLES, insert_local_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg

Row = dict[str, str | None]
Shown = dict[str, list[Row]]

ROWS = "core_rows_unchanged"
IDS = "ids_unchanged"
COUNTS = "row_counts_unchanged"
POPULATION = "cms_id_equals_id"
UNIQUE = "cms_ids_unique"
COLUMNS = "cms_id_columns_exist"
CONSTRAINTS = "cms_id_constraints_exist"
MARKS = "marks_unchanged"
PER_SCHOOL = "students_per_school_unchanged"
SCHOOLS_CHAIN = "student_school_chain_unchanged"
MODULES_CHAIN = "student_modules_chain_unchanged"
ASSESSMENTS_CHAIN = "assessment_marks_chain_unchanged"
PREREQUISITES_CHAIN = "module_prerequisites_chain_unchanged"
CATALOGUE = "catalogue_unchanged"
OTHER_TABLES = "other_tables_unchanged"
EVERY_KEY = "foreign_keys_hold"
SEQUENCES = "sequences_ahead"
KEPT = "cms_id_kept"

MISSING = {"expected": "the row", "actual": "the row is missing"}
ADDED = {"expected": "no such row", "actual": "an additional row"}
NOBODY = 2147483000  # an id that no row has


def exists(table: str) -> str:
    """The label of an expectation."""
    return f"{table}: expect_column_to_exist"


def of_type(table: str) -> str:
    """The label of an expectation."""
    return f"{table}: expect_column_values_to_be_of_type"


class Database:
    """The registry to be damaged, as its superuser; foreign keys and triggers are off."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Switch foreign keys and triggers off for this session."""
        self.connection = connection
        connection.execute("set session_replication_role to replica")

    def run(self, statement: str, rows: int | None = 1) -> None:
        """Run one statement, which must touch so many rows."""
        touched = self.connection.execute(statement.encode()).rowcount
        assert rows is None or touched == rows, f"{touched} rows touched by {statement}"

    def row(self, query: str) -> tuple[Any, ...]:
        """The first row of a query."""
        found: tuple[Any, ...] | None = self.connection.execute(query.encode()).fetchone()
        assert found is not None, f"no row: {query}"
        return found

    def value(self, query: str) -> Any:
        """Its first column."""
        return self.row(query)[0]

    def columns(self, table: str) -> list[str]:
        """A table's columns."""
        query = (
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
            " order by attnum"
        )
        return [name for (name,) in self.connection.execute(query, [table])]


@dataclass(frozen=True)
class Corruption:
    """One kind of damage.

    Attributes:
        name: what it is.
        seed: does it; returns, by label, rows that the failing tests must show (a part of each row).
        red: the labels of the tests that fail.
        parsed: whether the tests decide on it while dbt writes their SQL, so that dbt itself has to run them.
    """

    name: str
    seed: Callable[[Database], Shown]
    red: frozenset[str]
    parsed: bool = False


CORRUPTIONS: list[Corruption] = []


def corruption(*red: str, parsed: bool = False) -> Callable[[Callable[[Database], Shown]], Callable[[Database], Shown]]:
    """Enter a function in the list under its own name."""

    def enter(seed: Callable[[Database], Shown]) -> Callable[[Database], Shown]:
        CORRUPTIONS.append(Corruption(seed.__name__, seed, frozenset(red), parsed))
        return seed

    return enter


def enter_for(name: str, seed: Callable[[Database], Shown], red: set[str]) -> None:
    """Enter one of a family."""
    CORRUPTIONS.append(Corruption(name, seed, frozenset(red)))


def row(table: str, key: object, column: str | None, expected: object, actual: object) -> Row:
    """A failing row."""
    return {
        "table_name": table,
        "key": str(key),
        "column_name": column,
        "expected": str(expected),
        "actual": str(actual),
    }


def cells(table: str, key: object, changes: Mapping[str, tuple[object, object]]) -> list[Row]:
    """The failing rows of one row in which several columns differ: column -> (expected, actual)."""
    return [row(table, key, column, was, now) for column, (was, now) in changes.items()]


# ---- keys

# an attempt in a semester, and whether it has assessment marks
_ATTEMPT = (
    "select sm.id, sm.semester_module_id, sm.student_semester_id, sm.marks, sm.grade::text from student_modules as sm"
    " where {}exists (select from assessment_marks as am where am.student_module_id = sm.id) order by sm.id"
)
WITHOUT_MARKS = _ATTEMPT.format("not ")
WITH_MARKS = _ATTEMPT.format("")


@corruption(ROWS, MODULES_CHAIN)
def two_attempts_swap_their_semesters(db: Database) -> Shown:
    first, _, semester, *_ = db.row(WITHOUT_MARKS)
    second, _, other, *_ = db.row(
        f"select * from ({WITHOUT_MARKS}) as a where student_semester_id <> {semester} order by id desc"
    )
    swapped = f"{semester + other} - student_semester_id"
    db.run(f"update student_modules set student_semester_id = {swapped} where id in ({first}, {second})", 2)
    return {
        ROWS: [
            row("student_modules", first, "student_semester_id", semester, other),
            row("student_modules", second, "student_semester_id", other, semester),
        ],
        MODULES_CHAIN: [row("student_modules_chain", first, "student_semester_id", semester, other)],
    }


@corruption(ROWS, MODULES_CHAIN, ASSESSMENTS_CHAIN)
def an_attempt_points_to_another_module(db: Database) -> Shown:
    attempt, module, *_ = db.row(WITH_MARKS)
    other = db.value(f"select min(id) from semester_modules where id <> {module}")
    mark = db.value(f"select min(id) from assessment_marks where student_module_id = {attempt}")
    db.run(f"update student_modules set semester_module_id = {other} where id = {attempt}")
    return {
        ROWS: [row("student_modules", attempt, "semester_module_id", module, other)],
        MODULES_CHAIN: [row("student_modules_chain", attempt, "semester_module_id_check", module, other)],
        ASSESSMENTS_CHAIN: [row("assessment_marks_chain", mark, "semester_module_id", module, other)],
    }


@corruption(ROWS, SCHOOLS_CHAIN, PER_SCHOOL)
def a_programme_moves_to_another_school(db: Database) -> Shown:
    programme, school, code = db.row(
        "select p.id, s.id, s.code from programs as p join schools as s on s.id = p.school_id"
        " join structures as st on st.program_id = p.id join student_programs as sp on sp.structure_id = st.id"
        " group by p.id, s.id, s.code order by count(*) desc, p.id"
    )
    other, other_code = db.row(f"select id, code from schools where id <> {school} order by id")
    enrolment = db.value(
        "select min(sp.id) from student_programs as sp join structures as st on sp.structure_id = st.id"
        f" where st.program_id = {programme}"
    )
    db.run(f"update programs set school_id = {other} where id = {programme}")
    return {
        ROWS: [row("programs", programme, "school_id", school, other)],
        SCHOOLS_CHAIN: cells(
            "student_school_chain",
            enrolment,
            {"school_id": (school, other), "school_id_check": (school, other), "school_code": (code, other_code)},
        ),
        PER_SCHOOL: [
            {"table_name": "students_per_school", "key": f"students_per_school: {code}"},
            {"table_name": "students_per_school", "key": f"students_per_school: {other_code}"},
        ],
    }


# ---- marks


@corruption(ROWS, MARKS)
def one_mark_changed(db: Database) -> Shown:
    attempt, marks = db.row("select id, marks from student_modules where marks ~ '^[0-9]+$' order by id")
    total = db.value("select sum(marks::numeric) from student_modules where marks ~ '^[0-9]+(\\.[0-9]+)?$'")
    db.run(f"update student_modules set marks = (marks::integer + 1)::text where id = {attempt}")
    return {
        ROWS: [row("student_modules", attempt, "marks", marks, int(marks) + 1)],
        MARKS: [row("marks", "total_marks", "aggregate_value", total, total + 1)],
    }


@corruption(ROWS)
def two_marks_changed_with_the_same_sum(db: Database) -> Shown:
    first, marks = db.row("select id, marks from student_modules where marks ~ '^[0-9]+$' order by id")
    second, other = db.row("select id, marks from student_modules where marks ~ '^[0-9]+$' order by id desc")
    db.run(f"update student_modules set marks = '{int(marks) + 1}' where id = {first}")
    db.run(f"update student_modules set marks = '{int(other) - 1}' where id = {second}")
    return {
        ROWS: [
            row("student_modules", first, "marks", marks, int(marks) + 1),
            row("student_modules", second, "marks", other, int(other) - 1),
        ]
    }


@corruption(ROWS, MARKS)
def a_mark_no_longer_a_number(db: Database) -> Shown:
    attempt, marks = db.row("select id, marks from student_modules where marks ~ '^[0-9]+$' order by id")
    before = db.value("select count(*) from student_modules where marks !~ '^\\s*[-+]?[0-9]+(\\.[0-9]+)?\\s*$'")
    db.run(f"update student_modules set marks = '' where id = {attempt}")
    return {
        ROWS: [row("student_modules", attempt, "marks", marks, "")],
        MARKS: [row("marks", "marks_not_numeric", "aggregate_value", before, before + 1)],
    }


@corruption(ROWS, MARKS)
def a_grade_never_given_before(db: Database) -> Shown:
    attempt, grade = db.row("select id, grade::text from student_modules order by id")
    new = db.value(
        "select enumlabel from pg_enum where enumtypid = 'grade'::regtype"
        " and enumlabel not in (select grade::text from student_modules) order by enumsortorder"
    )
    grades = db.value("select count(distinct grade) from student_modules")
    db.run(f"update student_modules set grade = '{new}' where id = {attempt}")
    return {
        ROWS: [row("student_modules", attempt, "grade", grade, new)],
        MARKS: [row("marks", "distinct_grades", "aggregate_value", grades, grades + 1)],
    }


@corruption(ROWS)
def a_text_of_blanks_in_place_of_none(db: Database) -> Shown:
    module = db.value("select id from modules where remark is null order by id")
    db.run(f"update modules set remark = ' ' where id = {module}")
    return {ROWS: [row("modules", module, "remark", "NULL", " ")]}


# ---- rows


@corruption(ROWS, IDS, COUNTS)
def a_row_deleted(db: Database) -> Shown:
    key = db.value("select max(id) from next_of_kins")
    count = db.value("select count(*) from next_of_kins")
    db.run(f"delete from next_of_kins where id = {key}")
    return {
        ROWS: [{"table_name": "next_of_kins", "key": str(key), **MISSING}],
        IDS: [{"table_name": "next_of_kins", "key": str(key), **MISSING}],
        COUNTS: [
            {"table_name": "next_of_kins", "column_name": "count(*)", "expected": str(count), "actual": str(count - 1)}
        ],
    }


@corruption(
    ROWS, IDS, COUNTS, MODULES_CHAIN, ASSESSMENTS_CHAIN, MARKS,
    "assessment_marks_point_to_student_modules", EVERY_KEY,
)  # fmt: skip
def an_attempt_deleted_under_its_marks(db: Database) -> Shown:
    attempt, *_ = db.row(f"select * from ({WITH_MARKS}) as a where marks ~ '^[1-9]'")
    mark = db.value(f"select min(id) from assessment_marks where student_module_id = {attempt}")
    db.run(f"delete from student_modules where id = {attempt}")
    return {
        IDS: [{"table_name": "student_modules", "key": str(attempt), **MISSING}],
        MODULES_CHAIN: [{"table_name": "student_modules_chain", "key": str(attempt), **MISSING}],
        ASSESSMENTS_CHAIN: [{"table_name": "assessment_marks_chain", "key": str(mark), **MISSING}],
        "assessment_marks_point_to_student_modules": [
            row(
                "assessment_marks",
                mark,
                "student_module_id",
                "a row of student_modules",
                f"no student_modules with id {attempt}",
            )
        ],
    }


@corruption(ROWS, IDS, SEQUENCES)
def a_row_replaced_by_one_of_another_id(db: Database) -> Shown:
    key = db.value("select max(id) from student_education")
    db.run(f"update student_education set id = {NOBODY}, cms_id = {NOBODY} where id = {key}")
    return {
        ROWS: [
            {"table_name": "student_education", "key": str(key), **MISSING},
            {"table_name": "student_education", "key": str(NOBODY), **ADDED},
        ],
        IDS: [
            {"table_name": "student_education", "key": str(key), **MISSING},
            {"table_name": "student_education", "key": str(NOBODY), **ADDED},
        ],
    }


_CHAINS_OF_A_NEW_ROW = {
    "student_modules": {MODULES_CHAIN, MARKS},
    "student_programs": {SCHOOLS_CHAIN},
    "module_prerequisites": {PREREQUISITES_CHAIN},
}


def _row_added(table: str) -> Callable[[Database], Shown]:
    def seed(db: Database) -> Shown:
        count = db.value(f"select count(*) from {table}")
        db.run(insert_local_row(table, db.columns(table), new_id=NOBODY))
        if table == "student_modules":
            db.run(f"update student_modules set marks = '55' where id = {NOBODY}")
        return {
            ROWS: [{"table_name": table, "key": str(NOBODY), **ADDED}],
            IDS: [{"table_name": table, "key": str(NOBODY), **ADDED}],
            COUNTS: [{"table_name": table, "expected": str(count), "actual": str(count + 1)}],
            POPULATION: [row(table, NOBODY, "cms_id", NOBODY, "NULL")],
        }

    return seed


for _table in CORE_TABLES:
    enter_for(
        f"a_row_added_to_{_table}",
        _row_added(_table),
        {ROWS, IDS, COUNTS, POPULATION, SEQUENCES, *_CHAINS_OF_A_NEW_ROW.get(_table, ())},
    )


# ---- cms_id


@corruption(POPULATION, KEPT)
def a_cms_id_emptied(db: Database) -> Shown:
    key = db.value("select max(id) from student_semesters")
    db.run(f"update student_semesters set cms_id = null where id = {key}")
    emptied = [row("student_semesters", key, "cms_id", key, "NULL")]
    return {POPULATION: emptied, KEPT: emptied}


@corruption(POPULATION, KEPT)
def two_cms_ids_swapped(db: Database) -> Shown:
    first, second = db.row("select min(id), max(id) from programs")
    db.run(f"update programs set cms_id = null where id = {first}")
    db.run(f"update programs set cms_id = {first} where id = {second}")
    db.run(f"update programs set cms_id = {second} where id = {first}")
    swapped = [row("programs", first, "cms_id", first, second), row("programs", second, "cms_id", second, first)]
    return {POPULATION: swapped, KEPT: swapped}


def _cms_id_of_another_row(table: str) -> Callable[[Database], Shown]:
    def seed(db: Database) -> Shown:
        first, last = db.row(f"select min(id), max(id) from {table}")
        db.run(f"alter table {table} drop constraint {table}_cms_id_unique", None)
        db.run(f"update {table} set cms_id = {last} where id = {first}")
        return {
            POPULATION: [row(table, first, "cms_id", first, last)],
            UNIQUE: [row(table, f"{first}, {last}", "cms_id", f"cms_id {last} once", "2 times")],
            CONSTRAINTS: [{"table_name": table, "column_name": "cms_id", "actual": "no unique constraint on cms_id"}],
        }

    return seed


for _table in CORE_TABLES:
    enter_for(
        f"the_cms_id_of_another_row_in_{_table}",
        _cms_id_of_another_row(_table),
        {POPULATION, KEPT, UNIQUE, CONSTRAINTS, CATALOGUE},
    )


# ---- constraints and columns


def _constraint(actual: str) -> Shown:
    expected = "UNIQUE (cms_id), valid, named modules_cms_id_unique"
    return {CONSTRAINTS: [{"table_name": "modules", "column_name": "cms_id", "expected": expected, "actual": actual}]}


@corruption(CONSTRAINTS, CATALOGUE)
def the_constraint_dropped(db: Database) -> Shown:
    db.run("alter table modules drop constraint modules_cms_id_unique", None)
    return _constraint("no unique constraint on cms_id")


@corruption(CONSTRAINTS, CATALOGUE)
def the_constraint_replaced_by_a_plain_unique_index(db: Database) -> Shown:
    db.run("alter table modules drop constraint modules_cms_id_unique", None)
    db.run("create unique index modules_cms_id_unique on modules (cms_id)", None)
    return _constraint("no unique constraint on cms_id")


@corruption(CONSTRAINTS, CATALOGUE)
def the_constraint_on_more_than_cms_id(db: Database) -> Shown:
    db.run("alter table modules drop constraint modules_cms_id_unique", None)
    db.run("alter table modules add constraint modules_cms_id_unique unique (cms_id, code)", None)
    return _constraint("no unique constraint on cms_id")


@corruption(CONSTRAINTS, CATALOGUE)
def the_constraint_renamed(db: Database) -> Shown:
    db.run("alter table modules rename constraint modules_cms_id_unique to modules_other", None)
    return _constraint("the constraint is named modules_other")


@corruption(CONSTRAINTS, CATALOGUE)
def the_constraint_deferrable(db: Database) -> Shown:
    db.run("alter table modules drop constraint modules_cms_id_unique", None)
    db.run("alter table modules add constraint modules_cms_id_unique unique (cms_id) deferrable", None)
    return _constraint("constraint modules_cms_id_unique is not valid or is deferrable")


@corruption(COLUMNS, CATALOGUE)
def cms_id_not_null(db: Database) -> Shown:
    db.run("alter table structures alter column cms_id set not null", None)
    return {
        COLUMNS: [
            {
                "table_name": "structures",
                "column_name": "cms_id",
                "expected": "integer, nullable",
                "actual": "integer, NOT NULL",
            }
        ]
    }


def _halves(bit: int) -> tuple[list[str], list[str]]:
    """The core tables in two lots.

    No two tables are in the same lots for all four bits, so that four rounds tell all tables' tests apart.
    """
    ones = [table for number, table in enumerate(CORE_TABLES, start=1) if number >> bit & 1]
    return ones, [table for table in CORE_TABLES if table not in ones]


def _columns_dropped_and_changed(bit: int) -> None:
    dropped, changed = _halves(bit)

    def seed(db: Database) -> Shown:
        for table in dropped:
            db.run(f"alter table {table} drop column cms_id", None)
        for table in changed:
            db.run(f"alter table {table} alter column cms_id type bigint", None)
        missing: list[Row] = [
            {"table_name": table, "column_name": "cms_id", "actual": "the column is missing"} for table in dropped
        ]
        named: list[Row] = [
            {"table_name": table, "column_name": "cms_id", "actual": "column cms_id is missing"} for table in dropped
        ]
        wider: list[Row] = [
            {"table_name": table, "expected": "integer, nullable", "actual": "bigint, nullable"} for table in changed
        ]
        return {
            COLUMNS: [*named, *wider],
            CONSTRAINTS: list(named),
            POPULATION: list(missing),
            UNIQUE: list(missing),
            KEPT: list(missing),
        }

    CORRUPTIONS.append(
        Corruption(
            f"cms_id_dropped_or_of_another_type_{bit + 1}",
            seed,
            frozenset(
                {
                    COLUMNS,
                    CONSTRAINTS,
                    POPULATION,
                    KEPT,
                    UNIQUE,
                    CATALOGUE,
                    *map(exists, dropped),
                    *map(of_type, changed),
                }
            ),
            parsed=True,
        )
    )


for _bit in range(4):
    _columns_dropped_and_changed(_bit)


@corruption(COLUMNS, POPULATION, KEPT, UNIQUE, ROWS, CATALOGUE, of_type("schools"), parsed=True)
def cms_id_a_text_and_other_columns_changed(db: Database) -> Shown:
    db.run("alter table schools alter column cms_id type text", None)
    db.run("alter table programs rename column level to stage", None)
    db.run("alter table structures add column note text", None)
    wrong: Row = {
        "table_name": "schools",
        "column_name": "cms_id",
        "expected": "a column of type integer",
        "actual": "a column of type text",
    }
    return {
        COLUMNS: [{"table_name": "schools", "expected": "integer, nullable", "actual": "text, nullable"}],
        POPULATION: [wrong],
        UNIQUE: [wrong],
        ROWS: [
            {
                "table_name": "programs",
                "column_name": "level",
                "expected": "column level",
                "actual": "the column is missing",
            },
            {
                "table_name": "programs",
                "column_name": "stage",
                "expected": "no such column",
                "actual": "an additional column",
            },
            {
                "table_name": "structures",
                "column_name": "note",
                "expected": "no such column",
                "actual": "an additional column",
            },
        ],
    }


# ---- orphans: each of the spec's thirteen foreign keys, a row of which points to nothing

_SCHOOLS = {ROWS, SCHOOLS_CHAIN, PER_SCHOOL}
_MODULES = {ROWS, MODULES_CHAIN}
_PREREQUISITES = {ROWS, PREREQUISITES_CHAIN}
_ATTEMPTED = "exists (select from student_modules as x where x.student_semester_id = c.id)"
_ENROLLED = (
    "exists (select from structures as st join student_programs as sp on sp.structure_id = st.id"
    " where st.program_id = c.id)"
)
_MARKED_AND_NO_PREREQUISITE = (
    "exists (select from student_modules as x join assessment_marks as a on a.student_module_id = x.id"
    " where x.semester_module_id = c.id)"
    " and not exists (select from module_prerequisites as p where c.id in (p.semester_module_id, p.prerequisite_id))"
)
_ORPHANS: list[tuple[str, str, str, str, set[str]]] = [
    # child, column, parent, which row, what else is red
    ("programs", "school_id", "schools", _ENROLLED, _SCHOOLS),
    (
        "structures",
        "program_id",
        "programs",
        "exists (select from student_programs as sp where sp.structure_id = c.id)",
        _SCHOOLS,
    ),
    ("structure_semesters", "structure_id", "structures", "true", {ROWS}),
    (
        "student_programs",
        "structure_id",
        "structures",
        "not exists (select from student_programs as o where o.std_no = c.std_no and o.id <> c.id)",
        _SCHOOLS,
    ),
    ("student_semesters", "student_program_id", "student_programs", _ATTEMPTED, _MODULES),
    ("student_semesters", "structure_semester_id", "structure_semesters", _ATTEMPTED, _MODULES),
    ("semester_modules", "module_id", "modules", _MARKED_AND_NO_PREREQUISITE, {*_MODULES, ASSESSMENTS_CHAIN}),
    ("semester_modules", "semester_id", "structure_semesters", "true", {ROWS}),
    (
        "student_modules",
        "semester_module_id",
        "semester_modules",
        "not exists (select from assessment_marks as a where a.student_module_id = c.id)",
        _MODULES,
    ),
    ("student_modules", "student_semester_id", "student_semesters", "true", _MODULES),
    ("module_prerequisites", "semester_module_id", "semester_modules", "true", _PREREQUISITES),
    ("module_prerequisites", "prerequisite_id", "semester_modules", "true", _PREREQUISITES),
    ("assessment_marks", "student_module_id", "student_modules", "true", {ASSESSMENTS_CHAIN, OTHER_TABLES}),
]


def _orphan(test: str, child: str, column: str, parent: str, which: str) -> Callable[[Database], Shown]:
    def seed(db: Database) -> Shown:
        key, value = db.row(
            f"select c.id, c.{column} from {child} as c where c.{column} is not null and {which} order by c.id"
        )
        db.run(f"update {child} set {column} = {NOBODY} where id = {key}")
        shown: Shown = {
            test: [row(child, key, column, f"a row of {parent}", f"no {parent} with id {NOBODY}")],
            EVERY_KEY: [
                {
                    "table_name": child,
                    "key": str(key),
                    "column_name": column,
                    "actual": f"no row of {parent} for ({NOBODY})",
                }
            ],
        }
        if child in CORE_TABLES:
            shown[ROWS] = [row(child, key, column, value, NOBODY)]
        return shown

    return seed


for _child, _column, _parent, _which, _also in _ORPHANS:
    _test = f"{_child}_point_to_{'prerequisites' if _column == 'prerequisite_id' else _parent}"
    enter_for(
        f"orphan_{_child}_{_column}", _orphan(_test, _child, _column, _parent, _which), {_test, EVERY_KEY, *_also}
    )


# ---- what only a chain or an aggregate can see


@corruption(SCHOOLS_CHAIN, PER_SCHOOL, MODULES_CHAIN, EVERY_KEY, OTHER_TABLES)
def a_student_deleted(db: Database) -> Shown:
    student, enrolment, attempt = db.row(
        "select s.std_no, min(sp.id), min(sm.id) from students as s join student_programs as sp on sp.std_no = s.std_no"
        " join student_semesters as ss on ss.student_program_id = sp.id"
        " join student_modules as sm on sm.student_semester_id = ss.id group by 1 order by 1"
    )
    db.run(f"delete from students where std_no = {student}")
    return {
        SCHOOLS_CHAIN: [{"table_name": "student_school_chain", "key": str(enrolment), **MISSING}],
        MODULES_CHAIN: [{"table_name": "student_modules_chain", "key": str(attempt), **MISSING}],
    }


@corruption(ASSESSMENTS_CHAIN, OTHER_TABLES)
def an_assessment_of_another_module(db: Database) -> Shown:
    assessment, module, mark = db.row(
        "select a.id, a.module_id, min(am.id) from assessments as a"
        " join assessment_marks as am on am.assessment_id = a.id group by 1, 2 order by 1"
    )
    other = db.value(f"select min(id) from modules where id <> {module}")
    db.run(f"update assessments set module_id = {other} where id = {assessment}")
    return {ASSESSMENTS_CHAIN: [row("assessment_marks_chain", mark, "assessment_module_id", module, other)]}


@corruption(OTHER_TABLES)
def two_terms_swap_their_names(db: Database) -> Shown:
    db.run(
        "with two as (select id, name from terms order by id limit 2)"
        " update terms as t set name = o.name from two join two as o on two.id <> o.id where t.id = two.id",
        rows=2,
    )
    return {OTHER_TABLES: [{"table_name": "public.terms"}]}


@corruption(ASSESSMENTS_CHAIN, OTHER_TABLES)
def an_assessment_mark_deleted(db: Database) -> Shown:
    mark = db.value("select max(id) from assessment_marks")
    db.run(f"delete from assessment_marks where id = {mark}")
    return {ASSESSMENTS_CHAIN: [{"table_name": "assessment_marks_chain", "key": str(mark), **MISSING}]}


@corruption(ROWS, PREREQUISITES_CHAIN)
def two_prerequisites_swapped(db: Database) -> Shown:
    first, one = db.row("select id, prerequisite_id from module_prerequisites order by id")
    second, two = db.row(
        f"select id, prerequisite_id from module_prerequisites where prerequisite_id <> {one} order by id desc"
    )
    swapped = f"{one + two} - prerequisite_id"
    db.run(f"update module_prerequisites set prerequisite_id = {swapped} where id in ({first}, {second})", 2)
    return {
        ROWS: [row("module_prerequisites", first, "prerequisite_id", one, two)],
        PREREQUISITES_CHAIN: [
            row("module_prerequisites_chain", first, "prerequisite_id_check", one, two),
            row("module_prerequisites_chain", second, "prerequisite_id_check", two, one),
        ],
    }


@corruption(PREREQUISITES_CHAIN)
def a_fingerprint_that_no_link_explains(db: Database) -> Shown:
    db.run(
        "update cms_id_audit.baseline_chains set fingerprint_b = fingerprint_b + 1"
        " where chain_name = 'module_prerequisites_chain'"
    )
    return {
        PREREQUISITES_CHAIN: [
            {"table_name": "module_prerequisites_chain", "key": "all links", "column_name": "fingerprint"}
        ]
    }


@corruption(ROWS, SCHOOLS_CHAIN, PER_SCHOOL)
def a_school_code_changed(db: Database) -> Shown:
    school, code, students = db.row(
        "select s.id, s.code, count(distinct sp.std_no) from schools as s join programs as p on p.school_id = s.id"
        " join structures as st on st.program_id = p.id join student_programs as sp on sp.structure_id = st.id"
        " group by 1, 2 order by 1"
    )
    db.run(f"update schools set code = 'changed' where id = {school}")
    return {
        ROWS: [row("schools", school, "code", code, "changed")],
        PER_SCHOOL: [
            row("students_per_school", f"students_per_school: {code}", "aggregate_value", students, "NULL"),
            row("students_per_school", "students_per_school: changed", "aggregate_value", "NULL", students),
        ],
    }


# ---- the blast radius: everything that a migration has no business with


def _defined(kind: str, name: str, expected: str | None = None, actual: str | None = None) -> Row:
    """A failing row of the catalogue's comparison; None for a definition that is not looked at."""
    shown: Row = {"table_name": kind, "key": name, "expected": expected, "actual": actual}
    return {column: value for column, value in shown.items() if value is not None}


def _missing(kind: str, name: str) -> Row:
    return _defined(kind, name, actual=f"the {kind} is missing")


def _additional(kind: str, name: str) -> Row:
    return _defined(kind, name, expected=f"no such {kind}")


_PLAIN = "owner registry_owner, access method heap"
_TERMS_KEY = "student_semesters_term_code_terms_code_fk"
_TERMS_KEY_DEFINED = "FOREIGN KEY (term_code) REFERENCES public.terms(code) ON UPDATE CASCADE"

# what is done, and the objects that must be named
_CATALOGUE: dict[str, tuple[list[str], list[Row]]] = {
    "an_index_dropped": (["drop index student_modules_status"], [_missing("index", "public.student_modules_status")]),
    "an_index_added": (
        ["create index on assessments (weight)"],
        [_additional("index", "public.assessments_weight_idx")],
    ),
    "a_trigger_added": (
        [
            "create function touch() returns trigger language plpgsql as 'begin return new; end'",
            "create trigger touched before update on assessments for each row execute function touch()",
        ],
        [_additional("trigger", "public.assessments.touched"), _additional("function", "public.touch()")],
    ),
    "a_default_removed": (
        ["alter table modules alter column status drop default"],
        [_defined("column", "public.modules.status", actual="public.module_status, not null")],
    ),
    "a_column_allowed_to_be_null": (
        ["alter table students alter column name drop not null"],
        [_defined("column", "public.students.name", "text, not null", "text")],
    ),
    "a_column_of_another_type": (
        ["alter table terms alter column code type varchar(20)"],
        [_defined("column", "public.terms.code", "text, not null", "character varying(20), not null")],
    ),
    "a_check_dropped": (
        ["alter table module_prerequisites drop constraint module_prerequisites_not_itself"],
        [_missing("constraint", "public.module_prerequisites.module_prerequisites_not_itself")],
    ),
    "a_table_made_unlogged": (
        ["alter table assessment_marks set unlogged"],
        [_defined("table", "public.assessment_marks", actual=f"unlogged, {_PLAIN}")],
    ),
    "a_storage_option_set": (
        ["alter table student_modules set (fillfactor = 50)"],
        [_defined("table", "public.student_modules", _PLAIN, f"{_PLAIN}, options fillfactor=50")],
    ),
    "a_grant_revoked": (
        ["revoke update on terms from registry_owner"],
        [_defined("grant", "on table public.terms to registry_owner")],
    ),
    "a_grant_given": (
        ["grant select (national_id) on students to public"],
        [_additional("grant", "on column public.students.national_id to PUBLIC")],
    ),
    "an_enum_value_added": (["alter type grade add value 'Z' before 'F'"], [_defined("enum", "public.grade")]),
    "a_policy_added": (
        ["create policy own on students for select using (status = 'Active')"],
        [_additional("policy", "public.students.own")],
    ),
    "row_security_switched_on": (
        ["alter table modules enable row level security"],
        [_defined("table", "public.modules", _PLAIN, f"{_PLAIN}, row level security")],
    ),
    "a_comment_changed": (
        ["comment on column student_modules.marks is 'A number'"],
        [_defined("comment", "on table column public.student_modules.marks", actual="A number")],
    ),
    "an_owner_changed": (
        ["alter table terms owner to postgres", "grant select on terms to registry_owner"],
        [_defined("table", "public.terms", _PLAIN, "owner postgres, access method heap")],
    ),
    "a_view_changed": (
        [
            (
                "create or replace view school_enrolment as"
                " select id, code, name, 0::bigint as students, 0::bigint as active_students from schools"
            )
        ],
        [_defined("view", "public.school_enrolment")],
    ),
    "a_view_added": (
        ["create view something as select 1 as one"],
        [_additional("view", "public.something"), _additional("column", "public.something.one")],
    ),
    "a_rule_added": (
        ["create rule nothing as on delete to terms do instead nothing"],
        [_additional("rule", "public.terms.nothing")],
    ),
    "a_function_changed": (
        ["alter function credits_of_student(bigint) volatile"],
        [_defined("function", "public.credits_of_student(student_number bigint)")],
    ),
    "a_publication_added": (
        ["create publication copies for table modules"],
        [_additional("publication", "copies"), _additional("publication table", "copies public.modules")],
    ),
    "a_replica_identity_changed": (
        ["alter table modules replica identity full"],
        [_defined("table", "public.modules", _PLAIN, f"{_PLAIN}, replica identity full")],
    ),
    "a_setting_of_the_database_changed": (
        ["do $$ begin execute format('alter database %I set timezone to utc', current_database()); end $$"],
        [_additional("database setting", "TimeZone")],
    ),
    "a_sequence_redefined": (
        ["alter sequence assessments_id_seq increment by 10"],
        [_defined("sequence", "public.assessments_id_seq")],
    ),
    "a_foreign_key_made_not_valid": (
        [
            f"alter table student_semesters drop constraint {_TERMS_KEY}",
            (
                f"alter table student_semesters add constraint {_TERMS_KEY}"
                " foreign key (term_code) references terms (code) on update cascade not valid"
            ),
        ],
        [
            _defined(
                "constraint",
                f"public.student_semesters.{_TERMS_KEY}",
                _TERMS_KEY_DEFINED,
                f"{_TERMS_KEY_DEFINED} NOT VALID",
            )
        ],
    ),
    "a_foreign_key_dropped": (
        ["alter table assessments drop constraint assessments_module_id_modules_id_fk"],
        [_missing("constraint", "public.assessments.assessments_module_id_modules_id_fk")],
    ),
    "the_triggers_of_a_foreign_key_disabled": (
        ["alter table assessments disable trigger all"],
        [_defined("constraint", "public.assessments.assessments_module_id_modules_id_fk")],
    ),
    "a_default_on_cms_id": (
        ["alter table schools alter column cms_id set default 0"],
        [_defined("column", "public.schools.cms_id", "integer", "integer, default 0")],
    ),
    "another_index_on_cms_id": (
        ["create index schools_cms_id_again on schools (cms_id)"],
        [_additional("index", "public.schools_cms_id_again")],
    ),
}


def _catalogue_changed(statements: list[str], named: list[Row]) -> Callable[[Database], Shown]:
    def seed(db: Database) -> Shown:
        for statement in statements:
            db.run(statement, None)
        return {CATALOGUE: named}

    return seed


for _name, (_statements, _named) in _CATALOGUE.items():
    enter_for(_name, _catalogue_changed(_statements, _named), {CATALOGUE})


@corruption(CATALOGUE, OTHER_TABLES, parsed=True)
def columns_and_tables_of_others_changed(db: Database) -> Shown:
    db.run("alter table assessments rename column weight to share", None)
    db.run("create table added (id integer)", None)
    db.run("grant select on added to registry_owner", None)
    db.run("create table hidden (id integer)", None)
    db.run("alter table terms add column note text", None)
    columns = "id,code,name,is_active,created_at"
    return {
        CATALOGUE: [
            _missing("column", "public.assessments.weight"),
            _additional("column", "public.assessments.share"),
            _additional("table", "public.added"),
            _additional("column", "public.terms.note"),
        ],
        OTHER_TABLES: [
            {
                "table_name": "public.terms",
                "expected": f"columns {{{columns}}} (the baseline)",
                "actual": f"columns {{{columns},note}}",
            },
            {"table_name": "public.assessments"},
            {"table_name": "public.added", "expected": "no such table (the baseline)", "actual": "an additional table"},
            {"table_name": "public.hidden", "expected": "no such table (the baseline)"},
        ],
    }


@corruption(OTHER_TABLES)
def a_row_changed_in_a_table_of_no_chain(db: Database) -> Shown:
    db.run("update terms set name = name || ' ' where id = (select min(id) from terms)")
    return {OTHER_TABLES: [{"table_name": "public.terms"}]}


@corruption(SEQUENCES)
def a_sequence_reset(db: Database) -> Shown:
    last = db.value("select max(id) from structures")
    db.run("alter sequence structures_id_seq restart", None)
    expected = f"a next value beyond max(id) = {last}: {last + 1}"
    return {SEQUENCES: [row("structures", "sequence structures_id_seq", "id", expected, 1)]}
