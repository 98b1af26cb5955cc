"""How an application writes its columns: whether they are named, how keys are written, which quotes are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.drizzle.casing import Casing, is_multi_word
from driver.drizzle.typescript import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driver.drizzle.declarations import Column, Declaration
    from driver.drizzle.kit import Kit
    from driver.drizzle.typescript import TypeScript

COLUMN = "cms_id"
KEY = "cmsId"


def casing_of(declaration: Declaration, kit: Kit) -> Casing:
    """How the keys of this declaration become column names."""
    if declaration.factory.casing is not None:
        return declaration.factory.casing
    return Casing.NONE if kit.names_by_table else kit.casing


class Style:
    """The style of an application's columns, nearest example first."""

    def __init__(self, declarations: Sequence[Declaration], kit: Kit) -> None:
        """Takes in the examples.

        Args:
            declarations: those of all core tables; what one of them does not show is taken from the others.
            kit: how drizzle-kit is set up.
        """
        self.kit = kit
        self.declarations = declarations

    def column(self, declaration: Declaration, beside: Column, function: str, constraint: str | None) -> str:
        """The column as text, without a comma."""
        key = self.key(declaration)
        quote = self.quote(declaration.file)
        name = f"{quote}{COLUMN}{quote}" if self.is_named(declaration, key) else ""
        unique = f"{quote}{constraint}{quote}" if constraint else ""
        return f"{beside.quote}{key}{beside.quote}: {function}({name}).unique({unique})"

    def constraint_name(self, declaration: Declaration) -> str:
        """The name Drizzle gives the new column's constraint."""
        key = self.key(declaration)
        name = COLUMN if self.is_named(declaration, key) else None
        return self.kit.constraint_name(declaration.table, key, name)

    def key(self, declaration: Declaration) -> str:
        """The key of the new column."""
        for columns in self._levels(declaration):
            snake = [c for c in columns if "_" in c.key.strip("_")]
            camel = [c for c in columns if is_multi_word(c.key) and "_" not in c.key]
            if snake or camel:
                return COLUMN if len(snake) > len(camel) else KEY
        return KEY

    def is_named(self, declaration: Declaration, key: str) -> bool:
        """Whether the new column has to be given its name in so many words."""
        name = casing_of(declaration, self.kit).column_name(key)
        if name not in (COLUMN, None):
            return True
        for columns in self._levels(declaration):
            # A column of one word shows the style only where no other does.
            shown = [c for c in columns if is_multi_word(c.key)]
            if shown:
                return _most_named(shown)
        if name is None:
            return True
        return next((_most_named(columns) for columns in self._levels(declaration) if columns), False)

    def _levels(self, declaration: Declaration) -> list[list[Column]]:
        """The columns of the declaration, of its file, of all: the nearest that shows something decides."""
        file = [d for d in self.declarations if d.file is declaration.file]
        groups = [[declaration], file, self.declarations]
        return [
            [c for d in group if d.columns for c in d.columns.columns if c.call is not None and KEY != c.key != COLUMN]
            for group in groups
        ]

    def quote(self, file: TypeScript) -> str:
        """The quote that most strings of a file stand in."""
        quotes = [node.text[:1] for node in walk(file.root) if node.type == "string" and node.text]
        return '"' if quotes.count(b'"') > quotes.count(b"'") else "'"


def _most_named(columns: Sequence[Column]) -> bool:
    named = sum(column.name is not None for column in columns)
    return named * 2 > len(columns)
