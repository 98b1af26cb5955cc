"""The SQL of the application's own migration: the whole of it, or a marker for where add_cms_id does the work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from psycopg import sql

BREAKPOINT = "--> statement-breakpoint"
COLUMN = "cms_id"

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|\w+)'
_RELATION = rf"(?P<relation>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)"
_ADD_COLUMN = re.compile(rf'ALTER TABLE {_RELATION} ADD COLUMN "?{COLUMN}"? integer', re.IGNORECASE)
_UPDATE = re.compile(rf'UPDATE {_RELATION} SET "?{COLUMN}"? ?= ?(?P<from>{_IDENTIFIER})', re.IGNORECASE)
_ADD_CONSTRAINT = re.compile(
    rf'ALTER TABLE {_RELATION} ADD CONSTRAINT (?P<name>{_IDENTIFIER}) UNIQUE ?\( ?"?{COLUMN}"? ?\)', re.IGNORECASE
)
_CREATE = re.compile(rf'CREATE TABLE (?:IF NOT EXISTS )?{_RELATION} ?\(.*(?<!\w)"?{COLUMN}"? integer', re.IGNORECASE)
_MARKER = "-- cms_id marker"
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
    def relation(self) -> str:
        """Its quoted name, with the schema where the application gives one."""
        return sql.Identifier(*([self.schema] if self.schema else []), self.table).as_string()


@dataclass(frozen=True)
class Content:
    """What a migration holds of ours, and what else."""

    form: Form
    targets: tuple[Target, ...]
    others: tuple[str, ...]
    """Statements that are none of ours."""


class HalfDone(Exception):
    """A migration that holds only a part of what a table needs; the message completes "<file> ..."."""


def whole(targets: Sequence[Target], identifiers: Sequence[str], *, breakpoints: bool = True) -> str:
    """
    The whole migration: for each table the column, its values, its constraint.

    Args:
        targets: the tables, in order.
        identifiers: for each, the column its cms_id is taken from.
        breakpoints: whether Drizzle is to run the statements one by one.
    """
    lines: list[str] = []
    for target, identifier in zip(targets, identifiers, strict=True):
        relation, column = target.relation, sql.Identifier(COLUMN).as_string()
        source, constraint = sql.Identifier(identifier).as_string(), sql.Identifier(target.constraint).as_string()
        lines += ["-- " + "=" * 44, f"-- {target.table.upper()}".replace("\n", " "), "-- " + "=" * 44]
        for statement in (
            f"ALTER TABLE {relation} ADD COLUMN {column} integer",
            f"UPDATE {relation} SET {column} = {source}",
            f"ALTER TABLE {relation} ADD CONSTRAINT {constraint} UNIQUE({column})",
        ):
            lines.append(statement + ";" + (BREAKPOINT if breakpoints else ""))
        lines.append("")
    # Nothing may stand behind the last breakpoint: Drizzle would run it as an empty statement.
    return "\n".join(lines).rstrip("\n").removesuffix(BREAKPOINT) + "\n"


def marker(targets: Sequence[Target]) -> str:
    """
    A migration for where add_cms_id migrates the database: it looks whether that has been done, adds what is missing
    where there are no rows, and fails where something is wrong.
    """
    rows = ",\n".join(f"      ({_literal(target.relation)}, {_literal(target.constraint)})" for target in targets)
    return _MARKER_SQL.replace("{rows}", rows)


def content(text: str) -> Content | None:
    """
    Args:
        text: a migration's SQL.

    Returns:
        What it does to cms_id columns; None where it does nothing to any.

    Raises:
        HalfDone: it does so only in part.
    """
    if text.lstrip("\ufeff \r\n").startswith(_MARKER):
        marked = [(_split(_unquoted(r)), _unquoted(c)) for r, c in _MARKED.findall(text.replace("\r\n", "\n"))]
        return Content(Form.MARKER, tuple(Target(*parts, constraint) for parts, constraint in marked), ())
    added: dict[tuple[str | None, str], None] = {}
    filled: set[tuple[str | None, str]] = set()
    constrained: dict[tuple[str | None, str], str] = {}
    created: dict[tuple[str | None, str], None] = {}
    others: list[str] = []
    for statement in statements(text):
        if match := _ADD_COLUMN.fullmatch(statement):
            added[_split(match["relation"])] = None
        elif match := _UPDATE.fullmatch(statement):
            filled.add(_split(match["relation"]))
        elif match := _ADD_CONSTRAINT.fullmatch(statement):
            constrained[_split(match["relation"])] = _name(match["name"])
        else:
            others.append(statement)
            if match := _CREATE.match(statement):
                created[_split(match["relation"])] = None
    touched = [*added, *(r for r in [*constrained, *filled] if r not in added and r not in created)]
    if not touched:
        return Content(Form.CREATED, tuple(Target(*r, "") for r in created), tuple(others)) if created else None
    for touched_table in touched:
        if touched_table not in added:
            raise HalfDone(f"does something to {COLUMN} of {touched_table[1]}, but does not add it")
        if touched_table not in constrained:
            raise HalfDone(f"adds {COLUMN} to {touched_table[1]}, but no unique constraint on it")
        if filled and touched_table not in filled:
            raise HalfDone(f"fills {COLUMN} of some tables, but not of {touched_table[1]}")
    form = Form.WHOLE if filled else Form.GENERATED
    return Content(form, tuple(Target(*r, constrained[r]) for r in added), tuple(others))


def statements(text: str) -> list[str]:
    """The statements of a migration, without comments, each on one line."""
    found, current = [], ""
    for token in _TOKEN.finditer(text.removeprefix("\ufeff")):
        if token["comment"]:
            current += " "
        elif token[0] == ";":
            found.append(current)
            current = ""
        else:
            current += re.sub(r"\s+", " ", token[0]) if token["space"] else token[0]
    return [statement.strip() for statement in [*found, current] if statement.strip()]


_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<space>\s+)|"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\w*)\$.*?\$\3\$|[^\s;]|;""",
    re.DOTALL,
)


