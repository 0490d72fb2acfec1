"""The pieces of a format's regex that the vector engine can check: between two delimiters each. Pure, without NumPy.

`columnar_split` says how to split a regex.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from exporter.accesslog.formats import Format
from exporter.accesslog.formats.groups import named_groups, only
from exporter.accesslog.formats.strings.regexes import SIZE
from exporter.accesslog.formats.strings.variables import NUMBER, WHOLE
from exporter.accesslog.parse import columnar_sql
from exporter.accesslog.parse.columnar_split import BLANK_ENDS, TAB_ENDS, TEXTS, Split, words_before

TEXT_BYTES = 32
"""Of all fixed texts of a piece: what is looked at after a line's end is in the buffer still."""

_CLIENT_AND_TIME = re.compile(r"((?:(?:\[\^ \]\*|\\-)\\ )+)\\\[(?:\(\?:)?\[\^\\\]\]\*\)?\\\]\\ ")
_DECIMAL = rf"{WHOLE}\.{WHOLE}"
_DURATION = r"\(\?(?:P<duration>|:)"  # without the name where nobody asks
_ATOM = re.compile(
    r"(?P<code>\(\?P<code>\[0-9\]\{3\}\))"
    rf"|(?P<size>{re.escape(SIZE)})"
    rf"|(?P<decimal>{_DURATION}{re.escape(_DECIMAL)}\|-\|\))"
    rf"|(?P<whole>{_DURATION}{re.escape(WHOLE)}\|-\|\))"
    rf"|(?P<number>{_DURATION}{re.escape(NUMBER)}\|-\|\)\(\?:-{re.escape(NUMBER)}\)\?)"
    r"|(?P<text>(?:\\[^A-Za-z0-9]|[A-Za-z0-9 ,:;'=\"/-])+)"
)


class Text(NamedTuple):
    """Anything without a delimiter."""


class Request(NamedTuple):
    """A method, a blank, a target, and what may follow."""


class ClientAndTime(NamedTuple):
    """Words with a blank after each, and a time in brackets. `dashes`: which words, from 0 on, must be `-`."""

    words: int
    dashes: tuple[int, ...] = ()


class Atom(NamedTuple):
    """A part of a piece: a code, a size, a duration (whole, decimal or any number), or a fixed text."""

    kind: str
    text: bytes

    @property
    def has_own_end(self) -> bool:
        """Whether it may be of several lengths."""
        return self.kind not in ("text", "code")


class Atoms(NamedTuple):
    """Fixed texts with numbers between them, each of which a blank ends, or the last text or the piece."""

    atoms: tuple[Atom, ...]


Piece: TypeAlias = Text | Request | ClientAndTime | Atoms


def split(format_: Format, line: bytes = b"") -> tuple[Split, list[Piece]] | None:
    """How to split lines of the format like this one, and into which pieces; None where that cannot be checked."""
    decided = columnar_sql.decided(format_, line)
    parts = columnar_sql.part(decided)
    if parts is None or format_.steps > 1 or (format_.has_duration and format_.duration_unit_ns is None):
        return None
    pieces = [_piece(only(piece)) for piece in parts.pieces]
    known = [piece for piece in pieces if piece is not None]
    kinds = [atom.kind for piece in known if isinstance(piece, Atoms) for atom in piece.atoms]
    is_known = len(known) == len(pieces) and Request() in known and kinds.count("code") == 1
    return (parts, known) if is_known else None


class Where(NamedTuple):
    """Where a field is: all of a piece, or a word of it (from 0 on)."""

    piece: int
    word: int | None


def where(parts: Split, pieces: Sequence[Piece], group: str) -> Where | None:
    """Where the field of a group beside the five is; None where it cannot be found by columns of bytes."""
    for at, (text, piece) in enumerate(zip(parts.pieces, pieces, strict=True)):
        alone = only(text, [group])
        found = next((one for one in named_groups(alone) if one.name == group), None)
        if found is None:
            continue
        if (found.start, found.end) == (0, len(alone)):
            return Where(at, None) if isinstance(piece, Text) else None
        words = words_before(alone, found)
        return Where(at, words) if isinstance(piece, ClientAndTime) and words is not None else None
    return None


def _piece(piece: str) -> Piece | None:
    if piece in TEXTS:
        return Text()
    if piece in BLANK_ENDS or piece == TAB_ENDS:
        return Request()
    if found := _CLIENT_AND_TIME.fullmatch(piece):
        words = found[1].split(r"\ ")[:-1]
        return ClientAndTime(len(words), tuple(at for at, word in enumerate(words) if word == r"\-"))
    atoms = _atoms(piece)
    if atoms is None or sum(len(atom.text) for atom in atoms) > TEXT_BYTES:
        return None
    for atom, after in pairwise(atoms):
        if atom.has_own_end and (after.kind != "text" or (after is not atoms[-1] and after.text[:1] != b" ")):
            return None
    return Atoms(tuple(atoms))


def _atoms(piece: str) -> list[Atom] | None:
    """The parts of a piece; None where there is another."""
    found = []
    at = 0
    while at < len(piece):
        match = _ATOM.match(piece, at)
        if match is None or match.lastgroup is None:
            return None
        text = re.sub(r"\\(.)", r"\1", match[0]).encode() if match.lastgroup == "text" else b""
        found.append(Atom(match.lastgroup, text))
        at = match.end()
    return found
