"""What a dry run prints, judged by squawk and sqlfluff: the SQL that a DBA is given to read, and perhaps runs by hand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.plan import steps_of
from support.registry import NO_BACKUP

if TYPE_CHECKING:
    from support.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
OLDEST = "14.0"  # of the supported majors: what is safe on a newer server may not be on this one
EXCEPTED = re.compile(r"^-- squawk-ignore-file (\S+)$", re.MULTILINE)
# Rules of sqlfluff that a text put together from the names of a registry cannot keep, and why.
GENERATED = {
    "LT02": "a list of tables is indented as in its macro; the actions of ALTER TABLE, it says, must not be indented",
    "LT05": "how long a line gets depends on the names of tables and constraints",
    "RF06": "every name is quoted, because any could need it",
}


def _said_by(program: str, *arguments: str) -> list[Any]:
    """What a linter of this environment answers as JSON; one that fails in another way fails the test."""
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    said: list[Any] = json.loads(done.stdout)
    return said


def _squawk(script: str, file: Path) -> set[str]:
    file.write_text(script, "utf-8")
    said = _said_by("squawk", "--pg-version", OLDEST, "--reporter", "json", str(file))
    return {finding["rule_name"] for finding in said}


def _sqlfluff(script: str, file: Path) -> list[str]:
    file.write_text(script, "utf-8")
    options = ["--config", ".sqlfluff", "--templater", "raw", "--exclude-rules", ",".join(GENERATED)]
    (said,) = _said_by("sqlfluff", "lint", "--format", "json", *options, str(file))
    return [f"{found['start_line_no']}: {found['code']} {found['description']}" for found in said["violations"]]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("state", "operation", "arguments"),
    [
        pytest.param("baselined_registry", "add_cms_id", "{dry_run: true, mode: window}", id="window"),
        pytest.param("baselined_registry", "add_cms_id", "{dry_run: true, mode: online}", id="online"),
        pytest.param("migrated_registry", "drop_cms_id", "{dry_run: true}", id="undo"),
    ],
)
@pytest.mark.usefixtures("major")
def test_linters_have_nothing_to_say_of_a_plan(
    request: pytest.FixtureRequest, tmp_path: Path, state: str, operation: str, arguments: str
) -> None:
    registry: Registry = request.getfixturevalue(state)
    run = registry.dbt_ok("--quiet", "run-operation", operation, "--args", arguments, variables=NO_BACKUP)
    script = run.output[run.output.index("-- ") :]
    assert steps_of(script)
    assert _squawk(script, tmp_path / "plan.sql") == set()
    # An exception that nothing needs would hide the next fault.
    assert _squawk(EXCEPTED.sub("", script), tmp_path / "bare.sql") == set(EXCEPTED.findall(script))
    assert _sqlfluff(script, tmp_path / "plan.sql") == []
    assert _sqlfluff(script + "SELECT 1 as A;\n", tmp_path / "faulty.sql"), "nothing was looked at"
