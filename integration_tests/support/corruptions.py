"""Damage done to a migrated registry, each with the tests that must see it, and no others.

A test is called by its label: a singular test by its name, a packaged expectation by `table: expectation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from support.local_rows import CORE_TABLES, insert_local_row

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

Row = dict[str, str]
Shown = dict[str, list[Row]]
Seed = Callable[["Database"], Shown]

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

NOBODY = 2147483000  # an id that no row has


def exists(table: str) -> str:
    """The label of an expectation."""
    return f"{table}: expect_column_to_exist"


def of_type(table: str) -> str:
    """The label of an expectation."""
    return f"{table}: expect_column_values_to_be_of_type"


def row(
    table: str, key: object = None, column: str | None = None, expected: object = None, actual: object = None
) -> Row:
    """A failing row; None for what is not looked at."""
    shown = {"table_name": table, "key": key, "column_name": column, "expected": expected, "actual": actual}
    return {name: str(value) for name, value in shown.items() if value is not None}


def lost(table: str, key: object) -> Row:
    """The failing row of a row that is gone."""
    return row(table, key, None, "the row", "the row is missing")


def added(table: str, key: object) -> Row:
    """The failing row of a row that was not there."""
    return row(table, key, None, "no such row", "an additional row")


class Database:
    """The registry to be damaged, as its superuser; foreign keys and triggers are off."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Switch foreign keys and triggers off for this session."""
        self.connection = connection
        connection.execute("set session_replication_role to replica")

    def run(self, statement: str, rows: int | None = 1) -> None:
        """Run one statement, which must touch so many rows; None: run any number of statements."""
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

    def change(self, table: str, key: object, column: str, value: object) -> Row:
        """Set a column of one row, to a value as SQL has it. Returns the failing row."""
        query = f"select coalesce({column}::text, 'NULL') from {table} where id = {key}"
        before = self.value(query)
        self.run(f"update {table} set {column} = {value} where id = {key}")
        return row(table, key, column, before, self.value(query))

    def delete(self, table: str, key: object) -> Row:
        """Delete one row. Returns the failing row."""
        self.run(f"delete from {table} where id = {key}")
        return lost(table, key)

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
    seed: Seed
    red: frozenset[str]
    parsed: bool = False


CORRUPTIONS: list[Corruption] = []


def enter(name: str, red: Iterable[str], seed: Seed, *, parsed: bool = False) -> None:
    """Enter damage in the list."""
    CORRUPTIONS.append(Corruption(name, seed, frozenset(red), parsed))


def corruption(*red: str, parsed: bool = False) -> Callable[[Seed], None]:
    """Enter a function in the list under its own name."""
    return lambda seed: enter(seed.__name__, red, seed, parsed=parsed)


# ---- keys

# an attempt in a semester, and whether it has assessment marks
_ATTEMPT = (
    "select sm.id, sm.semester_module_id, sm.student_semester_id, sm.marks from student_modules as sm"
    " where {}exists (select from assessment_marks as am where am.student_module_id = sm.id) order by sm.id"
)
WITHOUT_MARKS = _ATTEMPT.format("not ")
WITH_MARKS = _ATTEMPT.format("")


@corruption(ROWS, MODULES_CHAIN)
def two_attempts_swap_their_semesters(db: Database) -> Shown:
    first, _, semester, _ = db.row(WITHOUT_MARKS)
    second, _, other, _ = db.row(
        f"select * from ({WITHOUT_MARKS}) as a where student_semester_id <> {semester} order by id desc"
    )
    swapped = f"{semester + other} - student_semester_id"
    return {
        ROWS: [db.change("student_modules", key, "student_semester_id", swapped) for key in (first, second)],
        MODULES_CHAIN: [row("student_modules_chain", first, "student_semester_id", semester, other)],
    }


@corruption(ROWS, MODULES_CHAIN, ASSESSMENTS_CHAIN)
def an_attempt_points_to_another_module(db: Database) -> Shown:
    attempt, module, *_ = db.row(WITH_MARKS)
    other = db.value(f"select min(id) from semester_modules where id <> {module}")
    mark = db.value(f"select min(id) from assessment_marks where student_module_id = {attempt}")
    return {
        ROWS: [db.change("student_modules", attempt, "semester_module_id", other)],
        MODULES_CHAIN: [row("student_modules_chain", attempt, "semester_module_id_check", module, other)],
        ASSESSMENTS_CHAIN: [row("assessment_marks_chain", mark, "semester_module_id", module, other)],
    }


