"""The status for a monitoring system: Prometheus's text format, and the line of a Nagios plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from driver.backup.store import shortcoming_of_listed
from driver.facts import Kind
from driver.wording import age, seconds_since, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driver.status import Status, Validated

    Values = list[tuple[dict[str, str], float | None]]

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
HOUR = 3600


def prometheus(status: Status) -> str:
    """The text exposition format. What is not known is left out, so that a rule with `absent()` sees it."""
    lines = []
    for name, says, values in _gauges(status):
        known = [(labels, value) for labels, value in values if value is not None]
        if known:
            lines += [f"# HELP cmsid_{name} {says}", f"# TYPE cmsid_{name} gauge"]
        for labels, value in known:
            told = {"database": status.database, **labels}
            text = ",".join(f'{label}="{_escaped(text)}"' for label, text in told.items())
            lines.append(f"cmsid_{name}{{{text}}} {float(value):.15g}")
    return "\n".join(lines) + "\n"


def _gauges(status: Status) -> Iterator[tuple[str, str, Values]]:
    """Name, meaning, and values with their labels."""
    yield "up", "Whether the database could be asked.", [({}, not status.problem)]
    if state := status.migration:
        kinds: Values = [({"state": kind}, kind == state.kind) for kind in get_args(Kind)]
        yield "migration_state", "1 for the state that the migration is in, 0 for the others.", kinds
        yield "tables", "Core tables.", [({}, state.tables)]
        yield "tables_done", "Core tables that are migrated.", [({}, state.done)]
        yield "rows", "Rows that get a cms_id, in the tables that are counted.", [({}, state.rows_total)]
        yield "rows_filled", "Rows that have got their cms_id.", [({}, state.rows_filled)]
        yield "running", "Whether a session works on the migration.", [({}, status.runner is not None)]
        yield "paused", "Whether that session waits now, for a signal or for somebody's pause.", [({}, status.paused)]
        signals: Values = [({"signal": one.signal, "object": one.object_name}, one.pauses) for one in status.signals]
        yield "signal_pauses", "1 for each signal that is beyond its limit, 0 for the others.", signals
    backup, ongoing = status.verified_backup, _ongoing(status)
    held = timestamp(backup.taken_at) if backup else None
    yield "verified_backup_timestamp_seconds", "The moment that the last verified backup holds.", [({}, held)]
    passed, ended = (ongoing.verdict == "passed", timestamp(ongoing.finished_at)) if ongoing else (None, None)
    yield "ongoing_validation_passed", "Whether the last ongoing validation passed.", [({}, passed)]
    yield "ongoing_validation_timestamp_seconds", "When the last ongoing validation ended.", [({}, ended)]
    yield "restore_interrupted", "Whether a restore was interrupted.", [({}, status.restore_interrupted)]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _ongoing(status: Status) -> Validated | None:
    """The last ongoing validation, unless it was of something else than what the database holds now."""
    found = status.ongoing_validation
    return found if found and not found.superseded else None


def nagios(status: Status, *, backup_age: float = 0, validation_age: float = 0) -> tuple[str, int]:
    """The line with performance data, and the exit code, as the guidelines for plugins have them.

    The ages are those in hours that the last verified backup may have, and, where the migration is done, the last ongoing
    validation; 0 for any age, or none.
    """
    backup, ongoing = status.verified_backup, _ongoing(status)
    done = status.migration is not None and status.migration.kind == "done"
    found, data = list(_findings(status)), []
    for label, moment, hours in (
        ("verified backup", backup and backup.taken_at, backup_age),
        ("ongoing validation", ongoing and ongoing.finished_at, validation_age * done),
    ):
        seconds = seconds_since(moment) if moment else None
        if hours and status.migration and (seconds is None or seconds > hours * HOUR):
            is_old = "there is none" if seconds is None else f"it is {age(seconds)} old"
            found.append((WARNING, f"the last {label} may be {hours:g} hours old, and {is_old}"))
        if seconds is not None:
            data.append(f"{label.split()[1]}_age={seconds:.0f}s;{f'{hours * HOUR:g}' * bool(hours)};;0")
    if backup_age and backup and (shortcoming := shortcoming_of_listed(backup.location)):
        found.append((WARNING, f"the last verified backup cannot be used: {shortcoming}"))
    if status.migration:
        data.append(f"rows_filled={status.migration.rows_filled};;;0;{status.migration.rows_total}")
    level = max((level for level, _ in found), default=OK)
    told = "; ".join(text for _, text in sorted(found, key=lambda finding: -finding[0]))
    line = f"CMSID {WORDS[level]}: {told or status.sentence}".replace("|", "/")
    return " ".join([*line.split(), *(["|", *data] if data else [])]), level


def _findings(status: Status) -> Iterator[tuple[int, str]]:
    """What is not as it should be."""
    if status.problem:
        yield UNKNOWN, status.problem
    if status.restore_interrupted:
        yield CRITICAL, status.restores[0]
    ongoing, state = _ongoing(status), status.migration
    if state and ongoing and ongoing.verdict != "passed":
        yield CRITICAL, f"the last ongoing validation: {ongoing.sentence}"
    if state and state.kind in ("half-way", "extended", "unlogged") and not status.runner:
        yield WARNING, f"nobody works on it: {status.sentence}"
    yield from ((WARNING, f"paused: {reason}") for reason in status.pauses)
