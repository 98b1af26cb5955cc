"""The procedure's CSV files: whole tables, all from one moment, equal bytes for equal data; and two exports compared.

Their names, columns and order are the procedure's; the SQL of chains is the dbt models'.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import timezone
from decimal import Context, Decimal
from heapq import merge
from itertools import groupby, repeat, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql

from driver.backup.files import DRAFT, make_private_folder, open_private, sha256_of, sync, write_private
from driver.backup.session import Session, begin_with_locks, join_snapshot, one_row, pinned, settings
from driver.bootstrap import project as project_dir
from driver.dbt_project import keep_out_of_git
from driver.errors import Problem, why
from driver.facts import tables_with_cms_id
from driver.result import as_json
from driver.wording import moment

if TYPE_CHECKING:
    from driver.dbt_project import CoreTable, DbtProject
    from driver.profile import Connection

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the name of the last one."""
MANIFEST = "export.json"

# Chain -> the columns that order it. The last one is unique, so it names a row; all are whole numbers.
CHAIN_ORDER = {
    "student_school_chain": ("std_no", "student_program_id"),
    "student_modules_chain": ("std_no", "student_program_id", "student_semester_id", "student_module_id"),
    "assessment_marks_chain": ("assessment_mark_id",),
    "module_prerequisites_chain": ("prereq_id",),
}

LIMIT = 20
PAIRING_LIMIT = 100_000
"""Rows that wait for their other half; beyond it a moved row is told as one missing and one new."""

Row = list[str]
Kind = Literal["changed", "missing", "additional"]
BLANKS = " \t\n\r"
PATTERNS: dict[str, Callable[[str, str], bool]] = {
    "empty now": lambda _, new: not new,
    "empty before": lambda old, _: not old,
    "trimmed": lambda old, new: len(new) < len(old) and new == old.strip(BLANKS),
    "blanks added": lambda old, new: len(new) > len(old) and old == new.strip(BLANKS),
    "in capitals now": lambda old, new: len(old) == len(new) and new == old.upper(),
    "in small letters now": lambda old, new: len(old) == len(new) and new == old.lower(),
    "in other case": lambda old, new: len(old) == len(new) and new.lower() == old.lower(),
}
"""What all changes of a column may have in common, in the words of macros/checks/shared_pattern.sql, which knows more."""
NUMBER = re.compile(r"[-+]?[0-9]{1,20}(\.[0-9]{1,18})?")
EXACT = Context(prec=60)
Place = tuple["int | str", ...]
Placed = tuple[Place, Row]


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


# ---- two exports compared
#
# Both files of a pair are sorted by the same columns, so one walk through both finds every difference, and neither is held
# in memory. A row whose sort columns changed comes by as one that is missing and one that is new; such pairs are put
# together again by their key.


@dataclass
class RowDifference:
    """A row that differs.

    Attributes:
        key: column and value that name it.
        kind: changed, missing (only the first file has it) or additional (only the second has it).
        changes: of a changed row, by column, the old and the new value.
    """

    key: str
    kind: Kind
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """In one line."""
        if self.kind == "changed":
            return f"{self.key}: " + ", ".join(f"{name} {old!r} → {new!r}" for name, (old, new) in self.changes.items())
        return f"{self.key}: the row is {self.kind}"


