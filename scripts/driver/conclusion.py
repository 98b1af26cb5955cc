"""What a run's outcome means: the verdict, what the database holds now, whether it still holds, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.checklist import CHECKLIST
from driver.wording import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driver.facts import MigrationState
    from driver.result import Difference, Result, Verdict

COMMAND = "scripts/cmsid"
VALIDATE = ("Validate it:", f"{COMMAND} run")
MEND = "Mend what was found, then validate again, or go back"


def verdict(result: Result, *, interrupted: bool) -> Verdict:
    """`passed` only if nothing is left to doubt: every stage, every line of the checklist, every other test."""
    if interrupted:
        return "interrupted"
    stages = all(stage.status in ("done", "skipped") for stage in result.stages)
    lines = [line.status in ("passed", "not applicable") for line in result.checklist]
    others = all(test.status == "passed" for test in result.beyond)
    return "passed" if stages and len(lines) == len(CHECKLIST) and all(lines) and others else "failed"


def run_again(given: Mapping[str, str], **changed: str) -> str:
    """The command that runs with the options that a user gave, as `Options.given` has them, or changed ones, to be copied."""
    return " ".join([COMMAND, "run", *(f"--{name} {value}".rstrip() for name, value in {**given, **changed}.items())])


def tell_state_and_next_step(result: Result, state: MigrationState | None, given: Mapping[str, str]) -> None:
    """Fill in the result's `state`, `next_step` and `next_command`; the state is None if the database could not be asked.

    They need the options given: without its mode, a command would lock a live application.
    """
    if state is None:
        result.state = "What the database holds could not be asked."
        result.next_step, result.next_command = "See where it stands once it answers again:", f"{COMMAND} status"
        return
    result.state = " ".join([state.sentence, *(f"Paused {given}." for given in state.paused)])
    if result.verdict == "passed":
        return
    restored = next((stage for stage in result.stages if stage.key == "restore"), None)
    if restored is not None and restored.status == "done":
        result.state = f"The backup was restored: {restored.detail}. {state.sentence}"
        result.next_step, result.next_command = "Find out what changed the registry, then:", run_again(given)
        return
    if state.kind in ("not begun", "undone"):
        result.state = f"Nothing was changed in the registry. {state.sentence}"
        result.next_step = "Go on from the start:" if result.verdict == "interrupted" else "Mend the cause, then:"
        result.next_command = run_again(given)
    elif state.kind == "done":
        result.next_step, result.next_command = _after_the_migration(result)
    else:
        result.next_step, result.next_command = _onwards(state, given)


def superseded(result: Result, state: MigrationState) -> str:
    """Why a validated result tells of something else than what the database holds now, in a sentence; empty if it does not."""
    if result.cut_over_at != state.cut_over_at:
        told = f"was before the cut-over at {moment(state.cut_over_at)}"
        if result.cut_over_at:
            told = f"is of an earlier migration (cut-over at {moment(result.cut_over_at)})"
    elif result.finished_at < state.restored_at:
        told = f"was before a backup was restored at {moment(state.restored_at)}"
    else:
        return ""
    return f"That {told}, and says nothing of what is there now."


def step_from_here(state: MigrationState, validation: Result | None) -> tuple[str, str]:
    """The next step and its command where no run is under way, after the last validation that tells of this state."""
    if state.kind in ("not begun", "undone"):
        return f"See what would stand in the way, then {COMMAND} run:", f"{COMMAND} doctor"
    if state.kind != "done":
        return _onwards(state, {})
    if validation is None:
        return VALIDATE
    if validation.verdict == "passed":
        return "Have it validated from now on, every night:", f"{COMMAND} report --validation ongoing"
    return validation.next_step, validation.next_command or ""


def step_while_it_runs(state: MigrationState) -> tuple[str, str]:
    """The next step and its command, which may be empty, where a run is under way."""
    if state.paused:
        return f"{COMMAND} resume lets it go on.", f"{COMMAND} resume"
    if state.mode == "online" and state.kind == "half-way":
        return f"nothing to do; {COMMAND} pause holds it up.", ""
    return "nothing to do until that has ended.", ""


def _onwards(state: MigrationState, given: Mapping[str, str]) -> tuple[str, str]:
    """The next step and its command where some tables are migrated, or it is not known how."""
    if state.paused:
        return f"Lift the pause, then go on with {run_again(given, mode=state.mode)}:", f"{COMMAND} resume"
    if state.kind == "half-way":
        step = f"Go on where it stopped (or take it back with {COMMAND} undo):"
        return step, run_again(given, mode=state.mode)
    if state.kind == "extended":
        return "Mend the cause, then bring in the tables that were added:", run_again(given)
    return "See what is found about that cms_id, and settle it by hand:", f"{COMMAND} doctor"


def _after_the_migration(result: Result) -> tuple[str, str]:
    """The next step and its command where all tables are migrated, and the run did not pass."""
    stage = result.failed_stage
    if stage is None or stage.key != "validate" or result.verdict == "interrupted":
        return VALIDATE
    if not any(test.status == "failed" for test in result.failing_tests):
        return (
            "No test has failed, but not all of them were run; mend the cause, then validate again:",
            f"{COMMAND} run",
        )
    if step_by_origin := _by_origin(result):
        return step_by_origin
    if result.validation == "ongoing":
        return f"{MEND} ({_way_back(result)}):", f"{COMMAND} run"
    step = "If the application has written meanwhile, validate what holds all the same, before you go back"
    return f"{step} ({_way_back(result)}):", f"{COMMAND} run --validation ongoing"


def _by_origin(result: Result) -> tuple[str, str] | None:
    """The next step that follows from what the differing rows come from; None if no test says anything of it."""
    differences = [difference for test in result.failing_tests for difference in test.differences]
    primary = [difference for difference in differences if not difference.derived]
    first = min(primary or differences, key=lambda item: (item.verdict != "damage", not item.query), default=None)
    if first is None or (first.verdict != "damage" and result.validation == "ongoing"):
        return None
    back, ongoing = _way_back(result), f"{COMMAND} run --validation ongoing"
    if first.verdict == "damage":
        look = "these rows with their values" if first.query else "it"
        found = f"{first.line}. Damage: {first.evidence}. Look at {look}"
        # A registry in use is mended first, and so is a definition.
        is_mended = result.validation == "ongoing" or not first.query
        step = f"{MEND} ({back}). {found}:" if is_mended else f"{found}, then go back ({back}):"
        return step, f"{COMMAND} report --validate --with-values"
    if _only_written(result, primary):
        step = f"Let it be: {first.verdict} and nothing else ({first.evidence}). Validate what holds in spite of them:"
        return step, ongoing
    look, meant = "it", "it was meant"
    if first.query:
        look, meant = "these rows (the page has the query)", "the application wrote them"
    step = (
        f"{first.line}. Whether that is damage cannot be told. Look at {look}; if {meant}, validate what holds all the"
        f" same, else go back ({back}):"
    )
    return step, ongoing


def _only_written(result: Result, primary: list[Difference]) -> bool:
    """Whether all that failed follows from writes of the application: none is left that says more, or nothing.

    A chain shows new links for new rows; one that is gone or changed has another reason.
    """
    if not primary or any(item.verdict != "writes of the application" for item in primary):
        return False
    changed = any(item.pattern != "additional" and item.column != "cms_id" for item in primary)
    explained = {"additional", "aggregate_value"} if not changed else None
    return all(
        all(
            not item.derived or explained is None or {item.pattern, item.column} & explained
            for item in test.differences
        )
        if test.differences
        else "row_count" in test.name
        for test in result.failing_tests
    )


def _way_back(result: Result) -> str:
    """The ways back, the one that loses nothing first."""
    first = f"{COMMAND} undo keeps every row"
    if not result.backup:
        return first
    return f"{first}; {result.backup.restore_command}, the last step, loses what was written since"
