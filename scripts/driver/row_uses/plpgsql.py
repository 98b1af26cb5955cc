"""Takes the body of a plpgsql function apart into the SQL in it, by PostgreSQL's own scanner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = {
    **dict.fromkeys(("if", "elsif", "elseif", "when", "case"), "then"),
    **dict.fromkeys(("while", "for", "foreach"), "loop"),
}
_OPENERS = ("begin", "declare", "else", "loop", "exception")


@dataclass(frozen=True)
class Token:
    """A word, name, literal or sign, and where it is."""

    text: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """What it is as a name: without quotes, or in lower case."""
        return self.text[1:-1].replace('""', '"') if self.text.startswith('"') else self.text.lower()


@dataclass(frozen=True)
class Piece:
    """A statement, or the head of one that has others in it; `declares` if it is a declaration."""

    tokens: tuple[Token, ...]
    declares: bool
    words: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the words in lower case, to be looked at."""
        object.__setattr__(self, "words", tuple(token.text.lower() for token in self.tokens))

    def index(self, *words: str, start: int = 0) -> int:
        """Where the first of these words is outside of brackets; -1 if nowhere."""
        depth = 0
        for place, word in enumerate(self.words):
            depth += (word in "([") - (word in ")]")
            if place >= start and depth == 0 and word in words:
                return place
        return -1


def tokens_of(text: str) -> list[Token]:
    """All tokens but comments.

    Raises:
        PgQueryError: the text cannot be read.
    """
    import postgast

    raw = text.encode()
    return [
        Token(raw[token.start : token.end].decode(), token.start, token.end)
        for token in postgast.scan(text).tokens
        if not raw[token.start : token.end].startswith((b"--", b"/*"))
    ]


def pieces(text: str) -> Iterator[Piece]:
    """The statements of a body, in the order of the text."""
    current: list[Token] = []
    depth = cases = option = 0
    declares = label = False
    for token in tokens_of(text):
        word = token.text.lower()
        if not current:
            option = 3 if word == "#" else option - 1  # such as #variable_conflict use_column
            if option > 0:
                continue
            label = word == "<<" or (label and word != ">>")
            if label or word in (">>", ";"):
                continue
            if word in _OPENERS:
                declares = word == "declare" or (declares and word != "begin")
                if word == "else":
                    yield Piece((token,), declares=False)
                continue
        if word in ("case", "end") and current and current[0].text.lower() != "end":
            cases += 1 if word == "case" else -1
        depth += (word in "([") - (word in ")]")
        end = ";" if declares or not current else _ENDS.get(current[0].text.lower(), ";")
        if depth <= 0 and cases <= 0 and word in (end, ";"):
            yield Piece(tuple(current), declares)
            current, depth, cases = [], 0, 0
        else:
            current.append(token)