@dataclass
class Shared:
    """What all rows have in common that differ in a column, or that only one of the files has."""

    subject: str
    """File and column."""
    kind: Kind
    rows: int = 0
    placed: int = 0
    """Those whose key is a number; the first and the last of these follow."""
    first: int = 0
    last: int = 0
    key: str = ""
    """The last one's."""
    holding: list[str] = field(default_factory=lambda: list(PATTERNS))
    """The patterns that held for each row so far."""
    steps: set[Decimal | None] = field(default_factory=set)
    """What was added to the numbers; of this and what follows no more is kept than tells one from several."""
    values: set[str] = field(default_factory=set)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def add(self, key: str, old: str, new: str) -> None:
        """Count a row."""
        self.key, self.rows = key, self.rows + 1
        if key.removeprefix("-").isdecimal():
            place = int(key)
            self.first, self.last = (min(self.first, place), max(self.last, place)) if self.placed else (place, place)
            self.placed += 1
        self.holding = [name for name in self.holding if PATTERNS[name](old, new)]
        if len(self.steps) < 2:  # noqa: PLR2004 - several
            both = NUMBER.fullmatch(old) and NUMBER.fullmatch(new)
            self.steps.add(EXACT.subtract(Decimal(new), Decimal(old)).normalize(EXACT) if both else None)
        if len(self.values) < 2:  # noqa: PLR2004 - several
            self.values.add(new)
        if len(self.pairs) < 3:  # noqa: PLR2004 - more than two
            self.pairs.append((old, new))

    @property
    def pattern(self) -> str:
        """In the order in which macros/checks/shared_pattern.sql looks for it."""
        empty = [name for name in self.holding if name.startswith("empty")]
        if self.kind != "changed" or empty:
            return empty[0] if self.kind == "changed" else self.kind
        if len(self.pairs) == 2 and self.pairs[0] == self.pairs[1][::-1]:  # noqa: PLR2004 - the two
            return "swapped between the two rows"
        step = next(iter(self.steps)) if len(self.steps) == 1 else None
        if step is not None:
            return f"all {step:+f}" if step else "the same number, written otherwise"
        if self.rows > 1 and len(self.values) == 1:
            return "the same value now"
        return self.holding[0] if self.holding else "no pattern in common" if self.rows > 1 else "changed"

    def sentence(self, of_rows: int) -> str:
        """How many rows of so many, what they have in common, and where they lie, in one line."""
        keys = f"key {self.key}" if self.rows == 1 else f"{self.rows:,} keys"
        if self.rows == self.placed > 1:
            span = self.last - self.first + 1
            lie = "without a gap" if span == self.rows else "close together" if span <= 2 * self.rows else "scattered"
            keys = f"keys {self.first} to {self.last}, {lie}"
        beside = f"row{'s' * (self.rows != 1)} beside {of_rows:,}"
        of = beside if self.kind == "additional" else f"of {of_rows:,} row{'s' * (of_rows != 1)}"
        return f"{self.subject}: {self.rows:,} {of}, {self.pattern}; {keys}"


@dataclass
class FileDifference:
    """A pair of files compared.

    Attributes:
        name: their name.
        reason: why they are not identical where no row shows it.
        identical: whether they are.
        rows: how many rows the first has.
        count: how many rows differ.
        shared: how many rows differ in which column, what they have in common and where they lie, one sentence a column.
        differences: the first of the rows that differ.
    """

    name: str
    reason: str = ""
    identical: bool = False
    rows: int = 0
    count: int = 0
    shared: list[str] = field(default_factory=list)
    differences: list[RowDifference] = field(default_factory=list)


@dataclass
class ExportDifference:
    """Two exports compared.

    Attributes:
        before: the folder of the first.
        after: the folder of the second.
        moments: of which moments they are, in a sentence.
        identical: whether every file is.
        files: each pair of files.
        next_command: asks the database what the differences come from; None if there are none.
    """

    before: str
    after: str
    moments: str
    identical: bool
    files: list[FileDifference]
    next_command: str | None


def diff(before: Path, after: Path, limit: int = LIMIT) -> Iterator[FileDifference]:
    """Compare the exports of two folders, file by file, and keep so many differing rows of each.

    Raises:
        Problem: a folder is missing or holds no export, or the second was taken before the first.
    """
    manifests = {folder: read_manifest(folder) for folder in (before, after)}
    first, second = manifests[before], manifests[after]
    # An export that is older than the one before it says nothing of what was done in between.
    if first and second and second.taken_at < first.taken_at:
        raise Problem(
            f"The export of after the migration ({moment(second.taken_at)}) is older than that of before it"
            f" ({moment(first.taken_at)})",
            where=str(after),
            do="run `scripts/cmsid export --phase post` again, after the migration",
        )
    # The files that there are, and those that there should be.
    names = {path.name for folder in manifests for path in folder.glob("*.csv")}
    names |= {file.name for manifest in manifests.values() if manifest for file in manifest.files}
    for folder, phase in ((before, "pre"), (after, "post")):
        if not any((folder / name).exists() for name in names):
            raise Problem(
                "There is no export",
                where=str(folder),
                do=f"run `scripts/cmsid export --phase {phase}` {'before' if phase == 'pre' else 'after'} the migration",
            )
    for name in sorted(names):
        yield _compare_files(before / name, after / name, manifests, limit)


def moments(before: Path, after: Path) -> str:
    """Of which moments two exports are, in a sentence."""
    manifests = read_manifest(before), read_manifest(after)
    first, second = (moment(manifest.taken_at) if manifest else "an unknown moment" for manifest in manifests)
    return f"Before: {first}. After: {second}."


def _compare_files(
    before: Path, after: Path, manifests: dict[Path, ExportManifest | None], limit: int
) -> FileDifference:
    rows, digests = None, []
    for path in (before, after):
        if not path.exists():
            return FileDifference(path.name, f"missing in {path.parent.name}")
    for path in (before, after):
        manifest = manifests[path.parent]
        stated = next((file for file in manifest.files if file.name == path.name), None) if manifest else None
        digests.append(sha256_of(path))
        if stated:
            rows = stated.rows
            if digests[-1] != stated.sha256:
                return FileDifference(path.name, f"changed after it was exported to {path.parent.name}")
    if digests[0] == digests[1]:
        return FileDifference(before.name, identical=True, rows=_count_rows(before) if rows is None else rows)
    return _compare_rows(before, after, limit)


