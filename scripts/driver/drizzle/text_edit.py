"""Puts text into a parsed file the way its lines, commas and indents ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driver.drizzle.typescript import names_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node


class Edit(NamedTuple):
    """Replace the bytes from start up to end of a file's body."""

    start: int
    end: int
    text: bytes


def apply(body: bytes, edits: Iterable[Edit]) -> bytes:
    """Makes the edits; no two overlap, and of several at one place the first stays in front."""
    parts, at = [], 0
    for edit in sorted(edits, key=lambda e: e.start):
        parts += [body[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, body[at:]])


def insert_after(body: bytes, braces: Node, element: Node, text: bytes) -> list[Edit]:
    """Puts an element after another one in the same braces, on a line of its own where the others have one."""
    comma, following = _comma_and_following(braces, element)
    last = comma or element
    indents = [_indent(body, node) for node in (element, following) if node is not None]
    indent = next((indent for indent in indents if indent is not None), None)
    if comma is not None and following is not None and _leads_its_line(body, comma, element):
        # Commas are in front: what is between this one and its element is the style.
        line = _line_start(body, comma.start_byte)
        beside = following.start_point.row == comma.start_point.row
        lead = body[line : following.start_byte] if beside else b", "
        return [Edit(line, line, lead + text + newline(body, comma.start_byte))]
    if indent is None or (following or braces.children[-1]).start_point.row == last.end_point.row:
        return [Edit(last.end_byte, last.end_byte, b" " + text + b"," if comma else b", " + text)]
    end = _line_end(body, braces, last)
    line_of_its_own = newline(body, element.start_byte) + indent + text
    if comma is not None:
        return [Edit(end, end, line_of_its_own + b",")]
    return [Edit(last.end_byte, last.end_byte, b","), Edit(end, end, line_of_its_own)]


def insert_name(body: bytes, braces: Node, text: str) -> list[Edit]:
    """Puts a name into the braces of an import or a parameter, in its place where they are in order."""
    new, specifiers = text.encode(), names_in(braces)
    if not specifiers:
        inside = braces.start_byte + 1
        return [Edit(inside, inside, b" " + new + (b"," if braces.named_children else b" "))]
    for key in (str, str.lower):
        names = [key(s.imported) for s in specifiers]
        after = next((s.node for s in specifiers if key(s.imported) > key("integer")), None)
        if names == sorted(names) and len(names) > 1 and after is not None:
            indent = _indent(body, after)
            apart = b" " if indent is None else newline(body, after.start_byte) + indent
            return [Edit(after.start_byte, after.start_byte, new + b"," + apart)]
    last = specifiers[-1].node
    if _comma_and_following(braces, last)[1] is not None:
        # Types may follow the last value.
        return [Edit(last.end_byte, last.end_byte, b", " + new)]
    return insert_after(body, braces, last, new)


def newline(body: bytes, at: int) -> bytes:
    """The kind of line end in use around there."""
    end = _line_start(body, at) or body.find(b"\n") + 1
    return b"\r\n" if body[max(end - 2, 0) : end] == b"\r\n" else b"\n"


def _comma_and_following(braces: Node, element: Node) -> tuple[Node | None, Node | None]:
    """The comma after an element in braces, and the element after that."""
    rest = [node for node in braces.children if node.start_byte >= element.end_byte and node.type != "comment"]
    comma = next((node for node in rest if node.type == ","), None)
    return comma, next((node for node in rest if node.is_named), None)


def _leads_its_line(body: bytes, comma: Node, element: Node) -> bool:
    return _indent(body, comma) is not None and comma.start_point.row > element.end_point.row


def _line_start(body: bytes, at: int) -> int:
    return body.rfind(b"\n", 0, at) + 1


def _indent(body: bytes, node: Node) -> bytes | None:
    """The white space in front of a node that is the first on its line; None for any other."""
    before = body[_line_start(body, node.start_byte) : node.start_byte]
    return before if not before.strip() else None


def _line_end(body: bytes, braces: Node, node: Node) -> int:
    """Where the line of a node ends, comments and blanks after it included."""
    end, row = node.end_byte, node.end_point.row
    for child in braces.children:
        if child.type == "comment" and child.start_byte >= node.end_byte and child.start_point.row == row:
            end, row = child.end_byte, child.end_point.row
    while end < len(body) and body[end : end + 1] in (b" ", b"\t"):
        end += 1
    while body[end - 1 : end] == b"\r":
        end -= 1
    return end
