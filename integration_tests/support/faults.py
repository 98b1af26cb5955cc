"""What can go wrong around a command: circumstances that hold, moments to stop it at, and what hits it there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import psycopg

from support.fault_world import DATABASE, OURS
from support.registry import AUDIT_SCHEMA, OWNER
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from support.fault_world import World
    from support.forker import Command

    Circumstance = Callable[[World], AbstractContextManager[None]]
    Hit = Callable[[World, Command], None]

GATE = 4242  # the number of the advisory lock that a stopped command waits for


# ---- circumstances: they hold while the command runs, and are over before the way on


def statements(before: str, after: str, dbname: str = DATABASE) -> Circumstance:
    """Statements of the superuser, and those that undo them."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        world.execute(before, dbname)
        try:
            yield
        finally:
            world.execute(after, dbname)

    return circumstance


def setting(name: str, value: str) -> Circumstance:
    """A setting of the role, for all its sessions."""
    return statements(f"alter role {OWNER} set {name} = '{value}'", f"alter role {OWNER} reset {name}", "postgres")


def attribute(without: str, normal: str) -> Circumstance:
    """An attribute of the role."""
    return statements(f"alter role {OWNER} {without}", f"alter role {OWNER} {normal}", "postgres")


def locked(table: str, mode: str = "access exclusive") -> Circumstance:
    """Another session holds a lock and does not give it up."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        with world.superuser(autocommit=False) as session:
            session.execute(f"lock table {table} in {mode} mode".encode())
            yield
            with contextlib.suppress(psycopg.Error):  # the server may have gone meanwhile
                session.rollback()

    return circumstance


def owned_by_another(table: str) -> Circumstance:
    """A table belongs to another role, and ours may do nothing with it."""
    return statements(f"alter table {table} owner to postgres", f"alter table {table} owner to {OWNER}")


def audit_table_away(table: str) -> Circumstance:
    """One of our own tables is not there."""
    name = f"{AUDIT_SCHEMA}.{table}"
    return statements(
        f"alter table {name} rename to {table}_away",
        f"drop table if exists {name}; alter table {name}_away rename to {table}",
    )


audit_schema_away = statements(
    f"alter schema {AUDIT_SCHEMA} rename to away",
    f"drop schema if exists {AUDIT_SCHEMA} cascade; alter schema away rename to {AUDIT_SCHEMA}",
)
audit_schema_closed = statements(
    f"alter schema {AUDIT_SCHEMA} owner to postgres", f"alter schema {AUDIT_SCHEMA} owner to {OWNER}"
)
no_create = statements(
    f"alter database {DATABASE} owner to postgres", f"alter database {DATABASE} owner to {OWNER}", "postgres"
)


@contextmanager
def refused(world: World) -> Iterator[None]:
    """Nothing listens on the port."""
    world.proxy.refuse()
    try:
        yield
    finally:
        world.proxy.listen()


@contextmanager
def down(world: World) -> Iterator[None]:
    """The network is there, the server behind it is not."""
    world.stop_server(signal.SIGINT)
    try:
        yield
    finally:
        world.server_up()


@contextmanager
def wrong_password(world: World) -> Iterator[None]:
    """The role has another password than the profile."""
    world.execute(f"alter role {OWNER} password 'another'", "postgres")
    try:
        yield
    finally:
        world.execute(f"alter role {OWNER} password '{world.server.passwords[OWNER]}'", "postgres")


def moved(*parts: str) -> Circumstance:
    """A file or a folder of the project is not there."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        path = world.project.joinpath(*parts)
        path.rename(path.with_name(path.name + ".away"))
        try:
            yield
        finally:
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            path.with_name(path.name + ".away").rename(path)

    return circumstance


def profile(old: str, new: str) -> Circumstance:
    """The dbt profile says something else."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        text = world.profile.read_text()
        assert old in text
        world.profile.write_text(text.replace(old, new))
        try:
            yield
        finally:
            world.profile.write_text(text)

    return circumstance


def file_in_place_of(name: str) -> Circumstance:
    """A file stands where a folder of the project should be: not even root can write into it."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        path = world.project / name
        path.rename(path.with_name(name + ".away"))
        path.touch()
        try:
            yield
        finally:
            path.unlink()
            path.with_name(name + ".away").rename(path)

    return circumstance