def _count_rows(path: Path) -> int:
    """The rows of a CSV file, its header left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return max(sum(1 for _ in _rows(path, file)) - 1, 0)


def _rows(path: Path, file: Iterable[str]) -> Iterator[Row]:
    """The rows of an open CSV file."""
    try:
        yield from csv.reader(file)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem("The file is no CSV file in UTF-8", where=str(path), do="export it again") from error


def _compare_rows(before: Path, after: Path, limit: int) -> FileDifference:
    result = FileDifference(before.name)
    kinds: dict[tuple[Kind, str], Shared] = {}
    with before.open(encoding="utf-8", newline="") as one, after.open(encoding="utf-8", newline="") as other:
        first, second = _rows(before, one), _rows(after, other)
        header, header_after = next(first, []), next(second, [])
        if header != header_after:
            result.reason = f"the columns differ: {', '.join(header)} → {', '.join(header_after)}"
            return result
        columns, numeric = order_of(before.name, header)
        if absent := [column for column in columns if column not in header]:
            result.reason = f"there is no column {', '.join(absent)}"
            return result
        positions = [header.index(column) for column in columns]
        old, new = (
            _placed(path, rows, positions, header, numeric=numeric) for path, rows in ((before, first), (after, second))
        )
        for difference in _differences(old, new, header, positions[-1], result):
            result.count += 1
            for column, (was, now) in (difference.changes or {"": ("", "")}).items():
                subject = ".".join(filter(None, (before.stem, column)))
                shared = kinds.setdefault((difference.kind, column), Shared(subject, difference.kind))
                shared.add(difference.key.partition(" ")[2], was, now)
            if len(result.differences) < limit:
                result.differences.append(difference)
    largest_first = sorted(kinds.values(), key=lambda shared: -shared.rows)
    result.shared = [shared.sentence(result.rows) for shared in largest_first]
    if not result.count:
        result.reason = "the rows are the same, but they are written differently"
    return result


def _placed(path: Path, rows: Iterator[Row], positions: list[int], header: Row, *, numeric: bool) -> Iterator[Placed]:
    """The rows of a file, each with the values it is sorted by. Raises Problem where it is not sorted so."""
    previous: Place = ()
    for number, row in enumerate(rows, 1):
        why, place = "", previous
        try:
            place = tuple(int(row[position]) if numeric else row[position] for position in positions)
        except (ValueError, IndexError):
            why = "holds a row without a whole number in its sort columns"
        if len(row) != len(header):
            why = f"has a row of {len(row)} values where there are {len(header)} columns"
        elif place < previous:
            why = f"is not sorted by {', '.join(header[position] for position in positions)}"
        if why:
            raise Problem(f"The file {why} (row {number})", where=str(path), do="export it again")
        yield place, row
        previous = place


def _differences(
    before: Iterator[Placed], after: Iterator[Placed], header: Row, position: int, result: FileDifference
) -> Iterator[RowDifference]:
    """Every row that differs; those of the first file are counted in `result`."""
    key = header[position]
    # Rows without another at their place, of either file, by key: another may come at another place.
    alone: dict[Kind, dict[str, Row]] = {"missing": {}, "additional": {}}

    def changed(old: Row, new: Row) -> RowDifference:
        changes = {name: (was, now) for name, was, now in zip(header, old, new, strict=True) if was != now}
        return RowDifference(f"{key} {old[position]}", "changed", changes)

    both = merge(zip(before, repeat(0)), zip(after, repeat(1)), key=lambda entry: entry[0][0])
    for _, entries in groupby(both, key=lambda entry: entry[0][0]):
        rows: tuple[list[Row], list[Row]] = ([], [])
        for (_, row), side in entries:
            rows[side].append(row)
        result.rows += len(rows[0])
        for old, new in zip_longest(*rows):
            if old and new:
                if old != new:
                    yield changed(old, new)
                continue
            kind: Kind = "missing" if old else "additional"
            row = old or new
            other = alone["additional" if old else "missing"].pop(row[position], None)
            if other:
                yield changed(row, other) if old else changed(other, row)
            elif len(alone[kind]) < PAIRING_LIMIT:
                alone[kind][row[position]] = row
            else:
                yield RowDifference(f"{key} {row[position]}", kind)
    for which, left in alone.items():
        yield from (RowDifference(f"{key} {name}", which) for name in left)
