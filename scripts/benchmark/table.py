"""The figures as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark.measure import Figure, Goal

MEMORY = "memory, MB"


def as_table(figures: list[Figure]) -> Table:
    """One line per comparison, quantity and contestant; a column per scale, and the growth from each to the next."""
    scales = sorted({figure.scale for figure in figures})
    table = Table(title="Medians of paired runs")
    for heading in ("comparison", "figure", "contestant"):
        table.add_column(heading)
    for number, scale in enumerate(scales):
        table.add_column(f"scale {scale:g}", justify="right")
        if number:
            table.add_column("grows", justify="right")
    values = {(f.comparison, f.quantity, f.contestant, f.scale): f.value for f in figures}
    for comparison, quantity, contestant in dict.fromkeys((f.comparison, f.quantity, f.contestant) for f in figures):
        cells = []
        for number, scale in enumerate(scales):
            value = values.get((comparison, quantity, contestant, scale))
            cells.append("" if value is None else f"{value:,.2f}")
            if number:
                before = values.get((comparison, quantity, contestant, scales[number - 1]))
                cells.append(f"{value / before:.1f}x" if value and before else "")
        table.add_row(comparison, quantity, contestant, *cells)
    return table


def verdicts(figures: list[Figure], goals: list[Goal]) -> list[tuple[Goal, float, float]]:
    """Every goal with the scale and the ratio that was measured."""
    values = {(f.comparison, f.quantity, f.contestant, f.scale): f.value for f in figures}
    found = []
    for goal in goals:
        for scale in sorted({figure.scale for figure in figures}):
            ours = values.get((goal.comparison, goal.quantity, goal.ours, scale))
            other = values.get((goal.comparison, goal.quantity, goal.other, scale))
            if ours is not None and other and scale >= goal.from_scale:
                found.append((goal, scale, ours / other))
    return found


def write_json(figures: list[Figure], checked: list[tuple[Goal, float, float]], path: Path) -> None:
    """Everything measured, every single run included."""
    content = {
        "figures": [asdict(figure) for figure in figures],
        "goals": [
            {**asdict(goal), "scale": scale, "ratio": ratio, "holds": ratio <= goal.limit}
            for goal, scale, ratio in checked
        ],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
