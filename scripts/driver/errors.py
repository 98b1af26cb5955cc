"""The one exception a user is meant to see."""

from __future__ import annotations

import click


class Problem(click.ClickException):
    """An expected failure, told in one sentence: what, where, what to do. Exit code 1."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        """Join the parts into the sentence.

        Args:
            what: what is wrong, without a full stop.
            where: the object, file or server it is wrong with.
            do: what the reader should do next.
        """
        parts = [what + (f" ({where})" if where else "")]
        if do:
            parts.append(do)
        super().__init__(": ".join(parts))
        self.what, self.where, self.do = what, where, do
