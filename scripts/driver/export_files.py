"""Which files an export has: names, columns and order are the procedure's, the SQL of chains is the dbt models'."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from driver.bootstrap import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from driver.dbt_project import CoreTable, DbtProject

FOLDERS = {
    "pre": ROOT / "backup_db" / "pre_migration_cms_id",
    "post": ROOT / "backup_db" / "post_migration_cms_id",
}
MANIFEST = "export.json"

# Chain -> the columns that order it. The last one is unique, so it names a row; all are whole numbers.
CHAIN_ORDER = {
    "student_school_chain": ("std_no", "student_program_id"),
    "student_modules_chain": ("std_no", "student_program_id", "student_semester_id", "student_module_id"),
    "assessment_marks_chain": ("assessment_mark_id",),
    "module_prerequisites_chain": ("prereq_id",),
}


@dataclass(frozen=True)
class ExportFile:
    """One file of an export.

    Attributes:
        name: its name.
        query: the rows it holds, in order.
    """

    name: str
    query: bytes


@dataclass(frozen=True)
class Order:
    """How the rows of a file are sorted: by these columns, as numbers or by code point. The last one is the key."""

    columns: tuple[str, ...]
    numeric: bool = True


def order_of(name: str, header: Sequence[str]) -> Order:
    """How a file of this name and header is sorted."""
    stem = name.removesuffix(".csv")
    if stem in CHAIN_ORDER:
        return Order(CHAIN_ORDER[stem])
    return Order((header[0],), numeric=stem.endswith("_ids"))


def export_files(project: DbtProject) -> list[ExportFile]:
    """Every file of an export, those that take longest first."""
    tables = project.core_tables()
    if not project.var("procedure_registry"):
        ids = [ExportFile(f"{table.name}_ids.csv", _ids(table)) for table in tables]
        return [*ids, ExportFile("row_counts.csv", _row_counts(tables))]
    files = [
        ExportFile(f"{chain}.csv", _chain(project, chain))
        for chain in ("student_modules_chain", "assessment_marks_chain")
    ]
    files.append(ExportFile("marks_aggregates.csv", _marks(project)))
    files += [ExportFile(f"{table.name}_ids.csv", _ids(table)) for table in reversed(tables)]
    files += [
        ExportFile(f"{chain}.csv", _chain(project, chain))
        for chain in ("student_school_chain", "module_prerequisites_chain")
    ]
    files.append(ExportFile("students_per_school.csv", _students_per_school(project)))
    files.append(ExportFile("row_counts.csv", _row_counts(tables)))
    return files


def _model_sql(project: DbtProject, name: str) -> str:
    """The SQL of a model that reads sources and nothing else."""
    import jinja2

    manifest = project.manifest
    node = next(node for node in manifest.nodes.values() if str(node.resource_type) == "model" and node.name == name)
    relations = {
        (source.source_name, source.name): sql.Identifier(source.schema, source.identifier).as_string()
        for source in manifest.sources.values()
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - SQL, not HTML
    return environment.from_string(node.raw_code).render(source=lambda *names: relations[names])


def _chain(project: DbtProject, name: str) -> bytes:
    order = ", ".join(CHAIN_ORDER[name])
    return f"select * from (\n{_model_sql(project, name)}\n) as chain order by {order}".encode()  # noqa: S608 - our own words


def _ids(table: CoreTable) -> bytes:
    query = sql.SQL("select {0} as id from only {1} order by {0}").format(
        sql.Identifier(table.id_column), sql.Identifier(table.schema, table.identifier)
    )
    return query.as_bytes()


def _row_counts(tables: Sequence[CoreTable]) -> bytes:
    counts = sql.SQL(" union all ").join(
        sql.SQL("select {}::text as tbl, count(*) as cnt from only {}").format(
            sql.Literal(table.name), sql.Identifier(table.schema, table.identifier)
        )
        for table in tables
    )
    # by code point: how other collations sort an underscore differs from server to server
    return (sql.SQL("select tbl, cnt from (") + counts + sql.SQL(') as counts order by tbl collate "C"')).as_bytes()


def _marks(project: DbtProject) -> bytes:
    names = {
        "total_marks": "total_marks",
        "avg_marks": "average_marks",
        "distinct_grades": "distinct_grades",
        "marks_not_numeric": "marks_not_numeric",
    }
    columns = ", ".join(
        f"max(aggregate_value) filter (where aggregate_key = '{key}') as {name}" for name, key in names.items()
    )
    model = _model_sql(project, "aggregates")
    return f"select {columns} from (\n{model}\n) as aggregates where aggregate_name = 'marks'".encode()  # noqa: S608 - our own words


def _students_per_school(project: DbtProject) -> bytes:
    model = _model_sql(project, "aggregates")
    return (
        "select school_code, student_count from (select split_part(aggregate_key, ': ', 2) as school_code,"  # noqa: S608 - our own words
        f" aggregate_value as student_count from (\n{model}\n) as aggregates"
        " where aggregate_name = 'students_per_school')"
        ' as schools order by school_code collate "C"'
    ).encode()


@dataclass(frozen=True)
class ExportedFile:
    """What the manifest says of one file."""

    name: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class ExportManifest:
    """What an export says of itself.

    Attributes:
        phase: pre or post.
        taken_at: the moment of its snapshot, ISO 8601 in UTC.
        snapshot: PostgreSQL's name of that snapshot.
        database: which database it was.
        server_version: PostgreSQL's version there.
        session: the settings under which values were written as text.
        files: the files.
    """

    phase: str
    taken_at: str
    snapshot: str
    database: str
    server_version: str
    session: dict[str, str]
    files: list[ExportedFile]

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> ExportManifest | None:
    """The manifest of an export; None if there is none, as for files that were made by hand.

    Raises:
        ValueError: there is one, and it cannot be read.
    """
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return ExportManifest(**{**data, "files": [ExportedFile(**file) for file in data["files"]]})
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from error