def small_disk(name: str, size: str) -> Circumstance:
    """A folder of the project is on a disk that is soon full."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        path = world.project / name
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)

    return circumstance


def the_backup(damage: Callable[[Path], None]) -> Circumstance:
    """The one backup is damaged, and whole again afterwards."""

    @contextmanager
    def circumstance(world: World) -> Iterator[None]:
        (manifest,) = (world.project / "backup_db" / DATABASE).glob("*/manifest.json")
        folder = manifest.parent
        kept = world.folder / "kept backup"
        shutil.copytree(folder, kept)
        damage(folder)
        try:
            yield
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            kept.rename(folder)

    return circumstance


@contextmanager
def without_backup(world: World) -> Iterator[None]:
    """The folder of the backup is gone."""
    (manifest,) = (world.project / "backup_db" / DATABASE).glob("*/manifest.json")
    manifest.parent.rename(world.folder / "taken away")
    try:
        yield
    finally:
        (world.folder / "taken away").rename(manifest.parent)


# ---- moments: where a command waits until something has happened to it


@dataclass(frozen=True)
class Moment:
    """A place in a command's work.

    Attributes:
        name: for people.
        set_up: SQL that makes the command wait for the gate there; empty where it waits for a lock or a file.
        take_down: SQL that undoes it.
        locks: a table that the command waits for.
        program: a program of PostgreSQL that waits, `pg_dump` or `pg_restore`.
        behind: whether it waits behind its work rather than before it.
    """

    name: str
    set_up: str = ""
    take_down: str = ""
    locks: str = ""
    program: str = ""
    behind: bool = False


_WAIT = f"""
create function {AUDIT_SCHEMA}.wait_here() returns %s language plpgsql security definer as $$
begin
    if %s then
        perform set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
            pg_advisory_lock({GATE}), pg_advisory_unlock({GATE});
    end if;
    %s
