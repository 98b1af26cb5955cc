"""The whole procedure as one run: doctor, backup, baseline, migration, validation, report.

A run stops at the first failure and then asks the database what it holds, so that what it says is never a guess. It
does only what is still to do: on a registry that is migrated already it validates, and one that is half-way goes on.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import psycopg

from driver import __version__, conclusion
from driver.backup.session import Session, one_row, one_value, pinned
from driver.checklist import MIGRATION_LOG, Facts, checklist_lines
from driver.dbt_project import PACKAGE, DbtProject, nodes_at_a_time
from driver.dbt_step import DbtStep, undo
from driver.errors import Problem, why
from driver.facts import (
    UNFINISHED,
    MigrationState,
    has_local_rows,
    logged_tables,
    migration_log,
    newest_backup,
    read_facts,
    read_state,
    told_by_online_mode,
)
from driver.ledger import watched
from driver.report import files
from driver.result import Database, FailingRow, Figures, Outcome, Result, Stage, StageStatus
from driver.termination import interruption_first, raise_if_interrupted
from driver.validation import comparisons, validate
from driver.wording import duration, few, moment, size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from driver.dbt_project import CoreTable
    from driver.facts import TableLog
    from driver.profile import Connection
    from driver.progress import StageProgress, Stages

Mode = Literal["window", "online"]
STAGES = ("prepare", "doctor", "backup", "baseline", "migrate", "origins", "validate")
IN_A_REHEARSAL = (*STAGES, "undo")

WRITTEN = "select pg_current_wal_lsn() - '0/0'::pg_lsn, pg_database_size(current_database())"


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        command: the command a user gave.
        mode: window or online; None for the project's own.
        budget: how long window mode may lock the tables, such as `120s`; None for the project's own.
        on_failure: what to do when the validation fails: stop, or restore the backup.
        with_values: whether the report shows values that may tell something about persons.
        test_restore: whether the backup is restored on trial.
        validation: cutover or ongoing; None: ongoing where rows were created locally already.
        reports: where the report goes.
        backups: the folder of all backups; None for the project's own.
        only_validate: leave out everything before the validation.
        rehearsal_of: the backup that the database is a copy of: so none is taken, and at the end it is undone.
        on_baseline: called once the baseline is taken.
        shared: the stages that were done for another mode, each with what is said of it.
    """

    command: str = "run"
    mode: Mode | None = None
    budget: str | None = None
    on_failure: Literal["stop", "restore"] = "stop"
    with_values: bool = False
    test_restore: bool = True
    validation: str | None = None
    reports: Path = field(default_factory=files.folder)
    backups: Path | None = None
    only_validate: bool = False
    rehearsal_of: str = ""
    on_baseline: Callable[[], None] = lambda: None
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, str]:
        """What a user gave of the options of `cmsid run`, each with its value; empty for a flag."""
        given = {
            "mode": self.mode,
            "budget": self.budget,
            "validation": self.validation,
            "on-failure": None if self.on_failure == "stop" else self.on_failure,
            "with-values": "" if self.with_values else None,
            "without-test-restore": None if self.test_restore else "",
        }
        return {name: value for name, value in given.items() if value is not None}