@corruption(ROWS, SCHOOLS_CHAIN, PER_SCHOOL)
def a_programme_moves_to_another_school(db: Database) -> Shown:
    programme, school, code, enrolment = db.row(
        "select p.id, s.id, s.code, min(sp.id) from programs as p join schools as s on s.id = p.school_id"
        " join structures as st on st.program_id = p.id join student_programs as sp on sp.structure_id = st.id"
        " group by p.id, s.id, s.code order by count(*) desc, p.id"
    )
    other, other_code = db.row(f"select id, code from schools where id <> {school} order by id")
    links = (("school_id", school, other), ("school_id_check", school, other), ("school_code", code, other_code))
    return {
        ROWS: [db.change("programs", programme, "school_id", other)],
        SCHOOLS_CHAIN: [row("student_school_chain", enrolment, *link) for link in links],
        PER_SCHOOL: [row("students_per_school", f"students_per_school: {each}") for each in (code, other_code)],
    }


# ---- marks

_MARKED = "from student_modules where marks ~ '^[0-9]+$'"


@corruption(ROWS, MARKS)
def one_mark_changed(db: Database) -> Shown:
    total = db.value("select sum(marks::numeric) from student_modules where marks ~ '^[0-9]+(\\.[0-9]+)?$'")
    changed = db.change("student_modules", db.value(f"select min(id) {_MARKED}"), "marks", "marks::integer + 1")
    return {ROWS: [changed], MARKS: [row("marks", "total_marks", "aggregate_value", total, total + 1)]}


@corruption(ROWS)
def two_marks_changed_with_the_same_sum(db: Database) -> Shown:
    ends = zip(db.row(f"select min(id), max(id) {_MARKED}"), ("marks::integer + 1", "marks::integer - 1"), strict=True)
    return {ROWS: [db.change("student_modules", key, "marks", value) for key, value in ends]}


@corruption(ROWS, MARKS)
def a_mark_no_longer_a_number(db: Database) -> Shown:
    before = db.value("select count(*) from student_modules where marks !~ '^\\s*[-+]?[0-9]+(\\.[0-9]+)?\\s*$'")
    changed = db.change("student_modules", db.value(f"select min(id) {_MARKED}"), "marks", "''")
    return {ROWS: [changed], MARKS: [row("marks", "marks_not_numeric", "aggregate_value", before, before + 1)]}


@corruption(ROWS, MARKS)
def a_grade_never_given_before(db: Database) -> Shown:
    grades = db.value("select count(distinct grade) from student_modules")
    new = db.value(
        "select enumlabel from pg_enum where enumtypid = 'grade'::regtype"
        " and enumlabel not in (select grade::text from student_modules) order by enumsortorder"
    )
    changed = db.change("student_modules", db.value("select min(id) from student_modules"), "grade", f"'{new}'")
    return {ROWS: [changed], MARKS: [row("marks", "distinct_grades", "aggregate_value", grades, grades + 1)]}


@corruption(ROWS)
def a_text_of_blanks_in_place_of_none(db: Database) -> Shown:
    module = db.value("select id from modules where remark is null order by id")
    return {ROWS: [db.change("modules", module, "remark", "' '")]}


# ---- rows


@corruption(ROWS, IDS, COUNTS)
def a_row_deleted(db: Database) -> Shown:
    key, count = db.row("select max(id), count(*) from next_of_kins")
    gone = [db.delete("next_of_kins", key)]
    return {ROWS: gone, IDS: gone, COUNTS: [row("next_of_kins", None, "count(*)", count, count - 1)]}


