"""Sixty faults and more, of all commands: afterwards no row is lost, the state is told truly, and there is a way on.

Each fault is made on a real server, to a real process. What came of it is asked from outside, by queries of the suite's
own: every row of every table of the registry as it was, cms_id aside; `cmsid status` says what the tables hold; the
command says in one sentence what is wrong; and what it names, or the same command again, ends well.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import faults as f
from support.fault_world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.forker import Command

KILLED = -signal.SIGKILL
ADD, ONLINE = "dbt run-operation add_cms_id", "dbt run-operation add_cms_id --args {mode: online}"
SAYS = {
    "nothing": r"has not begun: no (core )?table has a cms_id|was undone",
    "half": r"half-way|there is a cms_id that no finished",
    "all": r"done: 12 of 12|half-way \(online",
}
VERDICT = r"(?m)^(Error: |FAILED in stage |BLOCKED: )"
AS_ROOT = os.geteuid() == 0
NO_MOUNT = pytest.mark.skipif(not AS_ROOT, reason="only root may mount a small disk")


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what goes wrong.
        command: to which command.
        state: of the registry before.
        around: circumstances that hold while the command runs.
        moment: where the command is stopped; None: it runs through.
        hit: what happens to it there.
        code: its exit codes, each of which is right.
        says: what it must say.
        truth: what the tables may hold afterwards: nothing, half, all.
        way_on: the commands that must end well afterwards; default the same one.
        meanwhile: what `status` says while the circumstances hold; empty: not asked.
        environment: variables of the command.
    """

    name: str
    command: str
    state: str = "ready"
    around: tuple[f.Circumstance, ...] = ()
    moment: f.Moment | None = None
    hit: f.Hit | None = None
    code: tuple[int, ...] = (1,)
    says: str = ""
    truth: tuple[str, ...] = ("nothing",)
    way_on: tuple[str, ...] | None = None
    meanwhile: str = ""
    environment: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Its name among the tests."""
        command = self.command.removeprefix("dbt run-operation ").replace(" --args {mode: online}", " online")
        return f"{command}: {self.name}"


GONE = r"connection|terminat|server closed|cannot be used|could not"
EVERY_HIT: dict[str, tuple[f.Hit, tuple[int, ...], str]] = {
    "killed": (f.killed, (KILLED,), ""),
    "SIGTERM": (f.terminated, (130, 1, -signal.SIGTERM), ""),
    "terminal gone": (f.hung_up, (130,), ""),
    "Ctrl-C": (f.interrupted, (130,), ""),
    "its sessions ended": (f.backend_terminated, (1,), GONE),
    "its statements cancelled": (f.backend_cancelled, (1,), r"cancel"),
    "network cut": (f.cut, (1,), GONE),
    "server restarted": (f.restarted, (1,), GONE),
    "server crashed": (f.crashed, (1,), GONE),
}


def hits(command: str, moment: f.Moment, names: str, **more: object) -> list[Fault]:
    """The same command at the same moment, hit by each of these."""
    found = []
    for name in names.split(", "):
        hit, code, says = EVERY_HIT[name]
        options = {"code": code, "says": says, **more}
        found.append(Fault(f"{name} at {moment.name}", command, moment=moment, hit=hit, **options))  # type: ignore[arg-type]
    return found


# Switches of dbt's with which its tests find what they find without.
HARMLESS = {
    "DBT_STORE_FAILURES": "1",
    "DBT_FAIL_FAST": "1",
    "DBT_WARN_ERROR": "1",
    "DBT_STATE": "nowhere",
    "DBT_TARGET_PATH": "elsewhere",
}

SOME_TESTS = "dbt test --select catalogue_unchanged other_tables_unchanged cms_id_equals_id"

# What is alike in its effect on a command, so that one of each is enough by default.
KINDS = {
    "killed": "killed",
    "SIGTERM": "a signal",
    "terminal gone": "a signal",
    "Ctrl-C": "a signal",
    "its sessions ended": "sessions lost",
    "its statements cancelled": "sessions lost",
    "network cut": "sessions lost",
    "server restarted": "server gone",
    "server crashed": "server gone",
    "half a file of the dump gone": "one bit of the dump flipped",
    "the table of contents gone": "one bit of the dump flipped",
    "the manifest gone": "one bit of the dump flipped",
    "the manifest cut": "one bit of the dump flipped",
    "server down behind the network": "server not there",
    "wrong password": "server not there",
    "no such database": "server not there",
    "profile without host": "profile is no YAML",
    "profile of another name": "profile is no YAML",
    "fingerprints of backups dropped": "list of backups dropped",
    "idle sessions ended at once": "a statement timeout",
    "DBT_SAMPLE": "DBT_EMPTY",
    "a target that is not there": "profile is no YAML",
    "DBT_PROFILES_DIR": "profile is no YAML",
    **dict.fromkeys(("everything anew", "one thread", *HARMLESS), "DBT_STORE_FAILURES"),
}
# Commands that are run whole on the way: test_run.py does that by default.
WHOLE_RUNS = ("run", "report --validate")


def by_default() -> Iterator[Fault]:
    """Of each command one that is killed and one that loses its sessions; of all else one of each kind.

    All signals go to the same handler, a server that goes takes the sessions, and what surrounds a command meets the same
    code in each of them.
    """
    seen = set()
    for fault in FAULTS:
        kind = KINDS.get(fault.name.partition(" at ")[0], re.sub("DBT_.*", "DBT_", fault.name))
        command = ADD if fault.command.startswith("dbt build") else fault.command  # the same statements
        key = (kind, command if kind in ("killed", "sessions lost") else "")
        whole = {fault.command, *(fault.way_on or ())} & set(WHOLE_RUNS)
        if key not in seen and not whole:
            seen.add(key)
            yield fault


EVERY_SWITCH = tuple(
    (f"DBT_{name}", value)
    for name, value in {
        "EMPTY": "1",
        "SAMPLE": "3 days",
        "DEFER": "1",
        "FAVOR_STATE": "1",
        "STATE": "nowhere",
        "STORE_FAILURES": "1",
        "FAIL_FAST": "1",
        "WARN_ERROR": "1",
        "FULL_REFRESH": "1",
        "INDIRECT_SELECTION": "empty",
        "EXCLUDE_RESOURCE_TYPES": "test",
        "SINGLE_THREADED": "1",
        "POPULATE_CACHE": "0",
    }.items()
)


def switch(name: str, command: str, says: str, state: str = "migrated", value: str = "1", **more: object) -> Fault:
    """A switch of dbt's in the environment that is refused by its name, and does not come with the same command again."""
    refusal = rf"--{name.lower()} {says}.*take DBT_{name} out of the environment"
    truth = ("all",) if state == "migrated" else ("nothing",)
    options = {"code": (1, 2), "says": refusal, "truth": truth, **more}
    return Fault(f"DBT_{name}", command, state, environment=((f"DBT_{name}", value),), **options)  # type: ignore[arg-type]


