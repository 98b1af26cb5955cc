"""Where sequences stand. They are outside every snapshot: a restored one may be further than at the backup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

    Sequences = list[dict[str, Any]]

# A sequence that was never used has no last value; it stands before its start.
QUERY = """
select json_build_object(
    'schema', schemaname, 'name', sequencename, 'increment', increment_by, 'cycle', cycle,
    'last_value', last_value, 'start', start_value
)
from pg_catalog.pg_sequences
where schemaname !~ '^pg_'
order by schemaname, sequencename
"""


def read(session: psycopg.Connection[Any]) -> Sequences:
    """Every sequence of the session's database."""
    return [row[0] for row in session.execute(QUERY).fetchall()]


def differences(found: Sequences, wanted: Sequences) -> list[str]:
    """Which sequences are missing or behind, in words; empty if none is."""
    there = {(sequence["schema"], sequence["name"]): sequence for sequence in found}
    lines = []
    for sequence in wanted:
        label = f"sequence {sequence['schema']}.{sequence['name']}"
        other = there.get((sequence["schema"], sequence["name"]))
        if other is None:
            lines.append(f"{label} is missing")
        elif _is_behind(other, sequence):
            lines.append(f"{label} stands at {other['last_value']}, at the backup at {sequence['last_value']}")
    return lines


def _is_behind(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if wanted["last_value"] is None or wanted["cycle"]:
        return False
    if found["last_value"] is None:
        return True
    direction = 1 if wanted["increment"] > 0 else -1
    return bool(found["last_value"] * direction < wanted["last_value"] * direction)
