"""What would stand in a migration's way, found out without changing anything.

Everything is asked in one READ ONLY transaction. What speaks against a mode is the same SQL by which `add_cms_id` refuses
(macros/preflight/); what only this machine knows, such as the client programs and the disk, is added here.
"""

from __future__ import annotations

import shutil
import timeit
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg.rows import dict_row
from rich import box
from rich.table import Table
from rich.text import Text

from driver import packages
from driver.backup import files, hindrances, pg_tools, prepared, store
from driver.backup.session import Session, application_names, one_value, pinned
from driver.dbt_project import nodes_at_a_time
from driver.errors import Problem, why
from driver.facts import UNFINISHED, migration_log
from driver.macro_sql import render_macro
from driver.progress import plain_table
from driver.rehearsal import in_place_of
from driver.result import Figures
from driver.wording import duration, moment, short, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from driver.dbt_project import CoreTable, DbtProject
    from driver.facts import TableLog
    from driver.profile import Connection

Blocks = Literal["window", "online", "both", "none"]
ORDER: tuple[Blocks, ...] = ("both", "online", "window", "none")
LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")
LONGEST_WAIT = "3s"
AS_OWNER = "look as the owner of the tables"
LATER = "look again later"
STYLES = {"both": "bold red", "window": "red", "online": "red", "none": "yellow"}
CHECKS: dict[str, tuple[str, str]] = {
    "server": ("{server}", "server_version server_version_new citus standby"),
    "client programs": ("", "no_tools"),
    "dbt profile": (
        "target {target}, our own schema is {audit_schema}",
        "autocommit database_name audit_schema_is_registry audit_schema_in_use audit_schema no_temporary_tables",
    ),
    "dbt packages": ("", ""),
    "core tables": (
        "{tables}",
        "missing_table not_a_table inherited typed_table columns_used_up row_type_used subscribed locked",
    ),
    "ownership": ("{user} may alter them", "not_owner no_create_in_schema"),
    "ids": (
        "unique, never NULL, within the type",
        "id_missing id_type id_null id_not_unique id_wider id_too_large id_is_mark unread",
    ),
    "cms_id": ("{left}", "cms_id_exists cms_id_unlogged cms_id_values half_way unread_log"),
    "constraint names": ("free", "constraint_name_long constraint_name_taken constraint_name_shared"),
    "indexes": ("all valid", "invalid_index"),
    "sequences": ("ahead of the ids", "sequence_behind"),
    "triggers and rules": ("none fires on UPDATE or ALTER TABLE", "update_trigger update_rule event_trigger"),
    "check constraints": ("all valid", "check_not_valid"),
    "row level security": ("none hides rows from this role", "row_security"),
    "replication": ("no core table is published", "published logical_slot"),
    "other sessions": ("none in the way", "old_snapshot unseen_sessions old_transaction prepared_transaction"),
    "throttle": ("every signal can be read by which online mode pauses", "signal_unreadable"),
    "settings": ("lock_timeout {lock_timeout}, enough connections are free", "lock_timeout connections window_budget"),
    "application": (
        "functions are not read: there is no parser for this kind of machine",
        "row_use_breaks row_use_may_break row_type_functions row_use_unseen row_use_statement",
    ),
    "disk": ("", "disk disk_unknown disk_backups"),
    "backup and way back": (
        "all can be read; restore beside the live database, swapped by rename",
        """unreadable row_security_elsewhere lock_table language_withheld no_createdb database_of_another extension
        superusers_object subscription owned_by_another owner_without_create granted_by_another tablespace
        evaluation_fails evaluation_reads template""",
    ),
}
"""What is looked at, in the order of the table: what is said where all is well, and by which findings it may fail."""


PROBE = "select sum(hash_record_extended(row(n, n::text, n * 0.5), 0)::numeric) from pg_catalog.generate_series(1, 300000) as n"
PROBE_SECONDS = 0.093
"""What the probe takes on the machine of the constants."""
PROBES = 3
DISK_RATE = 400e6
"""Bytes per second that reach the disk when the rewritten tables are committed."""
# What a template may hold.
PREPARED = ("extension", "superusers_object", "owned_by_another")


