"""The figures as tables, for people or as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import MARKDOWN, SIMPLE
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from benchmark.measure import Content, Figure, Verdict

TOLD_SPREAD = 0.01  # below it, turns are as good as equal


def print_tables(content: Content, checked: Sequence[Verdict], console: Console, *, markdown: bool = False) -> None:
    """What it was measured on, a table of figures, one of goals, and what failed: for people, or for a document."""
    if content.machine:
        machine = ", ".join(f"{name} {value}" for name, value in content.machine.items())
        console.print(f"Measured on: {machine}.\n", soft_wrap=True)
    box = MARKDOWN if markdown else SIMPLE
    figures = Table("comparison", "figure", box=box)
    for number, scale in enumerate(content.scales):
        for heading in (f"scale {scale:g}", "grows")[: number + 1]:
            figures.add_column(heading, justify="right")
    for column in figures.columns:
        column.no_wrap = True
    for cells in _figure_rows(content):
        figures.add_row(*cells)
    console.print(figures)
    goals = Table("goal", box=box)
    for heading in ("at most", "scale", "measured"):
        goals.add_column(heading, justify="right")
    goals.add_column("verdict")
    for verdict in checked:
        goals.add_row(*_goal_cells(verdict), style="" if verdict.holds else "bold red")
    if checked:
        console.print(goals)
    for failure in content.failures:
        line = f"{failure.comparison} at scale {failure.scale:g}, {failure.contestant}: {failure.reason}"
        console.print(f"Not measured: {line}", style="bold red", highlight=False, soft_wrap=True)


def _figure_rows(content: Content) -> Iterator[list[str]]:
    """The cells of a line per comparison, quantity and contestant; quantities of a comparison stand together.

    Of each scale the median and its spread, and how it has grown from the scale before.
    """
    lines: dict[tuple[str, str, str], dict[float, Figure]] = {}
    rank: dict[tuple[str, ...], int] = {}
    for figure in content.figures:
        key = (figure.comparison, figure.quantity, figure.contestant)
        lines.setdefault(key, {})[figure.scale] = figure
        for group in (key[:1], key[:2]):
            rank.setdefault(group, len(rank))
    for key in sorted(lines, key=lambda key: (rank[key[:1]], rank[key[:2]])):
        comparison, quantity, contestant = key
        cells = [comparison, f"{quantity}: {contestant}"]
        found = [lines[key].get(scale) for scale in content.scales]
        for number, (now, before) in enumerate(zip(found, [None, *found], strict=False)):
            grows = f"{now.median / before.median:.1f}x" if now and before and before.median else ""
            cells += [_value(now) if now else "-", grows][: number + 1]
        yield cells


def _value(figure: Figure) -> str:
    told = f"{figure.median:,.2f}" if figure.median < 100 else f"{figure.median:,.0f}"  # noqa: PLR2004 - three digits tell
    return f"{told} ±{figure.spread:.0%}" if figure.spread >= TOLD_SPREAD else told


def _goal_cells(verdict: Verdict) -> list[str]:
    goal = verdict.goal
    tell = {
        "ratio": f": of {goal.other}",
        "excess": f": more than {goal.other}",
        "most": "",
        "growth": ": growth over ten times the rows",
    }[goal.kind]
    unit = "x" if goal.kind == "growth" else ""
    digits = 2 if goal.kind in ("ratio", "growth") else 0
    return [
        f"{goal.comparison}, {goal.quantity}{tell}",
        f"{goal.limit:g}{unit}",
        f"{verdict.scale:g}",
        f"{verdict.measured:,.{digits}f}{unit}",
        "holds" if verdict.holds else "MISSED",
    ]
