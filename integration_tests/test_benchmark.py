"""What `scripts/bench` makes of its figures, and that its contestants can do their jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmark.main import COMPARISONS, main
from benchmark.measure import OURS, PROCEDURE, SECONDS, WAL, Bench, Content, Figure, Goal, verdicts, write_json
from driver.bootstrap import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# Made up, so that each goal is met at one scale only.
FIGURES = [
    Figure("window", 1.0, SECONDS, PROCEDURE, (9.0, 10.0, 30.0)),
    Figure("window", 1.0, SECONDS, OURS, (2.0, 2.4, 2.5)),
    Figure("window", 10.0, SECONDS, PROCEDURE, (100.0,)),
    Figure("window", 10.0, SECONDS, OURS, (30.0,)),
]
GOALS = [Goal("window", SECONDS, 0.25, PROCEDURE), Goal("window", SECONDS, 11, kind="growth", scales=(10.0,))]


def test_goals_are_held_against_the_median_of_paired_turns() -> None:
    told = [
        (verdict.goal.kind, verdict.scale, round(verdict.measured, 2), verdict.holds)
        for verdict in verdicts(FIGURES, GOALS)
    ]
    assert told == [("ratio", 1.0, 0.22, True), ("ratio", 10.0, 0.3, False), ("growth", 10.0, 12.5, False)]


def test_who_fails_has_no_figures_and_the_others_go_on() -> None:
    turns: list[str] = []

    def fails() -> dict[str, float]:
        turns.append("fails")
        raise RuntimeError("no server\nmore of it")

    def works() -> dict[str, float]:
        turns.append("works")
        return {SECONDS: float(len(turns)), WAL: 1.0}

    bench = Bench(1.0, 2, lambda _: None)
    bench.compare("window", {PROCEDURE: fails, OURS: works})
    assert turns == ["fails", "works", "works"]
    assert {(figure.quantity, figure.contestant, figure.runs) for figure in bench.figures} == {
        (SECONDS, OURS, (2.0, 3.0)),
        (WAL, OURS, (1.0, 1.0)),
    }
    assert [failure.reason for failure in bench.failures] == ["no server"]


def test_files_of_several_runs_are_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for scale in (1.0, 10.0):
        content = Content({"processors": "2"}, [figure for figure in FIGURES if figure.scale == scale], [])
        write_json(content, [], tmp_path / f"{scale}.json")
    code = main(["--read", str(tmp_path / "1.0.json"), str(tmp_path / "10.0.json"), "--markdown"])
    told = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "| window | seconds: cmsid | 2.40 ±10% | 30.00 | 12.5x |" in told
    assert "| window, seconds: of procedure | 0.25 | 1 | 0.22 | holds |" in told
    assert "| window, seconds: of procedure | 0.25 | 10 | 0.30 | MISSED |" in told


def test_another_file_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    assert main(["--read", str(tmp_path / "other.json")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"Error: {tmp_path / 'other.json'} was not written by scripts/bench")


@pytest.mark.parametrize("arguments", [["--scales", "0"], ["--scales", "big"], ["--rounds", "0"], ["--only", "speed"]])
def test_wrong_words_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_every_comparison_and_goal_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for name in COMPARISONS:
        assert f"\n| `{name}` | " in page


@pytest.mark.thorough
def test_the_window_is_measured_beside_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "bench.json"
    code = main(["--scales", "0.003", "--rounds", "1", "--only", "window", "--json", str(written)])
    told = capsys.readouterr()
    assert code == 0, told.err
    content = json.loads(written.read_text(encoding="utf-8"))
    assert {figure["contestant"] for figure in content["figures"]} == {PROCEDURE, "floor", OURS}
    assert content["failures"] == []
    assert content["goals"] == []  # none is about so few rows
    assert "seconds: floor" in told.out
