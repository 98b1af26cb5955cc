"""Tells what a migration's SQL does to cms_id columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from driver.drizzle.migration_sql import COLUMN, MARKER, Target

Relation = tuple[str | None, str]
"""Schema, where one is given, and table."""

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|\w+)'
_RELATION = rf"(?P<relation>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)"
_ADD_COLUMN = re.compile(rf'ALTER TABLE {_RELATION} ADD COLUMN "?{COLUMN}"? integer', re.IGNORECASE)
_UPDATE = re.compile(
    rf'UPDATE {_RELATION} SET "?{COLUMN}"? ?= ?{_IDENTIFIER}',  # noqa: S608 - to recognise, not to run
    re.IGNORECASE,
)
_ADD_CONSTRAINT = re.compile(
    rf'ALTER TABLE {_RELATION} ADD CONSTRAINT (?P<name>{_IDENTIFIER}) UNIQUE ?\( ?"?{COLUMN}"? ?\)', re.IGNORECASE
)
_CREATE = re.compile(rf'CREATE TABLE (?:IF NOT EXISTS )?{_RELATION} ?\(.*(?<!\w)"?{COLUMN}"? integer', re.IGNORECASE)
_VIEW = re.compile(rf"(?P<verb>DROP|CREATE) (?:MATERIALIZED )?VIEW (?:IF EXISTS )?{_RELATION}", re.IGNORECASE)
_MARKER = re.compile(rf"^\ufeff? *{MARKER}", re.MULTILINE)
_MARKED = re.compile(r"^ *\('((?:[^']|'')+)', '((?:[^']|'')+)'\),?$", re.MULTILINE)


class Form(Enum):
    """What a migration's SQL is."""

    GENERATED = "generated"
    """As drizzle-kit leaves it: columns and constraints, and no row filled."""
    WHOLE = "whole"
    MARKER = "marker"
    CREATED = "created"
    """The tables are made with the column in them, so there are no rows to fill."""


@dataclass(frozen=True)
class Content:
    """What a migration holds of ours, and what else."""

    form: Form
    targets: tuple[Target, ...]
    others: tuple[str, ...]
    """Statements that are none of ours."""
    dropped: tuple[str, ...] = ()
    """The DROP of each view that is made again: drizzle-kit does that with views that select all columns of a table."""
    made_again: tuple[str, ...] = ()


class HalfDoneError(Exception):
    """A migration that holds only a part of what a table needs; the message completes "<file> ..."."""


def content(text: str) -> Content | None:
    """Reads a migration.

    Args:
        text: its SQL.

    Returns:
        What it does to cms_id columns; None where it does nothing to any.

    Raises:
        HalfDoneError: it does so only in part.
    """
    found = _Found()
    for statement in statements(text):
        found.take(statement)
    views = found.views()
    if _MARKER.search(text):
        marked = [(_split(_unquoted(r)), _unquoted(c)) for r, c in _MARKED.findall(text.replace("\r\n", "\n"))]
        return Content(Form.MARKER, tuple(Target(*parts, constraint) for parts, constraint in marked), (), *views)
    if found.added:
        found.check()
        form = Form.WHOLE if found.filled else Form.GENERATED
        targets = tuple(Target(*relation, found.constrained[relation]) for relation in found.added)
        return Content(form, targets, tuple(found.others), *views)
    if found.created:
        return Content(Form.CREATED, tuple(Target(*r, "") for r in found.created), tuple(found.others))
    return None


@dataclass
class _Found:
    """What the statements of a migration do, by table."""

    added: list[Relation] = field(default_factory=list)
    filled: list[Relation] = field(default_factory=list)
    constrained: dict[Relation, str] = field(default_factory=dict)
    created: list[Relation] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def take(self, statement: str) -> None:
        if match := _ADD_COLUMN.fullmatch(statement):
            self.added.append(_split(match["relation"]))
        elif match := _UPDATE.fullmatch(statement):
            self.filled.append(_split(match["relation"]))
        elif match := _ADD_CONSTRAINT.fullmatch(statement):
            self.constrained[_split(match["relation"])] = _name(match["name"])
        else:
            self.others.append(statement)
            if match := _CREATE.match(statement):
                self.created.append(_split(match["relation"]))

    def views(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Takes the views that are dropped and made again out of `others`: their drops, and what makes them."""
        kinds: dict[str, dict[Relation, str]] = {"DROP": {}, "CREATE": {}}
        for statement in self.others:
            if match := _VIEW.match(statement):
                kinds[match["verb"].upper()][_split(match["relation"])] = statement
        drops, creates = kinds["DROP"], kinds["CREATE"]
        both = tuple(drops[r] for r in drops if r in creates), tuple(creates[r] for r in creates if r in drops)
        self.others = [statement for statement in self.others if statement not in both[0] + both[1]]
        return both

    def check(self) -> None:
        for relation in self.added:
            if relation not in self.constrained:
                raise HalfDoneError(f"adds {COLUMN} to {relation[1]}, but no unique constraint on it")
            if self.filled and relation not in self.filled:
                raise HalfDoneError(f"fills {COLUMN} of some tables, but not of {relation[1]}")


def statements(text: str) -> list[str]:
    """The statements of a migration, without comments, each on one line."""
    found, current = [], ""
    for token in _TOKEN.finditer(text.removeprefix("\ufeff")):
        if token["blank"]:
            current = current.rstrip(" ") + " "
        elif token[0] == ";":
            found.append(current)
            current = ""
        else:
            current += token[0]
    return [statement.strip() for statement in [*found, current] if statement.strip()]


_TOKEN = re.compile(
    r"""(?P<blank>--[^\n]*|/\*.*?\*/|\s+)|"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\w*)\$.*?\$\2\$|.""",
    re.DOTALL,
)


def _split(relation: str) -> tuple[str | None, str]:
    parts = [_name(part) for part in re.findall(_IDENTIFIER, relation)]
    return (parts[0] if len(parts) > 1 else None), parts[-1]


def _name(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier.lower()


def _unquoted(literal: str) -> str:
    return literal.replace("''", "'")
