"""The checklist in a terminal: verdict, lines, evidence, and what failed where. Readable at 80 columns and in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from driver.progress import print_after
from driver.result import lock_sentence

if TYPE_CHECKING:
    from rich.console import Console

    from driver.result import FailingRow, Outcome, Result

WORDS = {
    "passed": ("PASS", "bold green"),
    "failed": ("FAIL", "bold red"),
    "not proven": ("OPEN", "bold yellow"),
    "not applicable": ("n/a", "dim"),
}
VERDICTS = {"passed": "bold green", "failed": "bold red", "interrupted": "bold yellow"}
INDENT = 7
ROWS_SHOWN = 5
DIFFERENCES_SHOWN = 8


def print_report(console: Console, result: Result) -> None:
    """Print a result, the verdict last: that is where a reader's eye is when a command ends."""
    if result.checklist:
        console.print()
        console.print(Text("Checklist", "bold"), highlight=False)
        for line in result.checklist:
            word, style = WORDS[line.status]
            print_after(console, Text(" ").append(f"{word:4}", style).append("  "), Text(line.text))
            if line.evidence:
                _wrapped(console, line.evidence, INDENT, style="dim" if line.status == "passed" else "")
            for test in line.tests:
                if test.status in ("failed", "error"):
                    _print_test(console, test)
    failing = [test for test in result.beyond if test.status != "passed"]
    if result.beyond:
        passed = len(result.beyond) - len(failing)
        _wrapped(console, f"Beyond the checklist: {passed} of {len(result.beyond)} tests passed.", 0)
        for test in failing:
            _print_test(console, test)
    if sentence := lock_sentence(result.locks):
        _wrapped(console, sentence, 0)
    for warning in result.warnings:
        print_after(console, Text(" WARN  ", "bold yellow"), Text(warning))
    console.print()
    print_verdict(console, result)


def print_verdict(console: Console, result: Result) -> None:
    """Print the verdict, what the database holds now, and what to do."""
    console.print(Text(verdict_sentence(result), VERDICTS[result.verdict]), highlight=False)
    for text in filter(None, (result.state, result.next_step)):
        _wrapped(console, text, 2)
    if result.next_command:
        # never wrapped: it is there to be copied
        console.print(Text("    " + result.next_command, "bold"), highlight=False, soft_wrap=True)


def verdict_sentence(result: Result) -> str:
    """The verdict in one sentence."""
    count = f"{result.lines_passed} of {len(result.checklist)} checklist lines passed"
    if result.verdict == "passed":
        held = sum(line.status == "not applicable" for line in result.checklist)
        return f"PASSED: {count}" + (f", {held} do not apply here." if held else ".")
    stage = result.failed_stage
    where = f" in stage {stage.key}" if stage else ""
    if result.verdict == "interrupted":
        return f"INTERRUPTED{where}."
    return f"FAILED{where}: {count}." if result.validated else f"FAILED{where}."


def _print_test(console: Console, test: Outcome) -> None:
    number = f"{test.spec} " if test.spec and test.spec not in test.name else ""
    count = f"{test.failures:,} failing" if test.status == "failed" else f"{test.status}: {test.message}"
    _wrapped(console, f"test {number}{test.name}: {count}", INDENT, style="red")
    for difference in test.differences[:DIFFERENCES_SHOWN]:
        _wrapped(console, difference.line, INDENT + 2, style="bold")
        _wrapped(console, difference.origin, INDENT + 4)
    if len(test.differences) > DIFFERENCES_SHOWN:
        _wrapped(console, f"… {len(test.differences) - DIFFERENCES_SHOWN:,} more columns", INDENT + 2)
    for row in test.rows[:ROWS_SHOWN]:
        _wrapped(console, row_sentence(row), INDENT + 2)
    if test.failures > len(test.rows[:ROWS_SHOWN]) and test.rows:
        _wrapped(console, f"… {test.failures - len(test.rows[:ROWS_SHOWN]):,} more", INDENT + 2)


def row_sentence(row: FailingRow) -> str:
    """A failing row in one line: where, and what should be there in place of what is."""
    where = " ".join(part for part in (row.table, f"key {row.key}" if row.key else "", row.column) if part)
    if row.hidden and not row.expected and not row.actual:
        return f"{where}: differs (values hidden; report --with-values shows them)"
    if pieces := row.definitions:
        marked = (f"[{old or 'nothing'} → {new or 'nothing'}]" if old != new else old for old, new in pieces)
        return f"{where}: {''.join(marked)}"
    if row.expected and row.actual:
        return f"{where}: expected {row.expected}, found {row.actual}"
    return f"{where}: {row.actual or row.expected or 'it differs'}"


def _wrapped(console: Console, text: str, indent: int, style: str = "") -> None:
    print_after(console, Text(" " * indent), Text(text, style))
