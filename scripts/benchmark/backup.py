"""A backup that is proven to restore, and a restore, beside what a script around pg_dump and pg_restore does."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from benchmark.measure import Comparison
from benchmark.stage import DATABASE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.measure import Figure
    from benchmark.stage import Stage

BACKUP = "backup"
RESTORE = "restore"


def compare(stage: Stage, rounds: int) -> list[Figure]:
    """Backup with its test restore; restore until the application can connect."""
    folder, dump = stage.folder / "backups", stage.folder / "plain.dump"

    def ours(*options: str) -> Mapping[str, float]:
        began = time.perf_counter()
        memory = stage.cmsid("backup", "--directory", str(folder), *options)
        return {"seconds": time.perf_counter() - began, "memory, MB": memory}

    def theirs() -> Mapping[str, float]:
        began = time.perf_counter()
        stage.run([stage.tool("pg_dump"), "-Fc", "-f", str(dump)])
        return {"seconds": time.perf_counter() - began}

    with stage.clone():
        figures = Comparison(BACKUP, stage.scale, rounds).measure(
            {"cmsid, restored and compared": lambda: ours("--verify"), "cmsid": ours, "pg_dump -Fc": theirs}
        )

        def restore() -> Mapping[str, float]:
            began = time.perf_counter()
            memory = stage.cmsid("restore", "--yes", "--directory", str(folder))
            return {"seconds": time.perf_counter() - began, "memory, MB": memory}

        def overwrite() -> Mapping[str, float]:
            began = time.perf_counter()
            stage.run([stage.tool("pg_restore"), "--clean", "--if-exists", "-d", DATABASE, str(dump)])
            return {"seconds": time.perf_counter() - began}

        figures += Comparison(RESTORE, stage.scale, rounds).measure(
            {"pg_restore --clean, over the live tables": overwrite, "cmsid, beside, compared, swapped": restore}
        )
    _drop_replaced(stage)
    shutil.rmtree(folder)
    return figures


def _drop_replaced(stage: Stage) -> None:
    """Remove the databases that restores have kept."""
    with stage.server.connect() as session:
        rows = session.execute("select datname from pg_database where datname like %s", (f"{DATABASE}%replaced%",))
        for (name,) in rows.fetchall():
            session.execute(f'drop database "{name}" with (force)')
