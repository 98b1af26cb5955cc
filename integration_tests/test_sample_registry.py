"""The sample registry has the live one's size and shape, and is the same each time."""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
import pytest
from psycopg import sql

from driver import sample_registry
from driver.errors import Problem
from support.registry import OWNER, Registry

SPECIFIED_ROWS = {
    "student_education": 2_492,
    "next_of_kins": 11,
    "schools": 15,
    "programs": 102,
    "structures": 417,
    "structure_semesters": 2_702,
    "student_programs": 24_176,
    "student_semesters": 119_915,
    "modules": 4_059,
    "semester_modules": 13_035,
    "student_modules": 673_913,
    "module_prerequisites": 408,
}

CHAINS = {
    "student_school": """
        from students
        join student_programs on student_programs.std_no = students.std_no
        join structures on structures.id = student_programs.structure_id
        join programs on programs.id = structures.program_id
        join schools on schools.id = programs.school_id""",
    "student_modules": """
        from students
        join student_programs on student_programs.std_no = students.std_no
        join student_semesters on student_semesters.student_program_id = student_programs.id
        join structure_semesters on structure_semesters.id = student_semesters.structure_semester_id
        join student_modules on student_modules.student_semester_id = student_semesters.id
        join semester_modules on semester_modules.id = student_modules.semester_module_id
        join modules on modules.id = semester_modules.module_id""",
    "assessment_marks": """
        from assessment_marks
        join student_modules on student_modules.id = assessment_marks.student_module_id
        join semester_modules on semester_modules.id = student_modules.semester_module_id
        join assessments on assessments.id = assessment_marks.assessment_id
            and assessments.module_id = semester_modules.module_id""",
    "module_prerequisites": """
        from module_prerequisites
        join semester_modules on semester_modules.id = module_prerequisites.semester_module_id
        join semester_modules as earlier on earlier.id = module_prerequisites.prerequisite_id
        join modules on modules.id = semester_modules.module_id""",
}

# One row of each chain for every row of this table.
CHAIN_ROWS = {
    "student_school": "student_programs",
    "student_modules": "student_modules",
    "assessment_marks": "assessment_marks",
    "module_prerequisites": "module_prerequisites",
}


def content(connection: psycopg.Connection[Any], table: str) -> str:
    """A hash of a table's rows as COPY writes them, in the order they are stored."""
    digest = hashlib.sha256()
    with connection.cursor().copy(sql.SQL("copy {} to stdout").format(sql.Identifier(table))) as copy:
        for data in copy:
            digest.update(data)
    return digest.hexdigest()


@pytest.mark.thorough
def test_full_scale_has_exactly_the_specified_rows(empty_registry: Registry) -> None:
    steps: list[tuple[str, int, int]] = []
    with empty_registry.connect() as connection:
        counts = sample_registry.load(connection, 1, lambda *step: steps.append(step))
    in_database = {table: empty_registry.value(f'select count(*) from "{table}"') for table in counts}
    for chain, joins in CHAINS.items():
        rows = empty_registry.value(f"select count(*) {joins}")
        assert rows == counts[CHAIN_ROWS[chain]], chain
    assert in_database == counts
    assert {table: counts[table] for table in SPECIFIED_ROWS} == SPECIFIED_ROWS
    assert counts["students"] == 21_000
    assert counts["assessment_marks"] == 180_000
    assert steps[-1] == ("done", sum(counts.values()), sum(counts.values()))
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


@pytest.mark.parametrize("scale", [0.0001, 0.01, 0.0173, 0.05])
def test_every_chain_holds_at_small_scales(empty_registry: Registry, scale: float) -> None:
    with empty_registry.connect() as connection:
        counts = sample_registry.load(connection, scale)
    for chain, joins in CHAINS.items():
        assert empty_registry.value(f"select count(*) {joins}") == counts[CHAIN_ROWS[chain]] > 0, chain


def test_counts_follow_the_scale() -> None:
    half, full, tenfold = (sample_registry.rows_at(scale) for scale in (0.5, 1, 10))
    for table in SPECIFIED_ROWS:
        assert half[table] <= full[table] <= tenfold[table]
    assert tenfold["student_modules"] == 6_739_130
    assert half["schools"] == 8


@pytest.mark.every_major
def test_same_rows_on_every_load_and_server(registry: Registry, request: pytest.FixtureRequest) -> None:
    with registry.connect() as connection:
        first = {table: content(connection, table) for table in registry.counts}
        connection.execute("drop owned by current_user")
        connection.execute("create schema again")
        sample_registry.load(connection, 0.02, schema="again")
        connection.execute("set search_path to again")
        assert {table: content(connection, table) for table in registry.counts} == first
    # The same on another major version: compare with what an earlier one has left.
    seen = request.config.stash.setdefault(_SEEN, first)
    assert seen == first


_SEEN = pytest.StashKey[dict[str, str]]()


@pytest.mark.every_major
def test_loads_into_any_schema(empty_registry: Registry) -> None:
    with empty_registry.connect() as connection:
        sample_registry.load(connection, 0.001, schema='Odd "schema" name')
    assert empty_registry.value("select count(*) from pg_tables where schemaname = %s", ['Odd "schema" name']) == 16
    assert empty_registry.value("select count(*) from pg_tables where schemaname = 'public'") == 0