def _split(relation: str) -> tuple[str | None, str]:
    parts = [_name(part) for part in re.findall(_IDENTIFIER, relation)]
    return (parts[0] if len(parts) > 1 else None), parts[-1]


def _name(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier.lower()


def _unquoted(literal: str) -> str:
    return literal.replace("''", "'")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_MARKER_SQL = """\
-- cms_id marker: the rows that came from the CMS get their cms_id from add_cms_id, not from this migration.
-- Where that has run, this checks what it left and changes no row. Where the tables are still empty, it adds the columns.
-- Anywhere else it fails, says why, and changes nothing.
DO $marker$
DECLARE
  core record;
  relation regclass;
  col pg_catalog.pg_attribute;
  names text[];
  has_rows boolean;
  any_rows boolean := false;
  has_ids boolean;
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
          USING HINT = 'Run add_cms_id on this database first (dbt run-operation add_cms_id), then this migration again.';
      END IF;
      EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I UNIQUE (cms_id)', relation, core.constraint_name);
      CONTINUE;
    END IF;

    IF col.atttypid <> 'integer'::regtype OR col.attnotnull OR col.atthasdef OR col.attidentity <> '' THEN
      RAISE EXCEPTION 'cms_id of % is not a nullable integer without a default', core.relation
        USING HINT = 'Find out who added this column, and take it out before add_cms_id and this migration.';
    END IF;

    SELECT array_agg(conname::text) INTO names
    FROM pg_catalog.pg_constraint
    WHERE conrelid = relation AND contype = 'u' AND pg_get_constraintdef(oid) = 'UNIQUE (cms_id)';

    IF names IS NULL THEN
      RAISE EXCEPTION 'cms_id of % has no unique constraint: add_cms_id has not finished', core.relation
        USING HINT = 'Let add_cms_id finish (scripts/cmsid status says where it stands), then run this migration again.';
    ELSIF core.constraint_name <> ALL (names) THEN
      -- Only the name differs, and Drizzle goes by the name.
      EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', relation, names[1], core.constraint_name);
    END IF;

    EXECUTE format('SELECT EXISTS (SELECT FROM %s), EXISTS (SELECT FROM %s WHERE cms_id IS NOT NULL)', relation, relation)
      INTO has_rows, has_ids;
    any_rows := any_rows OR has_rows;
    any_ids := any_ids OR has_ids;
  END LOOP;

  IF any_rows AND NOT any_ids THEN
    RAISE EXCEPTION 'the core tables have a cms_id column, but not one of their rows has a cms_id'
      USING HINT = 'The columns were added without add_cms_id: take them out, run add_cms_id, then this migration again.';
  END IF;
END
$marker$;
"""
