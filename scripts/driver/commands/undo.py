"""`cmsid undo`."""

from __future__ import annotations

import click

from driver.options import ask, yes_option


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the SQL that would run, and change nothing.")
@click.option(
    "--force",
    is_flag=True,
    help="Also where that forgets which rows are local, or a CMS id of their own, or no migration of ours made cms_id.",
)
@yes_option
def undo(*, dry_run: bool, force: bool, yes: bool) -> None:
    """Remove cms_id from the core tables again.

    One transaction, proven before it commits: every row keeps every other column, rows written since the cut-over
    included, and nothing else in the database changes. It is the first step back; `restore`, which loses what was
    written since, is the last. Rows created locally or imported since are known by cms_id alone: where there are any
    it refuses, and --force forgets that. So it does where no migration in our log made cms_id.

    \b
    Examples:
      scripts/cmsid undo --dry-run
      scripts/cmsid undo
      scripts/cmsid undo --force --yes
    """
    from driver import profile
    from driver import undo as work
    from driver.backup.session import pinned
    from driver.dbt_project import DbtProject
    from driver.ledger import watched
    from driver.result import lock_sentence

    connection = profile.load()
    pinned(connection).close()  # a server that cannot be used is told of in the words that every command has for it
    # Named, because dbt would look for a profile in the folder that the user happens to be in, and then in ~/.dbt.
    project = DbtProject(profiles_dir=connection.profiles_dir, target=connection.target or None)
    if dry_run:
        click.echo(work.plan(project, force=force) or "No core table has cms_id; nothing to do.")
        return
    ask("Remove cms_id from all core tables?", yes=yes)
    with watched(connection) as locks:
        undone = work.undo(project, force=force, on_step=click.echo)
    if undone:
        if sentence := lock_sentence(locks):
            click.echo(sentence)
        click.echo("Undone. To add cms_id again: scripts/cmsid run.")
    else:
        click.echo("No core table has cms_id; nothing to do.")
