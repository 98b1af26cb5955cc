"""The score of the fault suite, printed behind the tests' own summary, however many processes ran them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

SCORED = ("fault", "row lost", "wrong status", "way on")


def sentence(properties: Iterable[list[tuple[str, object]]]) -> str:
    """The score as one line; empty if no fault was made.

    Args:
        properties: of each test, what it recorded: a `fault`, a `row lost`, a `wrong status`, a `way on`.
    """
    count = dict.fromkeys(SCORED, 0)
    for recorded in properties:
        for name, _ in recorded:
            if name in count:
                count[name] += 1
    if not count["fault"]:
        return ""
    return (
        f"fault suite: {count['fault']} faults, {count['row lost']} rows lost,"
        f" {count['wrong status']} wrong statuses, {count['way on']} ways on"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the score."""
    reports = [
        report
        for category in ("passed", "failed")
        for report in terminalreporter.stats.get(category, [])
        if getattr(report, "when", "") == "call"
    ]
    said = sentence(report.user_properties for report in reports)
    if said:
        terminalreporter.write_line(said)
