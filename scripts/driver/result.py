"""What a run found out, as one typed object: every report is a rendering of it, and none of them knows more.

`Result.to_json` and `Result.from_json` are each other's inverse; docs/report.schema.json describes the text between.
The other commands that print JSON do it by `as_json` too, each with a schema generated from its type (`scripts/quality/schemas.py`).
Times are ISO 8601 in UTC, durations are seconds, sizes are bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from driver.wording import changed_words, short

SCHEMA_VERSION: Literal[1] = 1

Verdict = Literal["passed", "failed", "interrupted"]
OutcomeStatus = Literal["passed", "failed", "error", "skipped", "missing"]
LineStatus = Literal["passed", "failed", "not proven", "not applicable"]
Origin = Literal["writes of the application", "damage", "cannot be told"]
StageStatus = Literal["done", "failed", "interrupted", "skipped", "not reached"]


def as_json(document: Any) -> str:
    """A dataclass as JSON."""
    return json.dumps(asdict(document), indent=2, ensure_ascii=False, default=str) + "\n"


@dataclass(frozen=True)
class Figures:
    """What a migration in one mode takes, or took.

    Attributes:
        rows: of all tables to be migrated.
        seconds: from the first lock to the last commit.
        lock_seconds: how long tables are locked at a time, at most.
        wal_bytes: written to the write-ahead log, by the whole server where it was measured.
        disk_bytes: needed on the server's disk beside what is there, the write-ahead log not included; where it was
            measured, by how much the database's files have grown.
        rehearsed_at: when the rehearsal was that they come from, scaled by the rows; empty if estimated or measured.
    """

    rows: int
    seconds: float
    lock_seconds: float
    wal_bytes: int
    disk_bytes: int
    rehearsed_at: str = ""


@dataclass
class FailingRow:
    """One row that a test returned.

    Attributes:
        table: the table, chain or object it is about.
        key: the row's key there; empty if it is about the table itself, or if the key tells who somebody is.
        column: the column that differs; empty for a whole row.
        expected: what should stand there, as text; empty if hidden.
        actual: what stands there, as text; empty if hidden.
        hidden: whether values were left out because they may tell something about a person.
    """

    table: str
    key: str = ""
    column: str = ""
    expected: str = ""
    actual: str = ""
    hidden: bool = False

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Both definitions of an object of the catalogue in pieces, (old, new); none where it has only one."""
        one_only = self.expected.startswith("no such ") or self.actual == f"the {self.table} is missing"
        return (
            [] if self.column != "definition" or self.hidden or one_only else changed_words(self.expected, self.actual)
        )


@dataclass
class Difference:
    """What all differing rows of a table and column have in common, as the test's own SQL summed it up.

    Objects of the catalogue that belong together are one such, with the kind of the one they belong to as the table.

    Attributes:
        line: table, column, number and pattern in one line.
        table: the table, chain, aggregate or kind of object.
        column: the column; empty for whole rows.
        rows: how many differ.
        of: of how many.
        pattern: what all of them share.
        keys: their range, and how close they lie, or the further objects; empty if the keys tell who somebody is.
        places: how many of them lie in each fortieth of the table's range of keys, before the first and after the last
            of which there is one place more; empty if hidden or without numbers.
        verdict: what they come from.
        evidence: what shows it.
        derived: whether it only follows from rows of other tables, as a chain and a sum do.
        query: the SQL that shows the rows with both values; empty if derived, or if there is none.
    """

    line: str
    table: str
    column: str
    rows: int
    of: int
    pattern: str
    keys: str
    places: list[int]
    verdict: Origin
    evidence: str
    derived: bool
    query: str

    @property
    def origin(self) -> str:
        """Where the rows lie and what they come from, in one line."""
        where = f"{self.keys}. " if self.keys else ""
        return f"{where}{self.verdict.capitalize()}: {self.evidence}."


@dataclass
class Outcome:
    """What became of one test.

    Attributes:
        name: the test's name in the dbt project.
        about: what it proves, in a sentence.
        spec: its number in the procedure, such as `4.13`; empty for a test beyond it.
        status: only `passed` is a pass.
        failures: how many rows it returned.
        seconds: how long it took.
        message: why it has no verdict, for error, skipped and missing.
        tables: the tables it found fault with.
        differences: all of its failing rows, summed up by table and column.
        rows: the first of the failing rows.
    """

    name: str
    about: str
    spec: str
    status: OutcomeStatus
    failures: int = 0
    seconds: float = 0.0
    message: str = ""
    tables: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    rows: list[FailingRow] = field(default_factory=list)


@dataclass
class ChecklistLine:
    """One line of the procedure's checklist: passed if all of its tests ran and passed, and none is missing."""

    key: str
    text: str
    status: LineStatus
    evidence: str
    tests: list[Outcome] = field(default_factory=list)


@dataclass
class Stage:
    """One step of the run.

    Attributes:
        key: its name.
        status: what became of it.
        started_at: when it began; empty if it did not.
        seconds: how long it took.
        detail: what it did or why it failed, in a sentence.
    """

    key: str
    status: StageStatus = "not reached"
    started_at: str = ""
    seconds: float = 0.0
    detail: str = ""