DBT_CODES = {"code": (1, 2, 130, KILLED, -signal.SIGTERM)}

FAULTS: list[Fault] = [
    # ---- backup
    *hits(
        "backup",
        f.DUMP,
        "killed, SIGTERM, terminal gone, Ctrl-C, its sessions ended, network cut, server crashed",
        state="loaded",
    ),
    Fault("pg_dump killed", "backup", "loaded", moment=f.DUMP, hit=f.tool_killed, says=r"pg_dump"),
    *hits("backup", f.reading("students"), "Ctrl-C, server restarted", state="loaded"),
    Fault("a table locked for good", "backup", "loaded", around=(f.locked("students"),), says=r"lock"),
    Fault(
        "disk full", "backup", "loaded", around=(f.small_disk("backup_db", "64k"),), says=r"disk is full|No space left"
    ),
    Fault("no folder to write to", "backup", "loaded", around=(f.file_in_place_of("backup_db"),), says=r"backup_db"),
    Fault(
        "a table it may not read",
        "backup",
        "loaded",
        says=r"permission denied|may not read",
        around=(f.owned_by_another("students"),),
    ),
    Fault("server not there", "backup", "loaded", around=(f.refused,), says="start the server", meanwhile="unknown"),
    Fault(
        "server down behind the network",
        "backup",
        "loaded",
        around=(f.down,),
        says="cannot be used",
        meanwhile="unknown",
    ),
    Fault(
        "wrong password", "backup", "loaded", around=(f.wrong_password,), says="correct PGPASSWORD", meanwhile="unknown"
    ),
    Fault(
        "no such database",
        "backup",
        "loaded",
        says="correct database",
        meanwhile="unknown",
        around=(
            f.statements(
                "alter database registry rename to elsewhere", "alter database elsewhere rename to registry", "postgres"
            ),
        ),
    ),
    Fault(
        "idle sessions ended at once",
        "backup",
        "loaded",
        around=(f.setting("idle_in_transaction_session_timeout", "1ms"),),
        code=(0,),
    ),
    Fault("a statement timeout", "backup", "loaded", around=(f.setting("statement_timeout", "1ms"),), code=(0,)),
    # ---- backup --verify
    *hits("backup --verify", f.LOAD, "killed, Ctrl-C, its sessions ended, network cut", state="loaded"),
    Fault(
        "pg_restore killed",
        "backup --verify",
        "loaded",
        moment=f.LOAD,
        hit=f.tool_killed,
        says=r"does not restore|pg_restore",
    ),
    Fault(
        "may not create databases",
        "backup --verify",
        "loaded",
        around=(f.attribute("nocreatedb", "createdb"),),
        says="may not create databases",
    ),
    # ---- restore
    *hits(
        "restore --yes",
        f.LOAD,
        "killed, SIGTERM, Ctrl-C, its sessions ended, network cut, server restarted, server crashed",
        state="changed",
    ),
    Fault(
        "pg_restore killed",
        "restore --yes",
        "changed",
        moment=f.LOADED,
        hit=f.tool_killed,
        says="live database is as it was",
    ),
    Fault(
        "one bit of the dump flipped",
        "restore --yes",
        "changed",
        around=(f.the_backup(f.flip_a_byte),),
        says="nothing was touched|sha256",
    ),
    Fault(
        "half a file of the dump gone",
        "restore --yes",
        "changed",
        around=(f.the_backup(f.cut_a_file),),
        says="nothing was touched",
    ),
    Fault(
        "the table of contents gone",
        "restore --yes",
        "changed",
        around=(f.the_backup(f.remove_toc),),
        says="nothing was touched",
    ),
    Fault(
        "the manifest gone",
        "restore --yes",
        "changed",
        around=(f.the_backup(f.remove_manifest),),
        says="manifest|no backup",
    ),
    Fault("the manifest cut", "restore --yes", "changed", around=(f.the_backup(f.cut_manifest),), says="manifest"),
    Fault("no backup there", "restore --yes", "changed", around=(f.without_backup,), says="[Nn]o backup"),
    Fault(
        "may not create databases",
        "restore --yes",
        "changed",
        around=(f.attribute("nocreatedb", "createdb"),),
        says="--in-place",
    ),
    Fault(
        "two at once",
        "restore --yes",
        "changed",
        code=(0,),
        moment=f.LOAD,
        way_on=("status",),
        hit=f.second_runner("restore --yes", r"another|is running|process \d+"),
    ),
    # ---- restore --in-place
    *hits("restore --in-place --yes", f.LOAD, "killed, Ctrl-C, its sessions ended, network cut", state="changed"),
    # ---- the window
    *hits(ADD, f.LOG, "killed, network cut", **DBT_CODES),
    *hits(
        ADD,
        f.REWRITE,
        "killed, SIGTERM, its sessions ended, its statements cancelled, network cut, server restarted, server crashed",
        **DBT_CODES,
    ),
    *hits(ADD, f.END, "killed, its sessions ended, server crashed", **DBT_CODES),
    Fault(
        "a table locked for good",
        ADD,
        around=(f.locked("semester_modules"),),
        says=r"could not be locked in 3 attempts.*session \d+",
    ),
    Fault("a table of another owner", ADD, around=(f.owned_by_another("modules"),), says="modules belongs to postgres"),
    Fault("audit schema dropped", ADD, around=(f.audit_schema_away,), says="no baseline"),
    Fault("list of backups dropped", ADD, around=(f.audit_table_away("backups"),), says="no backup is listed"),
    Fault("fingerprints of backups dropped", ADD, around=(f.audit_table_away("backup_tables"),), says="backup"),
    Fault(
        "half the baseline dropped",
        ADD,
        around=(f.audit_table_away("baseline_rows_modules"),),
        code=(1, 2),
        says="baseline",
    ),
    Fault(
        "two at once",
        ADD,
        code=(0,),
        truth=("all",),
        moment=f.END,
        hit=f.second_runner(ADD, "another run is migrating"),
    ),
    # ---- online
    # The cut-over is one statement: where the server does not notice in time, it is committed behind the client's back.
    *hits(ONLINE, f.LOG, "killed, network cut", **{**DBT_CODES, "truth": ("nothing", "half")}),
    *hits(
        ONLINE,
        f.BATCH,
        "killed, its sessions ended, network cut, server crashed",
        **{**DBT_CODES, "truth": ("half",)},
    ),
    *hits(ONLINE, f.INDEXED, "killed, server restarted", **{**DBT_CODES, "truth": ("half",)}),
    # ---- undo
    *hits(
        "undo --yes",
        f.DROP,
        "killed, Ctrl-C, its sessions ended, network cut, server crashed",
        state="migrated",
        truth=("all",),
    ),
    Fault(
        "a table locked for good",
        "undo --yes",
        "migrated",
        around=(f.locked("semester_modules"),),
        says="locked",
        truth=("all",),
    ),
    Fault(
        "a table of another owner",
        "undo --yes",
        "migrated",
        around=(f.owned_by_another("modules"),),
        says="owner|belongs",
        truth=("all",),
    ),
    Fault(
        "server not there",
        "undo --yes",
        "migrated",
        around=(f.refused,),
        says="refused",
        truth=("all",),
        meanwhile="unknown",
    ),
    # ---- the baseline
    *hits(
        "dbt snapshot",
        f.reading("students"),
        "killed, its sessions ended, network cut",
        **{**DBT_CODES, "state": "backed up"},
    ),
    Fault(
        "may not create a schema",
        "dbt snapshot",
        "loaded",
        around=(f.no_create,),
        code=(1, 2),
        says="permission denied",
    ),
    # ---- dbt build
    *hits("dbt build --exclude-resource-type test", f.REWRITE, "killed, network cut", **DBT_CODES),
    # ---- run
    Fault(
        "server not there", "run", around=(f.refused,), says="start the server", way_on=("doctor",), meanwhile="unknown"
    ),
    Fault(
        "reports cannot be written",
        "run",
        around=(f.file_in_place_of("reports"),),
        code=(0,),
        truth=("all",),
        says="PASSED: 13 of 13.*report could not be written",
        way_on=("report --validate",),
    ),
    *hits("run", f.DUMP, "killed, SIGTERM", state="loaded", way_on=("doctor",)),
    *hits("run --mode online", f.BATCH, "Ctrl-C", truth=("half",), way_on=("undo --yes",)),
    # ---- doctor
    Fault("server not there", "doctor", "loaded", around=(f.refused,), says="start the server", meanwhile="unknown"),
    Fault("dbt packages gone", "doctor", "loaded", around=(f.moved("dbt_packages"),), code=(0,)),
    Fault(
        "a table of another owner",
        "doctor",
        "loaded",
        around=(f.owned_by_another("modules"),),
        says="modules belongs to postgres",
    ),
    Fault(
        "a table locked for good",
        "doctor",
        "loaded",
        around=(f.locked("modules"),),
        code=(0,),
        says="modules is locked by another session",
    ),
    # ---- status, backups, prune
    Fault(
        "profile is no YAML",
        "status",
        "loaded",
        around=(f.profile("outputs:", "outputs: ["),),
        says="profile cannot be read",
    ),
    Fault(
        "profile without host",
        "status",
        "loaded",
        around=(f.profile("      host:", "      hosts:"),),
        says="has no host",
    ),
    Fault(
        "profile of another name",
        "status",
        "loaded",
        around=(f.profile("cms_id_tracking:", "another:"),),
        says="no profile cms_id_tracking",
    ),
    Fault(
        "server not there",
        "status",
        "migrated",
        around=(f.refused,),
        says=r"Migration: +unknown\..*Error: The database cannot be used",
        truth=("all",),
    ),
    Fault(
        "the log dropped",
        "status",
        "migrated",
        around=(f.audit_table_away("migrations"),),
        code=(0,),
        says="there is a cms_id",
        truth=("all",),
    ),
    Fault(
        "the audit schema may not be used",
        "status",
        "migrated",
        around=(f.audit_schema_closed,),
        says=r"Migration: +unknown\..*permission denied for schema",
        truth=("all",),
    ),
    Fault(
        "reports are a file",
        "status",
        "loaded",
        around=(f.file_in_place_of("reports"),),
        code=(0,),
        says="Validation: +none yet",
    ),
    Fault("server not there", "backups", around=(f.refused,), code=(0,), says="verified", meanwhile="unknown"),
    Fault("server not there", "prune --yes", "loaded", around=(f.refused,), says="start the server"),
    # ---- dbt's own switches
    switch("EMPTY", "dbt snapshot", "reads no row", "backed up"),
    switch("EMPTY", "dbt build", "reads no row"),
    switch("SAMPLE", "dbt run", "reads some rows only", value="3 days"),
    switch("DEFER", SOME_TESTS + " --state ../target", "reads the baseline of another schema"),
    *(
        Fault(name, SOME_TESTS, "migrated", code=(0,), says="ERROR=0", truth=("all",), environment=((name, value),))
        for name, value in HARMLESS.items()
    ),
    Fault("one thread", "dbt test --threads 1", "migrated", code=(0,), says="ERROR=0", truth=("all",)),
    Fault(
        "DBT_PROFILES_DIR",
        "status",
        "migrated",
        says="There is no dbt profile",
        truth=("all",),
        environment=(("DBT_PROFILES_DIR", "nowhere"),),
    ),
    Fault("everything anew", "dbt build --full-refresh", "ready", code=(0,), says="ERROR=0", truth=("all",)),
    Fault(
        "a target that is not there",
        "dbt test --target nowhere",
        "migrated",
        code=(1, 2),
        truth=("all",),
        way_on=("dbt test",),
    ),
    Fault(
        "every switch in the environment", "run", environment=EVERY_SWITCH, code=(0,), says="13 of 13", truth=("all",)
    ),
    Fault(
        "every switch in the environment",
        "report --validate",
        "migrated",
        environment=EVERY_SWITCH,
        code=(0,),
        says="PASSED",
        truth=("all",),
    ),
    # ---- export and diff
    *hits(
        "export --phase pre",
        f.reading("student_modules"),
        "killed, Ctrl-C, its sessions ended, network cut, server crashed",
        state="loaded",
    ),
    Fault(
        "disk full",
        "export --phase pre",
        "loaded",
        around=(f.small_disk("backup_db", "64k"),),
        says="disk is full|No space left",
    ),
    Fault(
        "a table it may not read",
        "export --phase pre",
        "loaded",
        around=(f.owned_by_another("students"),),
        says="permission denied",
    ),
    Fault(
        "nothing was exported",
        "diff",
        "loaded",
        says="",
        way_on=("export --phase pre", "run", "export --phase post", "diff"),
    ),
    # ---- report
    *hits("report --validate", f.reading("students"), "killed, Ctrl-C, network cut", state="migrated", truth=("all",)),
    Fault(
        "a folder stands in the way",
        "report --output reports",
        "migrated",
        code=(1, 2),
        says="reports",
        truth=("all",),
        way_on=("report --validate",),
    ),
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The server and the project that all faults share."""
    from conftest import majors

    # Not below pytest's folder, which the account of the server may not enter.
    folder = Path(tempfile.mkdtemp(prefix="cmsid-faults-"))
    folder.chmod(0o711)
    made = World(folder, majors()[-1])
    yield made
    made.close()
    shutil.rmtree(folder)


def test_there_are_sixty_distinct_faults() -> None:
    names = {str(fault) for fault in FAULTS}
    assert len(names) == len(FAULTS) >= 60


def _marks(fault: Fault, chosen: list[Fault]) -> list[pytest.MarkDecorator]:
    return [NO_MOUNT] * (fault.name == "disk full") + [pytest.mark.thorough] * (fault not in chosen)


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=str(fault), marks=_marks(fault, list(by_default()))) for fault in FAULTS]
)
def test_fault(fault: Fault, world: World, record_property: Callable[[str, object], None]) -> None:
    world.server_up()
    world.reset(fault.state)
    try:
        done = _commit(fault, world)
    finally:
        world.server_up()
    record_property("fault", str(fault))
    wrong: list[str] = []
    world.quiet()
    if not world.holders(world.expected):
        record_property("row lost", str(fault))
        wrong.append("rows were lost")
    if problem := _untrue(fault, world):
        record_property("wrong status", str(fault))
        wrong.append(problem)
    for command in fault.way_on or (fault.command,):
        again = world.run(command)
        if again.wait() != 0 or "Traceback" in again.text:
            wrong.append(f"no way on: {command} ended with {again.wait()}:\n{again.text}")
            break
    else:
        record_property("way on", fault.command)
    if not _kept(fault, world):
        record_property("row lost", str(fault))
        wrong.append("rows were lost on the way on")
    wrong += _untold(fault, done)
    assert not wrong, "\n\n".join([*wrong, f"it had printed:\n{done.text}"])


def _commit(fault: Fault, world: World) -> Command:
    """Make the fault. Returns the command it happened to, ended."""
    with contextlib.ExitStack() as held:
        for circumstance in fault.around:
            held.enter_context(circumstance(world))
        if fault.moment is None:
            done = world.run(fault.command, **dict(fault.environment))
        else:
            assert fault.hit is not None
            with f.stopped(world, fault.command, fault.moment) as done:
                fault.hit(world, done)
                if fault.code != (0,):  # one that goes on has nothing to notice
                    f.linger(done, fault.hit)
            world.server_up()
            done.wait()
            world.quiet()
            f.take_down(world, fault.moment)
        if fault.meanwhile:
            told = world.run("status")
            assert told.wait() in (0, 1)
            assert re.search(fault.meanwhile, told.flat), told.text
    return done


def _kept(fault: Fault, world: World) -> bool:
    """Whether nothing is lost behind the way on. A restore in place leaves what it replaced in a backup alone."""
    if "--in-place" in fault.command:
        return bool(world.holders(world.rows_in("ready"))) and world.backups() > 1
    return bool(world.holders(world.expected))


def _untrue(fault: Fault, world: World) -> str:
    """What is wrong with what `status` says; empty if nothing is."""
    told, truth = world.run("status"), world.truth()
    if told.wait() != 0 or "Traceback" in told.text:
        return f"status ended with {told.wait()}: {told.text}"
    if truth not in fault.truth:
        return f"the tables hold `{truth}`, expected {fault.truth}; status says:\n{told.text}"
    if not re.search(SAYS[truth], told.flat):
        return f"the tables hold `{truth}`, but status says:\n{told.text}"
    return ""


def _untold(fault: Fault, done: Command) -> list[str]:
    """What is wrong with how the command ended and what it said."""
    wrong = []
    code = done.wait()
    if code not in fault.code:
        wrong.append(f"it ended with {code}, expected {fault.code}")
    if "Traceback" in done.text:
        wrong.append("it printed a traceback")
    if code != KILLED and not re.search(fault.says, done.flat):
        wrong.append(f"it did not say `{fault.says}`")
    if code == 1 and not fault.command.startswith("dbt") and len(re.findall(VERDICT, done.text)) != 1:
        wrong.append("it did not say what is wrong in one sentence")
    return wrong