end
$$;
alter function {AUDIT_SCHEMA}.wait_here() owner to {OWNER};
"""


def at_statement(name: str, *words: str) -> Moment:
    """Before an ALTER TABLE whose text has all these words."""
    condition = " and ".join(f"current_query() ilike '%{word[:3]}%' || '{word[3:]}%'" for word in words)
    return Moment(
        name,
        _WAIT
        % ("event_trigger", condition, "")
        + "create event trigger wait_here on ddl_command_start when tag in ('ALTER TABLE')"
        f" execute function {AUDIT_SCHEMA}.wait_here();",
        f"drop event trigger wait_here; drop function {AUDIT_SCHEMA}.wait_here()",
    )


def at_log(name: str, event: str, condition: str) -> Moment:
    """When the migration writes into its log."""
    return Moment(
        name,
        _WAIT
        % ("trigger", condition, "return new;")
        + f"create trigger wait_here before {event} on {AUDIT_SCHEMA}.migrations"
        f" for each row execute function {AUDIT_SCHEMA}.wait_here();",
        f"drop trigger wait_here on {AUDIT_SCHEMA}.migrations; drop function {AUDIT_SCHEMA}.wait_here()",
    )


LOG = at_log("log", "insert", "new.table_name = 'schools'")
REWRITE = at_statement("rewrite", "student_modules", "add constraint")
END = at_log("end", "update", "new.table_name = 'schools'")
DROP = at_statement("drop", "student_modules", "drop column")
BATCH = at_log("batch", "update", "new.table_name = 'student_modules' and new.rows_filled > 0")
INDEXED = at_log("indexed", "update", "new.table_name = 'programs' and new.state = 'indexed'")
DUMP = Moment("dump", program="pg_dump")
LOAD = Moment("load", program="pg_restore")
LOADED = Moment("loaded", program="pg_restore", behind=True)


def reading(table: str) -> Moment:
    """When it wants to read a table."""
    return Moment(f"reading {table}", locks=table)


@contextmanager
def stopped(world: World, command: str, moment: Moment) -> Iterator[Command]:
    """A command that has been started, and waits at a moment. Afterwards nothing holds it any more."""
    with contextlib.ExitStack() as held:
        environment = {}
        sign, go = world.folder / "waits", world.folder / "go"
        for file in (sign, go):
            file.unlink(missing_ok=True)
        if moment.program:
            wait = f'touch "{sign}"; while [ ! -e "{go}" ]; do sleep 0.05; done'
            # The program itself stays a child of its own, to be found under its own name.
            work = f'"$REAL" "$@" || exit 1\n{wait}' if moment.behind else f'{wait}\nexec "$REAL" "$@"'
            listing = '[ "$1" = -l ] || [ "$1" = --list ] && exec "$REAL" "$@"\n'
            environment["PATH"] = world.wrap(moment.program, listing + work)
            held.callback(go.touch)
            waiting = sign.exists
        elif moment.locks:
            held.enter_context(locked(moment.locks)(world))
            query = f"select count(*) from pg_locks where not granted and relation = '{moment.locks}'::regclass"
            waiting = lambda: world.value(query)  # noqa: E731
        else:
            world.execute(moment.set_up)
            holder = held.enter_context(world.superuser())
            holder.execute(f"select pg_advisory_lock({GATE})")
            query = f"select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = {GATE}"
            waiting = lambda: world.value(query)  # noqa: E731
        started = world.start(command, **environment)

        def there() -> bool:
            assert not started.ended, f"{command} did not get to `{moment.name}`:\n{started.text}"
            return bool(waiting())

        try:
            until(there, 240, lambda: f"{command} did not get to `{moment.name}`:\n{started.text}")
            yield started
        finally:
            if not started.ended and world.server.running is False:
                started.signal(signal.SIGKILL)


def linger(command: Command, hit: Hit) -> None:
    """Give a command that was hit the time to notice, before what it waits for is let go.

    One that is to end by a signal has long: on a busy machine it must still cancel what would be committed. What else
    hits it has ended its sessions already, and some commands notice only when they go on.
    """
    seconds = 30 if hit in (terminated, hung_up, interrupted) else 2
    with contextlib.suppress(AssertionError):
        until(lambda: command.ended, seconds)


def take_down(world: World, moment: Moment) -> None:
    """Remove what a moment has put into the database."""
    if moment.take_down:
        world.execute(moment.take_down)


# ---- hits: what happens to a command while it waits


def killed(_world: World, command: Command) -> None:
    """kill -9 of the command and everything it started."""
    command.signal(signal.SIGKILL)


def terminated(_world: World, command: Command) -> None:
    """SIGTERM."""
    command.signal(signal.SIGTERM)


def hung_up(_world: World, command: Command) -> None:
    """SIGHUP, as when a connection to the terminal is lost."""
    command.signal(signal.SIGHUP)


def interrupted(_world: World, command: Command) -> None:
    """Ctrl-C: the signal goes to all of the foreground."""
    os.killpg(command.pid, signal.SIGINT)


def backend_terminated(world: World, _command: Command) -> None:
    """An administrator ends the command's sessions."""
    world.execute(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {OURS}", "postgres")


def backend_cancelled(world: World, _command: Command) -> None:
    """An administrator cancels the command's statements."""
    world.execute(f"select pg_cancel_backend(pid) from pg_stat_activity where {OURS}", "postgres")


def cut(world: World, _command: Command) -> None:
    """The network is cut, and works again for new connections."""
    world.proxy.cut()


def restarted(world: World, _command: Command) -> None:
    """The server is shut down fast and started again."""
    world.stop_server(signal.SIGINT)
    world.server_up()


def crashed(world: World, _command: Command) -> None:
    """The server ends at once, without a checkpoint, and is started again."""
    world.stop_server(signal.SIGQUIT)
    world.server_up()


def tool_killed(_world: World, command: Command) -> None:
    """kill -9 of pg_dump or pg_restore."""
    for child in command.children("pg_") + command.children("sh"):
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker ends with the one that began it
            child.kill()


def second_runner(other: str, says: str) -> Hit:
    """Somebody else does the same meanwhile, and is told; the first goes on."""

    def hit(world: World, _command: Command) -> None:
        second = world.run(other)
        assert second.wait() == 1, second.text
        assert "Traceback" not in second.text
        assert re.search(says, second.flat), second.text

    return hit
