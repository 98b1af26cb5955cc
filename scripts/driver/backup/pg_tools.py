"""Finds and runs pg_dump and pg_restore: no password in arguments, progress from the server, every error an error.

An older pg_dump refuses a newer server, and a dump of a newer pg_dump does not restore into an older server: so exactly
the server's major version is looked for, on the PATH, where packages install it, and in the embedded server's folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import make_conninfo

from driver.backup import Progress, silent, store
from driver.backup.session import pinned
from driver.errors import Problem, why
from driver.server_programs import embedded_programs, packaged_programs, version_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from driver.backup.compare import Query
    from driver.backup.manifest import Table
    from driver.profile import Connection

COMPRESSION = "1"
LOCK_WAIT = "60s"
POLL_SECONDS = 0.3
KEPT_LINES = 1000
SIGNS = ("ERROR: ", "FATAL: ", "fatal: ", "error: ")
# its number, its catalogue's and its own; then its kind, name and owner
TOC_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+?)(?: \(no owner\)| \S+)?$")
# A restore need not wait for the disk at each commit: one synchronous commit before the swap covers them all.
RESTORE_SETTINGS = "-c synchronous_commit=off -c maintenance_work_mem=128MB"
LIVE_COPIES = """
select n.nspname || '.' || c.relname, p.tuples_processed
from pg_catalog.pg_stat_progress_copy as p
inner join pg_catalog.pg_class as c on p.relid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where p.datname = current_database()
"""
OBJECTS = "(?:INDEX|CONSTRAINT|FK CONSTRAINT|TRIGGER)"
JOBS = max(1, min(4, os.cpu_count() or 1))
"""How many parallel workers to use when nobody says."""


@dataclass(frozen=True)
class Tools:
    """A set of client programs, and pg_dump's version, such as `15.18`."""

    folder: Path
    version: str
    pg_dump: str
    pg_restore: str

    def describe(self) -> str:
        """Which programs these are, in words."""
        return f"pg_dump {self.version} in {self.folder}"


def find(major: int) -> Tools:
    """The client programs for a server of this major version."""
    others: set[str] = set()
    path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
    for folder in [*path, *packaged_programs(), *embedded_programs()]:
        pg_dump, pg_restore = (shutil.which(program, path=str(folder)) for program in ("pg_dump", "pg_restore"))
        if not (pg_dump and pg_restore):
            continue
        version = version_of(pg_dump)
        if version.partition(".")[0] == str(major):
            return Tools(folder, version, pg_dump, pg_restore)
        others |= {version} - {""}
    seen = f"; found only {', '.join(sorted(others))}" if others else ""
    raise Problem(
        f"The server is PostgreSQL {major} and there is no pg_dump of that version here{seen}",
        do=f"install PostgreSQL {major}'s client programs, or put their folder on the PATH",
    )


class ToolError(Exception):
    """A program ended with an error: its first one, in one line."""


def dump(
    connection: Connection,
    tools: Tools,
    target: Path,
    *,
    snapshot: str,
    encoding: str,
    jobs: int,
    tables: Mapping[str, Table | Query],
    progress: Progress = silent,
    beside: Future[Any],
) -> None:
    """Dump a database in directory format, in the exported snapshot; the failure of what is done beside ends the dump.

    The encoding is the database's own, in which every text can be written, whatever the role or PGCLIENTENCODING has.
    The extent of each table, by `schema.name`, is for the progress.
    """
    arguments = [
        tools.pg_dump,
        "--format=directory",
        f"--jobs={jobs}",
        f"--compress={COMPRESSION}",
        "--verbose",
        "--no-password",
        f"--snapshot={snapshot}",
        f"--encoding={encoding}",
        f"--lock-wait-timeout={LOCK_WAIT}",
        f"--file={target}",
    ]
    with _watched("dump (bytes)", connection, tables, progress) as read:
        _run(arguments, connection, read, beside=beside)


def restore(
    connection: Connection,
    tools: Tools,
    backup: store.Backup,
    *,
    jobs: int,
    leave_out: Sequence[str] = (),
    options: Sequence[str] = (),
    step: str = "restore (bytes)",
    progress: Progress = silent,
) -> None:
    """Restore a backup into an empty database, with not a single error.

    What is left out are entries of the dump's table of contents with these beginnings, such as `COMMENT - EXTENSION`.
    """
    tables = {table.label: table for table in backup.manifest.tables}
    kept = _kept(tools, backup.dump, leave_out)
    total = sum(bool(re.match(rf"{OBJECTS} ", entry_of(line))) for line in kept)
    with (
        tempfile.TemporaryDirectory(prefix="cmsid-") as scratch,
        _watched(step, connection, tables, progress, total) as read,
    ):
        arguments = [
            tools.pg_restore,
            "--exit-on-error",
            f"--jobs={jobs}",
            "--verbose",
            "--no-password",
            *options,
            *selection(tools, backup.dump, leave_out, Path(scratch)),
            f"--dbname={make_conninfo(dbname=connection.dbname)}",
            str(backup.dump),
        ]
        _run(arguments, connection, read, settings=RESTORE_SETTINGS)


def selection(tools: Tools, source: Path, leave_out: Sequence[str], scratch: Path) -> list[str]:
    """The options of pg_restore that leave entries of a dump out, as in `restore`, by a list in a private folder."""
    if not leave_out:
        return []
    use_list = scratch / "contents"
    use_list.write_text("\n".join(_kept(tools, source, leave_out)) + "\n", encoding="utf-8")
    return [f"--use-list={use_list}"]


def _kept(tools: Tools, source: Path, leave_out: Sequence[str]) -> list[str]:
    """The lines of a dump's table of contents but for those entries."""
    return [line for line in table_of_contents(tools, source) if not entry_of(line).startswith(tuple(leave_out))]


