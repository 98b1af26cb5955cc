"""The files of a report: written whole or not at all, readable by their owner only, one folder for each run."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from driver.backup import files as private
from driver.bootstrap import project
from driver.dbt_project import keep_out_of_git
from driver.report.html import render_html
from driver.report.junit import render_junit
from driver.result import Result

LATEST = "latest"
NAMES = {"json": "report.json", "html": "report.html", "junit": "junit.xml"}
RENDERERS = {"json": Result.to_json, "html": render_html, "junit": render_junit}


def folder() -> Path:
    """The folder of all reports."""
    return project() / "reports"


def write(result: Result, reports: Path) -> Path:
    """Write a result in every format, into a new folder of its run, which is returned. OSError if that cannot be done."""
    folder = reports / result.run_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_out_of_git(reports)
    for kind, render in RENDERERS.items():
        write_private(folder / NAMES[kind], render(result))
    # a convenience only: where links are not allowed, the newest folder is the last by name
    with suppress(OSError):
        draft = reports / f".{LATEST}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder.name, target_is_directory=True)
        draft.replace(reports / LATEST)
    return folder


def write_private(path: Path, text: str) -> None:
    """Put a text in a file of mode 0600, in place of an older one only when it is whole and on the disk.

    Links are followed. What is no file, such as a pipe or a device, stays what it is and is written to.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", newline="\n")
    else:
        private.write_private(Path(os.path.realpath(path)), text)


def newest(
    address: str, reports: Path | None = None, *, validated: bool = False, validation: str = ""
) -> Result | None:
    """The newest result about a database, by the address that its connection describes; None if there is none.

    With `validated` only one that got as far as the tests, with a `validation` one of this kind that did.
    """
    for file in sorted((reports or folder()).glob(f"*/{NAMES['json']}"), reverse=True):
        if file.parent.is_symlink():
            continue
        try:
            result = Result.from_json(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # of an older version, or damaged: it can tell nothing
        if (
            result.database.address == address
            and (not (validated or validation) or result.validated)
            and validation in ("", result.validation)
        ):
            return result
    return None
