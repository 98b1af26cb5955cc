"""The sample registry: a university's tables, of the live registry's shape and size, filled inside the server.

Every value is computed from the row's number alone, so the same scale gives the same rows, on every server. Rows come
first, then keys and indexes, then statistics, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from driver.errors import Problem

YEARS_OF_ROWS = 9 * 365 * 86_400 * 1_000_000  # microseconds
LARGEST_SCALE = 250  # above it, ids leave the range of integer
DEMO = Path(__file__).resolve().parents[2] / "demo"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Table:
    """How many rows a table has, and how its ids are spread.

    Attributes:
        rows: at scale 1.
        least: at any scale, so that every chain has its links.
        first: the first id, less one.
        every: after this many rows an id is left out, as if a row had been deleted.
        grows: whether the rows follow the scale.
    """

    rows: int
    least: int
    first: int
    every: int
    grows: bool = True


# In the order of loading: a table comes after those it points to.
TABLES: dict[str, Table] = {
    "terms": Table(16, 16, 0, 5, grows=False),
    "students": Table(21_000, 40, 901_000_000, 9),
    "student_education": Table(2_492, 10, 40, 6),
    "next_of_kins": Table(11, 5, 3, 4),
    "schools": Table(15, 3, 1, 3),
    "programs": Table(102, 6, 10, 4),
    "structures": Table(417, 12, 25, 7),
    "structure_semesters": Table(2_702, 78, 100, 8),
    "modules": Table(4_059, 60, 500, 11),
    "semester_modules": Table(13_035, 400, 1_000, 13),
    "module_prerequisites": Table(408, 10, 7, 3),
    "student_programs": Table(24_176, 46, 2_000, 12),
    "student_semesters": Table(119_915, 230, 10_000, 17),
    "student_modules": Table(673_913, 1_300, 50_000, 19),
    "assessments": Table(8_118, 120, 300, 10),
    "assessment_marks": Table(180_000, 350, 4_000, 23),
}

# Text that trips up careless quoting, splitting, trimming, comparing and CSV; '' and ' ' are values, not absences.
AWKWARD_TEXT = [
    "O'Neill \"Thabo\" d'Arc",
    "two\nlines",
    "carriage\r\nreturn",
    "back\\slash and \\N",
    "a tab\there",
    "comma, semicolon; pipe|bar",
    "NULL",
    "null",
    "",
    " ",
    "  blanks before and after  ",
    "'; drop table students; --",
    "{{ not_a_template }} {% nor %} {# this #}",
    "100% %s %(name)s $1 :name ?",
    "<b>bold</b> & <script>alert(1)</script>",
    "Mokhèlé-Ngũgĩ wa Şerïf",
    "e\u0301 is not \u00e9",
    "学生 студент φοιτητής",
    "طالب جامعي",
    "👩🏽‍🎓 emoji 🎉",
    "zero\u200bwidth\u00a0space",
    "=1+1",
    "-0",
    '{1,2,"3"}',
    "x" * 300,
]

GIVEN_NAMES = [
    "Thabo",
    "Lerato",
    "Palesa",
    "Tšepo",
    "Mpho",
    "Neo",
    "Kabelo",
    "Lineo",
    "Teboho",
    "Refiloe",
    "Zanele",
    "Karabo",
]
FAMILY_NAMES = [
    "Mokoena",
    "Molapo",
    "Nkosi",
    "Letsie",
    "Mahlaba",
    "Ramokoatsi",
    "Phiri",
    "Dlamini",
    "Sello",
    "Motaung",
    "van Wyk",
]
CREDITS = "{8,10,12,12.5,15,0.1,7.7}"
SUBJECTS = [
    "Accounting",
    "Algebra",
    "Architecture",
    "Broadcasting",
    "Databases",
    "Drawing",
    "Economics",
    "Fashion",
    "Law",
    "Networks",
]


def rows_at(scale: float) -> dict[str, int]:
    """The number of rows of every table at a scale (1 is the live registry's size)."""
    counts = {
        name: max(table.least, round(table.rows * scale)) if table.grows else table.rows
        for name, table in TABLES.items()
    }
    counts["assessments"] = 2 * counts["modules"]  # two of every module
    return counts


def load(
    connection: psycopg.Connection[Any], scale: float = 1.0, progress: Progress | None = None, schema: str = "public"
) -> dict[str, int]:
    """Create the sample registry and fill it, in one transaction.

    Args:
        connection: as the role that is to own the tables.
        scale: 1 for the live registry's size; 0.01 and less to 10 and more.
        progress: called as `progress(step, rows done, rows in all)` before every step, and once at the end.
        schema: where the tables go; created if it is missing.

    Returns:
        table -> number of rows.

    Raises:
        Problem: the scale is out of range, or the schema already holds such a table.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise Problem(
            f"scale {scale:g} is out of range",
            do=f"give a number above 0, at most {LARGEST_SCALE}; 1 is the live registry's size",
        )
    counts = rows_at(scale)
    total = sum(counts.values())
    report = progress or _say_nothing
    with connection.transaction():
        _prepare(connection, schema)
        _run_file(connection, DEMO / "schema.sql")
        done = 0
        for name, count in counts.items():
            report(f"rows of {name}", done, total)
            written = connection.execute(_rows_of(name, counts)).rowcount
            if written != count:
                raise AssertionError(f"{name}: {written} rows in place of {count}")
            done += count
        report("keys and indexes", done, total)
        _run_file(connection, DEMO / "constraints.sql")
        for name in counts:
            if name != "students":
                connection.execute(
                    sql.SQL("select setval(pg_get_serial_sequence({}, 'id'), max(id)) from {}").format(
                        sql.Literal(name), sql.Identifier(name)
                    )
                )
        report("statistics", done, total)
        connection.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join(map(sql.Identifier, counts))))
    report("done", done, total)
    return counts


def _say_nothing(_step: str, _done: int, _total: int) -> None:
    """Progress nobody wants to see."""


def _prepare(connection: psycopg.Connection[Any], schema: str) -> None:
    """Make the schema, refuse one in use, and set the transaction up for bulk work and repeatable results."""
    if not connection.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone():
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    taken = connection.execute(
        "select relname from pg_class where relnamespace = (select oid from pg_namespace where nspname = %s)"
        " and relname = any(%s) order by 1 limit 1",
        [schema, list(TABLES)],
    ).fetchone()
    if taken:
        raise Problem(
            f"schema {schema} already holds a table {taken[0]}",
            where=f"database {connection.info.dbname}",
            do="load the sample registry into an empty database or another schema",
        )
    for setting, value in {
        "search_path": sql.Identifier(schema).as_string(connection),
        "synchronous_commit": "off",
        "maintenance_work_mem": "256MB",
        "statement_timeout": "0",
        "datestyle": "ISO, YMD",
        "timezone": "UTC",
        "check_function_bodies": "on",
    }.items():
        connection.execute("select set_config(%s, %s, true)", [setting, value])


def _run_file(connection: psycopg.Connection[Any], path: Path) -> None:
    """Run an SQL file of ours."""
    connection.execute(path.read_bytes())


def _id(table: str, number: str) -> str:
    """SQL for the id of a table's row with this number (1 is the first): rising, with gaps."""
    shape = TABLES[table]
    return f"({shape.first} + {number} + {number} / {shape.every} + 10 * ({number} / 1000))"


def _pick(key: str, seed: int, below: int | str) -> str:
    """SQL for a number from 0 to `below` - 1 that looks random but depends on `key` (bigint) and `seed` only."""
    return f"mod(hashint8extended({key}, {seed}) & 4503599627370495, {below})::integer"


def _one_of(values: list[str], key: str, seed: int) -> sql.Composable:
    """SQL for one of these texts."""
    array = sql.SQL(", ").join(map(sql.Literal, values))
    return sql.SQL("(array[{}]::text[])[1 + {}]").format(array, sql.SQL(_pick(key, seed, len(values))))


def _weighted(choices: dict[str, int], key: str, seed: int, kind: str) -> str:
    """SQL for one of these constants of type `kind`, by weight."""
    spread = ",".join(f'"{value}"' for value, weight in choices.items() for _ in range(weight))
    return f"('{{{spread}}}'::{kind}[])[1 + {_pick(key, seed, sum(choices.values()))}]"


def _text(usual: str, key: str, seed: int, one_in: int) -> sql.Composable:
    """SQL for a text that is awkward once in so many rows, else `usual`."""
    return sql.SQL("case when {} = 0 then {} else {} end").format(
        sql.SQL(_pick(key, seed, one_in)), _one_of(AWKWARD_TEXT, key, seed + 1), sql.SQL(usual)
    )


def _name(key: str, seed: int) -> sql.Composable:
    """SQL for a person's name, awkward one time in 30."""
    return sql.SQL("case when {} = 0 then {} else {} || ' ' || {} end").format(
        sql.SQL(_pick(key, seed, 30)),
        _one_of(AWKWARD_TEXT, key, seed + 1),
        _one_of(GIVEN_NAMES, key, seed + 2),
        _one_of(FAMILY_NAMES, key, seed + 3),
    )


def _moment(key: str, rows: int) -> str:
    """SQL for when a row was created: later rows later, evenly over the years, down to the microsecond."""
    return f"(timestamp '2016-02-01 08:00:00' + {key} * interval '{YEARS_OF_ROWS // rows} microseconds')"


@dataclass(frozen=True)
class Shape:
    """What a table's rows are made of, as SQL over the row's number `k` (bigint, from 1).

    Attributes:
        columns: column -> its value.
        steps: name -> an intermediate number, which the columns and the later steps may use.
    """

    columns: dict[str, str | sql.Composable]
    steps: dict[str, str]


def _shape(columns: dict[str, str | sql.Composable], **steps: str) -> Shape:
    """A shape, its steps by name."""
    return Shape(columns, steps)


def _rows_of(table: str, n: dict[str, int]) -> sql.Composed:
    """The statement that fills a table; `n` gives the number of rows of every table."""
    shape = _SHAPES[table](n)
    source = f"generate_series(1::bigint, {n[table]}) as k"
    for name, step in shape.steps.items():
        # Without the offset the planner would put the step's whole expression wherever its name stands.
        source = f"(select *, {step} as {name} from {source} offset 0) as with_{name}"  # noqa: S608  all of it is ours
    return sql.SQL("insert into {} ({}) select {} from {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, shape.columns)),
        sql.SQL(", ").join(sql.SQL(value) if isinstance(value, str) else value for value in shape.columns.values()),
        sql.SQL(source),
    )


def _terms(n: dict[str, int]) -> Shape:
    return _shape(
        {
            "id": _id("terms", "k"),
            "code": "(2016 + (k - 1) / 2)::text || case when mod(k, 2) = 1 then '-02' else '-07' end",
            "name": "(2016 + (k - 1) / 2)::text || case when mod(k, 2) = 1 then ' February' else ' July' end",
            "is_active": f"k = {n['terms']}",
            "created_at": _moment("k", n["terms"]),
        }
    )


def _term_code(number: str) -> str:
    """SQL for the code of the term with this number."""
    return f"(2016 + ({number} - 1) / 2)::text || case when mod({number}, 2) = 1 then '-02' else '-07' end"


def _students(n: dict[str, int]) -> Shape:
    statuses = {
        "Active": 60,
        "Graduated": 25,
        "Withdrawn": 6,
        "Terminated": 4,
        "Suspended": 3,
        "Applied": 1,
        "Deceased": 1,
    }
    marriages = {"Single": 85, "Married": 13, "Divorced": 1, "Widowed": 1}
    return _shape(
        {
            "std_no": _id("students", "k"),
            "name": _name("k", 100),
            "national_id": f"lpad(({_pick('k', 110, 1_000_000_000)})::text, 12, '0')",
            "status": _weighted(statuses, "k", 111, "student_status"),
            "date_of_birth": f"case when mod(k, 41) > 0 then date '1975-01-01' + {_pick('k', 112, 11_000)} end",
            "phone1": f"'+266 5' || ({_pick('k', 113, 10_000_000)})::text",
            "phone2": f"case when mod(k, 3) = 0 then '+266 6' || ({_pick('k', 114, 10_000_000)})::text end",
            "gender": _weighted({"Male": 46, "Female": 52, "Unknown": 2}, "k", 115, "gender"),
            "marital_status": f"case when mod(k, 5) > 0 then {_weighted(marriages, 'k', 116, 'marital_status')} end",
            "country": "case when mod(k, 11) > 0 then 'Lesotho' end",
            "religion": _text("null::text", "k", 117, 9),
            "created_at": _moment("k", n["students"]),
        }
    )


def _student_education(n: dict[str, int]) -> Shape:
    levels = {"LGCSE": 60, "COSC": 20, "JCE": 8, "A-Levels": 5, "Certificate": 3, "Diploma": 2, "Degree": 1, "Other": 1}
    return _shape(
        {
            "id": _id("student_education", "k"),
            "std_no": _id("students", "s"),
            "school_name": _text(f"'High School ' || ({_pick('k', 200, 300)})::text", "k", 201, 12),
            "type": f"case when mod(k, 4) > 0 then {_weighted({'Secondary': 9, 'Tertiary': 1}, 'k', 203, 'text')} end",
            "level": f"case when mod(k, 17) > 0 then {_weighted(levels, 'k', 204, 'education_level')} end",
            "start_date": f"date '2005-01-15' + 365 * {_pick('k', 205, 12)}",
            "end_date": f"case when mod(k, 3) > 0 then date '2018-11-30' + 7 * {_pick('k', 206, 50)} end",
            "created_at": _moment("k", n["student_education"]),
        },
        s=f"1 + {_pick('k', 207, n['students'])}",
    )


def _next_of_kins(n: dict[str, int]) -> Shape:
    relationships = {"Mother": 4, "Father": 3, "Sibling": 2, "Guardian": 2, "Spouse": 1}
    return _shape(
        {
            "id": _id("next_of_kins", "k"),
            "std_no": _id("students", "s"),
            "name": sql.SQL("case when mod(k, 3) = 0 then {} else {} end").format(
                _one_of(AWKWARD_TEXT, "k", 300), _name("k", 301)
            ),
            "relationship": _weighted(relationships, "k", 306, "kin_relationship"),
            "phone": f"case when mod(k, 4) > 0 then '+266 5' || ({_pick('k', 307, 10_000_000)})::text end",
            "email": "case when mod(k, 2) = 0 then 'kin' || k::text || '@example.org' end",
            "occupation": _text("null::text", "k", 308, 3),
            "address": "case when mod(k, 5) = 1 then E'12 Kingsway\\nMaseru 100' end",
            "created_at": _moment("k", n["next_of_kins"]),
        },
        s=f"1 + {_pick('k', 310, n['students'])}",
    )


def _schools(n: dict[str, int]) -> Shape:
    return _shape(
        {
            "id": _id("schools", "k"),
            "code": "'F' || chr((65 + mod(k - 1, 26))::integer) || case when k > 26 then k::text else '' end",
            "name": sql.SQL("'Faculty of ' || {}").format(_one_of(SUBJECTS, "k", 400)),
            "is_active": "mod(k, 7) > 0",
            "created_at": "case when mod(k, 6) > 0 then " + _moment("k", n["schools"]) + " end",
        }
    )


def _programs(n: dict[str, int]) -> Shape:
    return _shape(
        {
            "id": _id("programs", "k"),
            "code": "'P' || lpad(k::text, 4, '0')",
            "name": sql.SQL("'Programme in ' || {}").format(_text("'subject ' || k::text", "k", 500, 8)),
            "level": _weighted({"diploma": 5, "degree": 4, "certificate": 1}, "k", 502, "program_level"),
            "school_id": _id("schools", f"(1 + mod(k - 1, {n['schools']}))"),
            "created_at": _moment("k", n["programs"]),
        }
    )


def _structures(n: dict[str, int]) -> Shape:
    return _shape(
        {
            "id": _id("structures", "k"),
            "code": "(2015 + mod(k, 10))::text || '-' || lpad(k::text, 5, '0')",
            "desc": sql.SQL("case when mod(k, 3) > 0 then {} end").format(_text("'Revision ' || k::text", "k", 600, 5)),
            "program_id": _id("programs", f"(1 + mod(k - 1, {n['programs']}))"),
            "created_at": _moment("k", n["structures"]),
        }
    )


def _structure_semesters(n: dict[str, int]) -> Shape:
    return _shape(
        {
            "id": _id("structure_semesters", "k"),
            "structure_id": _id("structures", f"(1 + mod(k - 1, {n['structures']}))"),
            "semester_number": "case when mod(k, 97) = 0 then 'B1' when mod(k, 89) = 0 then 'F'"
            " else lpad(semester::text, 2, '0') end",
            "name": "'Year ' || ((semester + 1) / 2)::text || ' Sem ' || (2 - mod(semester, 2))::text",
            "total_credits": f"(40::real + {_pick('k', 700, 200)} / 10::real)::real",
            "created_at": _moment("k", n["structure_semesters"]),
        },
        semester=f"1 + (k - 1) / {n['structures']}",
    )


def _modules(n: dict[str, int]) -> Shape:
    return _shape(
        {
            "id": _id("modules", "k"),
            "code": f"chr((65 + {_pick('k', 800, 26)})) || 'M' || lpad(mod(k * 7, 10000)::text, 4, '0')",
            "name": sql.SQL("{} || ' ' || (1 + mod(k, 4))::text").format(
                sql.SQL("case when {} = 0 then {} else {} end").format(
                    sql.SQL(_pick("k", 801, 25)), _one_of(AWKWARD_TEXT, "k", 802), _one_of(SUBJECTS, "k", 803)
                )
            ),
            "status": _weighted({"Active": 9, "Defunct": 1}, "k", 804, "module_status"),
            "remark": _text("null::text", "k", 805, 6),
            "timestamp": "case when mod(k, 5) = 0 then '1463' || lpad(k::text, 6, '0') end",
            "created_at": _moment("k", n["modules"]),
        }
    )


def _module_of(semester_module: str, n: dict[str, int]) -> str:
    """SQL for the number of the module behind the semester module with this number."""
    return f"(1 + {_pick(semester_module, 900, n['modules'])})"


def _semester_modules(n: dict[str, int]) -> Shape:
    kinds = {"Core": 50, "Major": 30, "Minor": 12, "Elective": 6, "Delete": 2}
    return _shape(
        {
            "id": _id("semester_modules", "k"),
            "module_id": _id("modules", "m"),
            "type": _weighted(kinds, "k", 901, "module_type"),
            "credits": f"('{CREDITS}'::real[])[1 + {_pick('k', 902, 7)}]",
            "semester_id": "case when mod(k, 31) > 0 then "
            + _id("structure_semesters", f"(1 + mod(k - 1, {n['structure_semesters']}))")
            + " end",
            "hidden": "mod(k, 53) = 0",
            "created_at": _moment("k", n["semester_modules"]),
        },
        m=_module_of("k", n),
    )


def _module_prerequisites(n: dict[str, int]) -> Shape:
    # A module for each row: the pairs are distinct, and the prerequisite comes earlier in the list, never the same.
    apart = max(1, n["semester_modules"] // n["module_prerequisites"] - 1)
    return _shape(
        {
            "id": _id("module_prerequisites", "k"),
            "semester_module_id": _id("semester_modules", "main"),
            "prerequisite_id": _id("semester_modules", "before"),
            "created_at": _moment("k", n["module_prerequisites"]),
        },
        main=f"(k * {apart} + 1)",
        before=f"(1 + {_pick('k', 1000, f'(k * {apart})')})",
    )


def _structure_of(student_program: str, n: dict[str, int]) -> str:
    """SQL for the number of the structure a student program follows."""
    return f"(1 + {_pick(student_program, 1100, n['structures'])})"


def _student_programs(n: dict[str, int]) -> Shape:
    statuses = {"Active": 50, "Completed": 30, "Inactive": 10, "Changed": 7, "Deleted": 3}
    students = n["students"]
    return _shape(
        {
            "id": _id("student_programs", "k"),
            "std_no": _id("students", f"case when k <= {students} then k else 1 + {_pick('k', 1101, students)} end"),
            "structure_id": _id("structures", _structure_of("k", n)),
            "status": _weighted(statuses, "k", 1102, "student_program_status"),
            "intake_date": f"date '2016-01-20' + {_pick('k', 1103, 2_800)}",
            "reg_date": f"case when mod(k, 4) > 0 then date '2016-02-01' + {_pick('k', 1103, 2_800)} end",
            "start_term": "case when mod(k, 19) > 0 then "
            + _term_code(f"(1 + {_pick('k', 1104, n['terms'])})")
            + " end",
            "stream": _text("case when mod(k, 2) = 0 then 'Normal' end", "k", 1105, 40),
            "graduation_date": f"case when mod(k, 10) < 3 then date '2019-10-01' + 365 * {_pick('k', 1107, 5)} end",
            "assist_provider": "case when mod(k, 3) > 0 then (array['NMDS', 'Self', 'SCHOLARSHIP'])[1 + mod(k, 3)] end",
            "created_at": _moment("k", n["student_programs"]),
        }
    )


def _structure_semester_of(student_semester: str, n: dict[str, int]) -> str:
    """SQL for the number of a student semester's structure semester: the next of the program's own structure."""
    depth = n["structure_semesters"] // n["structures"]
    program = f"(1 + mod({student_semester} - 1, {n['student_programs']}))"
    return (
        f"({_structure_of(program, n)}"
        f" + {n['structures']} * mod(({student_semester} - 1) / {n['student_programs']}, {depth}))"
    )


def _student_semesters(n: dict[str, int]) -> Shape:
    statuses = {
        "Active": 70,
        "Enrolled": 8,
        "Outstanding": 4,
        "Deferred": 4,
        "Withdrawn": 3,
        "DNR": 3,
        "DroppedOut": 3,
        "Repeat": 3,
        "Deleted": 1,
        "Exempted": 1,
    }
    return _shape(
        {
            "id": _id("student_semesters", "k"),
            "term_code": _term_code("term"),
            "status": _weighted(statuses, "k", 1200, "semester_status"),
            "student_program_id": _id("student_programs", "p"),
            "structure_semester_id": _id("structure_semesters", "ss"),
            "caf_date": f"case when mod(k, 3) = 0 then date '2016-02-10' + {_pick('k', 1201, 2_900)} end",
            "created_at": _moment("k", n["student_semesters"]),
        },
        p=f"(1 + mod(k - 1, {n['student_programs']}))",
        ss=_structure_semester_of("k", n),
        term=f"(1 + mod({_pick('p', 1202, 8)} + (k - 1) / {n['student_programs']}, {n['terms']}))",
    )


def _semester_module_of(student_module: str, n: dict[str, int]) -> str:
    """SQL for the number of the semester module a student module is an attempt at.

    The first few of a student's semester are those of its structure semester, one after the other; further ones come
    from anywhere (electives, repeated modules).
    """
    depth = n["semester_modules"] // n["structure_semesters"]
    semester = f"(1 + mod({student_module} - 1, {n['student_semesters']}))"
    position = f"(({student_module} - 1) / {n['student_semesters']})"
    return (
        f"case when {position} < {depth}"
        f" then {_structure_semester_of(semester, n)} + {n['structure_semesters']} * {position}"
        f" else 1 + {_pick(student_module, 1300, n['semester_modules'])} end"
    )


def _student_modules(n: dict[str, int]) -> Shape:
    statuses = {
        "Compulsory": 75,
        "Add": 10,
        "Repeat1": 5,
        "Repeat2": 1,
        "Supplementary": 2,
        "Resit1": 1,
        "Drop": 2,
        "Delete": 2,
        "Exempted": 2,
    }
    return _shape(
        {
            "id": _id("student_modules", "k"),
            "semester_module_id": _id("semester_modules", "sm"),
            "status": _weighted(statuses, "k", 1301, "student_module_status"),
            "marks": "case when kind < 920 then mark::text when kind < 950 then mark::text || '.5'"
            " when kind < 965 then (mark + 0.25)::text when kind < 985 then 'NM' else '' end",
            "grade": "(case when kind >= 985 then 'ANN'::grade when kind >= 965 then 'NM' when mark >= 90 then 'A+'"
            " when mark >= 85 then 'A' when mark >= 80 then 'A-' when mark >= 75 then 'B+' when mark >= 70 then 'B'"
            " when mark >= 65 then 'B-' when mark >= 60 then 'C+' when mark >= 55 then 'C' when mark >= 50 then 'C-'"
            " when mark >= 45 then 'PP' when kind < 300 then 'F' when kind < 305 then 'DNS' else 'X' end)",
            "student_semester_id": _id("student_semesters", f"(1 + mod(k - 1, {n['student_semesters']}))"),
            "credits": f"('{CREDITS}'::real[])[1 + {_pick('sm', 902, 7)}]",
            "created_at": _moment("k", n["student_modules"]),
        },
        sm=_semester_module_of("k", n),
        kind=_pick("k", 1302, 1_000),
        mark=f"({_pick('k', 1303, 50)} + {_pick('k', 1304, 51)})",
    )


def _assessments(n: dict[str, int]) -> Shape:
    kinds = {"Quiz": 1, "Test": 3, "Practical": 2, "Project": 2, "Mid-term": 1, "Final exam": 2}
    return _shape(
        {
            "id": _id("assessments", "k"),
            "module_id": _id("modules", f"(1 + mod(k - 1, {n['modules']}))"),
            "term_id": _id("terms", f"(1 + {_pick('k', 1400, n['terms'])})"),
            "assessment_number": f"'CW' || (1 + (k - 1) / {n['modules']})::text",
            "assessment_type": _weighted(kinds, "k", 1401, "assessment_kind"),
            "total_marks": f"(10 * (1 + {_pick('k', 1402, 10)}))::real",
            "weight": f"({_pick('k', 1403, 1000)} / 10::real)::real",
            "created_at": _moment("k", n["assessments"]),
        }
    )


def _assessment_marks(n: dict[str, int]) -> Shape:
    # Spread over the student modules; a second round meets the same ones with the module's other assessment.
    step = max(1, n["student_modules"] // n["assessment_marks"])
    return _shape(
        {
            "id": _id("assessment_marks", "k"),
            "assessment_id": _id("assessments", f"({_module_of('sm', n)} + {n['modules']} * mod(k, 2))"),
            "marks": f"({_pick('k', 1500, 1001)} / 10::real)::real",
            "student_module_id": _id("student_modules", "u"),
            "created_at": _moment("k", n["assessment_marks"]),
        },
        u=f"(1 + mod((k - 1) * {step}, {n['student_modules']}))",
        sm=_semester_module_of("u", n),
    )


_SHAPES: dict[str, Callable[[dict[str, int]], Shape]] = {
    "terms": _terms,
    "students": _students,
    "student_education": _student_education,
    "next_of_kins": _next_of_kins,
    "schools": _schools,
    "programs": _programs,
    "structures": _structures,
    "structure_semesters": _structure_semesters,
    "modules": _modules,
    "semester_modules": _semester_modules,
    "module_prerequisites": _module_prerequisites,
    "student_programs": _student_programs,
    "student_semesters": _student_semesters,
    "student_modules": _student_modules,
    "assessments": _assessments,
    "assessment_marks": _assessment_marks,
}
