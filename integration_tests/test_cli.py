"""The command line itself: its help, and what a user sees when a command fails in whatever way."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click
import psycopg
import pytest

from driver import __version__, cli, packages, profile
from driver.bootstrap import ROOT
from driver.dbt_project import DbtProject
from driver.errors import Problem
from driver.options import prepared_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMANDS = cli.cmsid.list_commands(click.Context(cli.cmsid))


def command(name: str) -> click.Command:
    found = cli.cmsid.get_command(click.Context(cli.cmsid), name)
    assert found is not None
    return found


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[BaseException], int]:
    """Run a command that raises something, and return the exit code."""
    monkeypatch.setattr(cli, "ROOT", tmp_path)

    def run(raised: BaseException) -> int:
        def fail(**_: object) -> None:
            raise raised

        monkeypatch.setattr(command("setup"), "callback", fail)
        return cli.main(["setup"])

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_explains_itself(name: str) -> None:
    found = command(name)
    assert found.help
    assert "Example" in found.help
    assert f"scripts/cmsid {name}" in found.help
    for parameter in found.params:
        assert isinstance(parameter, click.Argument) or (isinstance(parameter, click.Option) and parameter.help), (
            parameter
        )


@pytest.mark.parametrize("written", [True, False])
def test_setup_says_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, *, written: bool
) -> None:
    shutil.copy(ROOT / "profiles.example.yml", tmp_path / "profiles.yml")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.setenv("PGHOST", "far.example")
    monkeypatch.setattr(packages, "install", lambda folder, *, refresh: f"{folder}, {refresh}")
    monkeypatch.setattr(profile, "write_profile", lambda: written)
    assert cli.main(["setup", "--packages-from", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"Packages: from {tmp_path}, True." in told
    assert "@far.example:" in told
    assert ("(new" in told) == written


def test_preparing_means_packages_and_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(packages, "install", lambda: calls.append("packages"))
    monkeypatch.setattr(profile, "write_profile", lambda: calls.append("profile"))
    packages.prepare()
    assert calls == ["packages", "profile"]


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_help_lists_commands_in_the_order_of_work(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    listed = capsys.readouterr().out
    positions = [listed.index(f"\n  {name} ") for name in COMMANDS]
    assert positions == sorted(positions)


def test_help_of_a_command_sets_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "prepare", pytest.fail)
    for name in COMMANDS:
        assert cli.main([name, "--help"]) == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"cmsid {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["stup"], "Did you mean 'setup'?"), (["xyz"], "No such command 'xyz'."), (["setup", "--nope"], "No such option")],
)
def test_wrong_usage(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "--scale", "abc"], "Invalid value for '--scale': 'abc' is not a valid number."),
        (["demo", "--scale", "nan"], "Invalid value for '--scale': 'nan' is not a valid number."),
        (["demo", "--scale", "0"], "Invalid value for '--scale': 0.0 is not in the range 0<x<=250."),
        (["backup", "--jobs", "1.5"], "Invalid value for '--jobs': '1.5' is not a valid whole number."),
        (["restore", "--abandon", "--in-place"], "do not go with --abandon or --put-back"),
        (["restore", "--put-back", "x", "--jobs", "2"], "do not go with --abandon or --put-back"),
        (["prune", "--replaced", "--keep", "2"], "does not go with --replaced"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "prepare", lambda: None)
    assert cli.main(arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code", "sentence"),
    [
        (Problem("It is so", where="here", do="do that"), 1, "Error: It is so (here): do that\n"),
        (Problem("It is. It was.", do="do that"), 1, "Error: It is. It was: do that\n"),
        (OSError(errno.ENOSPC, "No space", "/a/b"), 1, "Error: The disk is full (/a/b): free some space"),
        (PermissionError(errno.EACCES, "No", "/a/b"), 1, "Error: Not allowed to use a file (/a/b)"),
        (OSError(errno.EROFS, "No", "/a/b"), 1, "Error: The disk can only be read (/a/b): make it writable"),
        (psycopg.OperationalError("FATAL:  too many clients already"), 1, "too many clients already: close some"),
        (psycopg.OperationalError(""), 1, "Error: The database cannot be used: no reason given: check"),
        (psycopg.errors.InsufficientPrivilege("permission denied for table t"), 1, "permission denied for table t"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (click.Abort(), 1, "Nothing was changed."),
        (click.exceptions.Exit(1), 1, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_expected_failures_are_one_sentence(
    outcome: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    sentence: str,
) -> None:
    assert outcome(raised) == code
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.strip().splitlines()) <= 1


def test_a_project_that_dbt_may_not_write_to_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = SimpleNamespace(success=False, exception=PermissionError(errno.EACCES, "Permission denied", "/p/logs"))
    monkeypatch.setattr(DbtProject, "invoke", lambda *_: refused)
    with pytest.raises(Problem) as raised:
        _ = DbtProject().manifest
    assert str(raised.value).endswith("(/p/logs): make the folder /p writable")


def test_exit_code_of_a_command_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command("setup"), "callback", lambda **_: 1)
    assert cli.main(["setup"]) == 1


def test_a_terminal_that_knows_no_such_character_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(**_: object) -> None:
        click.echo("School → Modules …")

    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="cp1252"))
    monkeypatch.setattr(command("setup"), "callback", tell)
    assert cli.main(["setup"]) == 0
    assert shown.getvalue().decode("cp1252") == "School ? Modules …\n"


def test_unexpected_failure_leaves_its_details_in_a_private_file(
    outcome: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert outcome(ValueError("first\nsecond")) == 2
    told = capsys.readouterr().err
    (log,) = (tmp_path / "logs").iterdir()
    assert told == f"Error: unexpected ValueError (first second); the details are in logs/{log.name}.\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "Traceback" in log.read_text()


def test_unexpected_failure_where_nothing_can_be_written(
    outcome: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "logs").write_text("")
    assert outcome(ValueError()) == 2
    assert capsys.readouterr().err.startswith("Error: unexpected ValueError (no message); its details could not be")


def test_commands_prepare_the_project_before_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(packages, "prepare", lambda: calls.append("prepared"))

    @prepared_command()
    @click.option("--twice", is_flag=True)
    def doctor(*, twice: bool) -> None:
        calls.append(f"ran, {twice}")

    doctor.main(["--twice"], standalone_mode=False)
    assert calls == ["prepared", "ran, True"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes of this kind")
def test_reader_that_goes_away_is_no_failure_to_speak_of() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    script = "import sys; from driver.cli import main; sys.exit(main(['--help']))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    result = subprocess.run(
        [sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, check=False
    )
    os.close(writing)
    assert result.returncode == 1
    assert result.stderr == ""
