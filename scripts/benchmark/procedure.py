"""The written procedure, as a person runs it: SQL, exports, queries and diffs, without the time to read and paste them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmark.stage import CORE_TABLES
from driver.bootstrap import ROOT

if TYPE_CHECKING:
    from benchmark.stage import Stage

CHAINS = {
    "student_school_chain": "std_no, student_program_id",
    "student_modules_chain": "std_no, student_program_id, student_semester_id, student_module_id",
    "assessment_marks_chain": "assessment_mark_id",
    "module_prerequisites_chain": "prereq_id",
}
LIMITED = {"student_modules_chain", "assessment_marks_chain"}


def migration() -> str:
    """The migration's SQL: column, UPDATE and constraint for each table."""
    return "\n".join(
        f'alter table "{table}" add column "cms_id" integer;\n'
        f'update "{table}" set "cms_id" = "id";\n'
        f'alter table "{table}" add constraint "{table}_cms_id_unique" unique ("cms_id");'
        for table in CORE_TABLES
    )


def counts() -> str:
    """The row counts of the 12 tables."""
    return _of_every_table("select '{table}', count(*) from {table}")


def chain_query(name: str) -> str:
    """A chain's query, whole and in no order."""
    text = (ROOT / "models" / "chains" / f"{name}.sql").read_text("utf-8")
    return re.sub(r"\{\{ source\('registry', '(\w+)'\) \}\}", r"\1", text).strip()


def chain(name: str, *, whole: bool = False) -> str:
    """A chain's query in order; with the procedure's LIMIT unless the whole is asked for."""
    return f"{chain_query(name)} order by {CHAINS[name]}" + (" limit 100000" if name in LIMITED and not whole else "")


def exports(folder: str, *, whole: bool = False) -> str:
    """The exports before or after the migration: row counts, 4 chains, 12 files of ids."""
    queries = {"row_counts": counts().rstrip(";")}
    queries |= {name: " ".join(chain(name, whole=whole).split()) for name in CHAINS}
    queries |= {f"{table}_ids": f"select id from {table} order by id" for table in CORE_TABLES}
    copies = [f"\\copy ({query}) to '{folder}/{name}.csv' with csv header" for name, query in queries.items()]
    return "\n".join([f"\\! mkdir -p {folder}", *copies]) + "\n"


def population() -> str:
    """Test 3.1."""
    return _of_every_table(
        "select '{table}', count(*), sum(case when cms_id = id then 1 else 0 end),"
        " sum(case when cms_id is null then 1 else 0 end), sum(case when cms_id != id then 1 else 0 end) from {table}"
    )


def orphans() -> str:
    """Tests 4.1 to 4.13."""
    relationships = """
        programs.school_id schools
        structures.program_id programs
        structure_semesters.structure_id structures
        student_programs.structure_id structures
        student_semesters.student_program_id student_programs
        student_semesters.structure_semester_id structure_semesters
        semester_modules.module_id modules
        semester_modules.semester_id structure_semesters
        student_modules.semester_module_id semester_modules
        student_modules.student_semester_id student_semesters
        module_prerequisites.semester_module_id semester_modules
        module_prerequisites.prerequisite_id semester_modules
        assessment_marks.student_module_id student_modules
    """
    return "\n".join(
        f"select count(*) from {child} as c left join {parent} as p on c.{column} = p.id"
        f" where p.id is null and c.{column} is not null;"
        for child, column, parent in re.findall(r"(\w+)\.(\w+) (\w+)", relationships)
    )


def duplicates() -> str:
    """Test 7.1."""
    return _of_every_table(
        "select '{table}', cms_id, count(*) from {table} where cms_id is not null group by cms_id having count(*) > 1"
    )


def _of_every_table(query: str) -> str:
    return " union all ".join(query.replace("{table}", table) for table in CORE_TABLES) + ";"


def aggregates() -> str:
    """Tests 8.1 and 8.2; the marks that are no numbers are left out, or the query would fail."""
    return (
        "select sum(marks::numeric), avg(marks::numeric) from student_modules where marks ~ '^[0-9]+([.][0-9]+)?$';\n"
        "select count(distinct grade) from student_modules;\n"
        "select sch.code, count(distinct s.std_no) from students s join student_programs sp on s.std_no = sp.std_no"
        " join structures st on sp.structure_id = st.id join programs p on st.program_id = p.id"
        " join schools sch on p.school_id = sch.id group by sch.code order by sch.code;"
    )


def validation() -> str:
    """Part D's queries, without the comparison of the exports."""
    return f"{counts()}\n{population()}\n{orphans()}\n{duplicates()}\n{aggregates()}\n"


def diff(stage: Stage, before: str = "pre") -> None:
    """The exports of before and after, file by file."""
    for file in sorted((stage.folder / before).iterdir()):
        stage.run(["cmp", str(file), str(stage.folder / "post" / file.name)])


def whole(stage: Stage, *, proven: bool = False) -> None:
    """Backup, exports, migration, validation, exports, diffs: Parts B to D in order.

    Args:
        stage: where.
        proven: whether the backup is restored once, and the chains are exported and compared to their ends.
    """
    dump = stage.folder / "procedure.dump"
    stage.run([stage.tool("pg_dump"), "-Fc", "-f", str(dump)])
    if proven:
        scratch = "restored_once"
        stage.run([stage.tool("createdb"), scratch])
        stage.run([stage.tool("pg_restore"), "--exit-on-error", "-d", scratch, str(dump)])
        stage.run([stage.tool("psql"), "-X", "-q", "-d", scratch, "-c", counts()])
        stage.run([stage.tool("dropdb"), scratch])
    stage.psql(exports("pre", whole=proven) + aggregates())
    stage.psql("begin;\n" + migration() + "\ncommit;\n")
    stage.psql(validation() + exports("post", whole=proven))
    diff(stage)
    dump.unlink()
