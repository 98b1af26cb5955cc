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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import faults as f
from support.backups import cut_a_file, cut_manifest, flip_a_byte, remove_manifest, remove_toc
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


SOME_TESTS = "dbt test --select catalogue_unchanged other_tables_unchanged cms_id_equals_id"


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what goes wrong.
        says: what the command must say.
        around: a circumstance that holds while the command runs.
        moment: where the command is stopped; None: it runs through.
        hit: what happens to it there.
        code: its exit codes, each of which is right.
        truth: what the tables may hold afterwards: nothing, half, all; default what they held before.
        way_on: the commands that must end well afterwards; default the same one.
        environment: variables of the command.
        command: to which command.
        state: of the registry before.
    """

    name: str
    says: str = ""
    around: f.Circumstance | None = None
    moment: f.Moment | None = None
    hit: f.Hit | None = None
    code: tuple[int, ...] = (1,)
    truth: tuple[str, ...] = ()
    way_on: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    command: str = ""
    state: str = ""

    def __str__(self) -> str:
        """Its name among the tests."""
        command = self.command.removeprefix("dbt run-operation ").replace(" --args {mode: online}", " online")
        return f"{command}: {self.name}"


def of(command: str, state: str, *faults: Fault) -> list[Fault]:
    """What goes wrong with a command, in a state of the registry."""
    truth = ("all",) if state == "migrated" else ("nothing",)
    return [replace(fault, command=command, state=state, truth=fault.truth or truth) for fault in faults]


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
DBT_CODES = (1, 2, 130, KILLED, -signal.SIGTERM)


def hits(
    moment: f.Moment,
    names: str,
    code: tuple[int, ...] = (),
    *,
    truth: tuple[str, ...] = (),
    way_on: tuple[str, ...] = (),
) -> Iterator[Fault]:
    """The same command at the same moment, hit by each of these."""
    for name in names.split(", "):
        hit, usual, says = EVERY_HIT[name]
        yield Fault(f"{name} at {moment.name}", says, None, moment, hit, code or usual, truth, way_on)


# Switches of dbt's with which its tests find what they find without.
HARMLESS = {
    "DBT_STORE_FAILURES": "1",
    "DBT_FAIL_FAST": "1",
    "DBT_WARN_ERROR": "1",
    "DBT_STATE": "nowhere",
    "DBT_TARGET_PATH": "elsewhere",
}

# What is alike in its effect on a command, so that one of each is enough by default.
ALIKE = {
    "killed": "killed",
    "a signal": "SIGTERM, terminal gone, Ctrl-C",
    "sessions lost": "its sessions ended, its statements cancelled, network cut",
    "server gone": "server restarted, server crashed",
    "one bit of the dump flipped": (
        "half a file of the dump gone, the table of contents gone, the manifest gone, the manifest cut"
    ),
    "server not there": "server down behind the network, wrong password, no such database",
    "profile is no YAML": (
        "profile without host, profile of another name, a target that is not there, DBT_PROFILES_DIR"
    ),
    "list of backups dropped": "fingerprints of backups dropped",
    "a statement timeout": "idle sessions ended at once",
    "DBT_EMPTY": "DBT_SAMPLE",
    "DBT_STORE_FAILURES": ", ".join(("everything anew", "one thread", *HARMLESS)),
}
KINDS = {name: kind for kind, names in ALIKE.items() for name in names.split(", ")}
UNREACHABLE = ("server not there", *ALIKE["server not there"].split(", "))
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
        whole = {fault.command, *fault.way_on} & set(WHOLE_RUNS)
        if key not in seen and not whole:
            seen.add(key)
            yield fault


EVERY_SWITCH = {
    "DBT_EMPTY": "1",
    "DBT_SAMPLE": "3 days",
    "DBT_DEFER": "1",
    "DBT_FAVOR_STATE": "1",
    "DBT_STATE": "nowhere",
    "DBT_STORE_FAILURES": "1",
    "DBT_FAIL_FAST": "1",
    "DBT_WARN_ERROR": "1",
    "DBT_FULL_REFRESH": "1",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_EXCLUDE_RESOURCE_TYPES": "test",
    "DBT_SINGLE_THREADED": "1",
    "DBT_POPULATE_CACHE": "0",
}


def switches(says: str, values: dict[str, str], code: tuple[int, ...] = (0,), name: str = "") -> Fault:
    """Switches of dbt's in the environment; they do not come with the same command again."""
    return Fault(name or next(iter(values)), says, code=code, environment=tuple(values.items()))


def refused_switch(name: str, says: str, value: str = "1") -> Fault:
    """A switch that is refused by its name."""
    refusal = rf"--{name.lower()} {says}.*take DBT_{name} out of the environment"
    return switches(refusal, {f"DBT_{name}": value}, (1, 2))


