"""What `scripts/bench` does with its arguments."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmark import backup, comparison, online, proof, whole, window
from benchmark.stage import Stage
from benchmark.table import as_table, verdicts, write_json
from driver.errors import Problem

COMPARISONS = {
    "window": window.compare,
    "online": online.compare,
    "proof": proof.compare,
    "comparison": comparison.compare,
    "backup": backup.compare,
    "whole": whole.compare,
}
GOALS = [*window.GOALS, *online.GOALS, *comparison.GOALS, *whole.GOALS]

DESCRIPTION = """\
Measure this project beside the written procedure and other tools.

Every contestant does the same job on the same data, turn by turn, on a PostgreSQL of its own:
  scripts/bench --scales 0.1,1
  scripts/bench --scales 1 --only window,whole --rounds 5
"""


def main(arguments: list[str]) -> int:
    """Measure, print the table, write it as JSON.

    Returns:
        the exit code: 0 when everything was measured, whatever the goals; 1 when something could not be.
    """
    parser = argparse.ArgumentParser(
        "scripts/bench",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--scales", default="0.1,1", help="sizes of the sample registry; 1 is the live one's (default: 0.1,1)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant; medians are told (default: 3)")
    parser.add_argument("--only", default=",".join(COMPARISONS), help="which comparisons (default: all)")
    parser.add_argument(
        "--json", type=Path, default=Path("bench.json"), help="where to write the figures (default: bench.json)"
    )
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in COMPARISONS]:
        parser.error(f"there is no comparison {unknown[0]}: choose from {', '.join(COMPARISONS)}")
    console = Console()
    figures = []
    try:
        for scale in (float(scale) for scale in options.scales.split(",")):
            console.print(f"Scale {scale:g}: loading ...")
            stage = Stage(scale)
            try:
                for name in chosen:
                    began = time.perf_counter()
                    figures += COMPARISONS[name](stage, options.rounds)
                    console.print(f"  {name}: {time.perf_counter() - began:.0f} s")
            finally:
                stage.close()
    except (Problem, RuntimeError) as problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    checked = verdicts(figures, GOALS)
    console.print(as_table(figures))
    for goal, scale, ratio in checked:
        held = "holds" if ratio <= goal.limit else "MISSED"
        console.print(
            f"{held:6} {goal.comparison}, {goal.quantity}: {ratio:.2f} of {goal.other} at scale {scale:g}; goal {goal.limit:g}"
        )
    write_json(figures, checked, options.json)
    console.print(f"Written to {options.json}")
    return 0
