"""A run as a user sees it, and the last report of a database, or a new one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psycopg
from rich.console import Console
from rich.text import Text

from driver.backup.files import hindrance
from driver.backup.session import pinned
from driver.conclusion import step_from_here, superseded
from driver.errors import Problem, why
from driver.facts import read_logged_state
from driver.progress import Stages
from driver.report.files import NAMES, RENDERERS, newest, write_private
from driver.report.terminal import print_report, print_verdict
from driver.run import Options, Run
from driver.wording import duration, moment

if TYPE_CHECKING:
    from driver.profile import Connection
    from driver.result import Result


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


def show(
    connection: Connection,
    kind: str,
    output: Path | None,
    *,
    validate: bool,
    validation: str | None = None,
    with_values: bool = False,
) -> int:
    """Print or write a report: the last one, or with `validate` a new one, of the kind of `validation` that is given or fits.

    Returns:
        the exit code: 0 if the verdict is `passed` and tells of what the database holds now, else 1.
    """
    if output is not None:
        _require_place(output)
    holds = True
    result = None if validate else newest(connection.describe(), validated=True)
    if result is None:
        options = Options(command="report", only_validate=True, with_values=with_values, validation=validation)
        if kind == "text" and output is None:
            return run_in_terminal(connection, options)
        result = Run(connection, options, Stages(Console(stderr=True, highlight=False))).go()
    else:
        result, holds = _as_of_now(connection, result, told_apart=output is not None or kind != "text")
    if output is not None:
        write_private(output, _text(result, kind))
    elif kind == "text":
        _print(Console(highlight=False), result)
    else:
        # bytes, since each of these formats says or means that it is UTF-8, whatever the terminal speaks
        click.echo(_text(result, kind).encode(), nl=False)
    return 0 if result.verdict == "passed" and holds else 1


def _as_of_now(connection: Connection, result: Result, *, told_apart: bool) -> tuple[Result, bool]:
    """A report of before as it is to be shown now, and whether it still tells of what the database holds.

    What a reader of the report alone might not see is said on standard error, if it is to be `told_apart`.
    """
    try:
        with pinned(connection) as session:
            state = read_logged_state(session, connection.audit_schema)
    except (Problem, psycopg.Error) as error:
        click.echo(f"Whether this report still holds could not be asked. {why(error)}", err=True)
        return result, True
    remark = superseded(result, state)
    if not remark:
        return result, True
    if told_apart:
        click.echo(remark, err=True)
    step, command = step_from_here(state, None)
    return replace(result, state=f"{remark} {state.sentence}", next_step=step, next_command=command), False


def _print(console: Console, result: Result) -> None:
    console.print(f"Report of {moment(result.finished_at)}, {result.database.address}", highlight=False)
    print_report(console, result)


def _require_place(output: Path) -> None:
    """Refuse a place where no file can be made, before anything is validated for it."""
    folder = output.absolute().parent
    if not folder.is_dir():
        raise Problem("The folder of the report does not exist", where=str(folder), do="create it")
    if (output.is_file() or not output.exists()) and (reason := hindrance(Path(os.path.realpath(output)).parent)):
        raise Problem(f"No report can be written here: {reason}", where=str(output), do="name another place")


def _text(result: Result, kind: str) -> str:
    if kind in RENDERERS:
        return RENDERERS[kind](result)
    console = Console(highlight=False, width=80, no_color=True)
    with console.capture() as capture:
        _print(console, result)
    return capture.get()
