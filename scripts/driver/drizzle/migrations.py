"""The application's migrations folder, as drizzle-kit keeps it: finds the cms_id migrations in it and fills them in.

What it fills in is the whole migration, or a marker for where add_cms_id does the work.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from functools import partial
from textwrap import shorten
from typing import TYPE_CHECKING

from psycopg import sql

from driver.drizzle.files import Change, counted
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path


Relation = tuple[str | None, str]
"""Schema, where one is given, and table."""

BREAKPOINT = "--> statement-breakpoint"
MARKER = "-- cms_id marker"
COLUMN = "cms_id"
_STATEMENTS = (
    "ALTER TABLE {relation} ADD COLUMN {column} integer",
    "UPDATE {relation} SET {column} = {id_column}",
    "ALTER TABLE {relation} ADD CONSTRAINT {constraint} UNIQUE({column})",
)
_TOKEN = re.compile(
    r"""(?P<blank>--[^\n]*|/\*.*?\*/|\s+)|"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\w*)\$.*?\$\2\$|.""",
    re.DOTALL,
)
_IDENTIFIER = r'(?:"(?:[^"]|"")+"|\w+)'
_RELATION = rf"(?P<relation>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)"
_PATTERNS = {
    kind: re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for kind, pattern in {
        "added": rf'ALTER TABLE {_RELATION} ADD COLUMN "?{COLUMN}"? integer',
        "filled": rf'UPDATE {_RELATION} SET "?{COLUMN}"? ?= ?{_IDENTIFIER}',  # noqa: S608 - to recognise, not to run
        "named": rf'ALTER TABLE {_RELATION} ADD CONSTRAINT (?P<name>{_IDENTIFIER}) UNIQUE ?\( ?"?{COLUMN}"? ?\)',
        "created": rf'CREATE TABLE (?:IF NOT EXISTS )?{_RELATION} ?\(.*(?<!\w)"?{COLUMN}"? integer.*',
        "dropped": rf"DROP (?:MATERIALIZED )?VIEW (?:IF EXISTS )?{_RELATION}.*",
        "made_again": rf"CREATE (?:MATERIALIZED )?VIEW (?:IF NOT EXISTS )?{_RELATION}.*",
    }.items()
}
_MARKER = re.compile(rf"^\ufeff? *{MARKER}", re.MULTILINE)
_MARKED = re.compile(r"^ *\('((?:[^']|'')+)', '((?:[^']|'')+)'\),?$", re.MULTILINE)


class Form(Enum):
    """What a migration's SQL is."""

    GENERATED = "generated"
    """As drizzle-kit leaves it: columns and constraints, and no row filled."""
    WHOLE = "whole"
    MARKER = "marker"
    CREATED = "created"
    """The tables are made with the column in them, so there are no rows to fill."""


