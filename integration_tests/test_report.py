"""Every format of a report says the same, is well-formed whatever is in it, and hides what may tell who somebody is."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import jsonschema
import pytest
from junitparser import JUnitXml
from rich.console import Console

from driver.checklist import CHECKLIST, checklist_lines
from driver.conclusion import verdict
from driver.report import files
from driver.report.html import render_html
from driver.report.junit import render_junit
from driver.report.terminal import print_report, row_sentence
from driver.result import FailingRow, Outcome, Result, lock_sentence
from driver.validation import _masked
from quality import schemas
from support.sample_result import AWKWARD, facts, failed_result, locks, passed_tests, result_of

if TYPE_CHECKING:
    from pathlib import Path

    from driver.result import OutcomeStatus

RESULTS = {"passed": lambda: result_of(passed_tests()), "failed": failed_result}


def terminal(result: Result, **options: object) -> str:
    console = Console(file=io.StringIO(), **options)  # type: ignore[arg-type]  # whatever a console takes
    print_report(console, result)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("kind", RESULTS)
def test_the_json_follows_its_schema_and_can_be_read_back(kind: str) -> None:
    result = RESULTS[kind]()
    text = result.to_json()
    jsonschema.validate(json.loads(text), schemas.schema("report"))
    assert Result.from_json(text) == result


def test_the_schemas_are_those_of_the_types() -> None:
    """Else: `PYTHONPATH=scripts .venv-dev/bin/python -m quality.schemas`."""
    assert {path.name for path in schemas.FOLDER.glob("*.schema.json")} == {
        f"{name}.schema.json" for name in schemas.TYPES
    }
    for name in schemas.TYPES:
        assert (schemas.FOLDER / f"{name}.schema.json").read_text("utf-8") == schemas.text(name), name
        jsonschema.Draft202012Validator.check_schema(schemas.schema(name))
        for kind in (schemas.schema(name), *schemas.schema(name)["$defs"].values()):
            assert sorted(kind["required"]) == sorted(kind["properties"])
            assert kind["additionalProperties"] is False
        assert {"type": "null"} in schemas.schema(name)["properties"]["next_command"]["anyOf"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1, "run_id": 3}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"report|Expecting"):
        Result.from_json(text)


def test_a_verdict_that_does_not_exist_is_refused() -> None:
    text = failed_result().to_json().replace('"verdict": "failed"', '"verdict": "fine"')
    with pytest.raises(ValueError, match=r"not a report: .*verdict"):
        Result.from_json(text)


def test_a_standard_parser_reads_the_junit_file(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(render_junit(failed_result()), encoding="utf-8")
    suites = JUnitXml.fromfile(str(file))
    assert suites.failures == 2
    assert suites.errors == 2  # the stage, and the test that gave no verdict
    assert suites.skipped == 0
    cases = [case for suite in suites for case in suite]
    assert len(cases) == suites.tests
    failing = {case.name for case in cases if case.result}
    assert failing == {"validate", "3.1 cms_id_equals_id", "7.1 cms_ids_unique", "9.1 core_rows_unchanged"}
    message = next(case.result[0].message for case in cases if "core_rows" in case.name)
    assert message.startswith("modules.remark: 3 of 4,059 rows, ")
    assert message.endswith(
        '. keys 9 to 4711, scattered. Damage: evidence <script>alert(1)</script> & "Mokhèlé" 学生 | �.'
    )
    assert "schools key 5 cms_id: expected 5, found NULL" in file.read_text(encoding="utf-8")
    assert "scripts/cmsid restore b-1" in file.read_text(encoding="utf-8")


def test_all_lines_of_a_passed_run_pass() -> None:
    result = result_of(passed_tests())
    assert result.verdict == "passed"
    assert [line.status for line in result.checklist] == ["passed"] * 13
    assert "678,089 of 678,089 rows equal, 0 NULL, 0 different" in terminal(result, width=100)


@pytest.mark.parametrize("status", ["failed", "error", "skipped", "missing"])
@pytest.mark.parametrize("key", [line.key for line in CHECKLIST])
def test_a_line_passes_only_if_every_test_ran_and_passed(key: str, status: OutcomeStatus) -> None:
    tests = passed_tests()
    if status == "missing":
        tests[key].pop()
    else:
        tests[key][-1].status = status
    result = result_of(tests)
    lines = {line.key: line.status for line in result.checklist}
    assert lines.pop(key) == ("failed" if status == "failed" else "not proven")
    assert set(lines.values()) == {"passed"}
    assert result.verdict == "failed"


def test_a_failing_test_beyond_the_checklist_spoils_the_verdict() -> None:
    assert result_of(passed_tests(), [Outcome("core_rows_unchanged", "", "9.1", "failed", 1)]).verdict == "failed"
    assert result_of(passed_tests(), [Outcome("core_rows_unchanged", "", "9.1", "passed")]).verdict == "passed"


def test_lines_that_hold_at_the_cut_over_only_are_told_apart() -> None:
    tests = passed_tests()
    tests["ids"] = []
    result = result_of(tests)
    result.checklist = checklist_lines(facts(), tests, {"6.1"})
    assert next(line for line in result.checklist if line.key == "ids").status == "not applicable"
    assert verdict(result, interrupted=False) == "passed"


@pytest.mark.parametrize("kind", RESULTS)
def test_the_terminal_output_fits_80_columns_and_has_no_colours_in_a_pipe(kind: str) -> None:
    text = terminal(RESULTS[kind]())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    for line in RESULTS[kind]().checklist:
        assert line.text in text


def test_the_terminal_has_colours_where_there_are_some() -> None:
    assert "\x1b[" in terminal(failed_result(), force_terminal=True, color_system="standard")


def test_every_format_names_line_test_table_key_and_the_way_back() -> None:
    result = failed_result()
    html = render_html(result)
    text = terminal(result, width=120)
    for part in ("All records have cms_id = id", "cms_id_equals_id", "schools", "NULL", "scripts/cmsid restore b-1"):
        assert part in html
        assert part in text
        assert part in result.to_json()
        assert part in render_junit(result)
    for told in (html, text, result.to_json()):
        assert "15 rows had other columns changed" in told
        assert told.index("modules.remark: 3 of 4,059 rows") < told.index("9667801.25")
        assert "keys 9 to 4711, scattered" in told.replace("Keys", "keys")
    assert f"Failed: {result.lines_passed} of 13 checklist lines passed</h1>" in html
    assert '<span class="nowrap">9667801.25</span>' in html


def test_a_report_says_what_was_closed_to_whom_and_who_waited() -> None:
    result = result_of(passed_tests())
    sentence = "Longest lock: ACCESS EXCLUSIVE on modules, 11 s; 3 seen waiting, the longest for 4.1 s."
    html = render_html(result)
    assert sentence in terminal(result, width=120)
    assert sentence in html
    assert "closed to everybody" in html
    assert "closed to writers" in html
    assert "<b>&#34;&lt;b&gt;&#34;</b>" in html
    assert Result.from_json(result.to_json()).locks == result.locks
    result.locks = []
    assert "Longest lock" not in terminal(result) + render_html(result)
    assert lock_sentence(locks()[-1:]) == ""
    assert (
        lock_sentence([replace(locks()[0], waiters=None), locks()[-1]])
        == "Longest lock: ACCESS EXCLUSIVE on modules, 11 s."
    )
    assert lock_sentence([replace(locks()[0], seconds=0.0123)]).endswith("modules, 12 ms; nobody was seen waiting.")
    assert replace(locks()[0], relation='"a "".b"."c.d"').name == '"c.d"'


class Page(HTMLParser):
    """Collects what a page would fetch, and whether its elements are closed in order."""

    VOID = frozenset(("meta", "link", "rect", "path", "br"))

    def __init__(self) -> None:
        """Nothing is read yet."""
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "action") and value != "data:,":
                self.fetched.append(f"{tag} {name}={value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as given
        """Called by the parser."""
        assert tag in self.VOID

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", RESULTS)
def test_the_page_is_well_formed_and_fetches_nothing(kind: str) -> None:
    html = render_html(RESULTS[kind]())
    page = Page()
    page.feed(html)
    assert page.open == []
    assert page.fetched == []
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"https?://|@import|url\(|<script", html)
    assert {f"line-{line.key}" for line in CHECKLIST} <= set(page.ids)


def test_values_are_text_on_the_page() -> None:
    html = render_html(failed_result())
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("row", "category"),
    [
        (FailingRow("next_of_kins", "7", "name", "Neo", "Mpho"), "blast_radius"),
        (FailingRow("student_school_chain", "7", "std_no", "901", "902"), "chains"),
        (FailingRow("students", "901000001", "name", "Neo", "Mpho"), "blast_radius"),
        (FailingRow("student_programs", "7", "std_no", "a row", "no students with std_no 902"), "foreign_keys"),
        (FailingRow("student_modules", "7", "national_id", "1", "2"), ""),
    ],
)
def test_what_may_tell_who_somebody_is_is_hidden(row: FailingRow, category: str) -> None:
    masked = _masked(row, category, {"school_id"})
    assert masked.hidden
    assert (masked.expected, masked.actual) == ("", "")
    assert masked.key == ("" if masked.table == "students" else "7")


@pytest.mark.parametrize(
    ("row", "category"),
    [
        (FailingRow("schools", "7", "cms_id", "7", "NULL"), "cms_id_population"),
        (FailingRow("programs", "7", "school_id", "1", "2"), "blast_radius"),
        (FailingRow("student_school_chain", "7", "school_code", "FA", "FB"), "chains"),
        (FailingRow("schools", "", "count(*)", "15", "14"), "row_counts"),
        (FailingRow("next_of_kins", "7", "", "the row", "the row is missing"), "blast_radius"),
    ],
)
def test_ids_and_counts_are_shown(row: FailingRow, category: str) -> None:
    masked = _masked(row, category, {"school_id"})
    assert not masked.hidden
    assert masked.actual


def test_of_two_definitions_only_the_words_that_differ_are_marked() -> None:
    around = "select " + "unchanged, " * 40
    rows = [
        FailingRow("column", "public.terms.code", "definition", "text, not null", "character varying(20), not null"),
        FailingRow("view", "public.dear", "definition", f"{around}price > 1", f"{around}price > 10 <b>"),
        FailingRow("index", "public.terms_code", "definition", "CREATE INDEX", "the index is missing"),
        FailingRow("terms", "7", "definition", hidden=True),
    ]
    beyond = [Outcome("catalogue_unchanged", "", "9.2", "failed", 4, rows=rows)]
    result = result_of(passed_tests(), beyond)
    page, text = render_html(result), terminal(result, width=300)
    for told in (text, render_junit(result)):
        assert "[text → character varying(20)], not null" in told
        assert " … " in told
        assert "[1 → 10" in told
        assert "expected CREATE INDEX, found the index is missing" in told
    assert "<td><mark>text</mark>, not null</td><td><mark>character varying(20)</mark>, not null</td>" in page
    assert "<mark>10 &lt;b&gt;</mark></td>" in page
    assert page.count("unchanged, ") < 2 * 40
    assert "<td>CREATE INDEX</td><td>the index is missing</td>" in page
    assert page.count("<td>hidden</td>") == 2


def test_a_row_of_which_nothing_is_known_differs() -> None:
    assert row_sentence(FailingRow("schools")) == "schools: it differs"


def test_the_files_are_private_and_the_newest_is_found(tmp_path: Path) -> None:
    older, newer, other = failed_result(), result_of(passed_tests()), result_of(passed_tests())
    newer.run_id = "20260201T080000-000-run"
    other.run_id, other.database.address = "20260301T080000-000-run", "somebody@elsewhere/registry"
    for result in (other, newer, older):
        folder = files.write(result, tmp_path / "reports")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {file.name for file in folder.iterdir()} == set(files.NAMES.values())
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    (tmp_path / "reports" / "20270101T000000-000-run").mkdir()
    (tmp_path / "reports" / "20270101T000000-000-run" / "report.json").write_text("damaged")
    assert files.newest(newer.database.address, tmp_path / "reports") == newer
    assert files.newest("nobody@nowhere/registry", tmp_path / "reports") is None


def test_a_link_is_followed_and_what_it_names_is_private(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "report.html", tmp_path / "report.html"
    for existing in (False, True):
        if existing:
            target.write_text("old")
            target.chmod(0o644)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        files.write_private(link, AWKWARD)
        assert link.is_symlink()
        assert target.read_text("utf-8") == AWKWARD
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path, *, linked: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    name = tmp_path / "link" if linked else pipe
    if linked:
        name.symlink_to(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_private(name, AWKWARD)
        assert os.read(reading, 10_000).decode() == AWKWARD
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert name.is_symlink() == linked


def test_a_report_that_cannot_be_finished_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.html"
    files.write_private(file, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_private(file, AWKWARD)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