@corruption(
    ROWS, IDS, COUNTS, MODULES_CHAIN, ASSESSMENTS_CHAIN, MARKS,
    "assessment_marks_point_to_student_modules", EVERY_KEY,
)  # fmt: skip
def an_attempt_deleted_under_its_marks(db: Database) -> Shown:
    attempt, *_ = db.row(f"select * from ({WITH_MARKS}) as a where marks ~ '^[1-9]'")
    mark = db.value(f"select min(id) from assessment_marks where student_module_id = {attempt}")
    sought = ("a row of student_modules", f"no student_modules with id {attempt}")
    return {
        IDS: [db.delete("student_modules", attempt)],
        MODULES_CHAIN: [lost("student_modules_chain", attempt)],
        ASSESSMENTS_CHAIN: [lost("assessment_marks_chain", mark)],
        "assessment_marks_point_to_student_modules": [row("assessment_marks", mark, "student_module_id", *sought)],
    }


@corruption(ROWS, IDS, SEQUENCES)
def a_row_replaced_by_one_of_another_id(db: Database) -> Shown:
    key = db.value("select max(id) from student_education")
    db.run(f"update student_education set id = {NOBODY}, cms_id = {NOBODY} where id = {key}")
    replaced = [lost("student_education", key), added("student_education", NOBODY)]
    return {ROWS: replaced, IDS: replaced}


_CHAINS_OF_A_NEW_ROW = {
    "student_modules": {MODULES_CHAIN, MARKS},
    "student_programs": {SCHOOLS_CHAIN},
    "module_prerequisites": {PREREQUISITES_CHAIN},
}


def _row_added(table: str, db: Database) -> Shown:
    count = db.value(f"select count(*) from {table}")
    db.run(insert_local_row(table, db.columns(table), new_id=NOBODY))
    if table == "student_modules":
        db.run(f"update student_modules set marks = '55' where id = {NOBODY}")
    return {
        ROWS: [added(table, NOBODY)],
        IDS: [added(table, NOBODY)],
        COUNTS: [row(table, expected=count, actual=count + 1)],
        POPULATION: [row(table, NOBODY, "cms_id", NOBODY, "NULL")],
    }


for _table in CORE_TABLES:
    _red = {ROWS, IDS, COUNTS, POPULATION, SEQUENCES, *_CHAINS_OF_A_NEW_ROW.get(_table, ())}
    enter(f"a_row_added_to_{_table}", _red, partial(_row_added, _table))


# ---- cms_id


@corruption(POPULATION, KEPT)
def a_cms_id_emptied(db: Database) -> Shown:
    emptied = [
        db.change("student_semesters", db.value("select max(id) from student_semesters"), "cms_id", "null"),
    ]
    return {POPULATION: emptied, KEPT: emptied}


@corruption(POPULATION, KEPT)
def two_cms_ids_swapped(db: Database) -> Shown:
    first, second = db.row("select min(id), max(id) from programs")
    db.run(f"update programs set cms_id = null where id = {first}")
    swapped = [db.change("programs", second, "cms_id", first), row("programs", first, "cms_id", first, second)]
    db.run(f"update programs set cms_id = {second} where id = {first}")
    return {POPULATION: swapped, KEPT: swapped}


def _cms_id_of_another_row(table: str, db: Database) -> Shown:
    first, last = db.row(f"select min(id), max(id) from {table}")
    db.run(f"alter table {table} drop constraint {table}_cms_id_unique", None)
    return {
        POPULATION: [db.change(table, first, "cms_id", last)],
        UNIQUE: [row(table, f"{first}, {last}", "cms_id", f"cms_id {last} once", "2 times")],
        CONSTRAINTS: [row(table, None, "cms_id", actual="no unique constraint on cms_id")],
    }


for _table in CORE_TABLES:
    _red = {POPULATION, KEPT, UNIQUE, CONSTRAINTS, CATALOGUE}
    enter(f"the_cms_id_of_another_row_in_{_table}", _red, partial(_cms_id_of_another_row, _table))


# ---- constraints and columns


def _statements(statements: str, shown: Shown, db: Database) -> Shown:
    db.run(statements, None)
    return shown


