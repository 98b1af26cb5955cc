"""The result as one HTML page: page.html.j2 is its text, and here is what has to be computed for it."""

from __future__ import annotations

import math
import re
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from driver.checklist import CHAINS
from driver.result import lock_sentence, waits_sentence
from driver.wording import duration, moment, short, timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.result import FailingRow, Lock, Outcome, Result

# Longer rows of digits are no numbers that anybody reads, and may break between two such.
NUMBER = re.compile(r"(\d[\d.,]{0,22}\d)")
MARKS = {
    "passed": ("passed", "PASS"),
    "failed": ("failed", "FAIL"),
    "not proven": ("open", "OPEN"),
    "not applicable": ("apart", "N/A"),
}
ORIGINS = {"writes of the application": "apart", "damage": "failed", "cannot be told": "open"}
KINDS = {"": "fill-none", "writers": "fill-two", "all": "fill"}
FIGURES = ("rows_before", "rows_after", "cms", "local", "equal", "different")


def render_html(result: Result) -> str:
    """The page."""
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda number: "?" if number is None else f"{number:,}",
        "duration": duration,
        "grouped": _grouped,
        "lock_sentence": lock_sentence,
        "kind": lambda test: test.status if test.status in ("passed", "failed") else "open",
        "moment": moment,
        "short_name": lambda test: test.name.split("(")[0],
        "short": short,
        "sides": _sides,
        "steps": _steps,
        "unbroken": _unbroken,
    }
    # Rows on a logarithmic scale, since they differ by a factor of thousands.
    by_size = sorted(result.tables, key=lambda table: -(table.rows_after or 0))
    top = math.log10(1 + max((table.rows_after or 0 for table in by_size), default=0)) or 1.0
    total = sum(stage.seconds for stage in result.stages) or 1.0
    starts = accumulate((stage.seconds for stage in result.stages), initial=0.0)
    figures = [[getattr(table, name) for name in FIGURES] for table in result.tables]
    return environment.get_template("page.html.j2").render(
        result=result,
        marks=MARKS,
        origins=ORIGINS,
        chain_names=CHAINS,
        bars=[(table, 100 * math.log10(1 + (table.rows_after or 0)) / top) for table in by_size],
        slowest=max((table.seconds or 0.0 for table in by_size), default=0.0),
        table_rows=[(table.name, _judged(row)) for table, row in zip(result.tables, figures, strict=True)],
        table_sums=_judged([None if None in column else sum(column) for column in zip(*figures, strict=True)]),
        locks=_locks(result.locks),
        timeline=[
            (stage, 100 * stage.seconds / total, 100 * start / total)
            for stage, start in zip(result.stages, starts, strict=False)
        ],
    )


def _locks(locks: Sequence[Lock]) -> dict[str, Any]:
    """What was closed to whom: of each table its locks as (whom, start, width) in hundredths, the longest, and who waited."""
    known = [(lock, timestamp(lock.taken_at), timestamp(lock.released_at)) for lock in locks if lock.released_at]
    if not known:
        return {}
    began = min(taken for _, taken, _ in known)
    span = max(released for _, _, released in known) - began or 0.001
    rows = []
    for relation in sorted({lock.relation for lock, _, _ in known}):
        own = [entry for entry in known if entry[0].relation == relation]
        parts = [
            (KINDS[whom], 100 * (taken - began) / span, 100 * (released - taken) / span)
            for whom in KINDS  # who is kept out by most is drawn last
            for lock, taken, released in own
            if lock.closed_to == whom
        ]
        closed = [lock.seconds or 0 for lock, _, _ in own if lock.closed_to]
        waits = waits_sentence([lock for lock, _, _ in own])
        rows.append((own[0][0].name, parts, short(max(closed, default=0)), waits))
    first = min(lock.taken_at for lock, _, _ in known).partition("T")[2][:8]
    return {"began": first, "seconds": span, "whom": {lock.closed_to for lock, _, _ in known}, "rows": rows}


def _grouped(tests: Sequence[Outcome]) -> list[list[Outcome]]:
    """Every test that did not pass, and those of the procedure, one by one; the rest together by what they expect."""
    single = [test for test in tests if test.spec or test.status != "passed"]
    alike: dict[str, list[Outcome]] = {}
    for test in tests:
        if test not in single:
            alike.setdefault(test.name.split("(")[0], []).append(test)
    return [[test] for test in sorted(single, key=lambda test: test.status == "passed")] + list(alike.values())


def _judged(figures: Sequence[int | None]) -> list[tuple[int | None, bool]]:
    """A table's figures, and whether each is one that must not be so."""
    return [
        (number, (name == "rows_after" and figures[0] not in (None, number)) or (name == "different" and bool(number)))
        for name, number in zip(FIGURES, figures, strict=False)
    ]


def _steps(places: Sequence[int]) -> str:
    """A path of one bar for each place, the highest 8 high; a single row is still to be seen."""
    top = max([*places, 1])
    bars = [(place, max(8 * number / top, 1.2)) for place, number in enumerate(places) if number]
    return "".join(f"M{place} 8v-{height:.1f}h1v{height:.1f}z" for place, height in bars)


def _unbroken(text: str) -> Markup:
    """A value, its numbers never broken at the end of a line, however narrow the page."""
    parts = NUMBER.split(text)
    return Markup().join(
        Markup('<span class="nowrap">{}</span>').format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _sides(row: FailingRow) -> list[Markup]:
    """What was expected and what was found; of two definitions only the words that differ are marked."""
    marked = Markup("<mark>{}</mark>")
    return [
        Markup().join(
            marked.format(piece[side]) if piece[side] and piece[0] != piece[1] else escape(piece[side])
            for piece in pieces
        )
        if (pieces := row.definitions)
        else _unbroken((row.expected, row.actual)[side])
        for side in (0, 1)
    ]
