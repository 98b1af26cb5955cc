"""The application's migrations folder, as drizzle-kit keeps it: finds the cms_id migrations in it and fills them in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

from driver.drizzle.files import Change
from driver.drizzle.migration_content import Content, Form, HalfDoneError, content
from driver.drizzle.migration_sql import BREAKPOINT, Target, around, marker, whole
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Migration:
    """A migration that concerns cms_id columns of core tables."""

    path: Path
    before: bytes
    found: Content
    breakpoints: bool


def read_migrations(folder: Path, tables: Sequence[str]) -> tuple[list[Migration], list[str]]:
    """Looks for the migrations that concern cms_id.

    Args:
        folder: drizzle-kit's `out`, with either a journal or a folder for each migration.
        tables: names of the core tables.

    Returns:
        The migrations that concern cms_id of core tables, oldest first, and what is wrong with others.

    Raises:
        Problem: the folder cannot be read.
    """
    migrations, problems = [], []
    for path, breakpoints in _listed(folder):
        try:
            before = path.read_bytes()
            found = content(before.decode("utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"the migration {path} cannot be read: {error}")
            continue
        except HalfDoneError as error:
            problems.append(f"the migration {path} {error}: complete it by hand, or take it out and generate it again")
            continue
        if found is not None and any(target.table in tables for target in found.targets):
            migrations.append(Migration(path, before, found, breakpoints))
    return migrations, problems


def fill(
    migrations: Sequence[Migration], identifiers: Mapping[str, str], form: Form | None
) -> tuple[list[Change], list[str]]:
    """Puts the backfill into the migrations that drizzle-kit generated.

    Args:
        migrations: those that concern core tables, oldest first.
        identifiers: for each core table, the column its cms_id is taken from.
        form: WHOLE or MARKER; then the newest of those filled before is brought into that form too. None fills in what
            is not filled yet, as WHOLE.

    Returns:
        What to write, and what is in the way.
    """
    changes: list[Change] = []
    problems: list[str] = []
    filled = [m for m in migrations if m.found.form is not Form.CREATED]
    for migration in filled:
        found = migration.found
        newest = migration is filled[-1]
        if found.form is not Form.GENERATED and not (form and newest and found.form is not form):
            continue
        foreign = [target.table for target in found.targets if target.table not in identifiers]
        if found.others or foreign:
            what = found.others[0] if found.others else f"a cms_id for {foreign[0]}, which is no core table"
            problems.append(
                f"the migration {migration.path} holds more than the cms_id of core tables ({_short(what)}): "
                "generate that in a migration of its own"
            )
            continue
        targets = _ordered(found.targets, identifiers)
        if form is Form.MARKER:
            text = marker(targets)
        else:
            columns = [identifiers[target.table] for target in targets]
            text = whole(targets, columns, breakpoints=migration.breakpoints)
        text = around(text, found.dropped, found.made_again, breakpoints=migration.breakpoints)
        if b"\r\n" in migration.before:
            text = text.replace("\n", "\r\n")
        changes.append(Change(migration.path, migration.before, text.encode()))
    return changes, problems


def _ordered(targets: Sequence[Target], identifiers: Mapping[str, str]) -> list[Target]:
    order = list(identifiers)
    return sorted(targets, key=lambda target: order.index(target.table))


def _listed(folder: Path) -> list[tuple[Path, bool]]:
    """The migration files, oldest first, each with whether its statements are run one by one."""
    journal = folder / "meta" / "_journal.json"
    if journal.is_file():
        try:
            entries = json.loads(journal.read_bytes())["entries"]
            return [(folder / f"{entry['tag']}.sql", entry.get("breakpoints", True)) for entry in entries]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Problem(
                "the journal of the application's migrations cannot be read",
                where=str(journal),
                do="mend it first, or name another folder with --migrations",
            ) from error
    files = sorted(folder.glob("*/migration.sql"))
    return [(file, BREAKPOINT in file.read_text("utf-8", "replace")) for file in files]


def _short(statement: str) -> str:
    return shorten(statement, width=60, placeholder=" ...")
