"""Runs a dump within an open transaction, which pg_restore itself cannot do for somebody else."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import psycopg

from driver.backup import archive
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.backup.archive import Progress
    from driver.backup.pg_tools import Tools
    from driver.backup.store import Backup

CHUNK = 1 << 18  # bytes
END_OF_ROWS = b"\\.\n"
ROLLED_BACK = "everything was rolled back and the database is as it was"


@dataclass(frozen=True)
class Script:
    """A dump as statements and rows.

    Attributes:
        session: where to run it, in an open transaction.
        tools: the programs of the server's version.
        backup: the backup.
        options: options of pg_restore that choose what of it.
    """

    session: psycopg.Connection[Any]
    tools: Tools
    backup: Backup
    options: Sequence[str]

    def run(self, section: str) -> None:
        """Run the definitions of a part: `pre-data` or `post-data`.

        Raises:
            Problem: one of them failed.
        """
        answer = subprocess.run(self._command(section), capture_output=True, check=False)
        if answer.returncode:
            raise self._unreadable(answer.returncode, answer.stderr)
        self._execute(answer.stdout.splitlines(keepends=True))

    def load(self, progress: Progress | None) -> None:
        """Load the rows. In this part of a dump no line but PostgreSQL's own begins a COPY.

        Args:
            progress: called with "restore (bytes)", done, total.

        Raises:
            Problem: a row was refused, or the dump is not whole.
        """
        sizes = {table.label.encode(): table.bytes for table in self.backup.manifest.tables}
        total, done = sum(sizes.values()), 0
        with (
            tempfile.TemporaryFile() as messages,
            subprocess.Popen(
                self._command("data"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages
            ) as child,
        ):
            try:
                pending: list[bytes] = []
                for line in child.stdout or ():
                    if not (line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n")):
                        pending.append(line)
                        continue
                    self._execute(pending)
                    pending = []
                    self._copy(line, child.stdout)
                    done += sizes.get(line.split(b" ", 2)[1], 0)
                    if progress:
                        progress("restore (bytes)", min(done, total), total)
                if child.wait():
                    messages.seek(0)
                    raise self._unreadable(child.returncode, messages.read())
                self._execute(pending)
            finally:
                child.kill()
        if progress:
            progress("restore (bytes)", total, total)

    def _command(self, section: str) -> list[str]:
        return [self.tools.pg_restore, f"--section={section}", "--file=-", *self.options, str(self.backup.dump)]

    def _copy(self, statement: bytes, lines: IO[bytes] | None) -> None:
        """Load one table's rows, up to the line that ends them."""
        piece: list[bytes] = []
        size = 0
        try:
            with self.session.cursor() as cursor, cursor.copy(statement) as copy:
                for line in lines or ():
                    if line == END_OF_ROWS:
                        copy.write(b"".join(piece))
                        return
                    piece.append(line)
                    size += len(line)
                    if size >= CHUNK:
                        copy.write(b"".join(piece))
                        piece, size = [], 0
                raise Problem("The dump ends in the middle of a table", where=str(self.backup.dump), do=ROLLED_BACK)
        except psycopg.Error as error:
            raise self._failed(error) from error

    def _execute(self, lines: Sequence[bytes]) -> None:
        """Run statements, without the lines for psql that newer versions put around them."""
        text = b"".join(line for line in lines if not line.startswith((b"\\restrict ", b"\\unrestrict ")))
        if not text.strip():
            return
        try:
            self.session.execute(text)
        except psycopg.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: psycopg.Error) -> Exception:
        if self.session.closed:
            return error
        reason = error.diag.message_primary or " ".join(str(error).split())
        what = f"The backup {self.backup.backup_id} does not restore: {reason}"
        return Problem(what, where=str(self.backup.folder), do=ROLLED_BACK)

    def _unreadable(self, code: int, messages: bytes) -> Problem:
        error = archive.ToolError("pg_restore", code, messages.decode(errors="replace").splitlines())
        return Problem(f"The dump cannot be read: {error.reason}", where=str(self.backup.dump), do=ROLLED_BACK)
