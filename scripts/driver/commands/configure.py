"""`cmsid configure`."""

from __future__ import annotations

import click

from driver.options import show_changes


@click.command()
@click.option("--schema", "schemas", multiple=True, metavar="S", help="Look in this schema only; may be given again.")
@click.option("--tables", metavar="A,B,C", default="", help="These tables, by name or schema.name.")
@click.option(
    "--all-with-integer-id", is_flag=True, help="Every table with an integer primary key, as without --tables."
)
@click.option("--write", is_flag=True, help="Write the files; otherwise what would be written is shown as a diff.")
def configure(schemas: tuple[str, ...], tables: str, *, all_with_integer_id: bool, write: bool) -> None:
    """Make tables of the database core tables of the dbt project: sources, origin views and vars.

    Looks at the database and only adds to the project's files. A table that the project has already stays as it is
    written there, and a second --write changes nothing.

    \b
    Examples:
      scripts/cmsid configure
      scripts/cmsid --project-dir ~/campus configure --schema sales --tables orders,customers --write
    """
    from driver import profile
    from driver.bootstrap import project
    from driver.configure import configure as look

    if tables and all_with_integer_id:
        raise click.UsageError("--tables and --all-with-integer-id do not go together")
    names = [name.strip() for name in tables.split(",") if name.strip()]
    changes = look(profile.load(), schemas, names)
    if not changes:
        click.echo("Nothing to change: the project has these tables.")
    elif not write:
        show_changes(changes, project())
        click.echo("\nNothing is written: `--write` does that.")
    else:
        for change in changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_bytes(change.after)
            click.echo(f"written: {change.path.relative_to(project())}")
