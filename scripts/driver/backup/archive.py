"""Runs pg_dump and pg_restore: no password in their arguments, progress from the server, and every error an error."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import make_conninfo

from driver.backup.session import pinned
from driver.errors import why

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from typing_extensions import Self

    from driver.backup.fingerprints import Query
    from driver.backup.manifest import Table
    from driver.backup.pg_tools import Tools
    from driver.backup.store import Backup
    from driver.profile import Connection

    Progress = Callable[[str, int, int], None]
    """Called with a step's name, how much of it is done, and how much there is (bytes where the name says so)."""

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
    progress: Progress | None = None,
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
    with _Watch("dump (bytes)", connection, tables, progress) as watch:
        _run(arguments, connection, watch.read, beside=beside)


def restore(
    connection: Connection,
    tools: Tools,
    backup: Backup,
    *,
    jobs: int,
    leave_out: Sequence[str] = (),
    options: Sequence[str] = (),
    step: str = "restore (bytes)",
    progress: Progress | None = None,
) -> None:
    """Restore a backup into an empty database, with not a single error.

    What is left out are entries of the dump's table of contents with these beginnings, such as `COMMENT - EXTENSION`.
    """
    tables = {table.label: table for table in backup.manifest.tables}
    kept = _kept(tools, backup.dump, leave_out)
    total = sum(bool(re.match(r"\d+; \d+ \d+ (INDEX|CONSTRAINT|FK CONSTRAINT|TRIGGER) ", line)) for line in kept)
    with (
        tempfile.TemporaryDirectory(prefix="cmsid-") as scratch,
        _Watch(step, connection, tables, progress, objects=total) as watch,
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
        _run(arguments, connection, watch.read, settings=RESTORE_SETTINGS)


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


class _Watch:
    """Follows a dump or a restore: finished tables by the program's messages, those under way by the server's."""

    def __init__(
        self,
        step: str,
        connection: Connection,
        tables: Mapping[str, Table | Query],
        progress: Progress | None,
        objects: int = 0,
    ) -> None:
        self._step, self._connection, self._tables, self._progress = step, connection, tables, progress
        self._objects, self._objects_done = objects, 0
        self._total = sum(table.bytes for table in tables.values())
        self._finished: set[str] = set()
        self._most = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._progress:
            self._progress(self._step, 0, self._total)
            self._thread = threading.Thread(target=self._poll, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join(10)
        if self._progress and kind is None:
            self._progress(self._step, self._total, self._total)
            if self._objects:
                self._progress("keys and indexes", self._objects, self._objects)

    def read(self, line: str) -> None:
        """Take in one line of the program's messages."""
        if not self._progress:
            return
        # "finished item 3456 TABLE DATA students" (parallel) names no schema; it is enough for a bar.
        done = re.search(r"finished item \d+ TABLE DATA (.+)$", line)
        if done:
            with self._lock:
                self._finished |= {label for label in self._tables if label.endswith("." + done.group(1))}
        if re.search(r"finished item \d+ (INDEX|CONSTRAINT|FK CONSTRAINT|TRIGGER) ", line) and self._objects:
            self._objects_done = min(self._objects_done + 1, self._objects)
            self._progress("keys and indexes", self._objects_done, self._objects)

    def _poll(self) -> None:
        """Tell every now and then how many bytes are through. A bar that fails must not fail the work."""
        with contextlib.suppress(Exception), pinned(self._connection) as session:
            while not self._over.wait(POLL_SECONDS):
                self._tell(dict(session.execute(LIVE_COPIES).fetchall()))

    def _tell(self, under_way: Mapping[str, int]) -> None:
        with self._lock:
            done = sum(self._tables[label].bytes for label in self._finished)
            for label, rows in under_way.items():
                if label in self._tables and label not in self._finished:
                    done += int(self._tables[label].bytes * min(rows / max(self._tables[label].rows, 1), 1))
        # Between the end of a copy and the program's message about it, a table would seem undone again.
        self._most = max(self._most, min(done, self._total))
        if self._progress:
            self._progress(self._step, self._most, self._total)


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
