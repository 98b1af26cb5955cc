"""The result as JUnit XML: one suite for the stages, one for each checklist line, one for the tests beyond it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from driver.report.terminal import row_sentence

if TYPE_CHECKING:
    from driver.result import Outcome, Result, Stage


def render_junit(result: Result) -> str:
    """The XML text."""
    root = ET.Element("testsuites", name=f"cmsid {result.command}", time=f"{result.seconds:.3f}")
    _suite(root, result, "stages", [_stage(stage) for stage in result.stages])
    for number, line in enumerate(result.checklist, 1):
        _suite(root, result, f"{number:02d} {line.text}", [_test(line.key, test) for test in line.tests])
    if result.beyond:
        _suite(root, result, "beyond the checklist", [_test("beyond", test) for test in result.beyond])
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    if result.next_command and result.verdict != "passed":
        output = ET.SubElement(root[0], "system-out")
        output.text = _legal(f"{result.state} {result.next_step} {result.next_command}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, result: Result, name: str, cases: list[ET.Element]) -> None:
    def count(kind: str) -> str:
        return str(sum(case.find(kind) is not None for case in cases))

    suite = ET.SubElement(
        root,
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=count("failure"),
        errors=count("error"),
        skipped=count("skipped"),
        time=f"{sum(float(case.get('time', '0')) for case in cases):.3f}",
        timestamp=result.started_at.removesuffix("Z"),
        hostname=_legal(result.database.address),
    )
    suite.extend(cases)


def _stage(stage: Stage) -> ET.Element:
    case = ET.Element("testcase", classname="cmsid.stages", name=stage.key, time=f"{stage.seconds:.3f}")
    if stage.status in ("failed", "interrupted"):
        ET.SubElement(case, "error", message=_legal(stage.detail), type=stage.status)
    elif stage.status != "done":
        ET.SubElement(case, "skipped", message=_legal(stage.detail or stage.status))
    return case


def _test(suite: str, test: Outcome) -> ET.Element:
    name = f"{test.spec} {test.name}".strip() if test.spec not in test.name else test.name
    case = ET.Element("testcase", classname=f"cmsid.{suite}", name=_legal(name), time=f"{test.seconds:.3f}")
    if test.status == "failed":
        told = [f"{difference.line}. {difference.origin}" for difference in test.differences]
        summary = f"{test.failures} failing" + (f" in {', '.join(test.tables)}" if test.tables else "")
        failure = ET.SubElement(case, "failure", message=_legal(told[0] if told else summary), type="difference")
        failure.text = _legal("\n".join([*told, *(row_sentence(row) for row in test.rows)]))
    elif test.status != "passed":
        # A test that gave no verdict is no pass for whoever counts these, so it is not told as skipped.
        ET.SubElement(case, "error", message=_legal(test.message or test.status), type=test.status)
    return case


def _legal(text: str) -> str:
    """The text without the control characters that XML has no way to write."""
    return re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)
