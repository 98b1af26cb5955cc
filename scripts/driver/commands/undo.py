"""`cmsid undo`."""

from __future__ import annotations

import click


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run, and change nothing.")
@click.option("--force", is_flag=True, help="Also where it is then forgotten which rows are local or have a CMS id of their own.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def undo(dry_run: bool, force: bool, yes: bool) -> None:
    """Remove cms_id from the core tables again.

    One transaction, proven before it commits: every row keeps every other column, also those written since the cut-over,
    and nothing else in the database changes. The first step back; `restore`, which loses what was written since, is the last.
    It refuses where rows were created locally or imported since, because only cms_id says so; --force forgets that.

    \b
    Examples:
      scripts/cmsid undo --dry-run
      scripts/cmsid undo
      scripts/cmsid undo --force --yes
    """
    from driver import undo as work
    from driver.dbt_project import DbtProject
    from driver.errors import Problem

    project = DbtProject()
    if dry_run:
        click.echo(work.plan(project, force=force) or "No core table has cms_id; nothing to do.")
        return
    if not yes and not click.confirm("Remove cms_id from all core tables?"):
        raise Problem("Nothing was changed", do="answer y, or use --yes")
    if work.undo(project, force=force, on_step=lambda step: click.echo(step)):
        click.echo("Undone. To add cms_id again: scripts/cmsid run.")
    else:
        click.echo("No core table has cms_id; nothing to do.")
