"""The result as one HTML page that needs nothing else: no scripts, no fonts, no images, no network."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from driver.wording import duration, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.result import ChainFacts, ChecklistLine, Comparison, FailingRow, Outcome, Result, Stage, TableFacts

# Longer rows of digits are no numbers that anybody reads, and may break between two such.
NUMBER = re.compile(r"(\d[\d.,]{0,22}\d)")
STYLE = Path(__file__).with_name("style.css")
TITLES = {"passed": "Passed", "failed": "Failed", "interrupted": "Interrupted"}
MARKS = {
    "passed": ("passed", "PASS"),
    "failed": ("failed", "FAIL"),
    "not proven": ("open", "OPEN"),
    "not applicable": ("apart", "N/A"),
}
TEST_MARKS = {"passed": "passed", "failed": "failed"}
STAGE_NAMES = {
    "prepare": "Prepare",
    "doctor": "Doctor",
    "backup": "Backup",
    "baseline": "Baseline",
    "migrate": "Migrate",
    "origins": "Origin views",
    "validate": "Validate",
    "restore": "Restore",
}
CHAIN_NAMES = {
    "student_school_chain": "Student → School",
    "student_modules_chain": "Student → Modules",
    "assessment_marks_chain": "Assessment Marks",
    "module_prerequisites_chain": "Module Prerequisites",
}


def render_html(result: Result) -> str:
    """The page."""
    title = f"{TITLES[result.verdict]}: cms_id in {result.database.name}"
    parts = [
        _verdict(result),
        _section("Checklist", _checklist(result.checklist)),
        _section("Beyond the checklist", _beyond(result.beyond)) if result.beyond else "",
        _section("Warnings", _warnings(result.warnings)) if result.warnings else "",
        _section("Tables", _picture(result.tables) + _tables(result.tables)) if result.tables else "",
        _section("Chains", _chains(result.chains)) if result.chains else "",
        _section("Stages", _timeline(result.stages)),
        _section("What was compared, and what was not", _compared(result)) if result.compared else "",
        _section("Backup", _backup(result)),
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
{"".join(part for part in parts if part)}</main>
{_footer(result)}</body>
</html>
"""


def _section(title: str, body: str) -> str:
    name = title.split(",", maxsplit=1)[0].lower().replace(" ", "-")
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(title)}</h2>\n{body}</section>\n'


def _verdict(result: Result) -> str:
    facts = [
        ("Database", result.database.address),
        ("PostgreSQL", result.database.server_version),
        ("Cut-over", moment(result.cut_over_at)),
        ("Mode", result.mode),
        ("Validation", result.validation),
        ("Finished", f"{moment(result.finished_at)}, after {duration(result.seconds)}"),
    ]
    items = "".join(f'<li>{name} <b class="nowrap">{escape(value)}</b></li>' for name, value in facts if value)
    stage = result.failed_stage
    headline = TITLES[result.verdict]
    if result.validated:
        passed = "" if result.verdict == "passed" else " passed"
        headline += f": {result.lines_passed} of {len(result.checklist)} checklist lines{passed}"
    elif stage:
        headline += f" in stage {stage.key}"
    action = ""
    if result.next_step:
        command = f'<code class="command">{escape(result.next_command)}</code>' if result.next_command else ""
        action = f'<div class="next"><p><b>{escape(result.next_step)}</b></p>{command}</div>\n'
    reason = f"<p>{escape(stage.detail)}</p>\n" if stage and stage.detail != "interrupted" else ""
    return f"""<header class="verdict {result.verdict}">
<p class="eyebrow">cms_id tracking · report of {escape(moment(result.started_at))}</p>
<h1>{escape(headline)}</h1>
{reason}<p>{escape(result.state)}</p>
{action}<ul class="facts">{items}</ul>
</header>
"""


def _checklist(lines: Sequence[ChecklistLine]) -> str:
    return '<ol class="checklist">\n' + "".join(_line(line) for line in lines) + "</ol>\n"


def _line(line: ChecklistLine) -> str:
    kind, word = MARKS[line.status]
    opened = " open" if line.status == "failed" else ""
    return (
        f'<li class="{kind}" id="line-{escape(line.key)}"><details{opened}>'
        f'<summary><span class="mark">{word}</span>'
        f'<span class="line"><b>{escape(line.text)}</b><span>{escape(line.evidence)}</span></span></summary>\n'
        f"{_tests(line.tests)}</details></li>\n"
    )


