"""The figures as tables, for people or as Markdown, and as JSON for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.box import MARKDOWN, SIMPLE
from rich.table import Table

from benchmark.measure import Failure, Figure, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

TOLD_SPREAD = 0.01  # below it, turns are as good as equal
FORMAT = 1


@dataclass(frozen=True)
class Content:
    """All that a benchmark has to say.

    Attributes:
        machine: what it ran on, by name.
        figures: what was measured.
        failures: what could not be.
    """

    machine: dict[str, str]
    figures: list[Figure]
    failures: list[Failure]

    @property
    def scales(self) -> list[float]:
        """The scales that were measured, in order."""
        return sorted({figure.scale for figure in self.figures} | {failure.scale for failure in self.failures})


def print_tables(content: Content, checked: Sequence[Verdict], console: Console, *, markdown: bool = False) -> None:
    """What it was measured on, a table of figures, one of goals, and what failed: for people, or for a document."""
    if content.machine:
        machine = ", ".join(f"{name} {value}" for name, value in content.machine.items())
        console.print(f"Measured on: {machine}.\n", soft_wrap=True)
    box = MARKDOWN if markdown else SIMPLE
    figures = Table(box=box)
    for number, heading in enumerate(["comparison", *_figure_headings(content)]):
        figures.add_column(heading, justify="left" if number < 2 else "right", no_wrap=True)  # noqa: PLR2004 - two of text
    for comparison, cells in _figure_rows(content):
        figures.add_row(comparison, *cells)
    console.print(figures)
    goals = Table(box=box)
    for heading in ("goal", "at most", "scale", "measured", "verdict"):
        goals.add_column(heading, justify="left" if heading in ("goal", "verdict") else "right")
    for verdict in checked:
        goals.add_row(*_goal_cells(verdict), style="" if verdict.holds else "bold red")
    if checked:
        console.print(goals)
    for failure in content.failures:
        console.print(f"Not measured: {_failure_line(failure)}", style="bold red", highlight=False, soft_wrap=True)


def write_json(content: Content, checked: Sequence[Verdict], path: Path) -> None:
    """Everything measured, every single turn included."""
    document = {
        "format": FORMAT,
        "machine": content.machine,
        "figures": [
            {**asdict(figure), "median": figure.median, "spread": round(figure.spread, 4)} for figure in content.figures
        ],
        "failures": [asdict(failure) for failure in content.failures],
        "goals": [
            {**asdict(verdict.goal), "scale": verdict.scale, "measured": verdict.measured, "holds": verdict.holds}
            for verdict in checked
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def read_json(paths: Sequence[Path]) -> Content:
    """What earlier runs wrote, as if it were one run.

    Raises:
        RuntimeError: a file is not one of these.
    """
    machine: dict[str, str] = {}
    figures: list[Figure] = []
    failures: list[Failure] = []
    for path in paths:
        try:
            document = _document(path)
            for told in document["figures"]:
                known = {name: told[name] for name in ("comparison", "scale", "quantity", "contestant")}
                figures.append(Figure(**known, runs=tuple(told["runs"])))
            failures += [Failure(**told) for told in document["failures"]]
            machine.update(document["machine"])
        except (ValueError, KeyError, TypeError) as error:
            raise RuntimeError(f"{path} was not written by scripts/bench: write it anew with --json") from error
    return Content(machine, figures, failures)


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    return document


def _figure_headings(content: Content) -> list[str]:
    headings = ["figure"]
    for number, scale in enumerate(content.scales):
        headings += [f"scale {scale:g}", "grows"] if number else [f"scale {scale:g}"]
    return headings


def _figure_rows(content: Content) -> Iterator[tuple[str, list[str]]]:
    """(comparison, cells): a line per comparison, quantity and contestant; quantities of a comparison stand together."""
    by_key: dict[tuple[str, str, str], dict[float, Figure]] = {}
    for figure in content.figures:
        key = (figure.comparison, figure.quantity, figure.contestant)
        by_key.setdefault(key, {})[figure.scale] = figure
    quantities: dict[tuple[str, str], list[str]] = {}
    for comparison, quantity, contestant in by_key:
        quantities.setdefault((comparison, quantity), []).append(contestant)
    order = list(dict.fromkeys(comparison for comparison, _ in quantities))
    for (comparison, quantity), contestants in sorted(quantities.items(), key=lambda item: order.index(item[0][0])):
        for contestant in contestants:
            yield (
                comparison,
                [f"{quantity}: {contestant}", *_values(content.scales, by_key[comparison, quantity, contestant])],
            )


def _values(scales: Sequence[float], figures: dict[float, Figure]) -> Iterator[str]:
    """The cells of one line: the median and its spread at each scale, and the growth from the scale before."""
    for number, scale in enumerate(scales):
        figure = figures.get(scale)
        yield _value(figure) if figure else "-"
        if number:
            before = figures.get(scales[number - 1])
            yield f"{figure.median / before.median:.1f}x" if figure and before and before.median else ""


def _value(figure: Figure) -> str:
    told = f"{figure.median:,.2f}" if figure.median < 100 else f"{figure.median:,.0f}"  # noqa: PLR2004 - three digits tell
    return f"{told} ±{figure.spread:.0%}" if figure.spread >= TOLD_SPREAD else told


def _goal_cells(verdict: Verdict) -> list[str]:
    goal = verdict.goal
    what = f"{goal.comparison}, {goal.quantity}"
    tell = {
        "ratio": f"{what}: of {goal.other}",
        "excess": f"{what}: more than {goal.other}",
        "most": what,
        "growth": f"{what}: growth over ten times the rows",
    }[goal.kind]
    unit = "x" if goal.kind == "growth" else ""
    digits = 2 if goal.kind in ("ratio", "growth") else 0
    measured = f"{verdict.measured:,.{digits}f}{unit}"
    return [tell, f"{goal.limit:g}{unit}", f"{verdict.scale:g}", measured, "holds" if verdict.holds else "MISSED"]


def _failure_line(failure: Failure) -> str:
    return f"{failure.comparison} at scale {failure.scale:g}, {failure.contestant}: {failure.reason}"
