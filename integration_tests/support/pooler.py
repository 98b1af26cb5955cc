"""A real PgBouncer in front of a test's server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from driver.embedded_server import account_for_server
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver.embedded_server import EmbeddedServer


@contextmanager
def pooler(server: EmbeddedServer, mode: str, folder: Path, extra: str = "") -> Iterator[int]:
    """PgBouncer in a pool_mode. Gives its port.

    Args:
        server: the server behind it.
        mode: session, transaction or statement.
        folder: a private folder.
        extra: further lines of its configuration.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed here")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users = folder / "users"
    users.write_text("".join(f'"{name}" "{password}"\n' for name, password in server.passwords.items()))
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={server.host} port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\npool_mode = {mode}\n{extra}\n"
    )
    owner = account_for_server()
    options: dict[str, int] = {}
    if owner is not None:  # it refuses to run as root
        options = {"user": owner.uid, "group": owner.gid}
        for path in (folder, users, configuration):
            os.chown(path, owner.uid, owner.gid)
    log = (folder / "log").open("w+")
    process = subprocess.Popen([program, configuration], stdout=log, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with closing(socket.socket()) as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        log.close()
