"""Writes sources, origin views and vars of a dbt project for the tables that a database has.

Only adds: a table that the project knows already stays as people wrote it, so nothing of theirs can get lost.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from driver.backup.session import pinned
from driver.bootstrap import ROOT, project
from driver.dbt_project import PACKAGE, DbtProject, read_yaml, settings
from driver.drizzle.files import Change
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from driver.profile import Connection

LONGEST_NAME = 63  # bytes, as the server counts
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
VAR = re.compile(r"\{\{\s*var\('(\w+)'\)\s*\}\}")

# Ordinary tables with a primary key of one integer column, and their other columns; domains count as what they are over.
TABLES = """
select n.nspname, c.relname, coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''), k.attname, b.typname = 'int8',
    (
        select jsonb_agg(jsonb_build_array(
            a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
            coalesce(pg_catalog.col_description(c.oid, a.attnum), '')
        ) order by a.attnum)
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> 'cms_id'
    )
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_index as i on i.indrelid = c.oid and i.indisprimary and i.indnkeyatts = 1
join pg_catalog.pg_attribute as k on k.attrelid = c.oid and k.attnum = i.indkey[0]
join pg_catalog.pg_type as t on t.oid = k.atttypid
join pg_catalog.pg_type as b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
where c.relkind = 'r' and b.typname in ('int4', 'int8')
    and n.nspname !~ '^pg_' and n.nspname <> all (%s::text[])
    and not exists (select from pg_catalog.pg_inherits as h where c.oid in (h.inhrelid, h.inhparent))
    and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by n.nspname collate "C", c.relname collate "C"
"""


@dataclass
class Table:
    """A table that can get a cms_id, as the catalogue has it; `name` is its name as a source."""

    schema: str
    identifier: str
    comment: str
    key: str
    is_bigint: bool
    columns: list[tuple[str, str, str]]
    """Name, type and comment of each."""
    name: str = ""


def configure(connection: Connection, schemas: Sequence[str], names: Sequence[str]) -> list[Change]:
    """What has to change in the project so that these tables are its core tables; nothing is written.

    They are named by name or `schema.name`; without names, they are all with an integer id, of these schemas or of any.

    Raises:
        Problem: there is no such table, or a file of the project cannot be read.
    """
    dbt = DbtProject()
    tables = _chosen(_tables(connection, [connection.audit_schema, *dbt.var("ledger_schemas")]), schemas, names)
    if not tables:
        raise Problem(
            "There is no table with an integer id", where=connection.describe(), do="check --schema and the database"
        )
    folder = project() / (settings(project()).get("model-paths") or ["models"])[0]
    known = set(_known(folder, dbt))
    new = [table for table in tables if (table.schema, table.identifier) not in known]
    procedure = project() == ROOT and dbt.var("procedure_registry") and len(new) < len(tables)
    taken = {str(table["name"]).lower() for source in _described(folder) for table in source.get("tables") or []}
    for table in new:
        table.name = _name(table, taken)
        taken.add(table.name)
    ours = folder / ("origins/configured" if project() == ROOT else "cms_id")
    kind = "bigint" if any(table.is_bigint for table in tables) else dbt.var("cms_id_type")
    changes = [_project_change(dbt, {"procedure_registry": procedure, "cms_id_type": kind})]
    changes.append(_appended(ours / "_sources.yml", "sources:\n", _sources(new, str(dbt.var("cms_id_constraint")))))
    for table in new:
        if any(folder.rglob(f"{table.name}_origin.sql")):
            continue  # somebody's own
        view = f"{{{{ {PACKAGE}.origin_view(source('{_slug(table.schema)}', '{table.name}')) }}}}\n"
        changes.append(_appended(ours / f"{table.name}_origin.sql", "", view))
    return [change for change in changes if change.before != change.after]


def _tables(connection: Connection, without: list[str]) -> list[Table]:
    with pinned(connection) as session:
        return [Table(*row) for row in session.execute(TABLES, [["information_schema", *without]])]


def _chosen(tables: list[Table], schemas: Sequence[str], names: Sequence[str]) -> list[Table]:
    tables = [table for table in tables if not schemas or table.schema in schemas]
    if not names:
        return tables
    found = {
        name: [table for table in tables if name in (table.identifier, f"{table.schema}.{table.identifier}")]
        for name in names
    }
    for name, fitting in found.items():
        if len(fitting) != 1:
            raise Problem(
                f"{len(fitting) or 'No'} tables with an integer id are called {name}",
                do="write schema.table, or check the name: an ordinary table with a primary key of one integer column",
            )
    return [table for table in tables if [table] in found.values()]


def _described(folder: Path) -> Iterator[dict[str, Any]]:
    """The sources that the project's files describe."""
    for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        yield from read_yaml(path, "A file of the project").get("sources") or []