class Run:
    """One run against one database."""

    def __init__(
        self, connection: Connection, options: Options, stages: Stages, project: DbtProject | None = None
    ) -> None:
        """Nothing is done before `go`, which shows its stages. A project that is parsed already is not parsed again."""
        self.connection = connection
        self.options = options
        self.stages = stages
        now = datetime.now(timezone.utc)
        self.result = Result(
            run_id=f"{now:%Y%m%dT%H%M%S}-{now.microsecond // 1000:03d}-{options.command}",
            command=options.command,
            verdict="failed",
            started_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            finished_at="",
            seconds=0.0,
            database=Database(connection.dbname, connection.describe()),
            stages=[Stage(key) for key in (IN_A_REHEARSAL if options.rehearsal_of else STAGES)],
            values_shown=options.with_values,
        )
        self.folder: Path | None = None
        self.report_problem = ""
        self._began = perf_counter()
        self._project = project or DbtProject()
        self._tables: list[CoreTable] = []
        self._state: MigrationState | None = None
        self._left_out: dict[str, str] = {}
        self._plan_seconds: dict[str, float] = {}
        self._backup_id = ""
        self._only_in_place = False

    # ---- the run as a whole

    def go(self) -> Result:
        """Run every stage that is needed, and write the report, whatever comes of it.

        Raises:
            KeyboardInterrupt: the run was interrupted; the result is complete and written nevertheless.
        """
        interrupted: KeyboardInterrupt | None = None
        try:
            if not all(map(self._do, self.result.stages)):
                self._restore_if_wanted()
        except KeyboardInterrupt as interrupt:
            interrupted = interrupt
        except Exception:
            self._conclude(interrupted=False)
            raise
        self._conclude(interrupted=interrupted is not None)
        if interrupted:
            raise interrupted
        return self.result

    def _do(self, stage: Stage) -> bool:
        """Do a stage, unless it is not needed: timed, shown, recorded with whatever ends it. Returns whether to go on."""
        if reason := self._left_out.get(stage.key):
            stage.status, stage.detail = "skipped", reason
            self.stages.finished(stage.key, "skipped", 0, reason)
            return True
        stage.started_at, began = _now(), perf_counter()
        status: StageStatus = "failed"
        try:
            with self.stages.running(stage.key) as progress, interruption_first():
                raise_if_interrupted()
                stage.detail = getattr(self, f"_{stage.key}")(progress)
                raise_if_interrupted()
            status = "done"
        except KeyboardInterrupt:
            status, stage.detail = "interrupted", "interrupted"
            raise
        except Problem as problem:
            stage.detail = str(problem)
        except psycopg.Error as error:
            stage.detail = why(error) or "no reason given"
        except OSError as error:
            stage.detail = f"{error.strerror or error} ({error.filename or 'no file'})"
        finally:
            stage.status, stage.seconds = status, round(perf_counter() - began, 3)
            self.stages.finished(stage.key, status, stage.seconds, stage.detail)
        return status == "done"

    # ---- the stages

    def _prepare(self, _progress: StageProgress) -> str:
        """Look at the database, then have dbt parse the project, once for all stages."""
        with pinned(self.connection) as session:
            self.result.database.server_version = one_value(session, "show server_version")
            log = migration_log(session, self.connection.audit_schema)
            validation = self.options.validation or self._fitting_validation(session, log)
        # A migration that is half-way can only go on in the mode it was begun in.
        begun = next((entry.mode for entry in log.values() if entry.state in UNFINISHED), None)
        self._project.profiles_dir = self.connection.profiles_dir
        self._project.target = self.connection.target or None
        self._project.threads = nodes_at_a_time(self.connection)
        # Only what differs from the project's own vars: with other vars, dbt would parse everything anew.
        wanted = {
            "validation": validation,
            "mode": self.options.mode or begun or self._project.var("mode"),
            "window_budget": self.options.budget or self._project.var("window_budget"),
        }
        self._project.variables = {name: value for name, value in wanted.items() if value != self._project.var(name)}
        self._tables = self._project.core_tables()
        self.result.validation = validation
        self.result.mode = str(self._project.var("mode"))
        self.result.versions = {
            "cmsid": __version__,
            "Python": platform.python_version(),
            **{name: version(name) for name in ("dbt-core", "dbt-postgres")},
        }
        with pinned(self.connection) as session:
            self._state = read_state(session, self.connection.audit_schema, self._tables)
        self._left_out = self._why_left_out(self._state)
        # dbt's, and that of the migration log, which is our own
        tests = sum(str(node.resource_type) == "test" for node in self._project.manifest.nodes.values()) + 1
        return f"PostgreSQL {self.result.database.server_version}, {len(self._tables)} core tables, {tests} tests"

    def _why_left_out(self, state: MigrationState) -> dict[str, str]:
        """Why a stage is left out, for each that is."""
        at = moment(state.cut_over_at)
        if self.options.rehearsal_of:
            if state.kind in ("done", "half-way"):
                raise Problem(
                    f"in the backup {self.options.rehearsal_of} the migration is not still to come: {state.sentence.rstrip('.')}",
                    do="name a backup from before it, or take a new one after an undo",
                )
            return {"backup": "the copy was restored from one", **self.options.shared}
        if self.options.only_validate:
            return dict.fromkeys(STAGES[1:6], "not asked for")
        if state.kind == "done":
            return dict.fromkeys(STAGES[1:6], f"migrated already, cut-over at {at}")
        if state.kind == "half-way":
            return dict.fromkeys(STAGES[1:4], f"done before the cut-over at {at}")
        return {}

    def _fitting_validation(self, session: Session, log: Mapping[str, TableLog]) -> str:
        """What a validation can ask for: once rows were created locally, nothing can be as it was."""
        if not log or any(entry.state != "done" for entry in log.values()):
            return "cutover"
        in_use = self._in_use_already(session, logged_tables(log))
        return "ongoing" if in_use else str(self._project.var("validation"))

    def _doctor(self, _progress: StageProgress) -> str:
        from driver.doctor import examine

        diagnosis = examine(
            self.connection, self._project, test_restore=self.options.test_restore, backups=self.options.backups
        )
        if self.options.rehearsal_of:
            # whether the budget is enough is what shall come out; the server holds to it all the same
            diagnosis.findings = [finding for finding in diagnosis.findings if finding.code != "window_budget"]
        if refusal := diagnosis.refusal(self.result.mode):
            raise Problem(refusal)
        self._only_in_place = diagnosis.only_in_place
        expected = diagnosis.estimates.get(self.result.mode)
        self.result.expected = expected
        told = f"; the migration should take about {duration(expected.seconds)}" if expected else ""
        told += f", as rehearsed at {moment(expected.rehearsed_at)}" if expected and expected.rehearsed_at else ""
        warned = [finding for finding in diagnosis.findings if finding.blocks == "none"]
        self.result.warnings += [f"{finding.detail} ({finding.remedy})" for finding in warned]
        return f"nothing stands in the way{told}" + (
            f"; {len(warned)} warning{'s' * (len(warned) != 1)}" if warned else ""
        )

    def _backup(self, progress: StageProgress) -> str:
        from driver.backup.take import take_backup

        taken = take_backup(
            self.connection,
            directory=self.options.backups,
            verify=self.options.test_restore,
            purpose="before the migration",
            progress=progress.step,
        )
        self._backup_id = taken.backup_id
        content = taken.manifest
        if not taken.verification:
            self.result.warnings.append(
                "the backup was not restored on trial, so nothing proves that it restores"
                " (prove it elsewhere: `scripts/cmsid backup --verify --on embedded`)"
            )
            return f"{size(content.bytes)}; not restored on trial, so not proven to restore"
        return (
            f"{size(content.bytes)}; restored into a scratch database and compared:"
            f" {len(content.tables)} tables, {content.rows:,} rows identical"
            + "".join(f"; {line[0].lower()}{line[1:]}" for line in taken.verification.apart)
        )

    def _baseline(self, progress: StageProgress) -> str:
        result = DbtStep(progress).run(self._project, "snapshot")
        self.options.on_baseline()
        return f"{len(result.result.results)} snapshots, and a copy of every row of {len(self._tables)} tables"

    def _migrate(self, progress: StageProgress) -> str:
        step = DbtStep(progress)
        project = self._project
        if self.result.mode == "online" and not project.var("server_disk_free"):
            from driver.doctor import server_disk_free

            with pinned(self.connection) as session:
                free = server_disk_free(session, self.connection)
            if free:  # what SQL does not know, and this machine does
                project = replace(project, variables={**project.variables, "server_disk_free": free})
        with pinned(self.connection) as session:
            wal, extent = _written(session)
        try:
            with watched(self.connection, step.tick) as self.result.locks:
                step.run(project, "run-operation", f"{PACKAGE}.add_cms_id")
        finally:
            self._plan_seconds = step.plan_seconds
        with pinned(self.connection) as session:
            self._state = read_state(session, self.connection.audit_schema, self._tables)
            wal_then, extent_then = _written(session)
        if self._state.kind != "done":
            raise Problem(f"the migration ended, but is not complete: {self._state.sentence}")
        seconds, expected = round(sum(step.plan_seconds.values()), 3), self.result.expected
        self.result.taken = Figures(
            rows=expected.rows if expected else self._state.rows_filled,
            seconds=seconds,
            lock_seconds=max(
                (lock.seconds or 0.0 for lock in self.result.locks if lock.closed_to == "all"), default=0.0
            ),
            wal_bytes=wal_then - wal,
            disk_bytes=extent_then - extent,
        )
        told = ""
        if expected:
            source = "rehearsed" if expected.rehearsed_at else "estimated"
            told = f"; {duration(seconds)} where {duration(expected.seconds)} were {source}"
        return f"{self._state.done} tables, {self._state.rows_filled:,} rows, {self._state.mode} mode{told}"

    def _origins(self, progress: StageProgress) -> str:
        result = DbtStep(progress).run(self._project, "run")
        return f"{len(result.result.results)} views in schema {self.connection.audit_schema}"

    def _validate(self, progress: StageProgress) -> str:
        # known even if the tests break off: it says of which migration the report is
        self.result.cut_over_at = self._state.cut_over_at if self._state else ""
        with pinned(self.connection) as session:
            fitting = not self.options.validation and self.result.validation == "cutover"
            later = fitting and self.result.mode == "online" and self._in_use_already(session, self._tables)
            if later:
                # What must hold for ever is another set of tests, so the project is parsed once more.
                self.result.validation = "ongoing"
                self._project = replace(
                    self._project, variables={**self._project.variables, "validation": "ongoing"}, _manifest=None
                )
            told = told_by_online_mode(session, self.connection.audit_schema)
            self.result.warnings += told.get("changed by triggers", []) + told.get("without signal", [])
            validation = validate(self._project, session, DbtStep(progress), with_values=self.options.with_values)
            validation.by_line.setdefault("migration_completes", []).insert(0, self._migration_log_test(session))
            facts = read_facts(
                session, self.connection.audit_schema, self._tables, str(self._project.var("cms_id_type"))
            )
            self.result.compared, self.result.not_compared = comparisons(
                session, self.connection.audit_schema, self._tables, facts, validation, self.result.validation
            )
        facts.of_procedure = bool(self._project.var("procedure_registry"))
        for table in facts.tables:
            steps = [seconds for label, seconds in self._plan_seconds.items() if label.startswith(f"{table.name}: ")]
            table.seconds = round(sum(steps), 3) if steps else None  # it was not migrated now
        self.result.cut_over_at = facts.cut_over_at
        self.result.mode = facts.mode or self.result.mode
        self.result.tables = facts.tables
        self.result.checklist = checklist_lines(facts, validation.by_line, validation.switched_off)
        self.result.beyond = validation.beyond
        self.result.chains = list(facts.chains.values()) if facts.of_procedure else []
        for chain in self.result.chains:
            tests = [test for test in validation.by_line.get(chain.name, []) if test.status in ("passed", "failed")]
            chain.differences = sum(test.failures for test in tests) if tests else None
            chain.rows_after = chain.rows_before if chain.differences == 0 else None
        tests = [test for line in self.result.checklist for test in line.tests] + self.result.beyond
        passed = sum(test.status == "passed" for test in tests)
        if passed < len(tests):
            names = few([test.name for test in self.result.failing_tests])
            raise Problem(f"{passed} of {len(tests)} tests passed; not passed: {names}")
        narrower = "; only what holds for ever, since rows were written after the baseline" if later else ""
        return f"{passed} of {len(tests)} tests passed{narrower}"

    def _undo(self, progress: StageProgress) -> str:
        with watched(self.connection) as locks:
            undo(self._project, on_step=lambda step: progress.update(what=step))
        self.result.locks = [*self.result.locks, *locks]
        with pinned(self.connection) as session:
            self._state = read_state(session, self.connection.audit_schema, self._tables)
        if self._state.kind != "undone":
            raise Problem(f"the undo ended, but is not complete: {self._state.sentence}")
        return "no core table has cms_id, and nothing else differs"

    def _in_use_already(self, session: Session, tables: Sequence[CoreTable]) -> bool:
        """Whether rows were written since the baseline: created locally, or changed while online mode was under way."""
        told = told_by_online_mode(session, self.connection.audit_schema)
        return has_local_rows(session, tables) or bool(told.keys() - {"without signal"})

    def _migration_log_test(self, session: Session) -> Outcome:
        """Whether the log says of every core table that its migration was finished."""
        began = perf_counter()
        log = migration_log(session, self.connection.audit_schema)
        states = {table.name: log[table.name].state if table.name in log else "never begun" for table in self._tables}
        rows = [FailingRow(table, "", "", "done", state) for table, state in states.items() if state != "done"]
        return Outcome(
            name=MIGRATION_LOG,
            about="The log says of every core table that its migration was finished.",
            spec=MIGRATION_LOG,
            status="failed" if rows else "passed",
            failures=len(rows),
            seconds=round(perf_counter() - began, 3),
            tables=[row.table for row in rows],
            rows=rows,
        )

    # ---- the end

    def _restore_if_wanted(self) -> None:
        """After a validation that found a difference, restore the backup if that was asked for.

        Only the backup that this very run has taken: an older one lacks what the application has written since. And not
        where a test could not run, or an online migration is half-way and can go on: neither says that rows are wrong.
        """
        wanted = self.options.on_failure == "restore" and self._backup_id
        if wanted and any(test.status == "failed" for test in self.result.failing_tests):
            state = self._ask_state()
            if state and state.kind == "done":
                self.result.stages.append(Stage("restore"))
                self._do(self.result.stages[-1])

    def _restore(self, progress: StageProgress) -> str:
        from driver.backup import store
        from driver.backup.restore import restore

        restored = restore(
            self.connection,
            store.find(self.connection, self._backup_id, self.options.backups),
            in_place=self._only_in_place,
            directory=self.options.backups,
            progress=progress.step,
        )
        kept = restored.replaced or f"the backup {restored.safety_backup}"
        return f"{restored.database} is {restored.backup_id} again; what it replaced is kept as {kept}"

    def _conclude(self, *, interrupted: bool) -> None:
        """Find out what the database holds now, give the verdict, and write the report."""
        result = self.result
        result.verdict = conclusion.verdict(result, interrupted=interrupted)
        if not result.checklist:
            result.checklist = checklist_lines(Facts(), {}, ())
        conclusion.tell_state_and_next_step(result, self._ask_state(), self.options.given)
        result.finished_at = _now()
        result.seconds = round(perf_counter() - self._began, 3)
        try:
            self.folder = files.write(result, self.options.reports)
        except OSError as error:  # the verdict stands, with or without a report
            self.report_problem = f"The report could not be written: {error.strerror or error} ({error.filename})."

    def _ask_state(self) -> MigrationState | None:
        """What the database holds now; None if it cannot be asked."""
        if not self._tables:
            return None
        try:
            with pinned(self.connection) as session:
                backup = newest_backup(session, self.connection.audit_schema)
                if backup and self._only_in_place:
                    backup.restore_command += " --in-place"
                self.result.backup = backup
                return read_state(session, self.connection.audit_schema, self._tables)
        except (Problem, psycopg.Error):
            return None


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _written(session: Session) -> tuple[int, int]:
    """Bytes of WAL that the server has ever written, and of the database's files; 0 where this role is kept from knowing."""
    try:
        wal, extent = one_row(session, WRITTEN)
    except psycopg.Error:
        return 0, 0
    return int(wal), int(extent)
