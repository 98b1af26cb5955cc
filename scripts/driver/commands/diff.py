"""`cmsid diff`."""

from __future__ import annotations

from pathlib import Path

import click

from driver.options import WholeNumber


@click.command()
@click.argument("before", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.argument("after", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--limit",
    type=WholeNumber(0),
    metavar="N",
    default=20,
    show_default=True,
    help="Differing rows to show for each file.",
)
def diff(before: Path | None, after: Path | None, limit: int) -> int:
    """Compare the files exported before the migration with those exported after it.

    Says IDENTICAL for each pair, or how many rows differ in which column and what they have in common, and shows them, by
    key, with old and new values. A file that is missing
    on one side is a difference. BEFORE and AFTER are folders; the default is where `cmsid export` writes.

    \b
    Examples:
      scripts/cmsid diff
      scripts/cmsid diff backup_db/pre_migration_cms_id /tmp/export-of-today

    Exit code: 0 if every file is identical, else 1.
    """
    from driver.diff import diff as compare
    from driver.diff import moments
    from driver.export import default_folder

    folders = before or default_folder("pre"), after or default_folder("post")
    differing = compared = 0
    for file in compare(*folders, limit):
        compared += 1
        if file.identical:
            click.echo(f"{file.name:32} IDENTICAL  {file.rows:,} row{'s' * (file.rows != 1)}")
            continue
        differing += 1
        told = file.reason or f"{file.count:,} of {file.rows:,} rows"
        click.echo(f"{file.name:32} DIFFERENT  {told}")
        for shared in sorted(file.shared.values(), key=lambda shared: -shared.rows):
            click.echo(f"  {shared.sentence(file.rows)}")
        for row in file.differences:
            click.echo(f"    {row.sentence}")
        if file.count > len(file.differences):
            click.echo(f"    … {file.count - len(file.differences):,} more")
    click.echo(f"{compared - differing} of {compared} files are identical. {moments(*folders)}")
    return 1 if differing else 0
