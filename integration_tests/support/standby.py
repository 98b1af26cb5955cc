"""A real streaming standby of an embedded server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from driver.embedded_server import EmbeddedServer
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "standby"


class Standby:
    """The standby, which streams by a slot of its name unless told otherwise."""

    def __init__(self, primary: EmbeddedServer, home: Path) -> None:
        """Copy the primary, and begin to stream."""
        self.primary = primary
        primary.create_role("streaming", attributes="replication")
        environment = {**os.environ, **primary.environment(user="streaming")}
        data = home / "data"
        command = [str(primary.programs / "pg_basebackup"), "-D", str(data), "-R", "-c", "fast", "-C", "-S", NAME]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        owner = primary.data.stat()
        for path in (data, *data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        shutil.copy(primary.password_file, home / "pgpass")
        self.server = EmbeddedServer(
            data_dir=home, major=primary.major, settings={"cluster_name": NAME, "fsync": "off"}
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it streams."""
        self.server.start()
        self.until_streaming()

    def until_streaming(self, slot: str | None = NAME) -> None:
        """Wait until it streams, by a slot or without one."""
        query = (
            "select slot_name from pg_stat_replication as r left join pg_replication_slots as s on r.pid = s.active_pid"
            " where r.state = 'streaming' and r.application_name = %s"
        )
        until(lambda: self._of_primary(query) == [(slot,)], 30)

    def _of_primary(self, query: str) -> list[tuple[str | None]]:
        with self.primary.connect() as connection:
            return connection.execute(query.encode(), [NAME]).fetchall()

    def execute(self, *statements: str) -> None:
        """Run statements on it."""
        with self.server.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def stream_by(self, slot: str | None) -> None:
        """Stream by another slot, or by none."""
        self.execute(f"alter system set primary_slot_name = '{slot or ''}'", "select pg_reload_conf()")
        self.until_streaming(slot)

    def kill(self) -> None:
        """End it as a power failure would."""
        processes = [psutil.Process(self.server.pid), *psutil.Process(self.server.pid).children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, 30)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Its receiver answers nothing for the block."""
        with self.server.connect() as connection:
            (pid,) = connection.execute("select pid from pg_stat_wal_receiver").fetchall()[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def standby_of(primary: EmbeddedServer) -> Iterator[Standby]:
    """A standby, removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="cmsid-standby-"))  # where the server's account may pass
    try:
        standby = Standby(primary, home)
        try:
            yield standby
        finally:
            standby.server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