_DROPPED = "drop constraint modules_cms_id_unique"
_NONE = "no unique constraint on cms_id"
for _name, _done, _actual in (
    ("dropped", _DROPPED, _NONE),
    (
        "replaced_by_a_plain_unique_index",
        f"{_DROPPED}; create unique index modules_cms_id_unique on modules (cms_id)",
        _NONE,
    ),
    ("on_more_than_cms_id", f"{_DROPPED}, add constraint modules_cms_id_unique unique (cms_id, code)", _NONE),
    ("renamed", "rename constraint modules_cms_id_unique to modules_other", "the constraint is named modules_other"),
    (
        "deferrable",
        f"{_DROPPED}, add constraint modules_cms_id_unique unique (cms_id) deferrable",
        "constraint modules_cms_id_unique is not valid or is deferrable",
    ),
):
    _shown = row("modules", None, "cms_id", "UNIQUE (cms_id), valid, named modules_cms_id_unique", _actual)
    _seed = partial(_statements, f"alter table modules {_done}", {CONSTRAINTS: [_shown]})
    enter(f"the_constraint_{_name}", {CONSTRAINTS, CATALOGUE}, _seed)


@corruption(COLUMNS, CATALOGUE)
def cms_id_not_null(db: Database) -> Shown:
    db.run("alter table structures alter column cms_id set not null", None)
    return {COLUMNS: [row("structures", None, "cms_id", "integer, nullable", "integer, NOT NULL")]}


def _columns_dropped_and_changed(dropped: list[str], changed: list[str], db: Database) -> Shown:
    for table in CORE_TABLES:
        db.run(f"alter table {table} {'drop column cms_id' if table in dropped else 'alter cms_id type bigint'}", None)
    missing = [row(table, None, "cms_id", actual="the column is missing") for table in dropped]
    named = [row(table, None, "cms_id", actual="column cms_id is missing") for table in dropped]
    wider = [row(table, expected="integer, nullable", actual="bigint, nullable") for table in changed]
    return {
        COLUMNS: [*named, *wider],
        CONSTRAINTS: named,
        **dict.fromkeys((POPULATION, UNIQUE, KEPT), missing),
    }


# No two tables are in the same lots for all four bits, so that four rounds tell all tables' tests apart.
for _bit in range(4):
    _ones = [table for number, table in enumerate(CORE_TABLES, start=1) if number >> _bit & 1]
    _others = [table for table in CORE_TABLES if table not in _ones]
    _red = {COLUMNS, CONSTRAINTS, POPULATION, KEPT, UNIQUE, CATALOGUE, *map(exists, _ones), *map(of_type, _others)}
    _seed = partial(_columns_dropped_and_changed, _ones, _others)
    enter(f"cms_id_dropped_or_of_another_type_{_bit + 1}", _red, _seed, parsed=True)


@corruption(COLUMNS, POPULATION, KEPT, UNIQUE, ROWS, CATALOGUE, of_type("schools"), parsed=True)
def cms_id_a_text_and_other_columns_changed(db: Database) -> Shown:
    db.run("alter table schools alter column cms_id type text", None)
    db.run("alter table programs rename column level to stage", None)
    db.run("alter table structures add column note text", None)
    wrong = [row("schools", None, "cms_id", "a column of type integer", "a column of type text")]
    return {
        COLUMNS: [row("schools", expected="integer, nullable", actual="text, nullable")],
        POPULATION: wrong,
        UNIQUE: wrong,
        ROWS: [
            row("programs", None, "level", "column level", "the column is missing"),
            row("programs", None, "stage", "no such column", "an additional column"),
            row("structures", None, "note", "no such column", "an additional column"),
        ],
    }


@corruption(ROWS, CATALOGUE, PREREQUISITES_CHAIN, parsed=True)
def columns_that_swapped_their_names(db: Database) -> Shown:
    both = ("semester_module_id", "prerequisite_id")
    key, *ids = db.row(f"select id, {', '.join(both)} from module_prerequisites where {both[0]} <> {both[1]}")
    for old, new in ((both[0], "swapped"), both[::-1], ("swapped", both[1])):
        db.run(f"alter table module_prerequisites rename {old} to {new}", None)
    return {
        ROWS: [row("module_prerequisites", key, both[0], *ids)],
        PREREQUISITES_CHAIN: [row("module_prerequisites_chain", key, both[1], *ids[::-1])],
    }


# ---- orphans: each of the spec's thirteen foreign keys, a row of which points to nothing

