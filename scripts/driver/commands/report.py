"""`cmsid report`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "html", "json", "junit", "terminal"]),
    default="text",
    show_default=True,
    help="What to print; terminal is what version 1.0.0 called text.",
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file instead."
)
@click.option("--validate", is_flag=True, help="Run the tests now; default: the last run's result, if there is one.")
@click.option(
    "--validation",
    type=click.Choice(["cutover", "ongoing"]),
    help="Run these tests now; default: those that fit, as for `run`.",
)
@click.option(
    "--with-values", is_flag=True, help="Run the tests now, and show values of failing rows, names and marks included."
)
def report(kind: str, output: Path | None, *, validate: bool, validation: str | None, with_values: bool) -> int:
    """Show the checklist, each line with its tests and their evidence.

    Every run leaves its report in reports/ as an HTML page, JSON (docs/report.schema.json) and JUnit XML. This prints
    the last one again, or makes a new one.

    \b
    Examples:
      scripts/cmsid report
      scripts/cmsid report --validate --format junit --output junit.xml
      scripts/cmsid report --validation ongoing    what must hold for ever; for every night

    A report of an earlier migration, or of before a restore, says so.

    Exit code: 0 if every line passed, and of what the database holds now; else 1.
    """
    from driver import profile
    from driver.report.show import show

    kind = "text" if kind == "terminal" else kind
    validate = validate or with_values or validation is not None
    return show(profile.load(), kind, output, validate=validate, validation=validation, with_values=with_values)
