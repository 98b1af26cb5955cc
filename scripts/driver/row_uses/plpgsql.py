"""Takes the body of a plpgsql function apart into the SQL in it, by PostgreSQL's own scanner, and follows which of it is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ENDS = {
    **dict.fromkeys(("if", "elsif", "elseif", "when", "case"), "then"),
    **dict.fromkeys(("while", "for", "foreach"), "loop"),
}
_OPENERS = ("begin", "declare", "else", "loop", "exception")  # no end follows them


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

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its tokens in lower case, to be looked at."""
        return tuple(token.text.lower() for token in self.tokens)


def index_of(tokens: Sequence[Token], *words: str, start: int = 0) -> int:
    """Where the first of these words is outside of brackets; -1 if nowhere."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.text in "([") - (token.text in ")]")
        if place >= start and depth == 0 and token.text.lower() in words:
            return place
    return -1


def parted(tokens: Sequence[Token], *words: str) -> tuple[Sequence[Token], Sequence[Token]]:
    """What is before the first of these words, and what is behind it."""
    place = index_of(tokens, *words)
    return (tokens, ()) if place < 0 else (tokens[:place], tokens[place + 1 :])


def tokens_of(text: str) -> list[Token]:
    """All tokens but comments."""
    import postgast

    raw = text.encode()
    return [
        Token(raw[token.start : token.end].decode(), token.start, token.end)
        for token in postgast.scan(text).tokens
        if not raw[token.start : token.end].startswith((b"--", b"/*"))
    ]


@lru_cache(maxsize=64)
def pieces(text: str) -> tuple[Piece, ...]:
    """The statements of a body, in the order of the text."""
    found: list[Piece] = []
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
                if word != "declare":
                    found.append(Piece((token,), declares=False))
                continue
        if word in ("case", "end") and current and current[0].text.lower() != "end":
            cases += 1 if word == "case" else -1
        depth += (word in "([") - (word in ")]")
        end = ";" if declares or not current else _ENDS.get(current[0].text.lower(), ";")
        if depth <= 0 and cases <= 0 and word in (end, ";"):
            found.append(Piece(tuple(current), declares))
            current, depth, cases = [], 0, 0
        else:
            current.append(token)
    if current:  # the last end needs no semicolon
        found.append(Piece(tuple(current), declares))
    return tuple(found)


@dataclass
class Frame:
    """A block, loop, IF or CASE that is being read.

    `reach` says whether a call may come to what is next in it, `rest` the same of the branches that may still come, `around` of the frames
    around it when it began; `sure` whether its branch is run wherever the frame is, and `live` whether it may be.
    `values` and `known` are what variables held and how many problems there were when it began. A handler would catch the problems
    `caught`, of those of the block (`tried`) that none has yet; `raised` says that the branch ends with an error.
    """

    kind: str
    reach: bool
    rest: bool
    sure: bool
    around: list[bool]
    values: Mapping[str, Any]
    known: int
    subject: Sequence[Token] = ()
    caught: list[int] = field(default_factory=list)
    tried: list[int] = field(default_factory=list)
    live: bool = True
    raised: bool = False


class Flow:
    """Which part of a body a call may come to, as far as that can be known."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.frames: list[Frame] = []
        self.values: dict[str, Any] = {}
        self.constants: set[str] = set()
        self.open("body", 0)

    @property
    def reach(self) -> bool:
        """Whether a call may come to what is next."""
        return all(frame.reach for frame in self.frames)

    def open(self, kind: str, known: int, *, sure: bool = True) -> None:
        """A frame begins; in a loop, what a variable holds may have been changed by the round before."""
        reach = self.reach
        around = [frame.reach for frame in self.frames]
        self.frames.append(Frame(kind, reach, reach, sure, around, dict(self.values), known))
        if kind == "loop":
            self.values = {name: value for name, value in self.values.items() if name in self.constants}

    def branch(self, truth: bool | None) -> None:  # noqa: FBT001 - what it is about
        """A branch of the innermost frame begins: one that is taken, is not, or may be."""
        frame = self.frames[-1]
        frame.live = frame.reach = frame.rest and truth is not False
        frame.rest = frame.rest and not truth
        frame.sure, frame.raised = bool(truth), False

    def end_branch(self) -> Frame:
        """The branch ends; what only it may have changed is no longer known."""
        frame = self.frames[-1]
        if frame.live and not frame.sure:
            held = frame.values
            self.values = {name: value for name, value in self.values.items() if held.get(name) == value}
        return frame

    def leave(self, until: str = "") -> None:
        """RETURN, or EXIT and CONTINUE, which leave a loop or its round: what comes after it in the branch is not run.

        That a loop is left early says nothing of what comes before that: it is run once.
        """
        for frame in reversed(self.frames) if self.reach else ():
            frame.reach = False
            if not frame.sure or (until and frame.kind == "loop"):
                break

    def fail(self) -> None:
        """An error is raised: what comes after it in the branch is not run; nothing is said of the calls that go another way."""
        for frame in reversed(self.frames):
            frame.reach, frame.raised = False, True
            if not frame.sure:
                break

    def handle(self) -> None:
        """The handlers of a block begin, to which an error leads from everywhere in it."""
        frame = self.frames[-1]
        for one, before in zip(self.frames, frame.around, strict=False):
            one.reach = one.reach or before
        frame.rest = all(frame.around)
        self.values = {name: value for name, value in self.values.items() if name in self.constants}
