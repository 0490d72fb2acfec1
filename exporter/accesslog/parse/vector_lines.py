"""Splits plain lines at their quotes or tabs, all at once: which lines match their format, and their fields. Pure.

`vector_pieces` says how to split a format's regex. Here each piece between two delimiters is a check of many lines
together. A line that passes all of them matches the regex, with the same fields; what else may match it as well is not
plain, and others read it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from exporter.accesslog.formats import Format
from exporter.accesslog.formats.durations import MAX_DURATION_NS
from exporter.accesslog.parse import vector_targets, vector_words
from exporter.accesslog.parse.columnar_split import Split
from exporter.accesslog.parse.vector_pieces import Atom, Atoms, ClientAndTime, Piece, Request, Where, split, where
from exporter.accesslog.parse.vector_targets import Sums
from exporter.accesslog.parse.vector_words import BYTES, FRONT, Buffer, Numbers, Places, Which, Words

NO_DURATION = -1
_FEED, _BLANK, _BACKSLASH = ord("\n"), ord(" "), ord("\\")
_CLOSES, _DASH = ord("]"), ord("-")
_CLF_BYTES = len("[22/Nov/2026:06:30:48 +0000] ")
_CLIENT_WORDS = 8  # 64 bytes: a longer client is not plain
_TOP = np.uint64(8 * (BYTES - 1))


class Columns:
    """What is found in lines, a column a field.

    method: the text, at most seven bytes, and in the eighth how many.
    target: where it begins.
    code: 0 to 999.
    size: bytes.
    duration_ns: `NO_DURATION` where there is none.
    """

    method: Words
    target: Places
    code: Numbers
    size: Numbers | None = None
    duration_ns: Numbers | None = None

    def take(self, which: Places) -> "Columns":
        """Those of some lines."""
        found = Columns()
        for name, column in vars(self).items():
            setattr(found, name, column.take(which))
        return found


_Check = Callable[[Buffer, Places, Places, Columns], Which | None]
"""Looks at a piece of each line, from where to where; None: all are plain."""


class Lines(NamedTuple):
    """Where the lines begin that have as many delimiters as the format, and where each piece ends, the line the last.

    ends: (pieces, lines); odd: where the other lines begin and end.
    """

    starts: Places
    ends: list[Places]
    odd: tuple[Places, Places]


def method_text(method: int) -> bytes:
    """A method of `Columns` as its line has it."""
    *text, size = method.to_bytes(BYTES, "little")
    return bytes(text[:size])


class Plan:
    """How lines of a format are checked."""

    def __init__(self, parts: Split, checks: list[_Check | None], fields: Mapping[str, Where]) -> None:
        """As `plan` makes it; `fields`: where those beside the five are, by their groups."""
        self._fields = fields
        self.delimiter = ord(parts.character)
        self.target_ends = (ord("?"), _BLANK, self.delimiter) if parts.character == '"' else (ord("?"), self.delimiter)
        self.minds_backslash = parts.is_spoilt_by_backslash
        self._checks = checks

    def lines(self, buffer: Buffer, end: int) -> Lines:
        """The lines in the buffer up to `end`."""
        places = buffer.places(end, _FEED, self.delimiter)
        width = len(self._checks)
        if len(places) % width == 0 and self._is_even(buffer, places.reshape(-1, width)):
            ends = list(places.reshape(-1, width).T.copy())
            starts = np.empty_like(ends[0])
            starts[0] = FRONT
            np.add(ends[-1][:-1], 1, out=starts[1:])
            none = starts[:0]
            return Lines(starts, ends, (none, none))
        return self._uneven(buffer, places)

    def _is_even(self, buffer: Buffer, table: Places) -> bool:
        kinds = buffer.at.take(table)
        return bool((kinds[:, -1] == _FEED).all() and (kinds[:, :-1] == self.delimiter).all())

    def _uneven(self, buffer: Buffer, places: Places) -> Lines:
        width = len(self._checks)
        last = np.flatnonzero(buffer.at.take(places) == _FEED)
        first = np.concatenate(([0], last[:-1] + 1))
        starts = np.concatenate(([FRONT], places[last[:-1]] + 1))
        good = last - first == width - 1
        table = places[first[good] + np.arange(width)[:, None]]
        return Lines(starts[good], list(table), (starts[~good], places[last[~good]] + 1))

    def field(self, buffer: Buffer, lines: Lines, group: str) -> tuple[Sums, Places, Which]:
        """The field of a group beside the five: its sums, where it begins in each line, and which are not too long."""
        piece, word = self._fields[group]
        starts = lines.starts if piece == 0 else lines.ends[piece - 1] + 1
        starts = _word(buffer, starts, lines.ends[piece], word or 0)
        if word is None:
            found, in_time = vector_targets.sums_between(buffer, starts, lines.ends[piece])
        else:
            found, in_time = vector_targets.sums(buffer, starts, (_BLANK, _FEED))
        return found, starts, in_time

    def columns(self, buffer: Buffer, end: int, lines: Lines) -> tuple[Columns, Which]:
        """The fields of lines, and which are plain."""
        found, plain = Columns(), np.ones(len(lines.starts), np.bool_)
        starts = lines.starts
        for check, ends in zip(self._checks, lines.ends, strict=True):
            if check is not None and (passed := check(buffer, starts, ends, found)) is not None:
                plain &= passed
            starts = ends + 1
        if self.minds_backslash and buffer.has(_BACKSLASH, end):
            places = np.flatnonzero(buffer.at[FRONT:end] == _BACKSLASH) + FRONT
            at = np.searchsorted(lines.ends[-1], places)
            known = at < len(plain)
            at, places = at[known], places[known]
            plain[at[lines.starts[at] <= places]] = False
        return found, plain


def plan(format_: Format, line: bytes, groups: Collection[str] = ()) -> Plan | None:
    """How lines of the format as this one are checked; None where they cannot be.

    `groups`: of fields that are wanted beside the five.
    """
    found = split(format_, line)
    if found is None:
        return None
    parts, pieces = found
    places = {group: where(parts, pieces, group) for group in groups}
    known = {group: place for group, place in places.items() if place is not None}
    return Plan(parts, [_check(piece, format_) for piece in pieces], known) if len(known) == len(places) else None


def _check(piece: Piece, format_: Format) -> _Check | None:
    match piece:
        case Request():
            return _request
        case ClientAndTime():
            return _client_and_time(piece)
        case Atoms():
            return _Numbers(piece.atoms, format_).check
        case _:
            return None


def _request(buffer: Buffer, starts: Places, ends: Places, found: Columns) -> Which:
    """A method of at most seven bytes, and its blank."""
    words = buffer.words[starts]
    blank = vector_words.first_of(words, _BLANK)
    mask = vector_words.before(blank)
    sizes = vector_words.size(mask)
    found.method = (words & mask) | (sizes.view(np.uint64) << _TOP)
    found.target = starts + sizes + 1
    plain: Which = (blank != 0) & (found.target <= ends)
    return plain


def _word(buffer: Buffer, starts: Places, ends: Places, word: int) -> Places:
    """Where the word with this number begins, from 0 on; `ends` for lines with fewer words, which are not plain."""
    for _ in range(word):
        sizes = vector_targets.sums(buffer, starts, (_BLANK, _FEED))[0].sizes
        starts = np.minimum(starts + sizes + 1, ends)
    return starts


def _client_and_time(piece: ClientAndTime) -> _Check:
    """A number of words with a blank after each, and a time in brackets of the usual length."""

    def check(buffer: Buffer, starts: Places, ends: Places, _: Columns) -> Which:
        """Which of the texts are client, `words` words and a time in brackets."""
        opens = ends - _CLF_BYTES
        left = opens - starts
        plain: Which = (left > 0) & (left <= _CLIENT_WORDS * BYTES)
        for byte, places in ((" ", opens - 1), ("[", opens), ("]", ends - 2), (" ", ends - 1)):
            plain &= buffer.at.take(places) == ord(byte)
        closes = vector_words.has_byte(buffer.words[1:][opens], _CLOSES)
        for offset in (BYTES, 2 * BYTES, _CLF_BYTES - 3 - BYTES):  # up to the bracket that closes
            closes |= vector_words.has_byte(buffer.words[1 + offset :][opens], _CLOSES)
        plain &= closes == 0
        plain &= _blanks(buffer, starts, np.where(plain, left, 0)) == piece.words
        at, word = starts, 0
        for dash in piece.dashes:
            at, word = _word(buffer, at, ends, dash - word), dash
            plain &= buffer.at.take(at) == _DASH
            plain &= buffer.at.take(at + 1) == _BLANK
        return plain

    return check


def _blanks(buffer: Buffer, starts: Places, sizes: Places) -> Places:
    """The number of blanks in a number of bytes."""
    found = vector_words.count(buffer.words[starts], _BLANK, sizes)
    for at in range(BYTES, int(sizes.max(initial=0)), BYTES):
        longer = np.flatnonzero(sizes > at)
        found[longer] += vector_words.count(buffer.words[starts.take(longer) + at], _BLANK, sizes.take(longer) - at)
    return found


class _Numbers:
    """Checks one piece, from its first atom to the last. A number ends at a blank, but for the last one."""

    def __init__(self, atoms: Sequence[Atom], format_: Format) -> None:
        self._atoms, self._format = atoms, format_

    def check(self, buffer: Buffer, starts: Places, ends: Places, found: Columns) -> Which:
        """As a `_Check`."""
        plain: Which = np.ones(len(starts), np.bool_)
        at = starts
        for number, atom in enumerate(self._atoms):
            if atom.kind == "text":
                for byte in atom.text:
                    plain &= buffer.at.take(at) == byte
                    at = at + 1
            elif atom.kind == "code":
                found.code, is_code = vector_words.three_digits(buffer.words[at])
                plain &= is_code
                at = at + 3
            else:
                to = self._end(buffer, at, ends, self._atoms[number + 1 :])
                plain &= at <= to
                plain &= self._number(atom.kind, buffer, np.minimum(at, to), to, found)
                at = to
        plain &= at == ends
        return plain

    @staticmethod
    def _end(buffer: Buffer, starts: Places, ends: Places, rest: Sequence[Atom]) -> Places:
        """Where a number ends that begins there; `rest`: what is after it."""
        if len(rest) < 2:  # its text
            return ends - len(rest[0].text) if rest else ends
        return _to_blank(buffer, starts, ends)

    def _number(self, kind: str, buffer: Buffer, starts: Places, ends: Places, found: Columns) -> Which:
        if kind == "size":
            found.size, plain = vector_words.whole_numbers(buffer, starts, ends)
            return plain
        units, plain, has_point = vector_words.decimals(buffer, starts, ends)
        if kind != "number":
            plain &= has_point == (kind == "decimal")
        none = ~plain & ((ends == starts) | ((ends - starts == 1) & (buffer.at.take(starts) == _DASH)))
        if self._format.has_duration:
            found.duration_ns = np.floor(units * (self._format.duration_unit_ns or 1) + 0.5).astype(np.int64)
            plain &= found.duration_ns <= MAX_DURATION_NS
            found.duration_ns[none] = NO_DURATION
        plain |= none
        return plain


def _to_blank(buffer: Buffer, starts: Places, ends: Places) -> Places:
    """Where the first blank is, if it is within sixteen bytes."""
    first = vector_words.size(vector_words.before(vector_words.first_of(buffer.words[starts], _BLANK)))
    second = vector_words.size(vector_words.before(vector_words.first_of(buffer.words[starts + BYTES], _BLANK)))
    return np.minimum(starts + np.where(first < BYTES, first, BYTES + second), ends)
