"""Compare two exports, file by file and row by row, without holding either in memory.

Both files of a pair are sorted by the same columns, so one walk through both finds every difference. A row whose sort
columns changed comes by as one that is missing and one that is new; such pairs are put together again by their key.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from driver.errors import Problem
from driver.export_files import MANIFEST, ExportManifest, Order, order_of, read_manifest
from driver.wording import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LIMIT = 20
CHUNK = 1 << 20
PAIRING_LIMIT = 100_000
"""Rows that wait for their other half; beyond it a moved row is told as one missing and one new."""

Row = list[str]


@dataclass
class RowDifference:
    """A row that differs.

    Attributes:
        key: column and value that name it.
        kind: changed, missing (only the first file has it) or additional (only the second has it).
        changes: column -> (old, new) for a changed row.
    """

    key: str
    kind: Literal["changed", "missing", "additional"]
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """In one line."""
        if self.kind == "changed":
            return f"{self.key}: " + ", ".join(f"{name} {old!r} → {new!r}" for name, (old, new) in self.changes.items())
        return f"{self.key}: the row is {self.kind}"


@dataclass
class FileDifference:
    """A pair of files compared.

    Attributes:
        name: their name.
        identical: whether every byte is equal.
        rows: how many rows the first has.
        count: how many rows differ.
        differences: the first of them.
        reason: why they are not identical where no row tells it.
    """

    name: str
    identical: bool
    rows: int = 0
    count: int = 0
    differences: list[RowDifference] = field(default_factory=list)
    reason: str = ""


def diff(before: Path, after: Path, limit: int = LIMIT) -> Iterator[FileDifference]:
    """Compare two exports.

    Args:
        before: folder of the first.
        after: folder of the second.
        limit: how many differing rows of each file to keep.

    Yields:
        each file, as it is compared.

    Raises:
        Problem: a folder is missing or holds no export, or the second was taken before the first.
    """
    manifests = {folder: _manifest(folder) for folder in (before, after)}
    _refuse_wrong_order(manifests[before], manifests[after], after)
    names = _names(before, manifests[before]) | _names(after, manifests[after])
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
    taken = [manifest.taken_at if (manifest := _manifest(folder)) else "" for folder in (before, after)]
    first, second = (moment(text) if text else "an unknown moment" for text in taken)
    return f"Before: {first}. After: {second}."


def _refuse_wrong_order(before: ExportManifest | None, after: ExportManifest | None, folder: Path) -> None:
    """An export that is older than the one before it says nothing of what was done in between."""
    if before and after and after.taken_at < before.taken_at:
        raise Problem(
            f"The export of after the migration ({moment(after.taken_at)}) is older than that of before it"
            f" ({moment(before.taken_at)})",
            where=str(folder),
            do="run `scripts/cmsid export --phase post` again, after the migration",
        )


def _manifest(folder: Path) -> ExportManifest | None:
    try:
        return read_manifest(folder)
    except ValueError as error:
        raise Problem(
            "The export's manifest cannot be read", where=str(folder / MANIFEST), do="export again"
        ) from error


def _names(folder: Path, manifest: ExportManifest | None) -> set[str]:
    """The files that the folder has, and those that it should have."""
    return {path.name for path in folder.glob("*.csv")} | {file.name for file in (manifest.files if manifest else [])}


def _compare_files(
    before: Path, after: Path, manifests: dict[Path, ExportManifest | None], limit: int
) -> FileDifference:
    name = before.name
    for path in (before, after):
        if not path.exists():
            return FileDifference(name, identical=False, reason=f"missing in {path.parent.name}")
    rows = None
    for path in (before, after):
        manifest = manifests[path.parent]
        stated = next((file for file in manifest.files if file.name == name), None) if manifest else None
        if stated:
            rows = stated.rows
            if _sha256(path) != stated.sha256:
                return FileDifference(
                    name, identical=False, reason=f"changed after it was exported to {path.parent.name}"
                )
    if _equal_bytes(before, after):
        return FileDifference(name, identical=True, rows=_count_rows(before) if rows is None else rows)
    return _compare_rows(before, after, limit)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _equal_bytes(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as one, second.open("rb") as other:
        while chunk := one.read(CHUNK):
            if chunk != other.read(CHUNK):
                return False
    return True


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


class _Reader:
    """A sorted CSV file, row by row, with the values to compare rows by."""

    def __init__(self, path: Path, rows: Iterator[Row], order: Order, header: Row) -> None:
        self._path, self._rows, self._order = path, rows, order
        self._columns = len(header)
        self._positions = [header.index(column) for column in order.columns]
        self.row: Row | None = None
        self.sort: tuple[int | str, ...] = ()
        self.count = -1
        self.advance()

    def advance(self) -> None:
        """Go to the next row; `row` is None behind the last."""
        previous = self.sort
        self.row = next(self._rows, None)
        self.count += 1
        if self.row is None:
            return
        if len(self.row) != self._columns:
            self._refuse(f"has a row of {len(self.row)} values where there are {self._columns} columns")
        try:
            values = [self.row[position] for position in self._positions]
            self.sort = tuple(int(value) for value in values) if self._order.numeric else tuple(values)
        except ValueError:
            self._refuse("holds a row without a whole number in its sort columns")
        if previous and self.sort < previous:
            self._refuse(f"is not sorted by {', '.join(self._order.columns)}")

    def _refuse(self, why: str) -> None:
        raise Problem(f"The file {why} (row {self.count + 1})", where=str(self._path), do="export it again")


def _compare_rows(before: Path, after: Path, limit: int) -> FileDifference:
    result = FileDifference(before.name, identical=False)
    with before.open(encoding="utf-8", newline="") as one, after.open(encoding="utf-8", newline="") as other:
        first, second = _rows(before, one), _rows(after, other)
        header, header_after = next(first, []), next(second, [])
        if header != header_after:
            result.reason = f"the columns differ: {', '.join(header)} → {', '.join(header_after)}"
            return result
        order = order_of(before.name, header)
        if not header or not set(order.columns) <= set(header):
            result.reason = (
                f"there is no column {', '.join(column for column in order.columns if column not in header)}"
            )
            return result
        old, new = _Reader(before, first, order, header), _Reader(after, second, order, header)
        differences = _Differences(header, order.columns[-1], limit)
        while old.row is not None or new.row is not None:
            if new.row is None or (old.row is not None and old.sort < new.sort):
                differences.missing(old.row or [])
                old.advance()
            elif old.row is None or new.sort < old.sort:
                differences.additional(new.row)
                new.advance()
            else:
                if old.row != new.row:
                    differences.changed(old.row, new.row)
                old.advance()
                new.advance()
        result.rows = old.count
        result.count, result.differences = differences.finish()
    if not result.count:
        result.reason = "the rows are the same, but they are written differently"
    return result


class _Differences:
    """Collects the differing rows of a file: all are counted, the first are kept."""

    def __init__(self, header: Row, key: str, limit: int) -> None:
        self._header, self._key, self._limit = header, key, limit
        self._position = header.index(key)
        self._missing: dict[str, Row] = {}
        self._additional: dict[str, Row] = {}
        self._kept: list[RowDifference] = []
        self._count = 0

    def changed(self, old: Row, new: Row) -> None:
        """A row of both files."""
        changes = {name: (was, now) for name, was, now in zip(self._header, old, new, strict=True) if was != now}
        self._add(RowDifference(f"{self._key} {old[self._position]}", "changed", changes))

    def missing(self, row: Row) -> None:
        """A row that only the first file has, at this place."""
        self._unpaired(row, self._missing, self._additional, "missing")

    def additional(self, row: Row) -> None:
        """A row that only the second file has, at this place."""
        self._unpaired(row, self._additional, self._missing, "additional")

    def finish(self) -> tuple[int, list[RowDifference]]:
        """How many rows differ, and the first of them."""
        for key in self._missing:
            self._add(RowDifference(f"{self._key} {key}", "missing"))
        for key in self._additional:
            self._add(RowDifference(f"{self._key} {key}", "additional"))
        return self._count, self._kept

    def _unpaired(
        self, row: Row, own: dict[str, Row], others: dict[str, Row], kind: Literal["missing", "additional"]
    ) -> None:
        key = row[self._position]
        other = others.pop(key, None)
        if other is not None:
            self.changed(*((row, other) if kind == "missing" else (other, row)))
        elif len(own) < PAIRING_LIMIT:
            own[key] = row
        else:
            self._add(RowDifference(f"{self._key} {key}", kind))

    def _add(self, difference: RowDifference) -> None:
        self._count += 1
        if len(self._kept) < self._limit:
            self._kept.append(difference)
