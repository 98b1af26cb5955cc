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
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        if reason := _why_not(["apt-get", "--quiet=2", *words], environment):
            print(f"apt-get {words[0]} failed; the tests that need these are skipped: {reason}", flush=True)
            return


def _why_not(command: list[str], environment: dict[str, str]) -> str:
    """Run a command to its end, also after Ctrl-C, which it does not hear: interrupted, dpkg would refuse all that follows.

    Returns:
        why it failed; empty if it did not.
    """
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            told = process.communicate()[1]
        except KeyboardInterrupt:
            process.communicate()
            raise
    return " ".join(told.split()) or f"code {process.returncode}" if process.returncode else ""


def _missing() -> list[str]:
    """Debian's packages for what is not here: a browser and its driver, npm, a pooler, and a PostgreSQL of a major not embedded."""
    missing = []
    if not any(map(which, ("chromium", "chromium-browser", "google-chrome"))):
        missing.append("chromium")
    if not which("chromedriver"):
        missing.append("chromium-driver")
    if not which("npm"):
        missing.append("npm")
    if not which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"):
        missing.append("pgbouncer")
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
