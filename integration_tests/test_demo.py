"""The demo: the whole job on a server of its own, again and again, and nothing left behind however it ends."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest

from driver.backup.store import FOLDER_VARIABLE
from support.backups import SCRIPTS, cmsid
from support.runs import stopped_behind

SCALE = "0.003"
PORT = re.compile(r"PostgreSQL \d+ on port (\d+)")


@pytest.fixture(autouse=True)
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all backups, for these tests only."""
    folder = tmp_path / "backups"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


def port_of(text: str) -> int:
    """The port of the server that the demo has started."""
    found = PORT.search(text)
    assert found, text
    return int(found[1])


def take_report_away(text: str) -> None:
    """Remove the report that a run says it has written."""
    (report,) = re.findall(r"Report: (\S+)", text)
    path = SCRIPTS.parent / report
    assert path.is_file()
    shutil.rmtree(path.parent)


def answers(port: int) -> bool:
    """Whether anything listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.thorough
def test_it_works_twice_and_leaves_nothing_but_its_report(backups: Path) -> None:
    for options in ([], ["--mode", "online", "--major", "16"]):
        done = cmsid("demo", "--scale", SCALE, *options, environment={})
        assert done.returncode == 0, done.stdout + done.stderr
        assert "PASSED: 13 of 13 checklist lines passed." in done.stdout
        assert "The server is stopped and its files are removed." in done.stdout
        assert not answers(port_of(done.stdout))
        take_report_away(done.stdout)
    assert not backups.exists()


@pytest.mark.thorough
@pytest.mark.parametrize("stage", ["load", "doctor", "baseline"])
def test_interrupted_it_leaves_no_server(stage: str) -> None:
    code, text, _ = stopped_behind(stage, ["demo", "--scale", SCALE], os.environ, seconds=0.3)
    assert code == 130, text
    assert "Traceback" not in text
    assert not answers(port_of(text))


@pytest.mark.thorough
def test_a_server_that_is_kept_can_be_used_and_stopped_as_it_says() -> None:
    done = cmsid("demo", "--scale", SCALE, "--keep", environment={})
    assert done.returncode == 0, done.stdout + done.stderr
    settings = dict(re.findall(r"export (PG\w+)=(\S+)", done.stdout))
    take_report_away(done.stdout)
    (stop,) = re.findall(r"(?m)^    (kill .*)$", done.stdout)
    try:
        with psycopg.connect(
            host=settings["PGHOST"],
            port=settings["PGPORT"],
            user=settings["PGUSER"],
            dbname=settings["PGDATABASE"],
            passfile=settings["PGPASSFILE"],
        ) as session:
            assert session.execute("select count(*) from schools where cms_id is distinct from id").fetchone() == (0,)
    finally:
        subprocess.run(["/bin/sh", "-c", stop], check=True)
    assert not answers(int(settings["PGPORT"])), "it goes on"
    assert not Path(settings["PGPASSFILE"]).exists(), "its files are still there"
