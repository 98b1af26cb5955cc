"""Install the dbt packages: from the hub, from a folder of checkouts, or from offline_packages/ where neither is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from driver import profile
from driver.bootstrap import CACHE, ROOT, exclusive, project
from driver.dbt_project import read_yaml
from driver.errors import Problem

INSTALLED = ROOT / "dbt_packages"
OFFLINE = ROOT / "offline_packages"
LOCKED = ROOT / "package-lock.yml"
# Where they are from, and the lock file of then. Inside dbt_packages/, so that `dbt deps`, which empties it, takes it away.
RECORD = ".cmsid"

HUB = "hub"
OFFLINE_SOURCE = "offline_packages"
OWN = "dbt deps"

PROBE_SECONDS = 5
DOWNLOAD_SECONDS = 120
NOT_NEEDED = shutil.ignore_patterns(".git", "integration_tests", "target", "logs", "dbt_packages", "__pycache__")


def prepare() -> None:
    """Install the packages and write a profile, unless they are there: what every command needs before it can begin."""
    if project() != ROOT:
        return  # somebody else's, who has both
    install()
    profile.write_profile()


def install(packages_from: Path | None = None, *, refresh: bool = False) -> str:
    """See to it that dbt_packages/ holds what packages.yml names. Takes milliseconds if it does.

    Args:
        packages_from: a folder that holds checkouts of the packages, under any names; nothing else is tried then.
        refresh: whether to try the hub again if the offline packages were installed instead of it.

    Returns:
        where the packages are from: HUB, OFFLINE_SOURCE, OWN (somebody ran `dbt deps`), or the folder.

    Raises:
        Problem: if a package is missing in `packages_from`, or in the offline packages.
    """
    unwanted = ("", OFFLINE_SOURCE) if refresh else ("",)
    if not packages_from and (source := _installed_source()) not in unwanted:
        return source
    with exclusive():
        # Another process may have installed them while this one waited for its turn.
        if not packages_from and (source := _installed_source()) not in unwanted:
            return source
        if packages_from:
            folder = packages_from.expanduser().absolute()
            names = _copy(folder, str(folder), "put a checkout of it there, in a folder of any name")
            _tell(f"installed from {folder}: {', '.join(names)}")
            return str(folder)
        if _is_hub_reachable():
            if _download():
                _tell("installed from the package hub")
                return HUB
            why = "the dbt packages could not be downloaded"
        else:
            why = "the dbt package hub cannot be reached"
        _copy(OFFLINE, OFFLINE_SOURCE, "restore that folder from version control")
        _tell(f"{why}, so the project's own offline_packages/ are used")
        return OFFLINE_SOURCE


def _tell(what: str) -> None:
    print(f"dbt packages: {what}.", file=sys.stderr)


def _installed_source() -> str:
    """Where the installed packages are from; empty if any is missing or they are not those that are specified now."""
    try:
        source, _, locked = (INSTALLED / RECORD).read_text("utf-8").partition("\n")
    except FileNotFoundError:
        # Installed with plain dbt: dbt itself knows best whether they are the right ones.
        # dbt 1.12 counts also those that packages ask for, which the lock file has.
        wanted = {str(entry["name"]) for entry in _read(LOCKED).get("packages") or []}
        return OWN if INSTALLED.is_dir() and wanted <= projects_in(INSTALLED).keys() else ""
    if source == OFFLINE_SOURCE:
        return source if _content(INSTALLED) == _content(OFFLINE) else ""
    return source if locked == LOCKED.read_text("utf-8") else ""


def _content(folder: Path) -> dict[str, bytes]:
    """The files in its subfolders; those of the offline packages are few and small."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.glob("*/**/*") if file.is_file()}


def projects_in(folder: Path) -> dict[str, Path]:
    """The dbt projects directly inside a folder, by the name that each gives itself."""
    return {str(_read(path).get("name")): path.parent for path in sorted(folder.glob("*/dbt_project.yml"))}


def _read(path: Path) -> dict[str, Any]:
    return read_yaml(path, "A file of a dbt package")


def _required(folder: Path) -> set[str]:
    """The names of the packages that a project asks for in its packages.yml."""
    path = folder / "packages.yml"
    entries = (_read(path).get("packages") or []) if path.exists() else []
    return {str(entry["package"]).rpartition("/")[2] for entry in entries if "package" in entry}


def _copy(folder: Path, source: str, remedy: str) -> list[str]:
    """Put copies of the packages, and of those that they ask for, in place of dbt_packages/, and return their names."""
    if not folder.is_dir():
        raise Problem("There is no such folder", where=str(folder), do="name one that holds the packages' checkouts")
    projects = projects_in(folder)
    wanted = sorted(_required(ROOT))
    for name in wanted:
        if name not in projects:
            raise Problem(f"The dbt package {name} is missing", where=str(folder), do=remedy)
        wanted += sorted(_required(projects[name]) - {*wanted})
    new = CACHE / "packages-new"
    shutil.rmtree(new, ignore_errors=True)
    for name in wanted:
        shutil.copytree(projects[name], new / name, ignore=NOT_NEEDED)
    _write_record(new, source)
    shutil.rmtree(INSTALLED, ignore_errors=True)
    new.rename(INSTALLED)
    return sorted(wanted)


def _write_record(folder: Path, source: str) -> None:
    (folder / RECORD).write_text(f"{source}\n{LOCKED.read_text('utf-8')}", "utf-8")


def _is_hub_reachable() -> bool:
    """Whether the hub answers within a few seconds; in a process, since looking up a name has no time-out of its own."""
    hub = os.environ.get("DBT_PACKAGE_HUB_URL", "https://hub.getdbt.com/").rstrip("/")
    ask = f"import requests; requests.get({f'{hub}/api/v1/metaplane/dbt_expectations.json'!r}).raise_for_status()"
    return _succeeds(["-c", ask], PROBE_SECONDS)


def _succeeds(arguments: list[str], seconds: int) -> bool:
    try:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=seconds, cwd=ROOT)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _download() -> bool:
    """Let `dbt deps` install them; whether it could."""
    command = ["-m", "dbt.cli.main", "--quiet", "deps", "--project-dir", str(ROOT)]
    if not _succeeds(command, DOWNLOAD_SECONDS):
        return False
    _write_record(INSTALLED, HUB)
    return True
