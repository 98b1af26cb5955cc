"""What every command needs before it can begin: dbt's packages and a profile. Quick once they are there."""

from __future__ import annotations

import os

from driver import packages, profile
from driver.bootstrap import ROOT, project


def prepare() -> None:
    """Install the dbt packages and write a profile, unless they are there. Raises Problem if that fails."""
    if project() != ROOT:
        return  # somebody else's, who has both
    packages.install()
    write_profile()


def write_profile() -> bool:
    """Copy the example to profiles.yml, readable by its owner only, unless dbt already finds a profile of our name.

    Returns:
        whether it was written.
    """
    # A folder that was named on purpose is the reader's own: what is missing there is for them to add.
    if os.environ.get("DBT_PROFILES_DIR") or profile.is_profile_there() or (ROOT / profile.FILE).exists():
        return False
    text = (ROOT / "profiles.example.yml").read_text("utf-8")
    temporary = ROOT / ".cache" / profile.FILE
    temporary.parent.mkdir(exist_ok=True)
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(ROOT / profile.FILE)
    return True
