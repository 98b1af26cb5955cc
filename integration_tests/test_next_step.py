"""What a run tells to do next: the command that fits what the database holds, and never one that would lose something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from driver.conclusion import step_from_here, tell_state_and_next_step
from driver.facts import MigrationState
from driver.result import Outcome, Stage
from driver.run import Options
from driver.status import Runner, Signal, Status, Table, Validated
from driver.wording import few
from support.sample_result import difference, failed_result, passed_tests, result_of

if TYPE_CHECKING:
    from driver.result import Difference, Result

DONE = MigrationState("done", 12, done=12, mode="window", cut_over_at="2026-01-31T08:00:00Z")
NOT_BEGUN = MigrationState("not begun", 12)
UNDONE = MigrationState("undone", 12, changed_at="2026-01-31T09:00:00Z")
EXTENDED = MigrationState("extended", 13, done=12, mode="window", cut_over_at="2026-01-31T08:00:00Z")
HALF_WAY = MigrationState("half-way", 12, ("schools",), 1, "online", 15, 300, cut_over_at="2026-01-31T08:00:00Z")
UNLOGGED = MigrationState("unlogged", 12, ("schools",))


WRITTEN = difference("writes of the application", column="", pattern="additional")
LINKS = difference("cannot be told", column="", pattern="additional", derived=True)
UNEXPLAINED = difference("cannot be told", column="module_id", derived=True)
UNKNOWN, DAMAGE = difference("cannot be told"), difference("damage")


def told(result: Result, state: MigrationState | None, options: Options | None = None) -> tuple[str, str, str]:
    """What the result says: state, step, command."""
    result.next_step = result.next_command = result.state = ""
    tell_state_and_next_step(result, state, (options or Options()).given)
    return result.state, result.next_step, result.next_command


def failed(*differences: Difference, **changes: Any) -> Result:
    """A run whose validation failed, changed: its tests say this of the rows that differ."""
    result = failed_result()
    result.beyond[0].differences = list(differences)
    if differences:
        result.checklist = []
    for name, value in changes.items():
        setattr(result, name, value)
    return result


def test_after_a_pass_there_is_nothing_to_do() -> None:
    assert told(result_of(passed_tests()), DONE)[1:] == ("", "")


@pytest.mark.parametrize(
    ("result", "state", "words", "command"),
    [
        (failed(), None, "once it answers", "scripts/cmsid status"),
        (failed(), NOT_BEGUN, "Mend the cause", "scripts/cmsid run"),
        (failed(verdict="interrupted"), NOT_BEGUN, "from the start", "scripts/cmsid run"),
        (failed(), UNDONE, "Mend the cause", "scripts/cmsid run"),
        (failed(), HALF_WAY, "scripts/cmsid undo", "scripts/cmsid run --mode online"),
        (failed(), UNLOGGED, "settle it by hand", "scripts/cmsid doctor"),
        (failed(stages=[Stage("migrate", "failed")]), DONE, "Validate", "scripts/cmsid run"),
        (failed(verdict="interrupted"), DONE, "Validate", "scripts/cmsid run"),
        (failed(validation="ongoing"), DONE, "Mend what was found", "scripts/cmsid run"),
        (failed(validation="ongoing"), DONE, "scripts/cmsid undo keeps every row", "scripts/cmsid run"),
        (failed(mode="online"), DONE, "has written meanwhile", "scripts/cmsid run --validation ongoing"),
        (failed(mode="window"), DONE, "has written meanwhile", "scripts/cmsid run --validation ongoing"),
        (failed(), DONE, "scripts/cmsid restore b-1, the last step", "scripts/cmsid run --validation ongoing"),
        (failed(WRITTEN), DONE, "Let it be: writes of the application", "scripts/cmsid run --validation ongoing"),
        (failed(WRITTEN, LINKS), DONE, "Let it be", "scripts/cmsid run --validation ongoing"),
        (failed(WRITTEN, UNEXPLAINED), DONE, "cannot be told", "scripts/cmsid run --validation ongoing"),
        (failed(WRITTEN, UNKNOWN), DONE, "the page has the query", "scripts/cmsid run --validation ongoing"),
        (failed(LINKS), DONE, "cannot be told", "scripts/cmsid run --validation ongoing"),
        (failed(WRITTEN, UNKNOWN, DAMAGE), DONE, "Damage: evidence", "scripts/cmsid report --validate --with-values"),
        (failed(DAMAGE, validation="ongoing"), DONE, "Damage: ev", "scripts/cmsid report --validate --with-values"),
        (failed(replace(DAMAGE, query="")), DONE, "Mend what was", "scripts/cmsid report --validate --with-values"),
        (failed(replace(UNKNOWN, query="")), DONE, "if it was meant", "scripts/cmsid run --validation ongoing"),
        (
            failed(UNKNOWN, replace(DAMAGE, query="")),
            DONE,
            "Mend what was",
            "scripts/cmsid report --validate --with-values",
        ),
        (failed(replace(UNKNOWN, query=""), UNKNOWN), DONE, "the page has", "scripts/cmsid run --validation ongoing"),
        (failed(UNKNOWN, validation="ongoing"), DONE, "Mend what was found", "scripts/cmsid run"),
        (failed(backup=None), DONE, "undo keeps every row):", "scripts/cmsid run --validation ongoing"),
    ],
)
def test_the_next_step_fits_what_the_database_holds(
    result: Result, state: MigrationState | None, words: str, command: str
) -> None:
    sentence, step, found = told(result, state)
    assert words in step
    assert found == command
    assert (state is None) or state.sentence in sentence


@pytest.mark.parametrize(
    ("state", "options", "command"),
    [
        (NOT_BEGUN, Options(mode="online"), "scripts/cmsid run --mode online"),
        (UNDONE, Options(mode="window", on_failure="restore"), "scripts/cmsid run --mode window --on-failure restore"),
        (EXTENDED, Options(mode="online"), "scripts/cmsid run --mode online"),
        (
            NOT_BEGUN,
            Options(validation="ongoing", with_values=True),
            "scripts/cmsid run --validation ongoing --with-values",
        ),
        (HALF_WAY, Options(mode="window", with_values=True), "scripts/cmsid run --mode online --with-values"),
    ],
)
def test_the_next_command_keeps_what_was_asked_for(state: MigrationState, options: Options, command: str) -> None:
    """Without its mode, the command to go on with would lock a live application."""
    assert told(failed(verdict="interrupted"), state, options)[2] == command


@pytest.mark.parametrize(
    ("state", "validation", "command"),
    [
        (NOT_BEGUN, None, "scripts/cmsid doctor"),
        (UNDONE, None, "scripts/cmsid doctor"),
        (UNLOGGED, None, "scripts/cmsid doctor"),
        (HALF_WAY, None, "scripts/cmsid run --mode online"),
        (replace(HALF_WAY, paused=("by dba at 9",)), None, "scripts/cmsid resume"),
        (DONE, None, "scripts/cmsid run"),
        (DONE, failed(next_command="scripts/cmsid run --validation ongoing"), "scripts/cmsid run --validation ongoing"),
        (DONE, result_of(passed_tests()), "scripts/cmsid report --validation ongoing"),
    ],
)
def test_there_is_a_next_step_where_no_run_is_under_way(
    state: MigrationState, validation: Result | None, command: str
) -> None:
    step, found = step_from_here(state, validation)
    assert step.endswith(":")
    assert found == command


def test_rows_that_are_not_counted_yet_are_not_left_out_in_silence() -> None:
    assert "15 of 300 rows" in HALF_WAY.sentence
    assert "15 of at least 300 rows" in replace(HALF_WAY, rows_uncounted=True).sentence


def test_names_that_are_left_out_are_counted() -> None:
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_no_restore_is_advised_where_no_test_has_failed() -> None:
    tests = {key: [Outcome(f"test_of_{key}", "", "1.1", "error", message="connection lost")] for key in passed_tests()}
    result = result_of(tests)
    result.stages[-1] = Stage("validate", "failed")
    _, step, command = told(result, DONE)
    assert "not all of them were run" in step
    assert command == "scripts/cmsid run"


def test_a_restore_that_was_done_is_told() -> None:
    result = failed()
    result.stages.append(Stage("restore", "done", detail="registry is b-1 again"))
    state, step, command = told(result, NOT_BEGUN, Options(mode="online"))
    assert "The backup was restored: registry is b-1 again." in state
    assert step.startswith("Find out")
    assert command == "scripts/cmsid run --mode online"


def test_however_much_there_is_to_say_the_status_has_ten_lines_of_a_terminal() -> None:
    table = Table(
        "student_modules",
        "marked",
        13_500_000,
        5_541_000,
        193_000,
        41,
        None,
        None,
        None,
        None,
        10_000,
        0.3,
        "words " * 12,
    )
    session = "session 4711 of registry_owner (the application's own name)"
    found = Status(
        database="registry_owner@a-host-with-a-long-name.example:5432/registry",
        migration=HALF_WAY,
        sentence=HALF_WAY.sentence,
        runner=Runner(
            1,
            "registry_owner",
            "cms_id online migration",
            paused=False,
            waits_for=[session],
            waited_for_by=[session],
            step="step",
            fills=True,
        ),
        tables=[table],
        rows_per_second=20_000,
        signals=[Signal("replica_lag", "standby", "1 MB", "64MB", pauses=False, unreadable="", reason="")],
        pauses=[f"reason number {number} of those for which it pauses (limit 8)" for number in range(9)],
        backup_words="a backup of a name and a size that are longer than is usual, and of an age that is more than a day old",
        validation=Validated(
            "run",
            "2026-01-31T08:00:00Z",
            "cutover",
            "failed",
            "FAILED in stage validate: 1 of 13 lines.",
            "Of an earlier migration.",
        ),
        next_step="scripts/cmsid resume lets it go on.",
        next_command="scripts/cmsid resume",
    )
    told = found.lines(80)
    assert len(told) <= 10
    assert max(map(len, told)) <= 80
    assert [line.split(":")[0] for line in told if line[0] != " "] == [
        "Database",
        "Migration",
        "Now",
        "Paused",
        "Beside",
        "Backup",
        "Validation",
        "Next",
    ]
    whole = "\n".join(found.lines())
    assert "reason number 8" in whole
    assert f"it waits for {session}; {session} waits for it; standby 1 MB behind" in whole
