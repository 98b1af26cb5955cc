"""Rehearses a migration: on a copy that a backup is restored into, elsewhere or beside the live database, which is only read."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import psutil
from psycopg import sql
from rich.text import Text

from driver import profile
from driver.backup import database_state, files, hindrances, listing, store, swap
from driver.backup.place import EMBEDDED, HERE, SETTINGS, place
from driver.backup.session import Session, one_value, pinned
from driver.backup.swap import scratch_database
from driver.backup.take import restored, take_backup
from driver.conclusion import COMMAND
from driver.dbt_project import DbtProject
from driver.doctor import LOCAL_HOSTS
from driver.errors import Problem
from driver.facts import read_logged_state
from driver.progress import Stages, plain_table
from driver.rehearsal import Part, Rehearsal
from driver.result import as_json, lock_sentence
from driver.run import Options, Run
from driver.wording import age, duration, seconds_since, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from driver.backup.place import Place
    from driver.backup.store import Backup
    from driver.profile import Connection
    from driver.result import Verdict
    from driver.run import Mode

Modes = Literal["window", "online", "both"]
OF_EVERY_SERVER = ("postgres", "template0", "template1")


@dataclass(frozen=True)
class Wanted:
    """What is to be rehearsed, on which server, and the command that a user gave.

    Without the name or path of a backup it is the newest, or a new one where there is none; without a mode the project's.
    """

    backup: str | None = None
    mode: Modes | None = None
    on: str = EMBEDDED
    directory: Path | None = None
    command: str = f"{COMMAND} rehearse"


def rehearse(connection: Connection, wanted: Wanted, console: Console) -> Rehearsal:
    """Restore a backup into a copy, and do there what a run does, and an undo; each mode from the same baseline.

    Raises:
        Problem: the copy cannot be had; nothing is left of it.
    """
    stages = Stages(console)
    console.print(Text("cmsid rehearse", "bold") + Text(f" for {connection.describe()}"), highlight=False)
    with pinned(connection) as session:
        state = read_logged_state(session, connection.audit_schema)
    to_come = state.kind not in ("done", "half-way")
    if not to_come and not wanted.backup:
        raise Problem(
            f"There is nothing to rehearse: {state.sentence.rstrip('.')}",
            do=f"name a backup from before the migration (`{COMMAND} backups` lists them)",
        )
    with pinned(connection) as session:
        found = hindrances.find(session, connection, test_restore=False)
        if wanted.on == HERE:
            hindrances.require(session, connection, hindrances.TRIAL)
    untried = any(hindrances.TRIAL in each.hinders for each in found)
    any_backup = wanted.backup or store.all_backups(store.folder_of(connection, wanted.directory))
    backup = store.find(connection, wanted.backup, wanted.directory) if any_backup else None
    if backup:
        told = f"{backup.backup_id}, {age(seconds_since(backup.manifest.taken_at))} old"
        stages.finished("backup", "done", 0, told)
    if backup and (refused := files.hindrance(backup.folder)):
        raise Problem(
            f"The record of a rehearsal cannot be kept: {refused}", where=str(backup.folder), do="make it yours"
        )
    began, at = perf_counter(), store.now()
    project = DbtProject(connection.profiles_dir, connection.target or None)
    # dbt keeps the database's name in what it has parsed: in a copy of the same name, it need not parse anything anew
    name = connection.dbname if wanted.on == EMBEDDED and connection.dbname not in OF_EVERY_SERVER else ""
    with ExitStack() as stack:
        with stages.running("server"):
            if name and project.var("validation") == "cutover":
                project.core_tables()
            there = stack.enter_context(place(connection, backup, wanted.on))
        stages.finished("server", "done", perf_counter() - began, "; ".join(there.lines))
        backup = backup or _taken(connection, wanted.directory, stages)
        began = perf_counter()
        with stages.running("restore") as progress:
            base, backup = stack.enter_context(restored(there, backup, name=name, progress=progress.step))
            with pinned(base) as session:
                machine = _machine(session, there)
                session.execute("vacuum (analyze)")  # as autovacuum has left the live tables
        stages.finished(
            "restore", "done", perf_counter() - began, f"{backup.manifest.extent}; every table and object identical"
        )
        modes: tuple[Mode | None, ...] = ("window", "online") if wanted.mode == "both" else (wanted.mode,)
        parts = list(_parts(there, base, backup, modes, stages=stages, project=project))
    verdict: Verdict = "passed" if all(part.verdict == "passed" for part in parts) else "failed"
    mode = f" --mode {wanted.mode}" if wanted.mode in ("window", "online") else ""
    run = f"{COMMAND} run{mode}" + (" --without-test-restore" if untried else "")
    path = backup.folder / f"rehearsal-{store.stamp(at)}.json"
    rehearsal = Rehearsal(
        backup_id=backup.backup_id,
        taken_at=backup.manifest.taken_at,
        rehearsed_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        database=connection.dbname,
        system_identifier=backup.manifest.system_identifier,
        on=there.on,
        server=there.server,
        other=there.told,
        stand_ins=there.stand_ins,
        machine=machine,
        verdict=verdict,
        parts=parts,
        location=str(path),
        next_command=(run if to_come else None) if verdict == "passed" else wanted.command,
    )
    files.write_private(path, as_json(rehearsal))
    return rehearsal


def _taken(connection: Connection, directory: Path | None, stages: Stages) -> Backup:
    """A new backup, which the database does not list."""
    began, purpose = perf_counter(), "for a rehearsal"
    with stages.running("backup") as progress:
        backup = take_backup(connection, directory=directory, listed=False, purpose=purpose, progress=progress.step)
    told = f"{backup.backup_id}, taken for this: {backup.manifest.extent}"
    stages.finished("backup", "done", perf_counter() - began, told)
    return backup


def _machine(session: Session, there: Place) -> dict[str, str]:
    """What the figures depend on."""
    names = ("server_version", "shared_buffers", "data_checksums", *SETTINGS)
    told = {name: str(one_value(session, "select current_setting(%s)", name)) for name in names}
    if there.on == EMBEDDED or there.control.host in LOCAL_HOSTS:
        told |= {"processors": str(os.cpu_count()), "memory": size(psutil.virtual_memory().total)}
    return told


def _parts(
    there: Place, copy: Connection, backup: Backup, modes: Sequence[Mode | None], *, stages: Stages, project: DbtProject
) -> Iterator[Part]:
    """Do what a run does, and an undo, in each mode: the first in the restored database, the next in a copy of its baseline."""
    content = backup.manifest
    kept: list[str] = []
    with (
        ExitStack() as stack,
        profile.elsewhere(there.worker.to_database(copy.dbname)) as worker,
        tempfile.TemporaryDirectory(prefix="cmsid-rehearsal-") as folder,
    ):

        def keep() -> None:
            if not kept and len(modes) > 1:
                kept.append(stack.enter_context(scratch_database(there.control, content.state, copy.dbname)).dbname)

        options = Options("rehearse", test_restore=False, rehearsal_of=backup.backup_id, on_baseline=keep)
        # a folder without rehearsals of the live database, whose name the copy may have
        options = replace(options, reports=Path(folder), backups=Path(folder))
        with pinned(worker) as session:
            listing.record(session, worker.audit_schema, backup)
        for number, mode in enumerate(modes):
            with pinned(there.control) as session:
                if number and kept:
                    swap.drop(session, copy.dbname)
                    names = map(sql.Identifier, (kept[0], copy.dbname))
                    session.execute(sql.SQL("alter database {} rename to {}").format(*names))
                found = database_state.read(session, copy.dbname)
                own = {key: found[key] for key in ("owner", "comment", "connection_limit", "is_template")}
                database_state.apply(session, copy.dbname, {**content.state, **own})
                if there.on == EMBEDDED:
                    # a live table's pages are mostly older than the last checkpoint, so WAL has them whole again
                    session.execute("checkpoint")
            stages.console.print()
            shared = {"baseline": f"taken once, before {modes[0]} mode"} if number and kept else {}
            project.forget_compiled()
            result = Run(worker, replace(options, mode=mode, shared=shared), stages, project).go()
            yield Part(
                result.mode, result.verdict, result.seconds, result.taken, result.stages, result.locks, result.checklist
            )


def print_rehearsal(console: Console, rehearsal: Rehearsal) -> None:
    """Print what it came to."""
    table = plain_table("Rehearsed", "Migration", "WAL", "Files grew", "In all", "Checklist")
    for part in rehearsal.parts:
        took = part.figures
        passed = sum(line.status == "passed" for line in part.checklist)
        table.add_row(
            f"{part.mode} mode",
            *((duration(took.seconds), size(took.wal_bytes), size(took.disk_bytes)) if took else ("", "", "")),
            duration(part.seconds),
            f"{passed} of {len(part.checklist)}",
        )
    console.print()
    console.print(table)
    console.print()
    for part in rehearsal.parts:
        if told := lock_sentence([lock for lock in part.locks if lock.command != "undo"]):
            console.print(f"{part.mode} mode: {told[0].lower()}{told[1:]}\n", highlight=False)
    if rehearsal.verdict == "passed":
        console.print(Text("PASSED: migrated, validated and undone.", "bold green"))
    else:
        console.print(Text("FAILED: mend what was found, then rehearse again.", "bold red"))
    console.print(f"Kept: {rehearsal.location}", soft_wrap=True)
    if rehearsal.next_command:
        console.print(Text(f"    {rehearsal.next_command}", "bold"), soft_wrap=True)