@dataclass(frozen=True)
class Finding:
    """Something that was found.

    Attributes:
        code: what kind of thing, one of those in `CHECKS`.
        table: the core table it is about; empty if none.
        blocks: which mode cannot be used.
        detail: what it is, in words.
        remedy: what to do.
    """

    code: str
    table: str
    blocks: Blocks
    detail: str
    remedy: str

    def __post_init__(self) -> None:
        """Refuse what no check would show."""
        if not any(self.code in codes.split() for _, codes in CHECKS.values()):
            raise LookupError(self.code)


@dataclass
class Diagnosis:
    """All that was looked at.

    Attributes:
        found: per check of `CHECKS` what is well about it, in a few words.
        findings: what is not, or is worth knowing.
        estimates: for either mode; empty if nothing is left to migrate or the tables could not be looked at.
        mode: the mode that is asked for, by default the project's own.
        template: what a superuser would run in psql so that this role can restore what it cannot make; empty if it can.
        only_in_place: whether a restore in place is the only way back.
        ready: whether nothing blocks the mode.
        next_command: what to run now: the migration, or the doctor again after what blocks it is mended; None if all is migrated.
    """

    found: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    estimates: dict[str, Figures] = field(default_factory=dict)
    mode: str = "window"
    template: list[str] = field(default_factory=list)
    only_in_place: bool = False
    ready: bool = False
    next_command: str | None = None

    def of_check(self, check: str) -> list[Finding]:
        """The findings of one check, the worst first."""
        codes = CHECKS[check][1].split()
        return sorted((f for f in self.findings if f.code in codes), key=lambda f: ORDER.index(f.blocks))

    def against(self, mode: str) -> list[Finding]:
        """The findings that block a mode."""
        return [finding for finding in self.findings if finding.blocks in (mode, "both")]

    def refusal(self, mode: str) -> str:
        """The reasons against a mode, in the words of `add_cms_id`; empty if there is none."""
        return "; ".join(f"{finding.detail} ({finding.remedy})" for finding in self.against(mode))


def examine(
    connection: Connection,
    project: DbtProject,
    mode: str | None = None,
    *,
    test_restore: bool = True,
    backups: Path | None = None,
) -> Diagnosis:
    """Look at everything, with the vars that the migration would have, and whether a run needs a test restore.

    The rehearsals are looked for in the folder of all backups; that is by default as `store.default_folder`.

    Raises:
        Problem: the database cannot be reached, or the project cannot be parsed.
    """
    diagnosis = Diagnosis(mode=mode or str(project.var("mode")))
    with pinned(connection) as session:
        diagnosis.found["dbt packages"] = f"from {packages.install()}"
        project.core_tables()  # dbt parses before the transaction begins, which then is a short one
        with _read_only(session):
            _Examination(connection, project, session, diagnosis, backups).run(test_restore=test_restore)
    diagnosis.ready = not diagnosis.against(diagnosis.mode)
    if diagnosis.estimates or not diagnosis.ready:
        command = "run" if diagnosis.ready else "doctor"
        diagnosis.next_command = f"scripts/cmsid {command}" + (f" --mode {mode}" if mode else "")
    return diagnosis


@contextmanager
def _read_only(session: Session) -> Iterator[None]:
    """One transaction in which PostgreSQL itself refuses every change; rolled back at the end."""
    with session.transaction(force_rollback=True):
        session.execute("set transaction isolation level read committed, read only")
        application_names(session)
        session.execute("select pg_catalog.set_config('lock_timeout', %s, true)", [LONGEST_WAIT])
        yield


def server_disk_free(session: Session, connection: Connection) -> str:
    """How much is free on the server's disk, as text; empty unless the server is here and lets itself be asked."""
    if connection.host not in LOCAL_HOSTS and not connection.host.startswith("/"):
        return ""
    folder = one_value(
        session,
        "select setting from pg_catalog.pg_settings where name = 'data_directory'"
        " and (select rolsuper from pg_catalog.pg_roles where rolname = current_user)"
        " or name = 'data_directory' and pg_has_role('pg_read_all_settings', 'member')",
    )
    # A server in a container names a folder of its own, which is not here.
    try:
        return f"{shutil.disk_usage(folder).free >> 20} MB" if folder and Path(folder).is_dir() else ""
    except OSError:  # it is here, and this account may not look into it
        return ""


