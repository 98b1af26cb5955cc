"""What every command needs before it can begin: dbt's packages and a profile. Quick once they are there."""

from __future__ import annotations

import os

from driver import packages, profile
from driver.backup.files import write_private
from driver.bootstrap import ROOT, project


def prepare() -> None:
    """Install the dbt packages and write a profile, unless they are there. Raises Problem if that fails."""
    if project() != ROOT:
        return  # somebody else's, who has both
    packages.install()
    write_profile()


def write_profile() -> bool:
    """Copy the example to profiles.yml, unless dbt already finds a profile of our name. Returns whether it was written."""
    # A folder that was named on purpose is the reader's own: what is missing there is for them to add.
    if os.environ.get("DBT_PROFILES_DIR") or profile.is_profile_there() or (ROOT / profile.FILE).exists():
        return False
    write_private(ROOT / profile.FILE, (ROOT / "profiles.example.yml").read_text("utf-8"))
    return True
