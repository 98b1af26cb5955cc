"""Programs some tests use that no Python package brings: installed where that asks nobody, on a Debian run by root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

SKIP = "CMSID_NO_SYSTEM_PACKAGES"
EMBEDDED_MAJORS = (16, 18)


def install_missing() -> None:
    """Install what is missing if nobody need be asked; else the tests that need it are skipped, and say so."""
    missing = _missing()
    if not missing or os.environ.get(SKIP) or os.name == "nt" or os.geteuid() != 0 or not which("apt-get"):
        return
    print(f"Installing for the tests: {', '.join(missing)} ({SKIP}=1 skips this).", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _do_not_start_servers()
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        result = subprocess.run(["apt-get", "--quiet=2", *command], env=environment, capture_output=True, check=False)
        if result.returncode:
            print(f"apt-get {command[0]} failed; the tests that need these are skipped.", flush=True)
            return


def _missing() -> list[str]:
    """Names of Debian's packages for what is not here: a browser and its driver, npm, and a PostgreSQL of a major not embedded."""
    missing = []
    if not any(map(which, ("chromium", "chromium-browser", "google-chrome"))):
        missing.append("chromium")
    if not which("chromedriver"):
        missing.append("chromium-driver")
    if not which("npm"):
        missing.append("npm")
    majors = [path.parts[4] for path in Path("/").glob("usr/lib/postgresql/*/bin/postgres")]
    if not any(major not in map(str, EMBEDDED_MAJORS) for major in majors):
        missing.append("postgresql")
    return missing


def _do_not_start_servers() -> None:
    """Keep Debian from making and starting a database server of its own: the tests start theirs."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n", "utf-8")
