"""What `scripts/test` does with its arguments."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from driver import packages
from driver.bootstrap import ROOT
from driver.embedded_server import sweep
from driver.errors import Problem
from quality import linters, system_packages, tests

DONE, FAILED, INTERRUPTED = 0, 1, 130

DESCRIPTION = """\
Run all linters, then every kind of test on the newest PostgreSQL.

Anything that is no option of this command is given to pytest, and then only those tests run:
  scripts/test integration_tests/test_setup.py -k interrupted
"""


def main(arguments: list[str]) -> int:
    """Run what is asked for.

    Returns:
        the exit code: 0 if nothing was found, 1 if something was, 2 for wrong usage, 130 on Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        "scripts/test", description=DESCRIPTION, formatter_class=_Formatter, allow_abbrev=False
    )
    parser.add_argument("--lint", action="store_true", help="the linters only")
    parser.add_argument("--all", action="store_true", help="every test, on every PostgreSQL found, and the coverage")
    options, for_pytest = parser.parse_known_args(arguments)
    # The tools of the environment, before others of the same names.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    os.chdir(ROOT)
    try:
        with tests.files_in_memory():
            return _run(options.lint, options.all, for_pytest)
    except Problem as problem:
        print(f"Error: {problem.message}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        sweep()  # a worker that is ended while it tidies up leaves its server's files
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves the lines of the description as they are."""


def _run(lint: bool, everything: bool, for_pytest: list[str]) -> int:  # noqa: FBT001 - the command's own options
    start = time.monotonic()
    packages.install()
    if lint:
        return DONE if linters.run() else FAILED
    if for_pytest:
        return _pytest(["--all"] * everything + for_pytest)
    if everything:
        system_packages.install_missing()
    # Both are run in any case: one look at the end shows everything there is to do.
    with linters.beside(everything=everything) as found_nothing:
        passed = tests.run_all() if everything else tests.run()
        clean = found_nothing()
    print(f"\n{'All is well' if clean and passed else 'There are failures'}, {time.monotonic() - start:.0f} s.")
    return DONE if clean and passed else FAILED


def _pytest(arguments: list[str]) -> int:
    return DONE if tests.call([sys.executable, "-m", "pytest", *arguments]) == 0 else FAILED
