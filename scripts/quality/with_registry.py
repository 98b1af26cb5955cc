"""Run a command that needs a registry to connect to: `python -m quality.with_registry COMMAND...`."""

from __future__ import annotations

import os
import subprocess
import sys

from driver import sample_registry
from driver.embedded_server import EmbeddedServer

DATABASE = "registry"
# Just enough rows for every look-up at rendering to find something.
SCALE = 0.0005


def main(command: list[str]) -> int:
    """Run a command with libpq's variables leading to a small sample registry; returns its exit code."""
    with EmbeddedServer(fsync=False) as server:
        server.create_database(DATABASE)
        with server.connect(DATABASE) as connection:
            sample_registry.load(connection, SCALE)
        return subprocess.call(command, env={**os.environ, **server.environment(DATABASE)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
