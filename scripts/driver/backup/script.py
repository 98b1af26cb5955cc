"""Runs a dump within an open transaction, which pg_restore itself cannot do for somebody else."""

from __future__ import annotations

import re
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import psycopg

from driver.backup.archive import ToolError
from driver.errors import why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CHUNK = 1 << 18  # bytes
HEADER = re.compile(rb"^-- (?:Data for )?Name: (.+); Type: (.+); Schema: (.+); Owner:", re.MULTILINE)
# Around a script for psql, and around large objects for sessions that are in no transaction.
FOR_OTHERS = (rb"\restrict ", rb"\unrestrict ", b"BEGIN;\n", b"COMMIT;\n")


class EntryError(ToolError):
    """The server refused an entry of the dump, which the comment before it names."""

    def __init__(self, text: bytes, error: psycopg.Error) -> None:
        """Say which, and what the server said."""
        name, kind, schema = (part.decode(errors="replace") for part in (HEADER.findall(text) or [(b"", b"", b"")])[-1])
        entry = f"{kind} {name}: " if schema == "-" else f"{kind} {schema}.{name}: "
        super().__init__("pg_restore", 1, [])
        self.reason = (entry if kind else "") + why(error)
        self.args = (self.reason,)


def run(session: psycopg.Connection[Any], command: Sequence[str], copied: Callable[[bytes], None]) -> None:
    """Run definitions, rows, and definitions again, in the session's transaction.

    Args:
        session: where to.
        command: pg_restore with the dump and the options that choose what of it.
        copied: called with the COPY of each table whose rows are there.

    Raises:
        ToolError: the server refused something, or pg_restore failed.
    """
    for section, play in (("pre-data", _define), ("data", _load), ("post-data", _define)):
        with (
            tempfile.TemporaryFile() as messages,
            subprocess.Popen([*command, f"--section={section}"], stdout=subprocess.PIPE, stderr=messages) as child,
        ):
            try:
                play(session, iter(child.stdout or ()), copied)
                code = child.wait()
            finally:
                child.kill()
            messages.seek(0)
            if code:
                raise ToolError("pg_restore", code, messages.read().decode(errors="replace").splitlines())


def _define(session: psycopg.Connection[Any], lines: Iterator[bytes], _: Callable[[bytes], None]) -> None:
    """Run a part without rows in one piece: only the server knows where the body of a function ends."""
    text = b"".join(line for line in lines if not line.startswith(FOR_OTHERS[:2]))
    # The server reads the whole text before it runs any of it, so it has to know the encoding before.
    encoding = re.search(rb"^SET client_encoding = '\w+';$", text, re.MULTILINE)
    try:
        with session.transaction():
            if encoding:
                session.execute(encoding[0])
            session.execute(text)
    except psycopg.Error:
        # Again, entry by entry, to learn which it was.
        for piece in () if session.closed else re.split(rb"^(?=--\n-- Name: )", text, flags=re.MULTILINE):
            try:
                session.execute(piece)
            except psycopg.Error as error:
                raise EntryError(piece, error) from error
        raise


def _load(session: psycopg.Connection[Any], lines: Iterator[bytes], copied: Callable[[bytes], None]) -> None:
    """Load the rows. In this part a statement ends with its line, and only PostgreSQL's own begin with COPY."""
    header, statement = b"", b""
    for line in lines:
        if not statement and (line.startswith((b"--", b"\n", *FOR_OTHERS))):
            header = line if HEADER.match(line) else header
            continue
        statement += line
        if not line.endswith(b";\n") or statement.count(b'"') % 2:
            continue
        try:
            if statement.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                _copy(session, statement, lines)
                copied(statement.split(b" ", 2)[1])
            else:
                session.execute(statement)
        except psycopg.Error as error:
            if session.closed:
                raise
            raise EntryError(header, error) from error
        statement = b""


def _copy(session: psycopg.Connection[Any], statement: bytes, lines: Iterator[bytes]) -> None:
    """Load one table's rows, up to the line that ends them."""
    with session.cursor() as cursor, cursor.copy(statement) as copy:
        piece = bytearray()
        for line in lines:
            if line == b"\\.\n":
                copy.write(bytes(piece))
                return
            piece += line
            if len(piece) >= CHUNK:
                copy.write(bytes(piece))
                piece.clear()
        raise ToolError("pg_restore", 1, ["the dump ends in the middle of a table"])
