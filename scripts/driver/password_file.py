"""libpq's password file: one line for each role, readable by its owner only."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_password_file(path: Path, host: str, passwords: Mapping[str, str]) -> None:
    """Write role -> password for any port and database of a host, in place of what is there."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for role, password in passwords.items():
            file.write(f"{host}:*:*:{_escaped(role)}:{_escaped(password)}\n")
    draft.replace(path)


def read_password_file(path: Path) -> dict[str, str]:
    """Role -> password, as `write_password_file` wrote them."""
    passwords = {}
    for line in path.read_text("utf-8").splitlines():
        fields = [_unescaped(field) for field in re.findall(r"(?:^|:)((?:\\.|[^:\\])*)", line)]
        passwords[fields[3]] = fields[4]
    return passwords


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")


def _unescaped(field: str) -> str:
    return re.sub(r"\\(.)", r"\1", field)
