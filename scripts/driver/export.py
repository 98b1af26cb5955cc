"""Write the procedure's CSV files: whole tables, all from one moment, equal bytes for equal data on every server.

Their names, columns and order are the procedure's; the SQL of chains is the dbt models'.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timezone
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from driver.backup.files import make_private_folder, open_private, sync, write_private
from driver.backup.session import Session, begin_with_locks, join_snapshot, one_row, pinned, settings
from driver.bootstrap import project as project_dir
from driver.dbt_project import keep_out_of_git
from driver.errors import Problem, why
from driver.facts import tables_with_cms_id
from driver.result import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from driver.dbt_project import CoreTable, DbtProject
    from driver.profile import Connection

    Progress = Callable[[int, int, str], None]
    """Called with files done, files in all, and the name of the last one."""

MANIFEST = "export.json"
DRAFT = ".new"

# Chain -> the columns that order it. The last one is unique, so it names a row; all are whole numbers.
CHAIN_ORDER = {
    "student_school_chain": ("std_no", "student_program_id"),
    "student_modules_chain": ("std_no", "student_program_id", "student_semester_id", "student_module_id"),
    "assessment_marks_chain": ("assessment_mark_id",),
    "module_prerequisites_chain": ("prereq_id",),
}


@dataclass(frozen=True)
class ExportedFile:
    """What the manifest says of one file."""

    name: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True)
class ExportManifest:
    """What an export says of itself."""

    phase: str
    """`pre` or `post`."""
    taken_at: str
    """The moment of its snapshot, ISO 8601 in UTC."""
    snapshot: str
    """PostgreSQL's name of that snapshot."""
    database: str
    server_version: str
    session: dict[str, str]
    """The settings under which values were written as text."""
    files: list[ExportedFile]


def read_manifest(folder: Path) -> ExportManifest | None:
    """The manifest of an export; None if there is none, as for files that were made by hand."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return ExportManifest(**{**data, "files": [ExportedFile(**file) for file in data["files"]]})
    except (TypeError, KeyError, ValueError) as error:
        raise Problem("The export's manifest cannot be read", where=str(path), do="export again") from error


def order_of(name: str, header: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """The columns that a file of this name and header is sorted by, and whether as numbers, not by code point.

    The last column is the key.
    """
    stem = name.removesuffix(".csv")
    return CHAIN_ORDER.get(stem, (header[0],)), stem in CHAIN_ORDER or stem.endswith("_ids")


def default_folder(phase: str) -> Path:
    """Where an export goes."""
    return project_dir() / "backup_db" / f"{phase}_migration_cms_id"


def export(
    connection: Connection, project: DbtProject, phase: str, folder: Path, progress: Progress | None = None
) -> ExportManifest:
    """Write all files of an export into a folder, which is made if it is missing, in place of those of an earlier one.

    Raises:
        Problem: a file could not be written; those of the earlier export are as they were.
    """
    queries = _queries(project)
    try:
        with pinned(connection) as session:
            tables = [(table.schema, table.identifier) for table in project.core_tables()]
            begin_with_locks(session, connection, tables)
            _refuse_wrong_phase(session, connection, project, phase)
            make_private_folder(folder)
            keep_out_of_git(folder)
            query = "select pg_export_snapshot(), statement_timestamp(), current_setting('server_version')"
            row = one_row(session, query)
            pinned_settings = settings(session)
            written = _write_all(connection, row[0], queries, folder, progress)
            # The session that exported the snapshot is the last to leave it.
            session.execute("commit")
        manifest = ExportManifest(
            phase=phase,
            taken_at=f"{row[1].astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            snapshot=row[0],
            database=connection.describe(),
            server_version=row[2],
            session=pinned_settings,
            files=sorted(written, key=lambda file: file.name),
        )
        _put_in_place(folder, manifest)
    except psycopg.Error as error:
        raise Problem(
            f"The export failed: {why(error)}", where=connection.describe(), do="mend that, then run it again"
        ) from error
    finally:
        for name in queries:
            (folder / (name + DRAFT)).unlink(missing_ok=True)
    return manifest


def _refuse_wrong_phase(session: Session, connection: Connection, project: DbtProject, phase: str) -> None:
    """Refuse what could only be compared with itself: a `pre` after the migration, a `post` without one."""
    begun = bool(tables_with_cms_id(session, project.core_tables()))
    if begun == (phase == "post"):
        return
    what, do = (
        ("The migration has begun, so what the registry held before it can no longer be exported", "use --phase post")
        if begun
        else (
            "No core table has a cms_id, so there is nothing to export of after the migration",
            "use --phase pre, or migrate first",
        )
    )
    raise Problem(what, where=connection.describe(), do=do)


def _write_all(
    connection: Connection, snapshot: str, queries: Mapping[str, bytes], folder: Path, progress: Progress | None
) -> list[ExportedFile]:
    """Write the drafts, several at a time, each in a session that sees the same snapshot."""
    written: list[ExportedFile] = []
    with ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 1))) as pool:
        futures = [pool.submit(_write, connection, snapshot, folder, *query) for query in queries.items()]
        try:
            for future in as_completed(futures):
                written.append(future.result())
                if progress:
                    progress(len(written), len(queries), written[-1].name)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return written


def _write(connection: Connection, snapshot: str, folder: Path, name: str, query: bytes) -> ExportedFile:
    digest, size = hashlib.sha256(), 0
    with pinned(connection) as session, open_private(folder / (name + DRAFT)) as target:
        join_snapshot(session, snapshot)
        cursor: psycopg.Cursor[Any] = session.cursor()
        with cursor.copy(b"copy (" + query + b") to stdout with (format csv, header)") as copy:
            for block in copy:
                data = bytes(block)
                digest.update(data)
                size += len(data)
                target.write(data)
        target.flush()
        os.fsync(target.fileno())
        return ExportedFile(name, cursor.rowcount, size, digest.hexdigest())


def _put_in_place(folder: Path, manifest: ExportManifest) -> None:
    """Give the drafts their names; meanwhile there is no manifest, so nothing half-done passes for an export."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for file in manifest.files:
        (folder / (file.name + DRAFT)).replace(folder / file.name)
    sync(folder)
    write_private(folder / MANIFEST, as_json(manifest))