@dataclass(frozen=True)
class Target:
    """A table as the application's migration names it."""

    schema: str | None
    table: str
    constraint: str

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, with the schema where the application gives one."""
        return sql.Identifier(*filter(None, [self.schema, self.table]))

    @property
    def relation(self) -> str:
        """The same, quoted."""
        return self.identifier.as_string()


@dataclass(frozen=True)
class Migration:
    """A migration that concerns cms_id columns: what it holds of ours, and what else."""

    path: Path
    before: bytes
    breakpoints: bool
    form: Form
    targets: tuple[Target, ...]
    others: tuple[str, ...] = ()
    """Statements that are none of ours."""
    dropped: tuple[str, ...] = ()
    """The DROP of each view that is made again: drizzle-kit does that with views that select all columns of a table."""
    made_again: tuple[str, ...] = ()


def read(path: Path, before: bytes, *, breakpoints: bool) -> Migration | None:
    """What the SQL of a migration does to cms_id columns; None where it does nothing to any.

    Raises:
        Problem: it does so only in part.
    """
    text = before.decode("utf-8")
    found: dict[str, dict[Relation, re.Match[str]]] = {kind: {} for kind in _PATTERNS}
    others: list[str] = []
    for statement in statements(text):
        matches = ((kind, pattern.fullmatch(statement)) for kind, pattern in _PATTERNS.items())
        kind, match = next(((kind, match) for kind, match in matches if match), ("", None))
        if match:
            found[kind][_split(match["relation"])] = match
        if kind not in ("added", "filled", "named"):
            others.append(statement)
    drops, creates = found["dropped"], found["made_again"]
    dropped = tuple(drops[relation][0] for relation in drops if relation in creates)
    made_again = tuple(creates[relation][0] for relation in creates if relation in drops)
    rest = tuple(statement for statement in others if statement not in dropped + made_again)
    migration = partial(Migration, path, before, breakpoints)
    if _MARKER.search(text):
        pairs = [[one.replace("''", "'") for one in pair] for pair in _MARKED.findall(text.replace("\r\n", "\n"))]
        marked = tuple(Target(*_split(relation), constraint) for relation, constraint in pairs)
        return migration(Form.MARKER, marked, (), dropped, made_again)
    for relation in found["added"]:
        if relation not in found["named"]:
            raise _half_done(path, f"adds {COLUMN} to {relation[1]}, but no unique constraint on it")
        if found["filled"] and relation not in found["filled"]:
            raise _half_done(path, f"fills {COLUMN} of some tables, but not of {relation[1]}")
    if found["added"]:
        targets = tuple(Target(*relation, _name(found["named"][relation]["name"])) for relation in found["added"])
        return migration(Form.WHOLE if found["filled"] else Form.GENERATED, targets, rest, dropped, made_again)
    created = tuple(Target(*relation, "") for relation in found["created"])
    return migration(Form.CREATED, created, rest) if created else None


def _half_done(path: Path, what: str) -> Problem:
    return Problem(f"the migration {path} {what}: complete it by hand, or take it out and generate it again")


def statements(text: str) -> list[str]:
    """The statements of a migration, without comments, each on one line."""
    found = [""]
    for token in _TOKEN.finditer(text.removeprefix("\ufeff")):
        if token["blank"]:
            found[-1] = found[-1].rstrip(" ") + " "
        elif token[0] == ";":
            found.append("")
        else:
            found[-1] += token[0]
    return [statement.strip() for statement in found if statement.strip()]


def _split(relation: str) -> Relation:
    *schema, table = map(_name, re.findall(_IDENTIFIER, relation))
    return schema[0] if schema else None, table


def _name(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier.lower()


def read_migrations(folder: Path, tables: Collection[str]) -> tuple[list[Migration], list[str]]:
    """The migrations that concern cms_id of these tables, oldest first, and what is wrong with others."""
    migrations, problems = [], []
    for path, breakpoints in _listed(folder):
        try:
            found = read(path, path.read_bytes(), breakpoints=breakpoints)
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"the migration {path} cannot be read: {error}")
        except Problem as error:
            problems.append(error.message)
        else:
            if found is not None and any(target.table in tables for target in found.targets):
                migrations.append(found)
    return migrations, problems


def fill(
    migrations: Sequence[Migration], id_columns: Mapping[str, str], form: Form | None
) -> tuple[list[Change], list[str]]:
    """Puts the backfill into the migrations that drizzle-kit generated: what to write, and what is in the way.

    Given WHOLE or MARKER, it brings the newest of those filled before into that form too; without a form, it fills in as
    WHOLE what is not filled yet. By core table, `id_columns` says which column its cms_id is taken from.
    """
    changes: list[Change] = []
    problems: list[str] = []
    filled = [m for m in migrations if m.form is not Form.CREATED]
    for migration in filled:
        is_changed = form and migration is filled[-1] and migration.form is not form
        if migration.form is not Form.GENERATED and not is_changed:
            continue
        others = [
            *migration.others,
            *(
                f"a cms_id for {t.table}, which is no core table"
                for t in migration.targets
                if t.table not in id_columns
            ),
        ]
        if others:
            problems.append(
                f"the migration {migration.path} holds more than the cms_id of core tables "
                f"({shorten(others[0], width=60, placeholder=' ...')}): generate that in a migration of its own"
            )
            continue
        targets = sorted(migration.targets, key=lambda target: [*id_columns].index(target.table))
        text = marker(targets) if form is Form.MARKER else whole(targets, id_columns, breakpoints=migration.breakpoints)
        around = [[f"{one};" for one in views] for views in (migration.dropped, migration.made_again)]
        text = (BREAKPOINT * migration.breakpoints + "\n").join([*around[0], text.rstrip("\n"), *around[1]]) + "\n"
        if b"\r\n" in migration.before:
            text = text.replace("\n", "\r\n")
        changes.append(Change(migration.path, migration.before, text.encode()))
    return changes, problems


def notes(
    migrations: Sequence[Migration], filled: Sequence[Change], folder: Path, tables: Collection[str]
) -> list[str]:
    """Says which migrations hold cms_id, and what is still to be generated."""
    found = []
    for migration in migrations:
        count = counted(len(migration.targets), "core table")
        if migration.path in [change.path for change in filled]:
            what = f"SQL to be filled in for {count}"
        elif migration.form is Form.CREATED:
            what = f"creates {count} with cms_id, nothing to fill in"
        else:
            what = f"filled in already ({migration.form.value}) for {count}"
        found.append(f"migration {migration.path.relative_to(folder)}: {what}")
    covered = {target.table for migration in migrations for target in migration.targets}
    missing = [table for table in tables if table not in covered]
    if missing:
        which = "cms_id" if len(missing) == len(tables) else f"cms_id of {', '.join(missing)}"
        found.append(
            f"no migration in {folder} adds {which} yet: once the schema files are written, generate it "
            "(drizzle-kit generate), then run this again to have it filled in"
        )
    return found


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


def whole(targets: Sequence[Target], id_columns: Mapping[str, str], *, breakpoints: bool = True) -> str:
    """The whole migration: for each table the column, its values from the id column, its constraint."""
    end = ";" + BREAKPOINT if breakpoints else ";"
    lines: list[str] = []
    for target in targets:
        lines += ["-- " + "=" * 44, f"-- {' '.join(target.table.upper().split())}", "-- " + "=" * 44]
        names = {"column": COLUMN, "id_column": id_columns[target.table], "constraint": target.constraint}
        quoted = {name: sql.Identifier(value) for name, value in names.items()} | {"relation": target.identifier}
        lines += [sql.SQL(statement).format(**quoted).as_string() + end for statement in _STATEMENTS]
        lines.append("")
    # Nothing may come after the last breakpoint: Drizzle would run it as an empty statement.
    return "\n".join(lines).rstrip("\n").removesuffix(BREAKPOINT) + "\n"


def marker(targets: Sequence[Target]) -> str:
    """A migration for where add_cms_id migrates the database.

    It checks that this has been done, adds what is missing where there are no rows, and fails where anything is wrong.
    """
    pairs = ([sql.Literal(text).as_string() for text in (target.relation, target.constraint)] for target in targets)
    return _MARKER_SQL.replace("{rows}", ",\n".join(f"      ({', '.join(pair)})" for pair in pairs))


_MARKER_SQL = """\
-- cms_id marker: the rows that came from the CMS get their cms_id from add_cms_id, not from this migration.
-- Where that has run, this checks what it left and changes no row. Where the tables are empty, it adds the columns.
-- Anywhere else it fails, says why, and changes nothing.
DO $marker$
DECLARE
  core record;
  relation regclass;
  col pg_catalog.pg_attribute;
  names text[];
  has_rows boolean;
  has_ids boolean;
  any_rows boolean := false;
  any_ids boolean := false;
