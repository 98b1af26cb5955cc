"""Every tool that judges the project without running it, and what each is asked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from typing import TYPE_CHECKING, NamedTuple

import yaml

from driver.bootstrap import CACHE, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT_ONCE = 2
# Together they take sqlfluff longer than all other queries: the longest ones, and one macro's for each foreign key but the first.
LONG = ("catalogue", "foreign_keys_hold", "sequences_ahead", "[!a]*_point_to_*")


class Linter(NamedTuple):
    """A tool, and the commands that make up its judgement; the first that fails ends it."""

    name: str
    commands: list[list[str]]


class Finding(NamedTuple):
    """What became of a linter."""

    clean: bool
    seconds: float
    output: str


@contextmanager
def beside(*, everything: bool) -> Iterator[Callable[[], bool]]:
    """Run the linters, one by one, beside the block, which often waits. What it gets tells what they found, when asked."""
    told: list[str] = []
    clean: list[bool] = []
    stop = threading.Event()
    thread = threading.Thread(target=lambda: clean.append(run(1, told.append, stop, everything=everything)))
    thread.start()

    def ask() -> bool:
        thread.join()
        print(*told, sep="\n", flush=True)
        return clean == [True]

    try:
        yield ask
    finally:
        stop.set()
        thread.join()


def run(
    at_once: int = AT_ONCE,
    tell: Callable[[str], None] = print,
    stop: threading.Event | None = None,
    *,
    everything: bool = True,
) -> bool:
    """Run all linters, tell what they find, and return whether they find nothing.

    Args:
        at_once: how many at a time.
        tell: what to tell it with.
        stop: once it is set, no other begins.
        everything: whether the longest queries are judged as well, which take longer than all others.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(at_once) as pool:
        # dbt wants a profile even where it connects to nothing.
        copy(ROOT / "profiles.example.yml", Path(folder, "profiles.yml"))
        environment = {**os.environ, "DBT_PROFILES_DIR": folder, "PYTHONPATH": str(ROOT / "scripts"), "NO_COLOR": "1"}
        linters = all_linters(everything=everything)
        clean = True
        findings = pool.map(lambda linter: _judge(linter, environment, stop or threading.Event()), linters)
        for linter, finding in zip(linters, findings, strict=True):
            tell(f"{'ok  ' if finding.clean else 'FAIL'} {linter.name} ({finding.seconds:.0f} s)")
            if not finding.clean:
                clean = False
                tell(finding.output.rstrip() + "\n")
    return clean


def all_linters(*, everything: bool = True) -> list[Linter]:
    """The linters, those first that take longest."""
    python, target = sys.executable, str(CACHE / "lint")
    manifest = f"{target}/manifest.json"
    parse = ["dbt", "--quiet", "parse", "--no-partial-parse", "--warn-error", "--show-all-deprecations"]
    about_manifest = [[*parse, "--target-path", target], ["dbt-score", "lint", "--manifest", manifest]]
    # On Python 3.10 only a version of it installs that knows other rules.
    if sys.version_info >= (3, 11):
        about_manifest.append(["dbt-bouncer", "run", "--config-file", "dbt-bouncer.yml", "--show-all-failures"])
    judged = [path for folder in ("models", "snapshots", "tests") for path in sorted(Path(folder).rglob("*.sql"))]
    sqlfluff = [python, "-m", "quality.with_registry", "sqlfluff", "lint"]
    sqlfluff += [str(path) for path in judged if everything or not any(path.match(f"{name}.sql") for name in LONG)]
    return [
        Linter("sqlfluff: style of the rendered SQL", [sqlfluff]),
        Linter("dbt parse, dbt-score, dbt-bouncer: sound, described, well placed", about_manifest),
        *_hooks(),
    ]


def _hooks() -> list[Linter]:
    """The linters that pre-commit runs as well, once each: those of the environment at hand."""
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = [hook for hook in content["repos"][0]["hooks"] if "stages" not in hook]
    return [Linter(hook["name"], [hook["entry"].removeprefix(".venv-dev/bin/").split()]) for hook in hooks]


def _judge(linter: Linter, environment: dict[str, str], stop: threading.Event) -> Finding:
    start = time.monotonic()
    for command in linter.commands:
        if stop.is_set():
            return Finding(clean=False, seconds=time.monotonic() - start, output="not run to its end")
        result = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if result.returncode:
            return Finding(clean=False, seconds=time.monotonic() - start, output=result.stdout)
    return Finding(clean=True, seconds=time.monotonic() - start, output="")