_SCHOOLS = {ROWS, SCHOOLS_CHAIN, PER_SCHOOL}
_MODULES = {ROWS, MODULES_CHAIN}
_PREREQUISITES = {ROWS, PREREQUISITES_CHAIN}
_USED = "exists (select from student_programs as sp where sp.structure_id = c.id)"
_ALONE = "not exists (select from student_programs as o where o.std_no = c.std_no and o.id <> c.id)"
_UNMARKED = "not exists (select from assessment_marks as a where a.student_module_id = c.id)"
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
    ("structures", "program_id", "programs", _USED, _SCHOOLS),
    ("structure_semesters", "structure_id", "structures", "true", {ROWS}),
    ("student_programs", "structure_id", "structures", _ALONE, _SCHOOLS),
    ("student_semesters", "student_program_id", "student_programs", _ATTEMPTED, _MODULES),
    ("student_semesters", "structure_semester_id", "structure_semesters", _ATTEMPTED, _MODULES),
    ("semester_modules", "module_id", "modules", _MARKED_AND_NO_PREREQUISITE, {*_MODULES, ASSESSMENTS_CHAIN}),
    ("semester_modules", "semester_id", "structure_semesters", "true", {ROWS}),
    ("student_modules", "semester_module_id", "semester_modules", _UNMARKED, _MODULES),
    ("student_modules", "student_semester_id", "student_semesters", "true", _MODULES),
    ("module_prerequisites", "semester_module_id", "semester_modules", "true", _PREREQUISITES),
    ("module_prerequisites", "prerequisite_id", "semester_modules", "true", _PREREQUISITES),
    ("assessment_marks", "student_module_id", "student_modules", "true", {ASSESSMENTS_CHAIN, OTHER_TABLES}),
]


def _orphan(test: str, key: tuple[str, str, str], which: str, db: Database) -> Shown:
    child, column, parent = key
    orphan = db.value(f"select min(c.id) from {child} as c where c.{column} is not null and {which}")
    changed = db.change(child, orphan, column, NOBODY)
    return {
        test: [row(child, orphan, column, f"a row of {parent}", f"no {parent} with id {NOBODY}")],
        EVERY_KEY: [row(child, orphan, column, actual=f"no row of {parent} for ({NOBODY})")],
        **({ROWS: [changed]} if child in CORE_TABLES else {}),
    }


for _child, _column, _parent, _which, _also in _ORPHANS:
    _test = f"{_child}_point_to_{'prerequisites' if _column == 'prerequisite_id' else _parent}"
    _seed = partial(_orphan, _test, (_child, _column, _parent), _which)
    enter(f"orphan_{_child}_{_column}", {_test, EVERY_KEY, *_also}, _seed)


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
        SCHOOLS_CHAIN: [lost("student_school_chain", enrolment)],
        MODULES_CHAIN: [lost("student_modules_chain", attempt)],
    }


@corruption(ASSESSMENTS_CHAIN, OTHER_TABLES)
def an_assessment_of_another_module(db: Database) -> Shown:
    assessment, module, mark = db.row(
        "select a.id, a.module_id, min(am.id) from assessments as a"
        " join assessment_marks as am on am.assessment_id = a.id group by 1, 2 order by 1"
    )
    other = db.value(f"select min(id) from modules where id <> {module}")
    db.change("assessments", assessment, "module_id", other)
    return {ASSESSMENTS_CHAIN: [row("assessment_marks_chain", mark, "assessment_module_id", module, other)]}


@corruption(OTHER_TABLES)
def two_terms_swap_their_names(db: Database) -> Shown:
    db.run(
        "with two as (select id, name from terms order by id limit 2)"
        " update terms as t set name = o.name from two join two as o on two.id <> o.id where t.id = two.id",
        rows=2,
    )
    return {OTHER_TABLES: [row("public.terms")]}


@corruption(ASSESSMENTS_CHAIN, OTHER_TABLES)
def an_assessment_mark_deleted(db: Database) -> Shown:
    mark = db.value("select max(id) from assessment_marks")
    db.delete("assessment_marks", mark)
    return {ASSESSMENTS_CHAIN: [lost("assessment_marks_chain", mark)]}