BEGIN
  FOR core IN
    SELECT * FROM (VALUES
{rows}
    ) AS core_tables (relation, constraint_name)
  LOOP
    relation := to_regclass(core.relation);
    IF relation IS NULL OR (SELECT relkind FROM pg_catalog.pg_class WHERE oid = relation) <> 'r' THEN
      RAISE EXCEPTION 'table % is missing here, or is no ordinary table', core.relation
        USING HINT = 'Run the migrations that come before this one first.';
    END IF;

    SELECT * INTO col
    FROM pg_catalog.pg_attribute
    WHERE attrelid = relation AND attname = 'cms_id' AND NOT attisdropped;

    IF NOT FOUND THEN
      -- The lock this takes keeps the table as empty as the next line finds it.
      EXECUTE format('ALTER TABLE %s ADD COLUMN cms_id integer', relation);
      EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO has_rows;
      IF has_rows THEN
        RAISE EXCEPTION 'table % holds rows but has no cms_id yet', core.relation
          USING HINT = 'Run add_cms_id on this database first, then this migration again.';
      END IF;
      EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I UNIQUE (cms_id)', relation, core.constraint_name);
      CONTINUE;
    END IF;

    IF col.atttypid <> 'integer'::regtype OR col.attnotnull OR col.atthasdef OR col.attidentity <> '' THEN
      RAISE EXCEPTION 'cms_id of % is not a nullable integer without a default', core.relation
        USING HINT = 'Find out who added this column. add_cms_id has to add it.';
    END IF;

    SELECT array_agg(conname::text ORDER BY conname) INTO names
    FROM pg_catalog.pg_constraint
    WHERE conrelid = relation AND contype = 'u' AND pg_get_constraintdef(oid) = 'UNIQUE (cms_id)';

    IF names IS NULL THEN
      RAISE EXCEPTION 'cms_id of % has no unique constraint: add_cms_id has not finished here', core.relation
        USING HINT = 'Let add_cms_id finish, then run this migration again.';
    ELSIF core.constraint_name <> ALL (names) THEN
      -- Only the name differs, and Drizzle goes by the name.
      EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', relation, names[1], core.constraint_name);
    END IF;

    EXECUTE format('SELECT EXISTS (SELECT FROM %1$s), EXISTS (SELECT FROM %1$s WHERE cms_id IS NOT NULL)', relation)
      INTO has_rows, has_ids;
    any_rows := any_rows OR has_rows;
    any_ids := any_ids OR has_ids;
  END LOOP;

  IF any_rows AND NOT any_ids THEN
    RAISE EXCEPTION 'the core tables have a cms_id column, but not one of their rows has a cms_id'
      USING HINT = 'The columns were not added by add_cms_id. Take them out, then run add_cms_id before this.';
  END IF;
END
$marker$;
"""