def _beyond(tests: Sequence[Outcome]) -> str:
    items = []
    for test in tests:
        kind = TEST_MARKS.get(test.status, "open")
        word = {"passed": "PASS", "failed": "FAIL"}.get(test.status, "OPEN")
        title = test.name.split("(")[0].replace("_", " ").capitalize().replace("Cms id", "cms_id")
        items.append(
            f'<li class="{kind}"><details{" open" if test.rows else ""}><summary><span class="mark">{word}</span>'
            f'<span class="line"><b>{escape(title)}</b><span>{escape(test.about)}</span></span>'
            f"</summary>\n{_tests([replace(test, about='')])}</details></li>\n"
        )
    return f'<ol class="checklist">\n{"".join(items)}</ol>\n'


def _warnings(warnings: Sequence[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{escape(warning)}</li>\n" for warning in warnings) + "</ul>\n"


def _tests(tests: Sequence[Outcome]) -> str:
    """Every test that did not pass, and those of the procedure, one by one; the rest counted by what they expect."""
    single = [test for test in tests if test.spec or test.status != "passed"]
    alike: dict[str, list[Outcome]] = {}
    for test in tests:
        if test not in single:
            alike.setdefault(test.name.split("(")[0], []).append(test)
    single.sort(key=lambda test: test.status == "passed")
    counted = [_alike(name, group) if len(group) > 1 else _test(group[0]) for name, group in alike.items()]
    return '<div class="tests">' + "".join([*map(_test, single), *counted]) + "</div>\n"


def _alike(name: str, tests: Sequence[Outcome]) -> str:
    seconds = duration(sum(test.seconds for test in tests))
    return (
        f'<div class="passed"><span class="name">{escape(name)}</span> <span class="status">passed</span>'
        f' <span class="soft">on {len(tests)} tables, <span class="nowrap">{seconds}</span></span></div>\n'
    )


def _test(test: Outcome) -> str:
    kind = TEST_MARKS.get(test.status, "open")
    number = f"{escape(test.spec)} " if test.spec and test.spec not in test.name else ""
    status = f"{test.failures:,} failing" if test.status == "failed" else test.status
    about = f' <span class="soft">{escape(test.about)}</span>' if test.about else ""
    seconds = (
        f' <span class="soft nowrap">{duration(test.seconds)}</span>' if test.status in ("passed", "failed") else ""
    )
    message = f"<p>{escape(test.message)}</p>" if test.message else ""
    rows = _failing_rows(test) if test.rows else ""
    return (
        f'<div class="{kind}"><span class="name">{number}{escape(test.name)}</span>'
        f' <span class="status">{escape(status)}</span>{seconds}{about}{message}{rows}</div>\n'
    )


def _failing_rows(test: Outcome) -> str:
    def cells(row: FailingRow) -> str:
        expected, actual = ("hidden", "hidden") if row.hidden and not row.actual else (row.expected, row.actual)
        values = (row.table, row.key or ("hidden" if row.hidden else ""), row.column, expected, actual)
        return "<tr>" + "".join(f"<td>{_unbroken(value)}</td>" for value in values) + "</tr>\n"

    head = "".join(f'<th scope="col">{name}</th>' for name in ("Table", "Key", "Column", "Expected", "Found"))
    more = test.failures - len(test.rows)
    rest = f'<p class="soft">and {more:,} more</p>' if more > 0 else ""
    body = "".join(cells(row) for row in test.rows)
    table = f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>{rest}'


def _unbroken(text: str) -> str:
    """A value as HTML, its numbers never broken at the end of a line, however narrow the page."""
    parts = NUMBER.split(text)
    return "".join(
        f'<span class="nowrap">{part}</span>' if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _picture(tables: Sequence[TableFacts]) -> str:
    """Rows and time of each table as bars; rows on a logarithmic scale, since they differ by a factor of thousands."""
    shown = sorted(tables, key=lambda table: -(table.rows_after or 0))
    top = max((table.rows_after or 0 for table in shown), default=0)
    slowest = max((table.seconds or 0.0 for table in shown), default=0.0)
    items = []
    for table in shown:
        rows, seconds = table.rows_after or 0, table.seconds
        share = 100 * math.log10(1 + rows) / math.log10(1 + top) if top else 0.0
        took = "" if seconds is None else duration(seconds) if seconds >= 1 else f"{seconds * 1000:.0f} ms"
        time_bar = "<span></span>" if seconds is None else _bar(100 * seconds / slowest if slowest else 0, "fill-two")
        items.append(
            f'<li><b>{escape(table.name)}</b>{_bar(share, "fill")}<span class="number">{rows:,}</span>'
            f'{time_bar}<span class="number">{took}</span></li>\n'
        )
    timed = " Second bar: how long its migration took." if slowest else ""
    return (
        '<figure class="picture"><figcaption>First bar: rows of each table, on a logarithmic scale.'
        f"{timed}</figcaption>\n<ol>\n{''.join(items)}</ol></figure>\n"
    )


def _bar(share: float, kind: str, start: float = 0.0) -> str:
    """A horizontal bar; the numbers beside it say the same, so it is left out for screen readers."""
    width = max(share, 0.6)
    return (
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" x="{min(start, 99.4):.2f}" y="0" width="{width:.2f}" height="8"/></svg>'
    )


def _tables(tables: Sequence[TableFacts]) -> str:
    names = ("Table", "Rows before", "Rows after", "cms", "local", "cms_id = id", "cms_id ≠ id")
    head = "".join(
        f'<th scope="col"{"" if number == 0 else " class=number"}>{escape(name)}</th>'
        for number, name in enumerate(names)
    )
    attributes = ("rows_before", "rows_after", "cms", "local", "equal", "different")

    def row(name: str, numbers: Sequence[int | None]) -> str:
        before, after = numbers[0], numbers[1]
        cells = []
        for position, number in enumerate(numbers):
            wrong = (position == 1 and before is not None and before != after) or (position == 5 and number)  # noqa: PLR2004 - its column
            cells.append(f'<td class="number{" differs" if wrong else ""}">{_count(number)}</td>')
        return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>\n'

    body = "".join(row(table.name, [getattr(table, name) for name in attributes]) for table in tables)
    sums = [[getattr(table, name) for table in tables] for name in attributes]
    foot = row("All", [None if None in column else sum(column) for column in sums])
    return (
        '<div class="scroll"><table><caption>Before: at the baseline. Origin “cms”: the row has a cms_id; “local”: it'
        f" has none.</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n<tfoot>{foot}</tfoot>"
        "</table></div>\n"
    )


def _chains(chains: Sequence[ChainFacts]) -> str:
    head = "".join(
        f'<th scope="col"{"" if number == 0 else " class=number"}>{name}</th>'
        for number, name in enumerate(("Chain", "Links before", "Links after", "Columns compared", "Differences"))
    )
    body = "".join(
        f'<tr><th scope="row">{escape(CHAIN_NAMES.get(chain.name, chain.name))}</th>'
        f'<td class="number">{_count(chain.rows_before)}</td><td class="number">{_count(chain.rows_after)}</td>'
        f'<td class="number">{_count(chain.columns)}</td>'
        f'<td class="number{" differs" if chain.differences else ""}">{_count(chain.differences)}</td></tr>\n'
        for chain in chains
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n'


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _timeline(stages: Sequence[Stage]) -> str:
    total = sum(stage.seconds for stage in stages) or 1.0
    items, elapsed = [], 0.0
    for stage in stages:
        failed = stage.status in ("failed", "interrupted")
        kind = "failed" if failed else ""
        bar = _bar(100 * stage.seconds / total, "fill-failed" if failed else "fill", 100 * elapsed / total)
        shown = bar if stage.started_at else '<span class="soft"></span>'
        took = duration(stage.seconds) if stage.started_at else stage.status
        told = (
            stage.detail
            if stage.status in ("done", "skipped") or not stage.detail
            else f"{stage.status}: {stage.detail}"
        )
        detail = f'<span class="detail">{escape(told)}</span>' if told else ""
        items.append(
            f"<li><b>{escape(STAGE_NAMES.get(stage.key, stage.key))}</b>{shown}"
            f'<span class="number {kind}">{took}</span>{detail}</li>\n'
        )
        elapsed += stage.seconds
    return f'<ol class="timeline">\n{"".join(items)}</ol>\n'


def _compared(result: Result) -> str:
    def entries(comparisons: Sequence[Comparison]) -> str:
        return "<dl>" + "".join(f"<dt>{escape(c.what)}</dt><dd>{escape(c.how)}</dd>\n" for c in comparisons) + "</dl>\n"

    text = f"<h3>Compared</h3>\n{entries(result.compared)}"
    if result.not_compared:
        text += f"<h3>Not compared, and why</h3>\n{entries(result.not_compared)}"
    return text


def _backup(result: Result) -> str:
    backup = result.backup
    if backup is None:
        return "<p>No backup is listed for this database.</p>\n"
    restored = f"restored and compared at {moment(backup.verified_at)}" if backup.verified_at else "not test-restored"
    return (
        f"<p>{escape(backup.backup_id)}, of {escape(moment(backup.taken_at))}, {backup.size / 1e6:,.1f} MB,"
        f" {restored}.</p>\n"
        f"<p><code>{escape(backup.location)}</code></p>\n"
        "<p>To go back to it, whatever happened since:</p>\n"
        f'<code class="command">{escape(backup.restore_command)}</code>\n'
    )


def _footer(result: Result) -> str:
    versions = ", ".join(f"{escape(name)} {escape(number)}" for name, number in result.versions.items())
    hidden = "" if result.values_shown else " Values that may tell something about a person are left out."
    return f"<footer><p>Run {escape(result.run_id)}. {versions}.{hidden}</p></footer>\n"
