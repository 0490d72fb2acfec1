"""Markdown as blocks, as far as docs/alerts.md uses it: paragraphs, lists, and the rest as it was written. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"(?:-|(\d+)\.) (.*)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


class Piece(NamedTuple):
    """A part of a line. kind: text, code or strong."""

    kind: str
    text: str


class Block(NamedTuple):
    """kind: p, ul, ol or pre. items: of a list; a paragraph and what is as it was written are one."""

    kind: str
    items: list[list[Piece]]


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text without headings, in its order."""
    end = 0
    for fenced in _FENCED.finditer(text):
        yield from _flowing(text[end : fenced.start()])
        yield _as_written(fenced[0])
        end = fenced.end()
    yield from _flowing(text[end:])


def _flowing(text: str) -> Iterator[Block]:
    for chunk in re.split(r"\n(?: *\n)+", text.strip("\n")):
        if chunk.lstrip().startswith("|"):
            yield _as_written(chunk)
        elif chunk.strip():
            yield from _paragraph_and_list(chunk)


def _paragraph_and_list(chunk: str) -> Iterator[Block]:
    """A line that does not begin an item continues the previous one."""
    kind, items = "p", [""]
    for line in map(str.strip, chunk.splitlines()):
        item = _ITEM.fullmatch(line)
        if item is None:
            items[-1] = f"{items[-1]} {line}".strip()
            continue
        new = "ol" if item[1] else "ul"
        if new != kind:
            yield from _block(kind, items)
            kind, items = new, []
        items.append(item[2])
    yield from _block(kind, items)


def _block(kind: str, items: list[str]) -> Iterator[Block]:
    if any(items):
        yield Block(kind, [_pieces(item) for item in items])


def _pieces(line: str) -> list[Piece]:
    pieces, end = [], 0
    for match in _INLINE.finditer(line):
        pieces += [
            Piece("text", line[end : match.start()]),
            Piece("code" if match[1] else "strong", match[1] or match[2]),
        ]
        end = match.end()
    return [piece for piece in [*pieces, Piece("text", line[end:])] if piece.text]


def _as_written(text: str) -> Block:
    return Block("pre", [[Piece("text", text)]])
