"""A backup that is proven to restore, and a restore, beside what a script around pg_dump and pg_restore does."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from benchmark.measure import MEMORY, SECONDS, Clock, Goal
from benchmark.stage import DATABASE, MOST_MEMORY, OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmark.measure import Bench
    from benchmark.stage import Stage

BACKUP = "backup"
RESTORE = "restore"
VERIFIED = "cmsid, restored and compared"
SWAPPED = "cmsid, compared, then swapped"
GOALS = [
    Goal(BACKUP, MEMORY, MOST_MEMORY, kind="most", ours=VERIFIED),
    Goal(RESTORE, MEMORY, MOST_MEMORY, kind="most", ours=SWAPPED),
    Goal(BACKUP, SECONDS, 11, kind="growth", scales=(10.0,), ours=VERIFIED),
    Goal(RESTORE, SECONDS, 11, kind="growth", scales=(10.0,), ours=SWAPPED),
]


def compare(stage: Stage, bench: Bench) -> None:
    """Backup with its test restore; restore until the application can connect."""
    folder, dump = stage.folder / "backups", stage.folder / "plain.dump"

    def backup(*options: str) -> Mapping[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        with stage.clone():
            clock = Clock()
            memory = stage.cmsid("backup", "--directory", str(folder), *options)
            return {SECONDS: clock.seconds(), MEMORY: memory}

    def plain_backup() -> Mapping[str, float]:
        with stage.clone():
            clock = Clock()
            stage.run([stage.tool("pg_dump"), "-Fc", "-f", str(dump)])
            return {SECONDS: clock.seconds()}

    bench.compare(
        BACKUP, {"pg_dump -Fc": plain_backup, "cmsid, not restored": backup, VERIFIED: lambda: backup("--verify")}
    )

    def restore() -> Mapping[str, float]:
        with stage.clone():
            memory = 0.0

            def work() -> None:
                nonlocal memory
                memory = stage.cmsid("restore", "--yes", "--directory", str(folder))

            figures = {SECONDS: _until_connected(stage, work), MEMORY: memory}
        _drop_replaced(stage)
        return figures

    def plain_restore() -> Mapping[str, float]:
        command = [stage.tool("pg_restore"), "--clean", "--if-exists", "-d", DATABASE, str(dump)]
        with stage.clone():
            return {SECONDS: _until_connected(stage, lambda: stage.run(command))}

    bench.compare(RESTORE, {"pg_restore --clean, into the live one": plain_restore, SWAPPED: restore})
    shutil.rmtree(folder, ignore_errors=True)
    dump.unlink(missing_ok=True)


def _until_connected(stage: Stage, work: Callable[[], object]) -> float:
    """Seconds until the application has its first answer."""
    clock = Clock()
    work()
    with stage.server.connect(DATABASE, OWNER) as session:
        session.execute("select count(*) from students")
    return clock.seconds()


def _drop_replaced(stage: Stage) -> None:
    """Remove the databases that restores have kept."""
    with stage.server.connect() as session:
        rows = session.execute("select datname from pg_database where datname like %s", (f"{DATABASE}%replaced%",))
        for (name,) in rows.fetchall():
            session.execute(f'drop database "{name}" with (force)')
