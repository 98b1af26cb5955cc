"""How Drizzle turns the keys of a table's columns into column names."""

from __future__ import annotations

import re
from enum import Enum

_WORD = re.compile(r"[a-z0-9]+|[A-Z]+(?![a-z])|[A-Z][a-z0-9]+")


class Casing(Enum):
    """What happens to the key of a column that is given no name of its own."""

    NONE = "none"
    SNAKE = "snake_case"
    CAMEL = "camelCase"
    UNKNOWN = "unknown"

    def column_name(self, key: str) -> str | None:
        """Applies the casing.

        Args:
            key: a column's key in the schema file, `cmsId` say.

        Returns:
            The column's name in the database; None where the casing is not known and would make a difference.
        """
        if self is Casing.NONE:
            return key
        words = _WORD.findall(key.replace("'", ""))
        snake = "_".join(word.lower() for word in words)
        if self is Casing.SNAKE:
            return snake
        if self is Casing.CAMEL:
            return "".join(word.lower() if i == 0 else word[:1].upper() + word[1:] for i, word in enumerate(words))
        return key if key == snake else None


def is_multi_word(key: str) -> bool:
    """Whether a casing would make a difference to the key."""
    return Casing.SNAKE.column_name(key) != key or "_" in key
