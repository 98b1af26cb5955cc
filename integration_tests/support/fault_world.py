"""Where faults happen: a server of its own, a copy of the project, and a network between them that can be cut.

Commands run as processes of their own, in the copy, so that their backups, reports and logs are there and nowhere else.
What the database holds is asked by this module's own queries on its own connection, as the superuser, past the network.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

from driver import sample_registry
from driver.embedded_server import EmbeddedServer
from support.backups import wrapped_tools
from support.cutting_proxy import CuttingProxy
from support.dbt_runner import PROFILE, PROJECT
from support.forker import Command, Forker
from support.local_rows import CORE_TABLES
from support.registry import OWNER
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import psycopg

DATABASE = "registry"
SCALE = 0.005
PARTS = ("macros", "models", "snapshots", "tests", "offline_packages", "dbt_packages", "scripts", "demo", "docs")
FILES = ("dbt_project.yml", "packages.yml", "package-lock.yml", "selectors.yml", "profiles.example.yml")
# What gives up after a while should do so soon here.
SETTINGS = {
    "dbt_project.yml": {" lock_timeout: 900ms": " lock_timeout: 100ms", " lock_attempts: 20": " lock_attempts: 3"},
    "scripts/driver/backup/pg_tools.py": {'LOCK_WAIT = "60s"': 'LOCK_WAIT = "2s"'},
    "macros/session/session_settings.sql": {"('lock_timeout', '60s')": "('lock_timeout', '2s')"},
    "scripts/driver/backup/in_place.py": {'LOCK_TIMEOUT = "30s"': 'LOCK_TIMEOUT = "2s"'},
}
KEPT = ("backup_db", "reports")
OURS = f"datname is not null and (usename = '{OWNER}' or application_name like 'cmsid%')"

_TABLES = """
select c.relname, exists (select from pg_attribute where attrelid = c.oid and attname = 'cms_id' and not attisdropped)
from pg_class as c where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1
"""
_ROWS = "select count(*), md5(coalesce(string_agg(h, '' order by h), '')) from ({}) as t (h)"
_CMS_IDS = """
select count(*) filter (where cms_id is distinct from id), exists (
    select from pg_constraint as k join pg_attribute as a on a.attrelid = k.conrelid and k.conkey = array[a.attnum]
    join pg_index as i on i.indexrelid = k.conindid
    where k.conrelid = '{0}'::regclass and k.contype = 'u' and a.attname = 'cms_id' and i.indisvalid
) from {0}
"""

Rows = dict[str, tuple[int, str]]


class World:
    """The server, the project and the network of all faults, and a registry in the state that the next one needs."""

    def __init__(self, folder: Path, major: int) -> None:
        """Start them.

        Args:
            folder: a folder that every account may enter.
            major: PostgreSQL's major version.
        """
        self.folder = folder
        self.server = EmbeddedServer(folder / "server", major, fsync=False).start()
        self.server.create_role(OWNER, attributes="createdb in role pg_read_all_stats")
        self.proxy = CuttingProxy(lambda: self.server.port)
        self.project = folder / "project"
        self.tools = folder / "tools"
        self._copy_project()
        self._forker = Forker(folder, self.project / "scripts")
        self._templates: dict[str, Rows] = {}
        self.expected: Rows = {}

    def close(self) -> None:
        """End all of it."""
        self.proxy.close()
        self._forker.close()
        self.server.stop()

    def _copy_project(self) -> None:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        for part in PARTS:
            if (PROJECT / part).is_dir():
                shutil.copytree(PROJECT / part, self.project / part, ignore=ignored)
        for name in FILES:
            if (PROJECT / name).exists():
                shutil.copy(PROJECT / name, self.project / name)
        for name, changes in SETTINGS.items():
            text = (self.project / name).read_text()
            for old, new in changes.items():
                assert old in text, name
                text = text.replace(old, new)
            (self.project / name).write_text(text)
        self.profile.parent.mkdir()
        self.profile.write_text(PROFILE)
        for name in ("logs", *KEPT):
            (self.project / name).mkdir(exist_ok=True)

    @property
    def profile(self) -> Path:
        """The dbt profile of the commands."""
        return self.folder / "profile" / "profiles.yml"

    # ---- states

    def reset(self, state: str) -> None:
        """Have a fresh registry in a state, with the backups and reports of that state."""
        make = STATES[state]
        if state not in self._templates:
            make(self)
            with self.superuser("postgres") as session:
                session.execute(f'alter database "{DATABASE}" rename to "template_{state}"')
            self._templates[state] = self.rows(f"template_{state}")
            for kept in KEPT:
                shutil.copytree(self.project / kept, self.folder / f"{kept}-{state}", symlinks=True)
        self._empty()
        self.server.create_database(DATABASE, OWNER, f"template_{state}")
        for kept in KEPT:
            shutil.copytree(self.folder / f"{kept}-{state}", self.project / kept, symlinks=True, dirs_exist_ok=True)
        self.expected = self._templates[state]

    def rows_in(self, state: str) -> Rows:
        """The rows of a registry in a state that one was in already."""
        return self._templates[state]

    def backups(self) -> int:
        """How many complete backups there are."""
        return len(list((self.project / "backup_db" / DATABASE).glob("*/manifest.json")))

    def _empty(self) -> None:
        """No registry, nothing that a restore left, no backups, no reports."""
        for name in self.databases():
            self.server.drop_database(name)
        for kept in KEPT:
            shutil.rmtree(self.project / kept, ignore_errors=True)
            (self.project / kept).mkdir()

    def databases(self) -> list[str]:
        """The registry, and what a restore or a test restore has made beside it."""
        with self.superuser("postgres") as session:
            found = session.execute(
                "select datname from pg_database where datname ~ '^(registry|cmsid_scratch)' order by 1"
            ).fetchall()
        return [name for (name,) in found]

    # ---- commands

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_", "COVERAGE"))}
        return {
            **kept,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.proxy.port),
            "PGUSER": OWNER,
            "PGPASSWORD": self.server.passwords[OWNER],
            "PGDATABASE": DATABASE,
            "DBT_PROFILES_DIR": str(self.profile.parent),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_LOG_LEVEL_FILE": "none",
            "NO_COLOR": "1",
            "CMSID_NO_VENV": "1",
        }

    def start(self, command: str, **environment: str) -> Command:
        """Start a command: `dbt ...` or a command of cmsid."""
        args = command.split(" ")
        if args[0] == "scripts/cmsid":
            args = args[1:]
        name = "dbt" if args[0] == "dbt" else "cmsid"
        if name == "dbt":
            # Behind `--args` and `--vars` stands one word with blanks in it.
            head, _, tail = command.partition(" --args ")
            args = [*head.split()[1:], *(["--args", tail] if tail else []), "--no-use-colors"]
        # dbt parses anew when its vars change: a folder for each set of them.
        target = "target-online" if "online" in command else "target"
        environment = {**self.environment, "DBT_TARGET_PATH": str(self.folder / target), **environment}
        return self._forker.start(name, args, environment, self.project)

    def run(self, command: str, **environment: str) -> Command:
        """Run a command to its end."""
        started = self.start(command, **environment)
        started.wait()
        return started

    def run_well(self, command: str, **environment: str) -> Command:
        """Run a command that has to end well."""
        started = self.start(command, **environment)
        assert started.wait() == 0, f"{command}:\n{started.text}"
        return started

    # ---- looking from outside

    def superuser(self, dbname: str = DATABASE, **options: Any) -> psycopg.Connection[Any]:
        """A connection past the network, autocommit."""
        return self.server.connect(dbname, **options)

    def execute(self, statements: str, dbname: str = DATABASE) -> None:
        """Run statements as the superuser."""
        with self.superuser(dbname) as session:
            session.execute(statements.encode())

    def value(self, query: str, dbname: str = DATABASE) -> Any:
        """The first column of the first row, as the superuser sees it; None if there is no row."""
        with self.superuser(dbname) as session:
            row = session.execute(query.encode()).fetchone()
        return row[0] if row else None

    def rows(self, dbname: str = DATABASE) -> Rows:
        """Of every table of the registry: the number of its rows and a hash over all of them, cms_id aside."""
        with self.superuser(dbname) as session, session.transaction():
            session.execute("set transaction isolation level repeatable read")
            found: Rows = {}
            for table, has_cms_id in session.execute(_TABLES).fetchall():
                row = "to_jsonb(t) - 'cms_id'" if has_cms_id else "to_jsonb(t)"
                counted = session.execute(_ROWS.format(f'select md5(({row})::text) from only "{table}" as t').encode())
                found[table] = counted.fetchone()  # type: ignore[assignment]
            return found

    def holders(self, rows: Rows) -> list[str]:
        """The databases that hold exactly these rows."""
        return [name for name in self.databases() if self._open(name) and self.rows(name) == rows]

    def _open(self, dbname: str) -> bool:
        query = f"select datallowconn from pg_database where datname = '{dbname}'"
        return bool(self.value(query, "postgres"))

    def truth(self) -> str:
        """Where the migration really stands: `nothing`, `half`, `all`, from the tables themselves."""
        with self.superuser() as session:
            having = {table for table, has_cms_id in session.execute(_TABLES).fetchall() if has_cms_id}
            if not having:
                return "nothing"
            if having != set(CORE_TABLES):
                return "half"
            for table in CORE_TABLES:
                wrong, constrained = session.execute(_CMS_IDS.format(table).encode()).fetchone()  # type: ignore[misc]
                if wrong or not constrained:
                    return "half"
        return "all"

    def quiet(self) -> None:
        """Wait until no session of a command is at work any more."""
        query = f"select string_agg(query, '; ') from pg_stat_activity where {OURS}"
        until(
            lambda: self.value(query, "postgres") is None, 120, lambda: f"still there: {self.value(query, 'postgres')}"
        )

    # ---- the server

    def stop_server(self, how: int) -> None:
        """Have it shut down.

        Args:
            how: SIGINT: fast; SIGQUIT: immediate, as a crash.
        """
        os.kill(self.server.pid, how)
        until(lambda: not self.server.running)
        self.server.stop()

    def server_up(self) -> None:
        """Have the server up, if it is not, with the network to it."""
        if not self.server.running:
            self.server.start()

    def wrap(self, program: str, script: str) -> str:
        """A PATH on which a program of PostgreSQL is a script; $REAL is the program itself."""
        shutil.rmtree(self.tools, ignore_errors=True)
        return wrapped_tools(self.server, self.tools, script, program)


def _loaded(world: World) -> None:
    world._empty()
    world.server.create_database(DATABASE, OWNER)
    with world.superuser() as session:
        session.execute(f"grant create on schema public to {OWNER}")
    with world.server.connect(DATABASE, OWNER) as session:
        sample_registry.load(session, SCALE)


def _backed_up(world: World) -> None:
    world.reset("loaded")
    world.run_well("backup --verify")


def _ready(world: World) -> None:
    world.reset("backed up")
    world.run_well("dbt snapshot")


def _migrated(world: World) -> None:
    world.reset("ready")
    world.run_well("dbt run-operation add_cms_id")


def _changed(world: World) -> None:
    world.reset("ready")
    world.execute("update terms set name = 'changed since the backup'")


STATES: dict[str, Callable[[World], None]] = {
    "loaded": _loaded,
    "backed up": _backed_up,
    "ready": _ready,
    "migrated": _migrated,
    "changed": _changed,
}