@pytest.mark.every_major
def test_refuses_a_schema_in_use_and_leaves_it_alone(registry: Registry) -> None:
    with registry.connect() as connection, pytest.raises(Problem, match="already holds a table assessment_marks"):
        sample_registry.load(connection, 0.001)
    assert registry.value("select count(*) from schools") == registry.counts["schools"]


@pytest.mark.parametrize("scale", [0, -1, 1001])
def test_refuses_an_impossible_scale(empty_registry: Registry, scale: float) -> None:
    with empty_registry.connect() as connection, pytest.raises(Problem, match="out of range"):
        sample_registry.load(connection, scale)


@pytest.mark.every_major
def test_every_foreign_key_is_valid_and_most_cascade_and_are_indexed(registry: Registry) -> None:
    keys = registry.dicts(
        """
        select conname, convalidated, confdeltype,
            exists (select 1 from pg_index where indrelid = conrelid and indkey[0] = conkey[1]) as indexed
        from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
        """
    )
    assert len(keys) == 20
    assert all(key["convalidated"] for key in keys)
    assert all(key["indexed"] for key in keys), [key["conname"] for key in keys if not key["indexed"]]
    assert sum(key["confdeltype"] in ("c", b"c") for key in keys) >= 15


@pytest.mark.every_major
def test_ids_have_gaps_and_sequences_are_ahead(registry: Registry) -> None:
    for table in registry.counts:
        if table == "students":
            continue
        count, low, high, distinct = registry.rows(
            f'select count(*), min(id), max(id), count(distinct id) from "{table}"'
        )[0]
        assert distinct == count
        assert high - low + 1 > count or count < 4, f"{table} has no gaps"
        assert high > count
        following = registry.value("select nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        assert following == high + 1, table


@pytest.mark.every_major
def test_text_is_awkward_where_text_is(registry: Registry) -> None:
    columns = registry.rows(
        """
        select table_name, column_name from information_schema.columns
        where table_schema = 'public' and data_type = 'text'
            and (table_name, column_name) in (
                ('students', 'name'), ('students', 'religion'), ('student_education', 'school_name'),
                ('next_of_kins', 'name'), ('modules', 'name'), ('modules', 'remark'), ('student_programs', 'stream'),
                ('programs', 'name'), ('structures', 'desc'))
        """
    )
    assert len(columns) == 9
    awkward = _awkward_texts(registry)
    seen: set[str] = set()
    for table, column in columns:
        values = {value for (value,) in registry.rows(f'select "{column}" from "{table}"')}
        seen |= values & awkward
    assert seen == awkward
    assert len(awkward) == 25


def _awkward_texts(registry: Registry) -> set[str]:
    statements = sample_registry.row_statements(registry.counts)
    with registry.connect() as connection:
        connection.execute(next(text for text in statements if "pg_temp.awkward_texts() returns" in text).encode())
        found = connection.execute("select unnest(pg_temp.awkward_texts())").fetchall()
    return {text for (text,) in found}


@pytest.mark.every_major
def test_marks_are_text_of_every_kind(registry: Registry) -> None:
    kinds = dict(
        registry.rows(
            """
            select
                case
                    when marks ~ '^[0-9]+$' then 'whole'
                    when marks ~ '^[0-9]+[.][0-9]+$' then 'decimal'
                    else marks
                end,
                count(*)
            from student_modules
            group by 1
            """
        )
    )
    assert set(kinds) == {"whole", "decimal", "NM", ""}
    assert kinds["whole"] > 10 * kinds["decimal"] > 0


@pytest.mark.every_major
def test_shape_that_trips_up_careless_migrations(registry: Registry) -> None:
    unplaced, modules = registry.rows(
        "select count(*) filter (where semester_id is null), count(*) from semester_modules"
    )[0]
    assert 0 < unplaced < modules / 10
    assert registry.value('select count(*) from structures where "desc" is null') > 0
    assert (
        registry.value("select count(*) from pg_description join pg_class on pg_class.oid = objoid where relkind = 'r'")
        >= 4
    )
    assert registry.value("select count(*) from school_enrolment") == registry.counts["schools"]
    assert registry.value("select max(credits_of_student(std_no)) from students") > 100
    types = dict(
        registry.rows(
            """
            select attname, format_type(atttypid, atttypmod) from pg_attribute
            where attrelid in ('structure_semesters'::regclass, 'student_modules'::regclass, 'students'::regclass)
            """
        )
    )
    assert types["semester_number"] == "character(2)"
    assert types["marks"] == "text"
    assert types["credits"] == "real"
    assert types["std_no"] == "bigint"
    assert types["grade"] == "grade"


@pytest.mark.every_major
def test_everything_belongs_to_an_ordinary_role(registry: Registry) -> None:
    owners = {owner for (owner,) in registry.rows("select tableowner from pg_tables where schemaname = 'public'")}
    assert owners == {OWNER}
    assert registry.rows("select rolsuper, rolcreatedb from pg_roles where rolname = %s", [OWNER]) == [(False, True)]


@pytest.mark.every_major
def test_new_rows_get_ids_and_times_of_their_own(registry: Registry) -> None:
    before = registry.value("select max(id) from schools")
    identity, created = registry.rows(
        "insert into schools (code, name) values ('NEW', 'New') returning id, created_at"
    )[0]
    assert identity == before + 1
    assert created is not None
