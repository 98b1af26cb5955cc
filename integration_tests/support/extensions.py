"""Extensions of the tests' own, in SQL alone: PostgreSQL 18 and later can have them, whatever its package brings."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.embedded_server import EmbeddedServer

# name: further lines of its control file. Every version of each has the same functions.
OWN = {
    "words": "trusted = true",
    "words_too": "trusted = true",
    "measures": "trusted = false",
    "configured": "trusted = false",
}
VERSIONS = ("1.0", "1.1")
CONTENT = """
create function @extschema@.{name}_of(value text) returns integer language sql immutable as 'select length($1)';
create domain @extschema@.{name}_domain as text check (value <> '');
"""
ROWS = """
create table @extschema@.configured_rows (id integer primary key, kind text);
insert into @extschema@.configured_rows values (1, 'own');
select pg_catalog.pg_extension_config_dump('@extschema@.configured_rows', '');
"""


@contextmanager
def own_extensions(server: EmbeddedServer) -> Iterator[None]:
    """Let a server find them; before PostgreSQL 18 none looks anywhere else than in its own folder."""
    if server.major < 18:
        yield
        return
    folder = server.home / "own"
    (folder / "extension").mkdir(parents=True, exist_ok=True)
    for name, lines in OWN.items():
        control = (
            f"comment = 'An extension of the tests'\ndefault_version = '{VERSIONS[-1]}'\nrelocatable = false\n{lines}\n"
        )
        (folder / "extension" / f"{name}.control").write_text(control)
        for version in VERSIONS:
            (folder / "extension" / f"{name}--{version}.sql").write_text(
                CONTENT.format(name=name) + (ROWS if name == "configured" else "")
            )
    with server.connect(autocommit=True) as session:
        session.execute(f"alter system set extension_control_path = '$system:{folder}'".encode())
        session.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            session.execute("alter system reset extension_control_path")
            session.execute("select pg_reload_conf()")


def skip_without(server: EmbeddedServer, *statements: str) -> None:
    """Skip a test whose statements create an extension that this server cannot have."""
    wanted = set(re.findall(r"create extension (\w+)", ";".join(statements)))
    with server.connect() as session:
        there = {name for (name,) in session.execute("select name from pg_catalog.pg_available_extensions")}
    if wanted - there:
        pytest.skip(f"this server comes without {', '.join(sorted(wanted - there))}")
