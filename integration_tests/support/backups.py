"""What the tests of backup and restore share: connections, the state of a database seen from outside, damage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driver.backup import prepared
from driver.backup.session import pinned
from driver.profile import Connection
from support.registry import OWNER, Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driver.embedded_server import EmbeddedServer

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
FAULTY_RESTORE = Path(__file__).with_name("faulty_restore.py")

STATE = """
select d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datconnlimit,
    d.datallowconn, d.datistemplate, shobj_description(d.oid, 'pg_database'),
    (
        select array_agg(format('%%s %%s %%s', a.grantee::regrole, a.privilege_type, a.is_grantable) order by a::text)
        from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
    ),
    (
        select array_agg(format('%%s %%s', s.setrole::regrole, c) order by s.setrole, c)
        from pg_db_role_setting as s cross join unnest(s.setconfig) as c where s.setdatabase = d.oid
    )
from pg_database as d
where d.datname = %s
"""


def connection_of(server: EmbeddedServer, dbname: str = "registry", user: str = OWNER, **options: Any) -> Connection:
    """How the driver reaches a database of a test's server."""
    return Connection(
        host=server.host, port=server.port, user=user, dbname=dbname, password=server.passwords[user], **options
    )


def state_of(registry: Registry) -> tuple[Any, ...]:
    """Settings, rights, comment, owner and the like of a registry's database, by a query of the tests' own."""
    with registry.server.connect() as session:
        row = session.execute(STATE, [registry.dbname]).fetchone()
    assert row is not None
    return tuple(row)


def databases(server: EmbeddedServer, beginning: str) -> list[str]:
    """The databases whose names begin so."""
    with server.connect() as session:
        rows = session.execute(
            "select datname from pg_database where starts_with(datname, %s) order by 1", [beginning]
        ).fetchall()
    return [name for (name,) in rows]


def drop_all(server: EmbeddedServer, beginning: str) -> None:
    """Drop the databases whose names begin so."""
    for name in databases(server, beginning):
        server.drop_database(name)


def prepare_template(server: EmbeddedServer, connection: Connection) -> None:
    """Do as the statements say, as a superuser would in psql."""
    with pinned(connection) as session:
        lines = prepared.statements(session, connection.dbname)
    dbname = "postgres"
    for line in lines:
        if line.startswith("\\connect "):
            dbname = line.removeprefix("\\connect ")
        else:
            with server.connect(dbname) as session:
                session.execute(line.encode())


def drop_template(server: EmbeddedServer, dbname: str) -> None:
    """Drop the template of a database, if there is one."""
    name = prepared.template_name(dbname)
    if databases(server, name):
        with server.connect() as session:
            session.execute(f'alter database "{name}" is_template false'.encode())
        server.drop_database(name)


def faulty_restore(
    connection: Connection, directory: Path, step: str, victim: int = 0, *, in_place: bool = False
) -> subprocess.CompletedProcess[str]:
    """Restore the newest backup in a process of its own, and kill it once a step is in the journal.

    Args:
        connection: the database.
        directory: the folder of all backups.
        step: the journal's name of the step; `loading` is the first moment pg_restore runs, `committed` the one
            after an in-place restore was committed.
        victim: the process to kill, with its children; 0 is the restoring process itself, -1 its pg_restore.
        in_place: whether to restore in place.
    """
    order = {
        "connection": {**asdict(connection), "profiles_dir": None},
        "directory": str(directory),
        "step": step,
        "victim": victim,
        "in_place": in_place,
    }
    return subprocess.run(
        [sys.executable, str(FAULTY_RESTORE)],
        input=json.dumps(order),
        text=True,
        capture_output=True,
        timeout=400,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
    )


def cmsid(*arguments: str, environment: Mapping[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in this Python, without setting anything up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "cmsid"), *arguments],
        env={**kept, **environment, "CMSID_NO_VENV": "1"},
        text=True,
        capture_output=True,
        timeout=400,
        check=False,
        **options,
    )


def was_killed(process: subprocess.CompletedProcess[str]) -> bool:
    """Whether the process was ended by SIGKILL."""
    return process.returncode == -signal.SIGKILL


def wrapped_tools(server: EmbeddedServer, folder: Path, script: str, *wrapped: str) -> str:
    """A PATH on which pg_dump, or some of PostgreSQL's programs, are a script; $REAL is the program itself."""
    folder.mkdir()
    for program in ("pg_dump", "pg_restore", "psql"):
        real, path = server.programs / program, folder / program
        if program in (wrapped or ("pg_dump",)):
            path.write_text(f'#!/bin/sh\nREAL={real}\n[ "$1" = --version ] && exec "$REAL" --version\n{script}\n')
            path.chmod(0o755)
        else:
            path.symlink_to(real)
    return f"{folder}:{os.environ['PATH']}"


# ---- damage to the folder of a backup


def largest_file(folder: Path) -> Path:
    """The largest file of the dump, which holds rows."""
    return max((folder / "dump").iterdir(), key=lambda path: path.stat().st_size)


def flip_a_byte(folder: Path) -> None:
    """One bit of the largest file of the dump."""
    content = bytearray(largest_file(folder).read_bytes())
    content[len(content) // 2] ^= 1
    largest_file(folder).write_bytes(content)


def cut_a_file(folder: Path) -> None:
    """The second half of the largest file of the dump."""
    os.truncate(largest_file(folder), largest_file(folder).stat().st_size // 2)


def remove_manifest(folder: Path) -> None:
    """The manifest."""
    (folder / "manifest.json").unlink()


def cut_manifest(folder: Path) -> None:
    """The end of the manifest."""
    os.truncate(folder / "manifest.json", (folder / "manifest.json").stat().st_size - 100)


def remove_toc(folder: Path) -> None:
    """The dump's table of contents."""
    (folder / "dump" / "toc.dat").unlink()
