"""The command line: which commands there are, and what a user sees when one of them fails."""

from __future__ import annotations

import io
import os
import platform
import sys
import time
import traceback
from typing import Any

import click

from driver import __version__
from driver.bootstrap import PROJECT, ROOT
from driver.commands import backups, drizzle, look, migrate, prepare
from driver.errors import Problem
from driver.termination import as_interruption

DONE, FAILED, UNEXPECTED, INTERRUPTED = 0, 1, 2, 130


SECTIONS = {
    "See it work": [prepare.demo],
    "Prepare": [
        *(prepare.setup, prepare.configure, prepare.doctor, backups.backup, backups.backups, backups.prune),
        prepare.rehearse,
    ],
    "Migrate": [migrate.run, migrate.pause, migrate.resume, migrate.pace, look.export],
    "Look": [look.diff, look.status, look.report],
    "Go back": [backups.restore, migrate.undo],
    "The application's own code": [drizzle.drizzle],
}
"""In the order of work, as `--help` lists them. What a command needs is imported when it runs: dbt takes a second."""


class Commands(click.Group):
    """The commands, in their order, under the headings of the work they belong to."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of work."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and names the command that was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.commands, n=1)
            if near:
                raise click.UsageError(f"No such command '{args[0]}'. Did you mean '{near[0]}'?", ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The commands under their headings."""
        width = max(map(len, self.commands))
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(str(one.name).ljust(width), one.get_short_help_str(90)) for one in commands])


@click.group(
    cls=Commands,
    commands=[command for commands in SECTIONS.values() for command in commands],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    # Without a command there is nothing to go wrong: show the help and succeed.
    invoke_without_command=True,
)
@click.option(
    "--project-dir",
    envvar=PROJECT,
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Work on another dbt project, which has this one as a package (docs/as-a-package.md).",
)
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
@click.pass_context
def cmsid(ctx: click.Context, project_dir: str | None) -> None:
    """Tell rows that came from the CMS from rows created locally, and prove that nothing else changed.

    Adds a cms_id column to the registry's 12 core tables: equal to id in every row that exists at cut-over,
    NULL in every later one. Connects with the dbt profile `cms_id_tracking` (see profiles.example.yml).

    \b
    Examples:
      scripts/cmsid demo --scale 0.02   the whole job on a sample registry, nothing else needed
      scripts/cmsid doctor              what would stand in the way here; changes nothing
      scripts/cmsid run                 backup, baseline, migration, validation, report
      scripts/cmsid restore             back to the last backup

    Exit code: 0 done, 1 a check or a step failed, 2 wrong usage or an unexpected error, 130 interrupted.
    """
    if project_dir:
        os.environ[PROJECT] = os.path.abspath(project_dir)  # noqa: PTH100 - for every module, and without following links
        if not os.path.isfile(os.path.join(project_dir, "dbt_project.yml")):  # noqa: PTH113, PTH118 - the same text
            raise Problem(
                "There is no dbt project", where=project_dir, do="name the folder that holds its dbt_project.yml"
            )
        if ctx.invoked_subcommand in ("demo", "setup"):
            raise Problem(f"{ctx.invoked_subcommand} is about the project of its own", do="leave out --project-dir")
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code. No exception, so no traceback, leaves this function."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a pipe that knows no such character must not end a run behind its migration.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return _run(arguments)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, click.Abort) as abort:
        return _tell_interrupted(abort)
    except BrokenPipeError:
        # The reader of our output is gone (`| head`); a second attempt to write, at exit, must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001  the last resort of the whole program
        return _tell_unexpected(error)


def _run(arguments: list[str] | None) -> int:
    try:
        with as_interruption():
            result: Any = cmsid.main(arguments, prog_name="cmsid", standalone_mode=False)
        sys.stdout.flush()
    except Exception as error:
        problem = _as_problem(error)
        if problem is None:
            raise
        raise problem from error
    return result if isinstance(result, int) else DONE


def _as_problem(error: Exception) -> Problem | None:
    """The sentence for failures that are expected wherever a database or a disk is used, or None."""
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        import errno

        where = str(error.filename or "")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Problem("The disk is full", where=where, do="free some space, then run this again")
        if error.errno == errno.EROFS:
            return Problem("The disk can only be read", where=where, do="make it writable, then run this again")
        if isinstance(error, (NotADirectoryError, FileExistsError, IsADirectoryError)):
            return Problem(
                "A file or folder stands where another has to be", where=where, do="move it away, then run this again"
            )
        if isinstance(error, PermissionError):
            return Problem("Not allowed to use a file", where=where, do="make it yours, then run this again")
    # Only if psycopg was imported can the error be one of its own.
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(error, (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege)):
        from driver.profile import connection_problem

        return connection_problem(error)
    return None


def _tell_interrupted(abort: BaseException) -> int:
    """What Ctrl-C leaves, or a question that was not answered with yes."""
    if isinstance(abort, click.Abort) and abort.__cause__ is None:
        click.echo("Nothing was changed.", err=True)
        return FAILED
    click.echo("\nInterrupted: `scripts/cmsid status` says what stands where.", err=True)
    return INTERRUPTED


def _tell_unexpected(error: Exception) -> int:
    """One sentence for the user, everything else in a file that only they can read."""
    from driver.backup.files import write_private

    path = ROOT / "logs" / time.strftime(f"unexpected-%Y%m%dT%H%M%S-{os.getpid()}.log")
    # The command line holds no secret: no option takes one. Local variables might, so they are not written.
    text = (
        f"cmsid {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"command: {sys.argv[1:]}\n{''.join(traceback.format_exception(error))}"
    )
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(path, text)
        details = f"the details are in {path.relative_to(ROOT)}"
    except OSError as failure:
        details = f"its details could not be written ({failure.strerror})"
    summary = " ".join(str(error).split())[:200] or "no message"
    click.echo(f"Error: unexpected {type(error).__name__} ({summary}); {details}.", err=True)
    return UNEXPECTED
