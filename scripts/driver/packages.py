"""Install the dbt packages: from the hub, from a folder of checkouts, or from offline_packages/ where neither is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from driver.bootstrap import CACHE, ROOT, exclusive
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

INSTALLED = ROOT / "dbt_packages"
OFFLINE = ROOT / "offline_packages"
SPECIFIED = ROOT / "packages.yml"
LOCKED = ROOT / "package-lock.yml"
# Inside of what it speaks of, so that `dbt deps`, which empties that folder, takes it away as well.
RECORD = ".cmsid.json"

HUB = "hub"
OFFLINE_SOURCE = "offline_packages"
OWN = "dbt deps"

PROBE_SECONDS = 5
DOWNLOAD_SECONDS = 120
NOT_NEEDED = shutil.ignore_patterns(".git", "integration_tests", "target", "logs", "dbt_packages", "__pycache__")


def install(
    packages_from: Path | None = None, *, refresh: bool = False, tell: Callable[[str], None] | None = None
) -> str:
    """See to it that dbt_packages/ holds what packages.yml names. Takes milliseconds if it does.

    Args:
        packages_from: a folder that holds checkouts of the packages, under any names; nothing else is tried then.
        refresh: whether to try the hub again if the offline packages were installed instead of it.
        tell: is given the one line that says what was installed, if anything was; default: printed to stderr.

    Returns:
        where the packages are from: HUB, OFFLINE_SOURCE, OWN (somebody ran `dbt deps`), or the folder.

    Raises:
        Problem: if a package is missing in `packages_from`, or in the offline packages.
    """
    tell = tell or _print
    source = _installed_source()
    if packages_from is None and source and not (refresh and source == OFFLINE_SOURCE):
        return source
    with exclusive():
        # Another process may have installed them while this one waited for its turn.
        source = _installed_source()
        if packages_from is not None:
            return _install_from(packages_from.expanduser().absolute(), tell)
        if source and not (refresh and source == OFFLINE_SOURCE):
            return source
        return _install_from_hub_or_offline(source, tell)


def _print(line: str) -> None:
    print(line, file=sys.stderr)


def _installed_source() -> str:
    """Where the installed packages are from; empty if any is missing or they are not those that are specified now."""
    try:
        record = json.loads((INSTALLED / RECORD).read_text("utf-8"))
    except FileNotFoundError:
        # Installed with plain dbt: dbt itself knows best whether they are the right ones.
        return OWN if INSTALLED.is_dir() and _required() <= projects_in(INSTALLED).keys() else ""
    except (OSError, ValueError):
        return ""
    source = str(record["source"])
    complete = all((INSTALLED / name / "dbt_project.yml").is_file() for name in record["packages"])
    return source if complete and record["digest"] == _digest(source) else ""


def _digest(source: str) -> str:
    """A digest of everything that an installation from this source depends on."""
    files = [SPECIFIED, LOCKED]
    if source == OFFLINE_SOURCE:
        files += sorted(path for path in OFFLINE.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _install_from_hub_or_offline(source: str, tell: Callable[[str], None]) -> str:
    if _is_hub_reachable():
        try:
            _download()
        except (OSError, subprocess.SubprocessError, Problem):
            why = "the dbt packages could not be downloaded"
        else:
            tell("dbt packages: installed from the package hub.")
            return HUB
    else:
        why = "the dbt package hub cannot be reached"
    if source != OFFLINE_SOURCE:
        projects = projects_in(OFFLINE)
        _check_complete(_required(), projects, OFFLINE, "restore that folder from version control")
        _replace_installed(projects, OFFLINE_SOURCE)
    tell(f"dbt packages: {why}, so the project's own offline_packages/ are used.")
    return OFFLINE_SOURCE


def _install_from(folder: Path, tell: Callable[[str], None]) -> str:
    if not folder.is_dir():
        raise Problem("There is no such folder", where=str(folder), do="name one that holds the packages' checkouts")
    projects = projects_in(folder)
    wanted = _with_dependencies(_required(), projects)
    _check_complete(wanted, projects, folder, "put a checkout of it there, in a folder of any name")
    _replace_installed({name: projects[name] for name in wanted}, str(folder))
    tell(f"dbt packages: installed from {folder}: {', '.join(sorted(wanted))}.")
    return str(folder)


def _required(project: Path = ROOT) -> set[str]:
    """The names of the packages that a project asks for in its packages.yml."""
    path = project / "packages.yml"
    entries = (_yaml(path).get("packages") or []) if path.exists() else []
    return {str(entry["package"]).rpartition("/")[2] for entry in entries if "package" in entry}


def _with_dependencies(names: Iterable[str], projects: dict[str, Path]) -> set[str]:
    """These packages, and those that they ask for in their turn."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += _required(projects[name]) if name in projects else ()
    return found


def _check_complete(wanted: Iterable[str], projects: dict[str, Path], folder: Path, remedy: str) -> None:
    missing = sorted(set(wanted) - projects.keys())
    if missing:
        raise Problem(f"The dbt package {missing[0]} is missing", where=str(folder), do=remedy)


def projects_in(folder: Path) -> dict[str, Path]:
    """The dbt projects directly inside a folder, by the name that each gives itself."""
    paths = sorted(folder.glob("*/dbt_project.yml"))
    return {str(_yaml(path).get("name")): path.parent for path in paths}


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Problem("A file of a dbt package cannot be read", where=str(path), do="correct it") from error
    return content if isinstance(content, dict) else {}


def _is_hub_reachable() -> bool:
    """Whether the hub answers within a few seconds; in a thread, since looking up a name has no time-out of its own."""
    answered: list[bool] = []
    thread = threading.Thread(target=lambda: answered.append(_probe()), daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS + 1)
    return answered == [True]


def _probe() -> bool:
    import requests

    hub = os.environ.get("DBT_PACKAGE_HUB_URL", "https://hub.getdbt.com/").rstrip("/")
    try:
        return requests.get(f"{hub}/api/v1/metaplane/dbt_expectations.json", timeout=PROBE_SECONDS).ok
    except requests.RequestException:
        return False


def _download() -> None:
    """Let `dbt deps` install into a project of its own, so that a failure half-way leaves ours as it was."""
    project = _empty(CACHE / "packages-download")
    for file in (SPECIFIED, LOCKED):
        shutil.copy(file, project)
    (project / "dbt_project.yml").write_text("name: download\nversion: 1.0.0\nprofile: none\n", "utf-8")
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "deps", "--project-dir", str(project)]
    subprocess.run(command, check=True, capture_output=True, timeout=DOWNLOAD_SECONDS, cwd=project)
    projects = projects_in(project / "dbt_packages")
    _check_complete(_required(), projects, project, "run this again")
    _replace_installed(projects, HUB)
    shutil.rmtree(project)


def _empty(folder: Path) -> Path:
    """A new, empty folder in the place of whatever an interrupted run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _replace_installed(projects: dict[str, Path], source: str) -> None:
    """Put copies of these projects in place of dbt_packages/, all or nothing."""
    new = _empty(CACHE / "packages-new")
    for name, path in projects.items():
        shutil.copytree(path, new / name, ignore=NOT_NEEDED)
    record = {"source": source, "packages": sorted(projects), "digest": _digest(source)}
    (new / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    old = CACHE / "packages-old"
    shutil.rmtree(old, ignore_errors=True)
    if INSTALLED.exists():
        INSTALLED.rename(old)
    new.rename(INSTALLED)
    shutil.rmtree(old, ignore_errors=True)
