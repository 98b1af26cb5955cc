"""What a monitoring system is told: a parser of Prometheus's own reads the metrics, and the line is a Nagios plugin's."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from driver import cli, monitoring
from driver.facts import MigrationState
from driver.monitoring import CRITICAL, OK, UNKNOWN, WARNING, nagios, prometheus
from driver.report import files
from driver.result import BackupFacts
from driver.status import Runner, Signal, Status, Validated, status
from driver.wording import seconds_since
from support.sample_project import connection_of
from support.sample_result import passed_tests, result_of

if TYPE_CHECKING:
    from support.registry import Registry

# <name>=<value>[unit];[warn];[crit];[min];[max], as the guidelines have it
LINE = re.compile(r"CMSID (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+( \|( \w+=\d+s?;\d*;;0(;\d+)?)+)?")
NOW = datetime.now(timezone.utc)
AWKWARD = 'me@here:1/"a\\b"\nc|d'


def ago(hours: float) -> str:
    return f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


PASSED = Validated("r-1", ago(5), "ongoing", "passed", "PASSED: all.")
DONE = Status(
    AWKWARD,
    migration=MigrationState("done", 12, done=12, mode="online", rows_filled=678_089, rows_total=678_089),
    sentence="done: 12 of 12 tables.",
    verified_backup=BackupFacts("b-1", "/b", ago(50), 7, ago(49), "scripts/cmsid restore b-1"),
    ongoing_validation=PASSED,
)
HALF_WAY = replace(
    DONE,
    migration=MigrationState("half-way", 12, done=3, mode="online", rows_filled=7, rows_total=9),
    sentence="half-way | or so",
    runner=Runner(1, "owner", "cms_id online migration", paused=False, waits_for=[], waited_for_by=[]),
    signals=[
        Signal("replica_lag", 'a "replica"', "80 MB", "64 MB", pauses=True, unreadable="", reason="a replica is 80 MB behind"),
        Signal("waiting_sessions", "", "1", "8", pauses=False, unreadable="", reason=None),
    ],
    ongoing_validation=None,
)  # fmt: skip


def read(found: Status) -> dict[str, float]:
    """The metrics, as a Prometheus server would read them: every one of ours, typed and explained, with the database."""
    values = {}
    for family in text_string_to_metric_families(prometheus(found)):
        assert family.name.startswith("cmsid_") and family.type == "gauge" and family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("database") == found.database
            values["/".join([sample.name.removeprefix("cmsid_"), *labels.values()])] = sample.value
    return values


def test_a_parser_reads_the_metrics() -> None:
    done = read(DONE)
    assert (done["up"], done["migration_state/done"], done["migration_state/half-way"]) == (1, 1, 0)
    assert (done["tables_done"], done["rows_filled"], done["ongoing_validation_passed"]) == (12, 678_089, 1)
    assert NOW.timestamp() - done["verified_backup_timestamp_seconds"] == pytest.approx(50 * 3600, abs=1)
    assert NOW.timestamp() - done["ongoing_validation_timestamp_seconds"] == pytest.approx(5 * 3600, abs=1)

    half_way = read(HALF_WAY)
    assert (half_way["running"], half_way["migration_state/half-way"]) == (1, 1)
    assert (half_way['signal_pauses/replica_lag/a "replica"'], half_way["signal_pauses/waiting_sessions/"]) == (1, 0)
    assert "ongoing_validation_passed" not in half_way
    page = (Path(__file__).resolve().parents[1] / "docs" / "ongoing-validation.md").read_text("utf-8")
    names = {name.split("/")[0] for name in done | half_way}
    rows = re.findall(r"^\| (`cmsid_[^|]*)\|", page, re.MULTILINE)
    assert set(re.findall(r"`cmsid_(\w+)`", " ".join(rows))) == names
    assert read(Status("x", problem="refused")) == {"up": 0, "restore_interrupted": 0}


@pytest.mark.parametrize(
    ("found", "limits", "level", "words"),
    [
        (DONE, {}, OK, "done: 12 of 12 tables."),
        (DONE, {"validation_age": 6}, OK, "s;21600;;0"),
        (DONE, {"backup_age": 51}, WARNING, "the last verified backup cannot be used: There is no folder /b here"),
        (DONE, {"validation_age": 4}, WARNING, "the last ongoing validation may be 4 hours old, and it is 5 h 00 min old"),
        (DONE, {"backup_age": 48}, WARNING, "the last verified backup may be 48 hours old, and it is 2 days old"),
        (replace(DONE, verified_backup=None), {"backup_age": 48}, WARNING, "and there is none"),
        (replace(DONE, ongoing_validation=None), {"validation_age": 4}, WARNING, "and there is none"),
        (replace(DONE, ongoing_validation=replace(PASSED, verdict="failed", sentence="FAILED: x")),
         {"backup_age": 1}, CRITICAL, "CRITICAL: the last ongoing validation: FAILED: x; the last verified backup"),
        (replace(DONE, ongoing_validation=replace(PASSED, verdict="failed", superseded="earlier")),
         {}, OK, "done"),
        (replace(DONE, restore_interrupted=True, restores=["A restore was interrupted"]), {}, CRITICAL, "interrupted"),
        (HALF_WAY, {"validation_age": 4}, OK, "half-way / or so | backup_age="),
        (HALF_WAY, {}, OK, "rows_filled=7;;;0;9"),
        (replace(HALF_WAY, pauses=["a replica is 80 MB behind"]), {}, WARNING, "paused: a replica is 80 MB behind"),
        (replace(HALF_WAY, runner=None), {}, WARNING, "nobody works on it: half-way"),
        (Status("x", problem="The server\nrefused | it"), {"backup_age": 1}, UNKNOWN, "UNKNOWN: The server refused / it"),
    ],
)  # fmt: skip
def test_the_line_says_the_worst_and_the_exit_code_is_a_plugins(
    found: Status, limits: dict[str, float], level: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = datetime.now(timezone.utc) - NOW  # that this test had to wait for its turn
    monkeypatch.setattr(monitoring, "seconds_since", lambda text: seconds_since(text) - late.total_seconds())
    line, code = nagios(found, **limits)
    assert LINE.fullmatch(line), line
    assert code == level, line
    assert words in line


def test_the_command_is_a_plugin(
    migrated_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in migrated_registry.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(migrated_registry.profiles_dir))
    monkeypatch.setattr(files, "folder", lambda: tmp_path)

    def plugin(*words: str) -> tuple[int, str]:
        code = cli.main(["status", "--format", "nagios", *words])
        return code, capsys.readouterr().out

    assert plugin()[0] == WARNING  # nothing says that all is well: it was never validated
    connection = connection_of(migrated_registry)
    result = result_of(passed_tests())
    result.database.address, result.validation = connection.describe(), "ongoing"
    result.cut_over_at, result.finished_at = status(connection).migration.cut_over_at, ago(1)  # type: ignore[union-attr]
    files.write(result, tmp_path)
    code, line = plugin("--backup-age", "0")
    assert LINE.fullmatch(line.rstrip("\n")), line
    assert code == OK, line
    assert plugin("--backup-age", "24")[0] == WARNING
    result.verdict, result.run_id = "failed", result.run_id + "-later"
    files.write(result, tmp_path)
    assert plugin()[0] == CRITICAL

    assert cli.main(["status", "--format", "prometheus"]) == 0
    told = capsys.readouterr().out
    families = {family.name: family.samples for family in text_string_to_metric_families(told)}
    assert families["cmsid_up"][0].value == 1
    assert families["cmsid_tables_done"][0].value == 12
    assert families["cmsid_ongoing_validation_passed"][0].value == 0

    monkeypatch.setenv("PGPASSWORD", "wrong")
    code, line = plugin()
    assert code == UNKNOWN
    assert line.startswith("CMSID UNKNOWN: ") and "password authentication failed" in line
    assert cli.main(["status", "--format", "prometheus"]) == 0
    assert "cmsid_up" in capsys.readouterr().out
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    assert plugin()[0] == UNKNOWN  # no profile there