def _known(folder: Path, dbt: DbtProject) -> Iterator[tuple[str, str]]:
    """Schema and identifier of every core table that the project has and that is not switched off."""
    for source in _described(folder):
        enabled = str((source.get("config") or {}).get("enabled", True))
        if "procedure_registry" in enabled and not dbt.var("procedure_registry"):
            continue
        schema = VAR.sub(lambda found: str(dbt.var(found[1])), str(source.get("schema", source["name"])))
        for table in source.get("tables") or []:
            meta = (table.get("config") or {}).get("meta") or {}
            if meta.get("core_table"):
                yield schema, str(table.get("identifier", table["name"]))


def _slug(text: str) -> str:
    """A name that files, dbt and SQL take without quotes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return slug if PLAIN.fullmatch(slug) else f"table_{slug}".rstrip("_")


def _name(table: Table, taken: set[str]) -> str:
    short = _slug(table.identifier)
    long = f"{_slug(table.schema)}_{short}"
    numbered = (f"{long}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (short, long, *numbered) if name not in taken)


def _constraint(table: Table, pattern: str) -> str:
    """The name of its unique constraint where the pattern's would be too long for the server; else empty."""
    if len(pattern.replace("{table}", table.identifier).encode()) <= LONGEST_NAME:
        return ""
    rest = f"_{hashlib.sha256(table.identifier.encode()).hexdigest()[:8]}"
    room = LONGEST_NAME - len(pattern.replace("{table}", rest).encode())
    return pattern.replace("{table}", table.identifier.encode()[:room].decode("utf-8", "ignore") + rest)


def _text(value: str) -> str:
    """A text in YAML that dbt does not take for a template."""
    return json.dumps(value.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #"), ensure_ascii=False)


def _sources(tables: list[Table], pattern: str) -> str:
    lines: list[str] = []
    for schema, of_schema in groupby(tables, key=lambda table: table.schema):
        lines += [f"  - name: {_slug(schema)}", f"    schema: {_text(schema)}", "    tables:"]
        for table in of_schema:
            lines.append(f"      - name: {table.name}")
            if table.name != table.identifier:
                lines.append(f"        identifier: {_text(table.identifier)}")
            if table.comment:
                lines.append(f"        description: {_text(table.comment)}")
            meta = ["core_table: true"] + [f"id_column: {_text(table.key)}"] * (table.key != "id")
            meta += [f"constraint: {_text(name)}" for name in [_constraint(table, pattern)] if name]
            lines += ["        config:", f"          meta: {{{', '.join(meta)}}}", "        columns:"]
            for column, kind, comment in table.columns:
                lines += [f"          - name: {_text(column)}", f"            data_type: {_text(kind)}"]
                lines += [f"            description: {_text(comment)}"] * bool(comment)
    return "".join(line + "\n" for line in lines)


def _appended(path: Path, head: str, text: str) -> Change:
    before = path.read_text("utf-8") if path.exists() else ""
    after = (before or head) + text if text and text not in before else before
    return Change(path, before.encode(), after.encode())


def _project_change(dbt: DbtProject, wanted: dict[str, Any]) -> Change:
    """The vars in dbt_project.yml that have another value now; all else as it is."""
    path = project() / "dbt_project.yml"
    before = after = path.read_text("utf-8")
    for name, value in wanted.items():
        if value == dbt.var(name):
            continue
        line = f"  {name}: {json.dumps(value) if isinstance(value, bool) else value}"
        after, count = re.subn(rf"(?m)^( +){name}:.*$", rf"\g<1>{line.strip()}", after)
        if not count:
            after, count = re.subn(r"(?m)^vars:\s*$", f"vars:\n{line}", after)
        if not count:
            after = after.rstrip("\n") + f"\nvars:\n{line}\n"
    return Change(path, before.encode(), after.encode())