@dataclass
class _Examination:
    """One look at one database."""

    connection: Connection
    project: DbtProject
    session: Session
    diagnosis: Diagnosis
    backups: Path | None

    def run(self, *, test_restore: bool) -> None:
        """Look at everything, the catalogue first: what it speaks against is not read."""
        tables, schema = self.project.core_tables(), self.connection.audit_schema
        log = self._log()
        todo, foreign = self._still_to_migrate(tables, log)
        version = one_value(self.session, "show server_version")
        total, left = len(tables), len(todo)
        told = {
            "server": f"PostgreSQL {version}, {self.connection.describe()}",
            "target": self.connection.target,
            "audit_schema": schema,
            "user": self.connection.user,
            "tables": f"{total} ordinary tables" if left or foreign else f"{total} tables, all migrated",
            "left": f"still to be added to {left} of {total}" if left else "there, in every table",
            "lock_timeout": self.project.var("lock_timeout"),
        }
        found = {check: words.format(**told) for check, (words, _) in CHECKS.items()}
        self.diagnosis.found = {**found, **self.diagnosis.found}
        self._client_programs()
        self._server_findings(tables)
        if log:
            self._ask("preflight_audit_findings", tables=tables, audit_schema=schema)
        if todo:
            self._ask(
                "preflight_findings",
                tables=todo,
                cms_id_type=self.project.var("cms_id_type"),
                allow_update_triggers=self.project.var("allow_update_triggers"),
                open_tables=[name for name, entry in log.items() if entry.state in UNFINISHED],
            )
        if find_spec("postgast"):
            self._application(todo)
        # a log that this role may not read may know all about them
        if foreign and not any(finding.code == "unread_log" for finding in self.diagnosis.findings):
            self._ask("preflight_unlogged_findings", tables=foreign, audit_schema=schema)
        self._way_back(todo, test_restore=test_restore)
        codes = ("missing_table", "not_a_table", "id_missing", "id_type")
        hindered = {finding.table for finding in self.diagnosis.findings if finding.code in codes}
        for table in [table for table in [*todo, *foreign] if table.name not in hindered]:
            self._row_findings(table, migrated=table in foreign)
        self._sizes(todo)
        self._backup_disk()

    # ---- what only this machine knows

    def _client_programs(self) -> None:
        try:
            tools = pg_tools.find(self.session.info.server_version // 10000)
            self.diagnosis.found["client programs"] = tools.describe()
        except Problem as problem:
            self._add("no_tools", "both", problem.what, f"{problem.do}; without them there is no backup")

    def _way_back(self, todo: Sequence[CoreTable], *, test_restore: bool) -> None:
        """What this role cannot dump or restore; of the tables that are to be migrated, row security is told elsewhere."""
        # as a backup and a restore ask: an operator of the application's on regclass would be taken before one on oid
        with self.session.transaction(force_rollback=True):
            self.session.execute(render_macro("pinned_names").encode())
            hindering = hindrances.find(self.session, self.connection, tables=todo, test_restore=test_restore)
            preparable = [found.hinders for found in hindering if found.code in PREPARED]
            unfit = any(found.code == "template" for found in hindering)
            if any(hindrances.TRIAL in hinders for hinders in preparable) and (unfit or all(preparable)):
                self.diagnosis.template = prepared.statements(self.session, self.connection.dbname)
        self.diagnosis.only_in_place = hindrances.only_in_place(hindering)
        for found in hindering:
            self._add(found.code, "both" if found.blocks else "none", found.detail, found.remedy)

    def _backup_disk(self) -> None:
        """Whether a backup fits: the dump is smaller than the tables, and so is its test restore, which the server stores."""
        folder = store.default_folder().absolute()
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        needed = int(one_value(self.session, "select pg_database_size(current_database())")) // 3
        if hindrance := files.hindrance(existing):
            remedy = f"make it yours, or name another folder in {store.FOLDER_VARIABLE}"
            self._add("disk_backups", "both", f"no backup can be written to {existing}: {hindrance}", remedy)
        elif free < needed:
            detail = f"{existing} has {size(free)} free, and a backup may take {size(needed)}"
            self._add("disk_backups", "both", detail, "make room there")
        told = self.diagnosis.found["disk"]
        self.diagnosis.found["disk"] = f"{size(free)} free for backups" + (f"; {told}" if told else "")

    # ---- the state of things

    def _log(self) -> dict[str, TableLog]:
        """The newest migration of each table, as far as this role may know."""
        try:
            with self.session.transaction():
                return migration_log(self.session, self.connection.audit_schema)
        except psycopg.errors.InsufficientPrivilege as error:
            self._warn("unread_log", f"the log of migrations may not be read: {why(error)}", AS_OWNER)
            return {}

    def _still_to_migrate(
        self, tables: Sequence[CoreTable], log: dict[str, TableLog]
    ) -> tuple[list[CoreTable], list[CoreTable]]:
        """The tables that a migration would touch or refuse, and those that another tool has migrated."""
        kind = str(self.project.var("cms_id_type"))
        rows = self._rows("cms_id_catalogue_query", tables=tables)
        complete = {
            row["table_name"]: bool(row["column_type"] == kind and row["constraint_name"] and row["constraint_valid"])
            for row in rows
            if row["column_exists"]
        }
        unfinished = {name for name, entry in log.items() if entry.state in UNFINISHED}
        todo = [table for table in tables if table.name in unfinished or not complete.get(table.name, False)]
        foreign = [
            table
            for table in tables
            if table not in todo and (table.name not in log or log[table.name].state != "done")
        ]
        if unfinished:
            self._add(
                "half_way",
                "window",
                f"an online migration is half-way ({', '.join(sorted(unfinished))})",
                "finish it with `scripts/cmsid run --mode online`, or remove it with `dbt run-operation abandon_cms_id`",
            )
        return todo, foreign

    # ---- what SQL knows

    def _server_findings(self, tables: Sequence[CoreTable]) -> None:
        self._ask(
            "preflight_server_findings",
            tables=tables,
            audit_schema=self.connection.audit_schema,
            autocommit=self.connection.autocommit,
            lock_timeout=self.project.var("lock_timeout"),
            connections=nodes_at_a_time(self.connection) + 2,
            allow_unseen_sessions=self.project.var("allow_unseen_sessions"),
        )
        without, schema = self.project.var("go_without_signals"), self.connection.audit_schema
        try:
            with self.session.transaction():
                self._take_in("preflight_signal_findings", audit_schema=schema, go_without_signals=without)
        except psycopg.errors.InsufficientPrivilege as error:  # taken from a role that has it by default
            self._add(
                "signal_unreadable",
                "online",
                f"the signals by which filling pauses cannot be read: {why(error)}",
                f"have a superuser grant that to {self.connection.user}",
            )

    def _application(self, todo: Sequence[CoreTable]) -> None:
        """What functions, triggers and counted statements do with whole rows of the tables."""
        from driver.row_uses import finder

        try:
            with self.session.transaction():
                read, uses = finder.find(self.session, todo, self.connection.audit_schema) if todo else (0, [])
        except psycopg.errors.LockNotAvailable:
            skipped = "what the application's functions and views do was not looked at"
            self._warn("locked", f"a table is locked by another session, so {skipped}", LATER)
            return
        breaks: Blocks = "none" if self.project.var("allow_row_type_use") else "both"
        told: dict[str, list[str]] = {"typed": [], "unseen": []}
        for use in uses:
            if use.kind in told:
                told[use.kind].append(f"{use.where} ({use.text})" if use.kind == "typed" else f"{use.where} {use.text}")
                continue
            detail = f"{use.where}: {use.text}, once the core tables have cms_id"
            if use.kind == "breaks":
                remedy = "name the columns on both sides there, or let both have all of them"
                self._add("row_use_breaks", breaks, detail, f"{remedy}; or set var allow_row_type_use if it may fail")
            else:
                self._warn("row_use_may_break", detail, "see whether it copes with that, or name the columns there")
        if typed := ", ".join(told["typed"]):
            detail = f"whole rows of core tables are returned or taken by {typed}"
            self._warn("row_type_functions", detail, "see that their callers may get one more column")
        if unseen := ", ".join(told["unseen"]):
            detail = f"what these do with core tables cannot be seen: {unseen}"
            self._warn("row_use_unseen", detail, "look there for whole rows, such as new.* or select *")
        said = f"{read} function{'s' * (read != 1)} read; what only its own code holds cannot be seen"
        self.diagnosis.found["application"] = said
        if todo and one_value(self.session, "select to_regclass('pg_stat_statements') is not null"):
            try:
                with self.session.transaction():
                    statements = finder.broken_statements(self.session, todo)
            except psycopg.Error:  # not counted by this server, or not for this role
                return
            for statement, reason in statements:
                detail = (
                    f"a statement that the server has counted would not survive: {shorten(statement, 100)} ({reason})"
                )
                self._warn("row_use_statement", detail, "name its columns")

    def _row_findings(self, table: CoreTable, *, migrated: bool) -> None:
        """What the rows say."""
        with self._looking_at(table.name):
            if migrated:
                self._take_in("preflight_value_findings", tables=[table])
                return
            self._take_in("preflight_id_findings", tables=[table], cms_id_type=self.project.var("cms_id_type"))
            allowed = self.project.var("allow_sequences_behind")
            for row in self._rows("preflight_sequence_queries", tables=[table], allow_sequences_behind=allowed):
                self._take_in(row["finding_query"])

    def _sizes(self, todo: Sequence[CoreTable]) -> None:
        """Estimates, and whether the server's disk has room."""
        if not todo:
            return
        # which table is locked has been told
        with suppress(psycopg.errors.LockNotAvailable), self.session.transaction():
            estimates = estimate(self.session, self.project, todo)
            self.diagnosis.estimates = in_place_of(estimates, self.session, self.connection, self.backups)
        if not self.diagnosis.estimates:
            return
        budget, window = self.project.var("window_budget"), self.diagnosis.estimates["window"]
        if budget and window.lock_seconds > one_value(self.session, "select extract(epoch from %s::interval)", budget):
            self._add(
                "window_budget",
                "window",
                f"the tables would be locked for about {duration(window.lock_seconds)}"
                f"{f' (rehearsed at {moment(window.rehearsed_at)})' if window.rehearsed_at else ''}, and window_budget is {budget}",
                "use online mode, another time, or a larger budget",
            )
        free = str(self.project.var("server_disk_free")) or server_disk_free(self.session, self.connection)
        needs = ", ".join(f"{size(e.disk_bytes)} in {mode} mode" for mode, e in self.diagnosis.estimates.items())
        if free:
            kept = self.project.var("min_disk_free")
            self._ask("preflight_disk_findings", tables=todo, free_space=free, min_disk_free=kept)
            self.diagnosis.found["disk"] = f"{free} free on the server's disk, needed there: {needs}"
        else:
            self._warn(
                "disk_unknown",
                f"the server's free disk cannot be seen from here; needed there: {needs}, and as much for baseline and WAL",
                "look there, and set var server_disk_free to have it checked",
            )

    # ---- asking

    def _add(self, code: str, blocks: Blocks, detail: str, remedy: str, table: str = "") -> None:
        self.diagnosis.findings.append(Finding(code, table, blocks, detail, remedy))

    def _warn(self, code: str, detail: str, remedy: str, table: str = "") -> None:
        """Add a finding that blocks nothing."""
        self._add(code, "none", detail, remedy, table)

    @contextmanager
    def _looking_at(self, name: str) -> Iterator[None]:
        """For the block: what is locked, or may not be read, is left out and named."""
        try:
            with self.session.transaction():
                yield
        except psycopg.errors.LockNotAvailable:
            self._warn("locked", f"{name} is locked by another session, and could not be looked at", LATER, name)
        except psycopg.errors.InsufficientPrivilege as error:
            self._warn("unread", f"{name} could not be looked at: {why(error)}", AS_OWNER, name)

    def _ask(self, macro: str, **arguments: Any) -> None:
        with self._looking_at("a table"):
            self._take_in(macro, **arguments)

    def _take_in(self, macro: str, **arguments: Any) -> None:
        """Take in the findings of a macro's query, or of a query."""
        for row in self._rows(macro, **arguments):
            self._add(row["finding"], row["blocks"], row["detail"], row["remedy"], row["table_name"] or "")

    def _rows(self, macro: str, **arguments: Any) -> list[dict[str, Any]]:
        query = render_macro(macro, **arguments) if arguments else macro
        with self.session.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()


def estimate(session: Session, project: DbtProject, tables: Sequence[CoreTable]) -> dict[str, Figures]:
    """How long either mode takes with these tables, and what it needs, by their sizes; empty if there is none of them.

    The constants were measured on the sample registry at several scales (docs/doctor.md has the figures). What they mean
    on the server at hand, and under the load that it bears now, a short piece of the same kind of work tells: hashing
    rows that are in no table.
    """
    with session.cursor(row_factory=dict_row) as cursor:
        sizes = cursor.execute(render_macro("migration_sizes", tables=tables).encode()).fetchall()
    if not sizes:
        return {}
    # how many times longer than on the machine of the constants work takes here and now
    taken = timeit.repeat(lambda: session.execute(PROBE.encode()), number=1, repeat=PROBES)
    slowness = min(taken) / PROBE_SECONDS
    return {mode: _estimate(mode, sizes, project, slowness) for mode in ("window", "online")}


def _estimate(mode: str, sizes: Sequence[dict[str, Any]], project: DbtProject, slowness: float) -> Figures:
    rows = sum(int(table["row_count"]) for table in sizes)
    entries = sum(int(table["row_count"] * table["index_count"]) for table in sizes)
    heap = sum(int(table["heap_bytes"]) for table in sizes)
    indexes = sum(int(table["index_bytes"]) for table in sizes)
    disk = int(sum(table[f"{mode}_disk_bytes"] for table in sizes))
    if mode == "window":
        # read and hashed twice, rewritten once, and every index built anew, that of cms_id among them
        work = 0.15 + 1.7e-6 * rows + 0.35e-6 * (entries + rows) + 4e-9 * heap
        seconds = slowness * work + disk / DISK_RATE
        return Figures(rows, seconds, seconds, heap + indexes + 50 * rows, disk)
    # each row hashed, updated and hashed again, one in eight with a new entry in each index; and some statements per table
    work = 0.1 + 0.035 * len(sizes) + 3.8e-6 * rows + 0.95e-6 * entries + 7e-9 * heap
    pace = int(project.var("rows_per_second"))
    seconds = max(slowness * work, rows / pace if pace else 0)
    lock_seconds = slowness * (0.002 + 0.0008 * len(sizes))
    return Figures(rows, seconds, lock_seconds, 120 * rows + 12 * entries + heap, disk)


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Print everything."""
    chosen = diagnosis.mode
    _print_checks(console, diagnosis)
    _print_estimates(console, diagnosis)
    if diagnosis.estimates and (firing := [f.detail for f in diagnosis.findings if f.code == "update_trigger"]):
        console.print(f"The time of triggers is not in the estimate of online mode: {'; '.join(firing)}.")
    if diagnosis.template:
        console.print("\nTo have test restores and restores work, a superuser can prepare a template, in psql:")
        for statement in diagnosis.template:
            console.print(Text(f"    {statement}".replace("\n", "\n    ")), soft_wrap=True)
    blocking = diagnosis.against(chosen)
    console.print()
    if blocking:
        count = f"{len(blocking)} findings stand" if len(blocking) > 1 else "1 finding stands"
        console.print(Text(f"BLOCKED: {count} in the way of {chosen} mode. Nothing was changed.", "bold red"))
        other = "online" if chosen == "window" else "window"
        if not diagnosis.against(other):
            console.print(f"  Nothing stands in the way of {other} mode.")
        return
    console.print(Text(f"READY: nothing stands in the way of {chosen} mode.", "bold green"))
    if diagnosis.next_command:
        console.print(Text(f"    {diagnosis.next_command}", "bold"), soft_wrap=True)


def _print_checks(console: Console, diagnosis: Diagnosis) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("Looked at", no_wrap=True)
    table.add_column("Blocks", no_wrap=True)
    table.add_column("Found, and what to do", overflow="fold")
    for check in CHECKS:
        findings = diagnosis.of_check(check)
        if not findings:
            table.add_row(check, Text("ok", "green"), Text(diagnosis.found.get(check, "")))
        for number, finding in enumerate(findings):
            word = "nothing" if finding.blocks == "none" else finding.blocks
            text = Text(finding.detail).append(f"\n-> {finding.remedy}", "dim" if finding.blocks == "none" else "")
            table.add_row("" if number else check, Text(word, STYLES[finding.blocks]), text)
    console.print(table)


def _print_estimates(console: Console, diagnosis: Diagnosis) -> None:
    if not diagnosis.estimates:
        return
    console.print()
    rows = next(iter(diagnosis.estimates.values())).rows
    table = plain_table(f"Estimate for {rows:,} rows", "Time", "Locked at a time", "WAL", "Disk")
    for mode, took in diagnosis.estimates.items():
        table.add_row(
            f"{mode} mode{', rehearsed' if took.rehearsed_at else ''}",
            duration(took.seconds),
            short(took.lock_seconds),
            size(took.wal_bytes),
            size(took.disk_bytes),
        )
    console.print(table)