@dataclass
class TableFacts:
    """A core table before and after.

    Attributes:
        name: the table.
        rows_before: at the baseline; None without one.
        rows_after: now; None if it could not be counted.
        cms: rows with a cms_id, now.
        local: rows without one, now.
        equal: rows whose cms_id is their id.
        different: rows whose cms_id is another number.
        seconds: how long the migration of this table took, where this run did it.
    """

    name: str
    rows_before: int | None = None
    rows_after: int | None = None
    cms: int | None = None
    local: int | None = None
    equal: int | None = None
    different: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Lock:
    """A lock that a step of a plan took.

    Attributes:
        command: migrate-window, migrate-online or undo.
        table: the core table of the step; empty if it is about all.
        step: the step, as the plan names it.
        relation: what was locked, with its schema.
        mode: as pg_locks names it.
        taken_at: since when, at the latest.
        released_at: until when; empty while it is held, and where the session ended before it could say.
        seconds: how long it was held, or the longest time of a lock that is taken again and again; None while it is held.
        waiters: how many times others were seen waiting for it; None if nobody looked while it was held.
        longest_wait: the longest of these waits, in seconds; None if nobody looked while it was held.
    """

    command: str
    table: str
    step: str
    relation: str
    mode: str
    taken_at: str
    released_at: str
    seconds: float | None
    waiters: int | None
    longest_wait: float | None

    @property
    def closed_to(self) -> str:
        """Whom it keeps out: all, writers, or, beside who wants the same row or changes the table, nobody."""
        return {
            "AccessExclusiveLock": "all",
            "ExclusiveLock": "writers",
            "ShareRowExclusiveLock": "writers",
            "ShareLock": "writers",
        }.get(self.mode, "")

    @property
    def name(self) -> str:
        """The relation without its schema."""
        return re.sub(r'^(?:[^".]+|(?:"[^"]*")+)\.', "", self.relation)

    @property
    def words(self) -> str:
        """The mode as SQL has it, and on what."""
        return f"{re.sub('(?<=[a-z])(?=[A-Z])', ' ', self.mode.removesuffix('Lock')).upper()} on {self.name}"


def lock_sentence(locks: Sequence[Lock]) -> str:
    """The longest lock that kept anybody out, and who waited; empty if none did."""
    longest = max(
        (lock for lock in locks if lock.closed_to and lock.seconds is not None),
        key=lambda lock: (lock.closed_to == "all", lock.seconds),
        default=None,
    )
    if longest is None or longest.seconds is None:
        return ""
    told = f"Longest lock: {longest.words}, {short(longest.seconds)}"
    if waits := waits_sentence(locks):
        return f"{told}; {waits}."
    return f"{told}." if longest.waiters is None else f"{told}; nobody was seen waiting."


def waits_sentence(locks: Sequence[Lock]) -> str:
    """Who was seen waiting for these locks; empty if nobody was."""
    waits = sum(lock.waiters or 0 for lock in locks)
    longest = short(max((lock.longest_wait or 0 for lock in locks), default=0))
    return f"{waits} seen waiting, the longest for {longest}" if waits else ""


@dataclass
class ChainFacts:
    """A chain before and after: links at the cut-over, links now, differing values; None if unknown."""

    name: str
    columns: int | None = None
    rows_before: int | None = None
    rows_after: int | None = None
    differences: int | None = None


@dataclass
class Comparison:
    """Something that was compared and how, or was not and why."""

    what: str
    how: str


@dataclass
class BackupFacts:
    """The backup that stands behind the migration."""

    backup_id: str
    location: str
    taken_at: str
    size: int
    verified_at: str
    restore_command: str


@dataclass
class Database:
    """Which database it is about, without any secret."""

    name: str
    address: str
    server_version: str = ""


@dataclass
class Result:
    """Everything a run found out.

    Attributes:
        verdict: `passed` only if every stage was done, every checklist line and every other test passed.
        state: what the database holds now, in a sentence.
        next_step: what to do now, in a sentence.
        next_command: the command for it; None if there is nothing to do.
        beyond: tests that are on no line of the checklist.
        locks: what the migration locked, where this run did it.
        warnings: what a passed run does not change: found by the doctor, or done by the migration's own filling.
        expected: what the migration was to take, as rehearsed or estimated; None if this run did not migrate.
        taken: what it took; None if it was not measured.
        values_shown: whether rows' values were left in although they may tell something about persons.
    """

    run_id: str
    command: str
    verdict: Verdict
    started_at: str
    finished_at: str
    seconds: float
    database: Database
    mode: str = ""
    validation: str = "cutover"
    cut_over_at: str = ""
    state: str = ""
    next_step: str = ""
    next_command: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    checklist: list[ChecklistLine] = field(default_factory=list)
    beyond: list[Outcome] = field(default_factory=list)
    tables: list[TableFacts] = field(default_factory=list)
    chains: list[ChainFacts] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    compared: list[Comparison] = field(default_factory=list)
    not_compared: list[Comparison] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    backup: BackupFacts | None = None
    expected: Figures | None = None
    taken: Figures | None = None
    values_shown: bool = False
    schema_version: Literal[1] = SCHEMA_VERSION

    @property
    def lines_passed(self) -> int:
        """How many lines of the checklist passed."""
        return sum(line.status == "passed" for line in self.checklist)

    @property
    def validated(self) -> bool:
        """Whether the run got as far as the tests."""
        return any(stage.key == "validate" and stage.started_at for stage in self.stages)

    @property
    def failing_tests(self) -> list[Outcome]:
        """Every test that is not a pass, each once."""
        tests = [test for line in self.checklist for test in line.tests] + self.beyond
        return list({test.name: test for test in tests if test.status != "passed"}.values())

    @property
    def failed_stage(self) -> Stage | None:
        """The stage that the run ended in, if it did not end well."""
        return next((stage for stage in self.stages if stage.status in ("failed", "interrupted")), None)

    def to_json(self) -> str:
        """The result as JSON."""
        return as_json(self)

    @classmethod
    def from_json(cls, text: str) -> Result:
        """The result that was written as this text. Raises ValueError if it is none, or one of another version."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("not a report of this version")
        from mashumaro.codecs import BasicDecoder

        try:
            return BasicDecoder(cls).decode(data)
        except (LookupError, ValueError) as error:
            raise ValueError(f"not a report: {error}") from error