def _queries(project: DbtProject) -> dict[str, bytes]:
    """Every file of an export and the rows it holds, in order; those that take longest come first."""
    tables = project.core_tables()
    ids = {f"{table.name}_ids.csv": _ids(table) for table in tables}
    counts = {"row_counts.csv": _row_counts(tables)}
    if not project.var("procedure_registry"):
        return ids | counts
    models = _models(project)
    chains = {
        f"{chain}.csv": f"select * from (\n{models[chain]}\n) as chain order by {', '.join(order)}".encode()  # noqa: S608 - our own words
        for chain, order in CHAIN_ORDER.items()
    }
    longest = {name: chains[name] for name in ("student_modules_chain.csv", "assessment_marks_chain.csv")}
    marks = {"marks_aggregates.csv": _marks(models["aggregates"])}
    students = {"students_per_school.csv": _students_per_school(models["aggregates"])}
    return longest | marks | dict(reversed(ids.items())) | chains | students | counts


def _models(project: DbtProject) -> dict[str, str]:
    """The SQL of the models that read sources and nothing else, by name."""
    import jinja2

    relations = {
        (source.source_name, source.name): sql.Identifier(source.schema, source.identifier).as_string()
        for source in project.manifest.sources.values()
    }
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - SQL, not HTML
    return {
        node.name: environment.from_string(node.raw_code).render(source=lambda *names: relations[names])
        for node in project.manifest.nodes.values()
        if str(node.resource_type) == "model" and node.name in (*CHAIN_ORDER, "aggregates")
    }


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


def _marks(aggregates: str) -> bytes:
    keys = {"total_marks": "total_marks", "avg_marks": "average_marks"}
    keys |= {name: name for name in ("distinct_grades", "marks_not_numeric")}
    columns = ", ".join(
        f"max(aggregate_value) filter (where aggregate_key = '{key}') as {name}" for name, key in keys.items()
    )
    return f"select {columns} from (\n{aggregates}\n) as aggregates where aggregate_name = 'marks'".encode()  # noqa: S608 - our own words


def _students_per_school(aggregates: str) -> bytes:
    return (
        "select school_code, student_count from (select split_part(aggregate_key, ': ', 2) as school_code,"  # noqa: S608 - our own words
        f" aggregate_value as student_count from (\n{aggregates}\n) as aggregates"
        " where aggregate_name = 'students_per_school')"
        ' as schools order by school_code collate "C"'
    ).encode()
