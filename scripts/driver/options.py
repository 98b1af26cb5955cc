"""What several commands have: options, output, and that the project is prepared before they run."""

from __future__ import annotations

import functools
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.drizzle.files import Change


class Prepared(click.Command):
    """A command that has dbt's packages and a profile set up before it runs, but not before its help or a usage error."""

    def invoke(self, ctx: click.Context) -> Any:
        """Prepare, then run it."""
        from driver.packages import prepare

        prepare()
        return super().invoke(ctx)


prepared_command = functools.partial(click.command, cls=Prepared)


class Number(click.FloatRange):
    """A number within bounds; click calls what is none `not a valid float range`, and takes `nan` for one."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; what is none is a usage error."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number


class WholeNumber(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"


directory_option = click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder of all backups; default $CMSID_BACKUPS, or backup_db in the project.",
)
jobs_option = click.option(
    "--jobs", type=WholeNumber(1, 64), metavar="N", help="Parallel workers; default one per processor, four at most."
)
format_option = click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print. The JSON is as docs/*.schema.json describe it, and stands alone on standard output.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")


def ask(question: str, *, yes: bool) -> None:
    """Have the user agree, or end here; `yes` agrees beforehand."""
    if not yes:
        click.confirm(question, abort=True)


def as_given(context: click.Context) -> str:
    """The command as it was given, without its format."""
    words: list[str] = []
    for given in context.command.params:
        value = context.params.get(given.name or "")
        if not isinstance(given, click.Option):
            words += [value] if isinstance(value, str) else value or []
        elif given.name != "kind" and value not in (None, given.get_default(context)):
            words += given.opts[:1] if given.is_flag else [given.opts[0], str(value)]
    return shlex.join(["scripts/cmsid", str(context.info_name), *words])


def print_json(document: Any) -> None:
    """Print a dataclass as JSON: in bytes, since JSON is UTF-8 whatever the terminal speaks."""
    from driver.result import as_json

    click.echo(as_json(document).encode("utf-8", "backslashreplace"), nl=False)


def show_changes(changes: Sequence[Change], folder: Path) -> None:
    """Show what would be written, as a diff with paths from this folder."""
    from driver.drizzle.files import unified

    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in unified(changes, folder):
        # click takes the colours out again where the output is no terminal.
        click.secho(line, fg=colours.get(line[:1]), bold=line.startswith(("+++", "---")), nl=False)
