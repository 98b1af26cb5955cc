"""The tests, in two tiers; of all of them, what fails beside others is tried once more alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from driver.embedded_server import account_for_server, make_home, sweep, take_ownership

if TYPE_CHECKING:
    from collections.abc import Iterator

COVERAGE = [sys.executable, "-m", "coverage"]
PYTEST = ["-m", "pytest"]
# One more at once than there are processors, since tests often wait; each has a server and a dbt of its own.
BESIDE_EACH_OTHER = ["-n", str((os.cpu_count() or 1) + 1), "--dist"]
QUICK = [*PYTEST, *BESIDE_EACH_OTHER, "loadfile", "--no-loadscope-reorder"]
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
TESTS_FAILED = 1  # pytest's exit code when tests failed, and nothing worse happened
FORGIVEN_AT_MOST = 3  # more than these fail for a reason
MEMORY = Path("/dev/shm")  # noqa: S108  a folder in it gets a random name and no access for others
ENOUGH_MEMORY = 8 << 30  # bytes; 2 GB of it were seen in use in the midst of all tests


@contextmanager
def files_in_memory() -> Iterator[None]:
    """Keep temporary files in memory for the block: there a database is copied in a tenth of the time.

    They stay where they are if TMPDIR names a place, memory is scarce, or programs cannot be run from there.
    """
    usable = "TMPDIR" not in os.environ and MEMORY.is_dir() and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if not usable or min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) < ENOUGH_MEMORY:
        yield
        return
    sweep(MEMORY)  # what a killed run has left
    tempfile.tempdir = str(MEMORY)
    home = make_home(account_for_server())
    owner = take_ownership(home)
    os.environ["TMPDIR"] = tempfile.tempdir = str(home)
    try:
        yield
    finally:
        sweep(home)
        shutil.rmtree(home, ignore_errors=True)
        os.close(owner)
        tempfile.tempdir = None
        del os.environ["TMPDIR"]


def run() -> bool:
    """Run every kind of test, each file of them in one process, and return whether all pass."""
    return call([sys.executable, *QUICK]) == 0


def run_all() -> bool:
    """Run all tests: every kind, then the rest, then one by one those that measure time.

    Returns:
        whether all pass, and every kind of test reaches as much of the driver as pyproject.toml asks for.
    """
    LAST_FAILED.unlink(missing_ok=True)
    subprocess.call([*COVERAGE, "erase"])
    everything = [sys.executable, *PYTEST, "--all"]
    codes = [call([*COVERAGE, "run", *QUICK])]
    # Before the rest, of which some begin such a run here themselves.
    enough = [subprocess.call([*COVERAGE, *words]) == 0 for words in (["combine", "--quiet"], ["report"])]
    codes.append(call([*everything, "--rest", "-m", "not alone", *BESIDE_EACH_OTHER, "worksteal"]))
    codes.append(call([*everything, "-m", "alone"]))
    return pass_in_the_end(codes, everything) and all(enough)


def call(command: list[str]) -> int:
    """Run a command to its end, also after Ctrl-C: it hears that too, and has servers to end and files to remove."""
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def pass_in_the_end(codes: list[int], again: list[str]) -> bool:
    """Run once more what failed.

    Sessions that wait for each other, killed processes and full disks meet whatever else the machine does at the moment. One
    failure that does not repeat shall not hide what the other tests say, but it is named: it is a bug, of the test or not.

    Args:
        codes: how pytest ended, for each part of the tests.
        again: a command that runs it for any test.

    Returns:
        whether every test passed, at once or on its second attempt.
    """
    if not any(codes):
        return True
    failed = sorted(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []
    if not set(codes) <= {0, TESTS_FAILED} or not 0 < len(failed) <= FORGIVEN_AT_MOST:
        return False
    print(f"\nOnce more, alone: {len(failed)} that failed.", flush=True)
    if call([*again, "--last-failed"]):
        return False
    print("\nPassed on the second attempt only:", *failed, sep="\n  ", flush=True)
    return True