def entry_of(line: str) -> str:
    """What a line of a table of contents says of its entry: kind, schema, name and owner."""
    return re.sub(r"^\d+; \d+ \d+ ", "", line)


def table_of_contents(tools: Tools, source: Path) -> list[str]:
    """The entries of a dump, one line each."""
    lines = _read(tools, source, "--list").splitlines()
    return [line for line in lines if line and not line.startswith(";")]


def tablespaces(tools: Tools, source: Path) -> set[str]:
    """The tablespaces that a dump names."""
    found = re.findall(
        "^SET default_tablespace = (.+);$", _read(tools, source, "--schema-only", "--file=-"), re.MULTILINE
    )
    names = {name[1:-1].replace('""', '"') if name.startswith('"') else name for name in found}
    return names - {"''"}


def read_through(tools: Tools, source: Path) -> None:
    """Read a whole dump, every compressed byte of it, without a database."""
    _read(tools, source, "--file", os.devnull)


def _read(tools: Tools, source: Path, *options: str) -> str:
    """What pg_restore prints of a dump."""
    command = [tools.pg_restore, *options, str(source)]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if answer.returncode:
        raise ToolError(reason("pg_restore", answer.returncode, answer.stderr.splitlines()))
    return answer.stdout


@contextlib.contextmanager
def _watched(
    step: str, connection: Connection, tables: Mapping[str, Table | Query], progress: Progress, objects: int = 0
) -> Iterator[Callable[[str], None]]:
    """Follow a dump or a restore: tables under way by the server, finished ones by the program's messages.

    Each line of these is for the function that is yielded.
    """
    total, over = sum(table.bytes for table in tables.values()), threading.Event()
    finished: set[str] = set()
    made: list[str] = []

    def read(line: str) -> None:
        # "finished item 3456 TABLE DATA students" (parallel) names no schema; it is enough for a bar.
        if not (done := re.search(rf"finished item \d+ (?:TABLE DATA (.+)$|{OBJECTS} )", line)):
            return
        if name := done[1]:
            finished.update(label for label in tables if label.endswith(f".{name}"))
        elif len(made) < objects:
            made.append(line)
            progress("keys and indexes", len(made), objects)

    def poll() -> None:
        most = 0.0
        # A bar that fails must not fail the work.
        with contextlib.suppress(Exception), pinned(connection) as session:
            while not over.wait(POLL_SECONDS):
                rows = {**dict(session.execute(LIVE_COPIES).fetchall()), **dict.fromkeys(finished.copy(), float("inf"))}
                known = [(tables[label], count) for label, count in rows.items() if label in tables]
                done = sum(table.bytes * min(count / max(table.rows, 1), 1) for table, count in known)
                # Between the end of a copy and the program's message about it, a table would seem undone again.
                most = max(most, min(done, total))
                progress(step, int(most), total)

    progress(step, 0, total)
    thread = threading.Thread(target=poll, daemon=True)
    if progress is not silent:
        thread.start()
    try:
        yield read
    finally:
        over.set()
        if thread.ident:
            thread.join(10)
    progress(step, total, total)
    if objects:
        progress("keys and indexes", objects, objects)


def _run(
    arguments: list[str],
    connection: Connection,
    read: Callable[[str], None],
    settings: str = "",
    beside: Future[Any] | None = None,
) -> None:
    """Run a program to its end, in a process group of its own, which is ended with us."""
    program = Path(arguments[0]).name.removesuffix(".exe")
    if connection.role:
        arguments = [arguments[0], f"--role={connection.role}", *arguments[1:]]
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    child = subprocess.Popen(
        arguments,
        # Its messages are read here, so they must be in the language they are read in.
        env={**connection.environment(settings), "LC_MESSAGES": "C", "LANGUAGE": "C", "PG_COLOR": "never"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        umask=-1 if sys.platform == "win32" else 0o077,
        start_new_session=True,
    )
    if beside:
        beside.add_done_callback(lambda other: end(child) if other.exception() else None)
    try:
        for line in child.stderr or ():
            text = line.rstrip()
            if _is_kept(text):
                kept.append(text)
            read(text)
        code = child.wait()
    except BaseException:
        end(child)
        raise
    if code:
        raise ToolError(reason(program, code, list(kept)))


def end(child: subprocess.Popen[str]) -> None:
    """End a program and its workers."""
    if child.poll() is None:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                child.terminate()
            else:
                os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _is_kept(line: str) -> bool:
    """Whether a line says what went wrong; what the server says about it has no program's name before it."""
    return not re.match(r"pg_\w+: ", line) or bool(re.search(r"\b(error|fatal|detail|hint|TOC entry)\b", line))


def reason(program: str, code: int, lines: Sequence[str]) -> str:
    """The first error: the server's own words before those of the program, and with all that it says besides."""
    found = [(rank, place) for rank, sign in enumerate(SIGNS) for place, line in enumerate(lines) if sign in line]
    if not found:
        return f"{program} was ended by signal {-code}" if code < 0 else f"{program} ended with status {code}"
    rank, place = min(found)
    told = [lines[place].split(SIGNS[rank], 1)[1]]
    for line in lines[place + 1 :]:
        further = re.match(r"pg_\w+: (detail|hint): +(?!Query was|Command was)(.+)", line)
        if not further and re.match(r"pg_\w+: |Command was: ", line):
            break
        told.append(f"{further[1].upper()}: {further[2]}" if further else line)
    said = why("\n".join(told)).rstrip(".")
    entries = [entry[1] for entry in map(TOC_ENTRY.search, lines[:place]) if entry]
    return f"{entries[-1]}: {said}" if entries else said