@corruption(ROWS, PREREQUISITES_CHAIN)
def two_prerequisites_swapped(db: Database) -> Shown:
    first, one = db.row("select id, prerequisite_id from module_prerequisites order by id")
    second, two = db.row(
        f"select id, prerequisite_id from module_prerequisites where prerequisite_id <> {one} order by id desc"
    )
    db.run(
        f"update module_prerequisites set prerequisite_id = {one + two} - prerequisite_id"
        f" where id in ({first}, {second})",
        rows=2,
    )
    chain = "module_prerequisites_chain"
    return {
        ROWS: [row("module_prerequisites", first, "prerequisite_id", one, two)],
        PREREQUISITES_CHAIN: [
            row(chain, first, "prerequisite_id_check", one, two),
            row(chain, second, "prerequisite_id_check", two, one),
        ],
    }


@corruption(PREREQUISITES_CHAIN)
def a_fingerprint_that_no_link_explains(db: Database) -> Shown:
    chain = "module_prerequisites_chain"
    table = "cms_id_audit.baseline_chains"
    db.run(f"update {table} set fingerprint_b = fingerprint_b + 1 where chain_name = '{chain}'")
    return {PREREQUISITES_CHAIN: [row(chain, "all links", "fingerprint")]}


@corruption(ROWS, SCHOOLS_CHAIN, PER_SCHOOL)
def a_school_code_changed(db: Database) -> Shown:
    school, code, students = db.row(
        "select s.id, s.code, count(distinct sp.std_no) from schools as s join programs as p on p.school_id = s.id"
        " join structures as st on st.program_id = p.id join student_programs as sp on sp.structure_id = st.id"
        " group by 1, 2 order by 1"
    )
    return {
        ROWS: [db.change("schools", school, "code", "'changed'")],
        PER_SCHOOL: [
            row("students_per_school", f"students_per_school: {code}", "aggregate_value", students, "NULL"),
            row("students_per_school", "students_per_school: changed", "aggregate_value", "NULL", students),
        ],
    }


# ---- the blast radius: everything that a migration has no business with


def blast(statements: str, *shown: Row) -> None:
    """Enter a change of definitions under its own statements, and the objects that must be named."""
    enter(statements, {CATALOGUE}, partial(_statements, statements, {CATALOGUE: list(shown)}))


def _defined(kind: str, name: str, expected: str | None = None, actual: str | None = None) -> Row:
    return row(kind, name, None, expected, actual)


def _missing(kind: str, name: str) -> Row:
    return _defined(kind, name, actual=f"the {kind} is missing")


def _additional(kind: str, name: str) -> Row:
    return _defined(kind, name, expected=f"no such {kind}")


_PLAIN = "owner registry_owner, access method heap"
_TERMS_KEY = "student_semesters_term_code_terms_code_fk"
_TERMS_KEY_DEFINED = "FOREIGN KEY (term_code) REFERENCES public.terms(code) ON UPDATE CASCADE"
_MODULES_KEY = "assessments_module_id_modules_id_fk"

blast("drop index student_modules_status", _missing("index", "public.student_modules_status"))
blast("create index on assessments (weight)", _additional("index", "public.assessments_weight_idx"))
blast(
    "create function touch() returns trigger language plpgsql as 'begin return new; end';"
    "create trigger touched before update on assessments for each row execute function touch()",
    _additional("trigger", "public.assessments.touched"),
    _additional("function", "public.touch()"),
)
_MODULE_STATUS = _defined("column", "public.modules.status", actual="public.module_status, not null")
blast("alter table modules alter status drop default", _MODULE_STATUS)
blast(
    "alter table students alter column name drop not null",
    _defined("column", "public.students.name", "text, not null", "text"),
)
blast(
    "alter table terms alter column code type varchar(20)",
    _defined("column", "public.terms.code", "text, not null", "character varying(20), not null"),
)
blast(
    "alter table module_prerequisites drop constraint module_prerequisites_not_itself",
    _missing("constraint", "public.module_prerequisites.module_prerequisites_not_itself"),
)
_UNLOGGED = _defined("table", "public.assessment_marks", actual=f"unlogged, {_PLAIN}")
blast("alter table assessment_marks set unlogged", _UNLOGGED)
for _changed, _table, _told in (
    ("set (fillfactor = 50)", "student_modules", "options fillfactor=50"),
    ("enable row level security", "modules", "row level security"),
    ("replica identity full", "modules", "replica identity full"),
):
    blast(f"alter table {_table} {_changed}", _defined("table", f"public.{_table}", _PLAIN, f"{_PLAIN}, {_told}"))
