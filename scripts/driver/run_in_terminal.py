"""A run as a user sees it: what it is about, its stages, the checklist, and where the report is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from driver.progress import Stages
from driver.report.files import NAMES
from driver.report.terminal import print_report, print_verdict
from driver.run import Options, Run
from driver.wording import duration

if TYPE_CHECKING:
    from driver.profile import Connection


def run_in_terminal(connection: Connection, options: Options, console: Console | None = None) -> int:
    """Run, and print everything, by default on standard output, also where it is interrupted. Returns the exit code."""
    console = console or Console(highlight=False)
    console.print(Text(f"cmsid {options.command}", "bold") + Text(f" on {connection.describe()}"), highlight=False)
    run = Run(connection, options, Stages(console))
    try:
        result = run.go()
    except KeyboardInterrupt:
        console.print()
        print_verdict(console, run.result)
        raise
    if result.validated:
        print_report(console, result)
    else:
        console.print()
        print_verdict(console, result)
    if run.report_problem:
        console.print(Text(run.report_problem, "yellow"), highlight=False)
    elif run.folder:
        page, here = run.folder / NAMES["html"], Path.cwd()
        shortest = page.relative_to(here) if page.is_relative_to(here) else page
        console.print(f"Report: {shortest} ({duration(result.seconds)} in all)", highlight=False, soft_wrap=True)
    return 0 if result.verdict == "passed" else 1