SERVER_NOT_THERE = Fault("server not there", "start the server", f.refused)
FULL = Fault("disk full", "disk is full|No space left", f.small_disk("backup_db", "64k"))
NO_DATABASES = f.attribute("nocreatedb", "createdb")
OF_ANOTHER = "a table of another owner"
LOCKED = "a table locked for good"
ELSEWHERE = f.statements(
    "alter database registry rename to elsewhere", "alter database elsewhere rename to registry", "postgres"
)
SWITCHES_GIVEN = partial(switches, values=EVERY_SWITCH, name="every switch in the environment")

FAULTS: list[Fault] = [
    *of(
        "backup",
        "loaded",
        *hits(f.DUMP, "killed, SIGTERM, terminal gone, Ctrl-C, its sessions ended, network cut, server crashed"),
        Fault("pg_dump killed", "pg_dump", None, f.DUMP, f.tool_killed),
        *hits(f.reading("students"), "Ctrl-C, server restarted"),
        Fault(LOCKED, "lock", f.locked("students")),
        FULL,
        Fault("no folder to write to", "backup_db", f.file_in_place_of("backup_db")),
        Fault("a table it may not read", "permission denied|may not read", f.owned_by_another("students")),
        SERVER_NOT_THERE,
        Fault("server down behind the network", "cannot be used", f.down),
        Fault("wrong password", "correct PGPASSWORD", f.wrong_password),
        Fault("no such database", "correct database", ELSEWHERE),
        Fault("idle sessions ended at once", "", f.setting("idle_in_transaction_session_timeout", "1ms"), code=(0,)),
        Fault("a statement timeout", "", f.setting("statement_timeout", "1ms"), code=(0,)),
    ),
    *of(
        "backup --verify",
        "loaded",
        *hits(f.LOAD, "killed, Ctrl-C, its sessions ended, network cut"),
        Fault("pg_restore killed", r"does not restore|pg_restore", None, f.LOAD, f.tool_killed),
        Fault("may not create databases", "may not create databases", NO_DATABASES),
    ),
    *of(
        "restore --yes",
        "changed",
        *hits(f.LOAD, "killed, SIGTERM, Ctrl-C, its sessions ended, network cut, server restarted, server crashed"),
        Fault("pg_restore killed", "live database is as it was", None, f.LOADED, f.tool_killed),
        Fault("one bit of the dump flipped", "nothing was touched|sha256", f.the_backup(flip_a_byte)),
        Fault("half a file of the dump gone", "nothing was touched", f.the_backup(cut_a_file)),
        Fault("the table of contents gone", "nothing was touched", f.the_backup(remove_toc)),
        Fault("the manifest gone", "manifest|no backup", f.the_backup(remove_manifest)),
        Fault("the manifest cut", "manifest", f.the_backup(cut_manifest)),
        Fault("no backup there", "[Nn]o backup", f.without_backup),
        Fault("may not create databases", "--in-place", NO_DATABASES),
        Fault(
            "two at once",
            moment=f.LOAD,
            hit=f.second_runner("restore --yes", r"another|is running|process \d+"),
            code=(0,),
            way_on=("status",),
        ),
    ),
    *of("restore --in-place --yes", "changed", *hits(f.LOAD, "killed, Ctrl-C, its sessions ended, network cut")),
    # ---- the window
    *of(
        ADD,
        "ready",
        *hits(
            f.REWRITE,
            "killed, SIGTERM, its sessions ended, its statements cancelled, network cut, server restarted, server crashed",
            DBT_CODES,
        ),
        *hits(f.LOG, "killed, network cut", DBT_CODES),
        *hits(f.END, "killed, its sessions ended, server crashed", DBT_CODES),
        Fault(LOCKED, r"could not be locked in 3 attempts.*session \d+", f.locked("semester_modules")),
        Fault(OF_ANOTHER, "modules belongs to postgres", f.owned_by_another("modules")),
        Fault("audit schema dropped", "no baseline", f.audit_schema_away),
        Fault("list of backups dropped", "no backup is listed", f.audit_table_away("backups")),
        Fault("fingerprints of backups dropped", "backup", f.audit_table_away("backup_tables")),
        Fault("half the baseline dropped", "baseline", f.audit_table_away("baseline_rows_modules"), code=(1, 2)),
        Fault(
            "two at once",
            moment=f.END,
            hit=f.second_runner(ADD, "another run is migrating"),
            code=(0,),
            truth=("all",),
        ),
    ),
    # The cut-over is one statement: where the server does not notice in time, it is committed behind the client's back.
    *of(
        ONLINE,
        "ready",
        *hits(f.LOG, "killed, network cut", DBT_CODES, truth=("nothing", "half")),
        *hits(f.BATCH, "killed, its sessions ended, network cut, server crashed", DBT_CODES, truth=("half",)),
        *hits(f.INDEXED, "killed, server restarted", DBT_CODES, truth=("half",)),
    ),
    *of(
        "undo --yes",
        "migrated",
        *hits(f.DROP, "killed, Ctrl-C, its sessions ended, network cut, server crashed"),
        Fault(LOCKED, "locked", f.locked("semester_modules")),
        Fault(OF_ANOTHER, "owner|belongs", f.owned_by_another("modules")),
        replace(SERVER_NOT_THERE, says="refused"),
    ),
    *of(
        "dbt snapshot",
        "backed up",
        *hits(f.reading("students"), "killed, its sessions ended, network cut", DBT_CODES),
    ),
    *of("dbt snapshot", "loaded", Fault("may not create a schema", "permission denied", f.no_create, code=(1, 2))),
    *of("dbt build --exclude-resource-type test", "ready", *hits(f.REWRITE, "killed, network cut", DBT_CODES)),
    *of(
        "run",
        "ready",
        replace(SERVER_NOT_THERE, way_on=("doctor",)),
        Fault(
            "reports cannot be written",
            "PASSED: 13 of 13.*report could not be written",
            f.file_in_place_of("reports"),
            code=(0,),
            truth=("all",),
            way_on=("report --validate",),
        ),
    ),
    *of("run", "loaded", *hits(f.DUMP, "killed, SIGTERM", way_on=("doctor",))),
    *of("run --mode online", "ready", *hits(f.BATCH, "Ctrl-C", truth=("half",), way_on=("undo --yes",))),
    *of(
        "doctor",
        "loaded",
        SERVER_NOT_THERE,
        Fault("dbt packages gone", "", f.moved("dbt_packages"), code=(0,)),
        Fault(OF_ANOTHER, "modules belongs to postgres", f.owned_by_another("modules")),
        Fault(LOCKED, "modules is locked by another session", f.locked("modules"), code=(0,)),
    ),
    # ---- status, backups, prune
    *of(
        "status",
        "loaded",
        Fault("profile is no YAML", "profile cannot be read", f.profile("outputs:", "outputs: [")),
        Fault("profile without host", "has no host", f.profile("      host:", "      hosts:")),
        Fault("profile of another name", "no profile cms_id_tracking", f.profile("cms_id_tracking:", "another:")),
    ),
    *of(
        "status",
        "migrated",
        replace(SERVER_NOT_THERE, says=r"Migration: +unknown\..*Error: The database cannot be used"),
        Fault("the log dropped", "there is a cms_id", f.audit_table_away("migrations"), code=(0,)),
        Fault(
            "the audit schema may not be used",
            r"Migration: +unknown\..*permission denied for schema",
            f.audit_schema_closed,
        ),
    ),
    *of(
        "status",
        "loaded",
        Fault("reports are a file", "Validation: +none yet", f.file_in_place_of("reports"), code=(0,)),
    ),
    *of("backups", "ready", replace(SERVER_NOT_THERE, says="verified", code=(0,))),
    *of("prune --yes", "loaded", SERVER_NOT_THERE),
    # ---- dbt's own switches
    *of("dbt snapshot", "backed up", refused_switch("EMPTY", "reads no row")),
    *of("dbt build", "migrated", refused_switch("EMPTY", "reads no row")),
    *of("dbt run", "migrated", refused_switch("SAMPLE", "reads some rows only", "3 days")),
    *of(f"{SOME_TESTS} --state ../target", "migrated", refused_switch("DEFER", "reads the baseline of another schema")),
    *of(SOME_TESTS, "migrated", *(switches("ERROR=0", {name: value}) for name, value in HARMLESS.items())),
    *of("dbt test --threads 1", "migrated", Fault("one thread", "ERROR=0", code=(0,))),
    *of("dbt test", "migrated", Fault("our schema is closed to it", r"PASS=[1-9]", f.audit_schema_closed)),
    *of("status", "migrated", switches("There is no dbt profile", {"DBT_PROFILES_DIR": "nowhere"}, (1,))),
    *of("dbt build --full-refresh", "ready", Fault("everything anew", "ERROR=0", code=(0,), truth=("all",))),
    *of(
        "dbt test --target nowhere",
        "migrated",
        Fault("a target that is not there", code=(1, 2), way_on=("dbt test",)),
    ),
    *of("run", "ready", replace(SWITCHES_GIVEN("13 of 13"), truth=("all",))),
    *of("report --validate", "migrated", SWITCHES_GIVEN("PASSED")),
    # ---- export and diff
    *of(
        "export --phase pre",
        "loaded",
        *hits(f.reading("student_modules"), "killed, Ctrl-C, its sessions ended, network cut, server crashed"),
        FULL,
        Fault("a table it may not read", "permission denied", f.owned_by_another("students")),
    ),
    *of(
        "diff",
        "loaded",
        Fault("nothing was exported", way_on=("export --phase pre", "run", "export --phase post", "diff")),
    ),
    *of(
        "report --validate",
        "migrated",
        *hits(f.reading("students"), "killed, Ctrl-C, network cut"),
    ),
    *of(
        "report --output reports",
        "migrated",
        Fault("a folder stands in the way", "reports", code=(1, 2), way_on=("report --validate",)),
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
        if fault.around:
            held.enter_context(fault.around(world))
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
        if fault.name in UNREACHABLE:
            told = world.run("status")
            assert told.wait() in (0, 1)
            assert "unknown" in told.flat, told.text
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
