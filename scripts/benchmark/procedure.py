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
COUNTS = "select '{table}', count(*) from {table}"
POPULATION = """
    select '{table}', count(*), sum(case when cms_id = id then 1 else 0 end),
        sum(case when cms_id is null then 1 else 0 end), sum(case when cms_id != id then 1 else 0 end)
    from {table}
"""
RELATIONSHIPS = """
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
ORPHANS = r"select count(*) from \1 as c left join \3 as p on c.\2 = p.id where p.id is null and c.\2 is not null;"
DUPLICATES = """
    select '{table}', cms_id, count(*) from {table} where cms_id is not null group by cms_id having count(*) > 1
"""
# The marks that are no numbers are left out, or the query would fail.
AGGREGATES = """
    select sum(marks::numeric), avg(marks::numeric) from student_modules where marks ~ '^[0-9]+([.][0-9]+)?$';
    select count(distinct grade) from student_modules;
    select sch.code, count(distinct s.std_no) from students s join student_programs sp on s.std_no = sp.std_no
        join structures st on sp.structure_id = st.id join programs p on st.program_id = p.id
        join schools sch on p.school_id = sch.id group by sch.code order by sch.code;
"""


def migration() -> str:
    """The migration's SQL: column, UPDATE and constraint for each table."""
    return "\n".join(
        f'alter table "{table}" add column "cms_id" integer;\n'
        f'update "{table}" set "cms_id" = "id";\n'
        f'alter table "{table}" add constraint "{table}_cms_id_unique" unique ("cms_id");'
        for table in CORE_TABLES
    )


def chain_query(name: str) -> str:
    """A chain's query, whole and in no order."""
    text = (ROOT / "models" / "chains" / f"{name}.sql").read_text("utf-8")
    return re.sub(r"\{\{ source\('registry', '(\w+)'\) \}\}", r"\1", text).strip()


def exports(folder: str, *, whole: bool = False) -> str:
    """The exports before or after the migration: row counts, 4 chains, 12 files of ids.

    Args:
        folder: where they go.
        whole: whether the chains go to their ends; else they have the procedure's LIMIT.
    """
    queries = {"row_counts": _of_every_table(COUNTS)}
    for name, order in CHAINS.items():
        limit = " limit 100000" if name in LIMITED and not whole else ""
        queries[name] = " ".join(f"{chain_query(name)} order by {order}{limit}".split())
    queries |= {f"{table}_ids": f"select id from {table} order by id" for table in CORE_TABLES}
    copies = [f"\\copy ({query}) to '{folder}/{name}.csv' with csv header" for name, query in queries.items()]
    return "\n".join([f"\\! mkdir -p {folder}", *copies]) + "\n"


def validation() -> str:
    """Part D's queries, without the comparison of the exports: tests 2.1, 3.1, 4.1 to 4.13, 7.1, 8.1 and 8.2."""
    orphans = re.sub(r"(\w+)\.(\w+) (\w+)", ORPHANS, RELATIONSHIPS)
    counts, population, duplicates = map(_of_every_table, (COUNTS, POPULATION, DUPLICATES))
    return f"{counts};\n{population};\n{orphans}\n{duplicates};\n{AGGREGATES}\n"


def _of_every_table(query: str) -> str:
    return " union all ".join(query.replace("{table}", table) for table in CORE_TABLES)


def diff(stage: Stage, before: str = "pre") -> None:
    """The exports of before and after, file by file."""
    for file in sorted((stage.folder / before).iterdir()):
        stage.run(["cmp", str(file), str(stage.folder / "post" / file.name)])


def whole(stage: Stage, *, proven: bool) -> None:
    """Backup, exports, migration, validation, exports, diffs: Parts B to D in order.

    Args:
        stage: where.
        proven: whether the backup is restored once, and the chains are exported and compared to their ends.
    """
    dump, scratch = str(stage.folder / "procedure.dump"), "restored_once"
    stage.run([stage.tool("pg_dump"), "-Fc", "-f", dump])
    if proven:
        stage.run([stage.tool("createdb"), scratch])
        stage.run([stage.tool("pg_restore"), "--exit-on-error", "-d", scratch, dump])
        stage.run([stage.tool("psql"), "-X", "-q", "-d", scratch, "-c", _of_every_table(COUNTS)])
        stage.run([stage.tool("dropdb"), scratch])
    stage.psql(exports("pre", whole=proven) + AGGREGATES)
    stage.psql("begin;\n" + migration() + "\ncommit;\n")
    stage.psql(validation() + exports("post", whole=proven))
    diff(stage)
