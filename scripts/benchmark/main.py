"""What `scripts/bench` does with its arguments."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path

import psycopg
from rich.console import Console

from benchmark import comparison, jobs
from benchmark.measure import Bench, Clock, Content, print_tables, read_json, verdicts, write_json
from benchmark.stage import Stage
from driver.errors import Problem
from driver.sample_registry import LARGEST_SCALE
from driver.wording import duration

COMPARISONS = {
    "window": jobs.window,
    "online": jobs.online,
    "proof": jobs.proof,
    "comparison": comparison.compare,
    "backup": jobs.backup,
    "whole": jobs.whole,
    "rehearsal": jobs.rehearsal,
}
FAILURES = (Problem, RuntimeError, OSError, psycopg.Error)
WIDE = 180  # columns, where the width is not known
ROUNDS = 3  # at scale 1, whose figures the goals are about; others show the growth
INTERRUPTED = 130
SETTINGS = ("shared_buffers", "work_mem", "maintenance_work_mem", "max_wal_size", "fsync")

DESCRIPTION = """\
Measure this project beside the written procedure and other tools.

Every contestant does the same job on the same data, turn by turn, on a PostgreSQL of its own:
  scripts/bench
  scripts/bench --scales 10 --json ten.json
  scripts/bench --only window,whole --rounds 5
  scripts/bench --read bench.json ten.json --markdown
"""


def main(arguments: list[str]) -> int:
    """Measure, print the tables, write the figures as JSON.

    Returns:
        the exit code: 0 when everything was measured, whatever the goals; 1 when something could not be.
    """
    options = _options(arguments)
    try:
        content = read_json(options.read) if options.read else _measure(options)
    except FAILURES as problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: nothing is left running.", file=sys.stderr)
        return INTERRUPTED
    checked = verdicts(content.figures, [*jobs.GOALS, *comparison.GOALS])
    if options.json:
        write_json(content, checked, options.json)
        print(f"Figures written to {options.json}", file=sys.stderr)
    console = Console(width=None if sys.stdout.isatty() and not options.markdown else WIDE)
    print_tables(content, checked, console, markdown=options.markdown)
    return 1 if content.failures else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("scripts/bench", description=DESCRIPTION, formatter_class=raw, allow_abbrev=False)
    size = "sizes of the sample registry; 1 is the live one's (default: 0.1,1)"
    parser.add_argument("--scales", type=_scales, default="0.1,1", help=size)
    turns = "turns of each contestant, of which the median is told (default: 3 at scale 1, one at others)"
    parser.add_argument("--rounds", type=_rounds, help=turns)
    parser.add_argument("--only", type=_comparisons, default=",".join(COMPARISONS), help="of: %(default)s")
    parser.add_argument("--json", type=Path, help="where to write every turn's figures (default: bench.json)")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    earlier = "measure nothing: tell what earlier runs wrote, together"
    parser.add_argument("--read", type=Path, nargs="+", metavar="JSON", help=earlier)
    options = parser.parse_args(arguments)
    if not options.read and not options.json:
        options.json = Path("bench.json")
    return options


def _scales(text: str) -> list[float]:
    try:
        scales = sorted({float(part) for part in text.split(",")})
    except ValueError:
        scales = [0.0]
    if not all(0 < scale <= LARGEST_SCALE for scale in scales):
        raise argparse.ArgumentTypeError(f"{text}: give numbers above 0, at most {LARGEST_SCALE}, such as 0.1,1")
    return scales


def _rounds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: give a number of at least 1")
    return int(text)


def _comparisons(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [name for name in chosen if name not in COMPARISONS]:
        raise argparse.ArgumentTypeError(f"there is no comparison {unknown[0]}: choose from {', '.join(COMPARISONS)}")
    return chosen


def _measure(options: argparse.Namespace) -> Content:
    """Every comparison at every scale, one server at a time."""
    clock, content = Clock(), Content({}, [], [])
    for scale in options.scales:

        def tell(line: str, scale: float = scale) -> None:
            print(f"scale {scale:g}: {line}; {duration(clock.seconds())} so far", file=sys.stderr)

        rounds = options.rounds or (ROUNDS if scale == 1 else 1)
        bench = Bench(scale, rounds, tell, content.figures, content.failures)
        stage = Stage(scale)
        try:
            content.machine.update(_machine(stage))
            tell("loaded")
            for name in options.only:
                try:
                    COMPARISONS[name](stage, bench)
                except FAILURES as error:
                    bench.fail(name, "everyone", error)
        finally:
            stage.close()
    return content


def _machine(stage: Stage) -> dict[str, str]:
    """What the figures were measured on."""
    with stage.server.connect() as session:
        settings = dict(session.execute("select name, current_setting(name) from pg_settings").fetchall())
    return {
        "PostgreSQL": settings["server_version"],
        **{name: settings[name] for name in SETTINGS},
        "processors": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "on": f"{datetime.now(timezone.utc):%Y-%m-%d}",
    }
