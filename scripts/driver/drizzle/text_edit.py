"""Puts text into a parsed file the way its lines, commas and indents ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tree_sitter import Node

    from driver.drizzle.typescript import Specifier, TypeScript


@dataclass(frozen=True)
class Edit:
    """Replace the bytes from start up to end of a file's body."""

    start: int
    end: int
    text: bytes


def apply(file: TypeScript, edits: Iterable[Edit]) -> bytes:
    """Makes the edits.

    Args:
        file: the file as read.
        edits: what to replace; no two overlap, and of several at one place the first stays in front.

    Returns:
        The new content, byte order mark included.
    """
    parts, at = [file.bom], 0
    for edit in sorted(edits, key=lambda e: e.start):
        parts += [file.body[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, file.body[at:]])


def insert_behind(body: bytes, braces: Node, element: Node, text: bytes) -> list[Edit]:
    """Puts an element behind another one in the same braces, on a line of its own where the others have one."""
    comma, following = _comma_and_following(braces, element)
    if comma is None:
        return _insert_last(body, braces, element, text)
    first = _indent(body, comma) is not None and comma.start_point.row > element.end_point.row
    if first and following is not None:
        # Commas stand in front: what is between this one and its element is the style.
        line = _line_start(body, comma.start_byte)
        beside = following.start_point.row == comma.start_point.row
        lead = body[line : following.start_byte] if beside else b", "
        return [Edit(line, line, lead + text + newline(body, comma.start_byte))]
    indents = [_indent(body, node) for node in (element, following) if node is not None]
    indent = next((indent for indent in indents if indent is not None), None)
    next_row = braces.end_point.row if following is None else following.start_point.row
    if indent is None or next_row == comma.end_point.row:
        return [Edit(comma.end_byte, comma.end_byte, b" " + text + b",")]
    end = _line_end(body, braces, comma)
    return [Edit(end, end, newline(body, element.start_byte) + indent + text + b",")]


def _insert_last(body: bytes, braces: Node, last: Node, text: bytes) -> list[Edit]:
    """Puts an element behind the last one, which has no comma."""
    indent = _indent(body, last)
    if indent is None or braces.end_point.row == last.end_point.row:
        return [Edit(last.end_byte, last.end_byte, b", " + text)]
    end = _line_end(body, braces, last)
    line = newline(body, last.start_byte) + indent + text
    return [Edit(last.end_byte, last.end_byte, b","), Edit(end, end, line)]


def insert_name(body: bytes, braces: Node, specifiers: Sequence[Specifier], text: str) -> list[Edit]:
    """Puts a name into the braces of an import or a parameter, in its place where they are in order."""
    new = text.encode()
    if not specifiers:
        inside = braces.start_byte + 1
        return [Edit(inside, inside, b" " + new + (b"," if braces.named_children else b" "))]
    for key in (str, str.lower):
        names = [key(s.imported) for s in specifiers]
        behind = next((s for s in specifiers if key(s.imported) > key("integer")), None)
        if names == sorted(names) and len(names) > 1 and behind is not None:
            indent = _indent(body, behind.node)
            apart = b" " if indent is None else newline(body, behind.node.start_byte) + indent
            return [Edit(behind.node.start_byte, behind.node.start_byte, new + b"," + apart)]
    last = specifiers[-1].node
    if _comma_and_following(braces, last)[1] is not None:
        # Types may stand behind the last value.
        return [Edit(last.end_byte, last.end_byte, b", " + new)]
    return insert_behind(body, braces, last, new)


def _comma_and_following(braces: Node, element: Node) -> tuple[Node | None, Node | None]:
    """The comma behind an element in braces, and the element behind that."""
    comma = None
    for child in braces.children:
        if child.start_byte < element.end_byte or child.type == "comment":
            continue
        if child.type == ",":
            comma = comma or child
        elif child.is_named:
            return comma, child
    return comma, None


def _line_start(body: bytes, at: int) -> int:
    return body.rfind(b"\n", 0, at) + 1


def _indent(body: bytes, node: Node) -> bytes | None:
    """The white space in front of a node that is the first on its line; None for any other."""
    before = body[_line_start(body, node.start_byte) : node.start_byte]
    return before if not before.strip() else None


def newline(body: bytes, at: int) -> bytes:
    """The kind of line end in use around there."""
    start = _line_start(body, at)
    end = start or body.find(b"\n") + 1
    return b"\r\n" if body[max(end - 2, 0) : end] == b"\r\n" else b"\n"


def _line_end(body: bytes, braces: Node, node: Node) -> int:
    """Where the line of a node ends, comments and blanks behind it included."""
    end, row = node.end_byte, node.end_point.row
    for child in braces.children:
        if child.type == "comment" and child.start_byte >= node.end_byte and child.start_point.row == row:
            end = child.end_byte
            row = child.end_point.row
    while end < len(body) and body[end : end + 1] in (b" ", b"\t"):
        end += 1
    while body[end - 1 : end] == b"\r":
        end -= 1
    return end
