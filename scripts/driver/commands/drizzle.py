"""`cmsid drizzle`."""

from __future__ import annotations

from pathlib import Path

import click

from driver.options import prepared_command, show_changes


@prepared_command()
@click.argument("src", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Write the files. Without it, a diff is shown and nothing is changed.")
@click.option(
    "--marker/--whole",
    default=None,
    help="What the generated migration becomes: --whole (the default) migrates; --marker is for databases where "
    "add_cms_id migrates, and only checks what that left.",
)
@click.option(
    "--migrations",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="drizzle-kit's migrations folder.  [default: `out` of its configuration]",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="drizzle-kit's configuration.  [default: the nearest drizzle.config.* from SRC up]",
)
@click.option("--name-constraints", is_flag=True, help="Give the constraints the project's names in the schema files.")
@click.option("--sql", is_flag=True, help="Print the migration's SQL, and change nothing.")
def drizzle(
    *,
    src: tuple[Path, ...],
    write: bool,
    marker: bool | None,
    migrations: Path | None,
    config: Path | None,
    name_constraints: bool,
    sql: bool,
) -> None:
    """Bring an application's Drizzle schema in line with cms_id.

    Adds cmsId to the core tables declared in the TypeScript files of SRC (folders or files), and, once drizzle-kit has
    generated the migration for that, fills its SQL in. Shows a diff; with --write writes all files or, if anything is
    in the way, none. A second run changes nothing.

    \b
    Examples:
      scripts/cmsid drizzle ../registry/src            show what would change
      scripts/cmsid drizzle ../registry/src --write    write the schema files
      (pnpm db:generate in the application)            generate the migration
      scripts/cmsid drizzle ../registry/src --write    fill the migration in
    """
    from driver.dbt_project import DbtProject
    from driver.drizzle.files import write_all
    from driver.drizzle.migrations import Form
    from driver.drizzle.plan import make_plan
    from driver.profile import find_profiles_dir

    if sql and write:
        raise click.UsageError("--sql changes nothing: leave out either --sql or --write.")
    form = None if marker is None else Form.MARKER if marker else Form.WHOLE
    project = DbtProject(profiles_dir=find_profiles_dir())
    plan = make_plan(
        src,
        project.core_tables(),
        column_type=project.var("cms_id_type"),
        config=config,
        migrations=migrations,
        form=form,
        name_constraints=name_constraints,
    )
    if sql:
        click.echo(plan.sql(form or Form.WHOLE), nl=False)
    elif write:
        write_all(plan.changes)
        for change in plan.changes:
            click.echo(f"written: {click.format_filename(change.path)}")
    else:
        show_changes(plan.changes, plan.folder)
    # Beside the diff or the SQL, so that either can be piped on.
    for note in plan.notes:
        click.echo(note, err=True)
    if not plan.changes:
        click.echo("Nothing to change.", err=True)
    elif not write and not sql:
        click.echo("Nothing was written: --write does that.", err=True)