blast("revoke update on terms from registry_owner", _defined("grant", "on table public.terms to registry_owner"))
blast(
    "grant select (national_id) on students to public",
    _additional("grant", "on column public.students.national_id to PUBLIC"),
)
blast("alter type grade add value 'Z' before 'F'", _defined("enum", "public.grade"))
blast(
    "create policy own on students for select using (status = 'Active')", _additional("policy", "public.students.own")
)
blast(
    "comment on column student_modules.marks is 'A number'",
    _defined("comment", "on table column public.student_modules.marks", actual="A number"),
)
blast(
    "alter table terms owner to postgres; grant select on terms to registry_owner",
    _defined("table", "public.terms", _PLAIN, "owner postgres, access method heap"),
)
blast(
    "create or replace view school_enrolment as"
    " select id, code, name, 0::bigint as students, 0::bigint as active_students from schools",
    _defined("view", "public.school_enrolment"),
)
blast(
    "create view something as select 1 as one",
    _additional("view", "public.something"),
    _additional("column", "public.something.one"),
)
blast("create rule nothing as on delete to terms do instead nothing", _additional("rule", "public.terms.nothing"))
blast(
    "alter function credits_of_student(bigint) volatile",
    _defined("function", "public.credits_of_student(student_number bigint)"),
)
blast(
    "create publication copies for table modules",
    _additional("publication", "copies"),
    _additional("publication table", "copies public.modules"),
)
blast(
    "do $$ begin execute format('alter database %I set timezone to utc', current_database()); end $$",
    _additional("database setting", "TimeZone"),
)
blast("alter sequence assessments_id_seq increment by 10", _defined("sequence", "public.assessments_id_seq"))
blast(
    f"alter table student_semesters drop constraint {_TERMS_KEY}, add constraint {_TERMS_KEY}"
    " foreign key (term_code) references terms (code) on update cascade not valid",
    _defined(
        "constraint", f"public.student_semesters.{_TERMS_KEY}", _TERMS_KEY_DEFINED, f"{_TERMS_KEY_DEFINED} NOT VALID"
    ),
)
blast(
    f"alter table assessments drop constraint {_MODULES_KEY}",
    _missing("constraint", f"public.assessments.{_MODULES_KEY}"),
)
blast("alter table assessments disable trigger all", _defined("constraint", f"public.assessments.{_MODULES_KEY}"))
blast(
    "alter table schools alter column cms_id set default 0",
    _defined("column", "public.schools.cms_id", "integer", "integer, default 0"),
)
blast("create index schools_cms_id_again on schools (cms_id)", _additional("index", "public.schools_cms_id_again"))


@corruption(CATALOGUE, OTHER_TABLES, parsed=True)
def columns_and_tables_of_others_changed(db: Database) -> Shown:
    db.run(
        """
        alter table assessments rename column weight to share;
        create table added (id integer);
        grant select on added to registry_owner;
        create table hidden (id integer);
        alter table terms add column note text
        """,
        None,
    )
    columns, none = "id,code,name,is_active,created_at", "no such table (the baseline)"
    return {
        CATALOGUE: [
            _missing("column", "public.assessments.weight"),
            _additional("column", "public.assessments.share"),
            _additional("table", "public.added"),
            _additional("column", "public.terms.note"),
        ],
        OTHER_TABLES: [
            row("public.terms", None, None, f"columns {{{columns}}} (the baseline)", f"columns {{{columns},note}}"),
            row("public.assessments"),
            row("public.added", expected=none, actual="an additional table"),
            row("public.hidden", expected=none),
        ],
    }


@corruption(OTHER_TABLES)
def a_row_changed_in_a_table_of_no_chain(db: Database) -> Shown:
    db.change("terms", db.value("select min(id) from terms"), "name", "name || ' '")
    return {OTHER_TABLES: [row("public.terms")]}


@corruption(SEQUENCES)
def a_sequence_reset(db: Database) -> Shown:
    last = db.value("select max(id) from structures")
    db.run("alter sequence structures_id_seq restart", None)
    expected = f"a next value beyond max(id) = {last}: {last + 1}"
    return {SEQUENCES: [row("structures", "sequence structures_id_seq", "id", expected, 1)]}
