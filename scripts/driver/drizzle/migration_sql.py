"""The SQL of the application's own migration: the whole of it, or a marker for where add_cms_id does the work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

BREAKPOINT = "--> statement-breakpoint"
MARKER = "-- cms_id marker"
COLUMN = "cms_id"
_STATEMENTS = (
    "ALTER TABLE {relation} ADD COLUMN {column} integer",
    "UPDATE {relation} SET {column} = {id_column}",
    "ALTER TABLE {relation} ADD CONSTRAINT {constraint} UNIQUE({column})",
)


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


def whole(targets: Sequence[Target], id_columns: Sequence[str], *, breakpoints: bool = True) -> str:
    """The whole migration: for each table the column, its values from the id column, its constraint."""
    end = ";" + BREAKPOINT if breakpoints else ";"
    lines: list[str] = []
    for target, id_column in zip(targets, id_columns, strict=True):
        lines += ["-- " + "=" * 44, f"-- {' '.join(target.table.upper().split())}", "-- " + "=" * 44]
        names = {"column": COLUMN, "id_column": id_column, "constraint": target.constraint}
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
