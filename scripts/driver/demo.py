"""The whole job on a server of our own: start it, load the sample registry, run, and leave nothing behind."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from driver import packages, profile, sample_registry
from driver.bootstrap import ROOT
from driver.embedded_server import DEFAULT_MAJOR, EmbeddedServer
from driver.progress import Stages
from driver.report.show import run_in_terminal

if TYPE_CHECKING:
    from driver.run import Options

OWNER = "registry_owner"
DATABASE = "registry"
OWN_SAMPLE = ROOT / "demo" / "registry.sql"


def demonstrate(scale: float, run: Options, *, keep: bool = False, major: int = DEFAULT_MAJOR) -> int:
    """Run the demo on a registry of this scale (1 is the live one's size), and keep the server on afterwards if asked.

    Returns:
        the exit code, as of a run.
    """
    console = Console(highlight=False)
    stages = Stages(console)
    console.print(Text("A PostgreSQL server of our own, with the sample registry:", "bold"), highlight=False)
    packages.install()
    server = EmbeddedServer(major=major, keep=keep)
    began = perf_counter()
    with stages.running("server"):
        server.start()
    stages.finished("server", "done", perf_counter() - began, f"PostgreSQL {major} on port {server.port}")
    try:
        server.create_role(OWNER)
        server.create_database(DATABASE, OWNER)
        _load(server, scale, stages)
        console.print()
        registry = server.reach(DATABASE, OWNER, threads=4)
        with (
            profile.libpq({}),
            profile.elsewhere(registry) as connection,
            tempfile.TemporaryDirectory(prefix="cmsid-backups-") as folder,
        ):
            # A backup of a server that will be gone is of no use, and would stand among those of a registry of this name.
            run = run if keep else replace(run, backups=Path(folder))
            code = run_in_terminal(connection, run, console)
    except BaseException:
        server.stop()
        raise
    if keep:
        stop = server.leave_running()
        _tell_how_to_use(console, server, stop)
    else:
        server.stop()
        console.print("The server is stopped and its files are removed.")
    return code


def _load(server: EmbeddedServer, scale: float, stages: Stages) -> None:
    """Fill the registry, as its owner, which is no superuser; with the project's own sample, if it has one."""
    began = perf_counter()
    with stages.running("load") as progress, server.connect(DATABASE, OWNER) as connection:
        if OWN_SAMPLE.exists():
            connection.execute(OWN_SAMPLE.read_bytes())
            loaded = str(OWN_SAMPLE.relative_to(ROOT))
        else:
            told = sample_registry.load(connection, scale, lambda what, done, total: progress.update(done, total, what))
            loaded = f"{sum(told.values()):,} rows in {len(told)} tables"
    stages.finished("load", "done", perf_counter() - began, loaded)


def _tell_how_to_use(console: Console, server: EmbeddedServer, stop: str) -> None:
    """Print how to go on with a server that was left running. The password is in a file, so not on the screen."""
    console.print()
    console.print("The server stays on. To work with it in this shell:")
    settings = {**server.environment(DATABASE, OWNER), "PGPASSFILE": str(server.password_file)}
    del settings["PGPASSWORD"]
    for name, value in settings.items():
        console.print(f"    export {name}={value}", soft_wrap=True)
    console.print("To stop it and remove its files:")
    console.print(f"    {stop}", soft_wrap=True)
