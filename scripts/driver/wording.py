"""Durations, sizes, moments, long lists and changed texts as a person says them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from difflib import SequenceMatcher


def duration(seconds: float) -> str:
    """Seconds as a person says them: `0.4 s`, `12 s`, `2 min 05 s`."""
    if seconds < 9.95:  # noqa: PLR2004 - below ten, tenths tell
        return f"{seconds:.1f} s"
    if seconds < 59.5:  # noqa: PLR2004 - whole seconds do
        return f"{seconds:.0f} s"
    return f"{int(seconds + 0.5) // 60} min {int(seconds + 0.5) % 60:02d} s"


def short(seconds: float) -> str:
    """The same where it may be milliseconds: `12 ms`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else duration(seconds)  # noqa: PLR2004 - below a second


def age(seconds: float) -> str:
    """The same for as long as a backup is old: `12 s`, `5 min`, `3 h 20 min`, `4 days`."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{max(seconds, 0):.0f} s"
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 2880 else f"{minutes // 1440} days"  # noqa: PLR2004 - two days


def size(count: int) -> str:
    """Bytes as a person says them: `950 kB`, `1.2 GB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if amount >= 9.95 or unit == "B" else f"{amount:.1f} {unit}"  # noqa: PLR2004
        amount /= 1000
    return f"{amount:.1f} TB"


def moment(text: str) -> str:
    """`2026-01-31 08:00:00 UTC` for an ISO 8601 text in UTC."""
    return text.replace("T", " ").replace("Z", " UTC")


def timestamp(text: str) -> float:
    """A moment as seconds since 1970, given as an ISO 8601 text in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def seconds_since(text: str) -> float:
    """How long ago a moment is, given as an ISO 8601 text in UTC."""
    return datetime.now(timezone.utc).timestamp() - timestamp(text)


def few(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, and how many more there are: `a, b, c and 2 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def changed_words(was: str, now: str, around: int = 90) -> list[tuple[str, str]]:
    """Two texts in pieces, (old, new): alike where nothing changed, and of a long such piece only its ends."""
    old, new = (re.findall(r"\s+|\w+|.", text) for text in (was, now))
    pieces = []
    for tag, *ends in SequenceMatcher(None, old, new).get_opcodes():
        before, after = "".join(old[ends[0] : ends[1]]), "".join(new[ends[2] : ends[3]])
        if tag == "equal" and len(before) > 2 * around:
            before = after = f"{before[:around]} … {before[-around:]}"
        pieces.append((before, after))
    return pieces
