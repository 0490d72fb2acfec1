"""Lines split at their quotes or tabs by DuckDB's CSV reader: twice as fast as by one regex. Pure.

A format whose regex has so many quotes outside of its groups falls into pieces there, and a line with as many quotes
falls into as many: each quote of the line is then one of the regex, and the line matches where each piece does. Other
lines are not plain. The reader has one column more than pieces, and nulls only for what a line lacks, so it is known
how many quotes a line has; lines with two more are dropped, and blank ones.

A backslash in quotes is never plain: lines with one must be taken out before, so that nobody has to look for it.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from exporter.accesslog.formats import GROUPS
from exporter.accesslog.formats.groups import Group, marked_groups, named_groups, only
from exporter.accesslog.parse.columnar_rows import add, extract, quoted

QUOTE, TAB = '"', r"\t"

_NAMED = re.compile(r"\(\?P<(\w+)>")
BLANK_ENDS = {
    r'(?P<method>[^" \\]*) (?P<target>[^" ?\\]*)(?:\?[^" \\]*)?(?: [^"\\]*)?',
    r'(?P<method>[^ "]*) (?P<target>[^ ?"]*)(?:\?[^ "]*)?(?: [^"]*)?',
}
"""Requests: every text with a blank is one."""
TAB_ENDS = r"(?P<method>[^ \t]*) (?P<target>[^?\t]*)(?:\?[^\t]*)?"
TEXTS = {r'[^"\\]*', '[^"]*', r"[^\t]*"}
_ONE_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")
_CODE_AND_SIZE = re.compile(r"\\ \(\?P<code>\[0-9\]\{3\}\)\\ \(\?P<size>[^()]*\)(?P<end>(?:\\ )?)")
# The usual one is quickly checked where nobody has a name, and the client's has no blank.
_CLIENT_AND_TIME = re.compile(r"(?:\[\^ \]\*\\ ){3}\\\[(?:\(\?:)?\[\^\\\]\]\*\)?\\\]\\ ")
_NO_USER = "instr({0}, ' ') = instr({0}, ' - - [') AND instr({0}, ']') = length({0}) - 1 AND suffix({0}, '] ')"
_COLUMNS = {"size": "size_text", "duration": "duration_text"}
_MORE = "more"


class Split(NamedTuple):
    """How to split lines. `delimiter`: as in the regex; `pieces`: the regex of each."""

    delimiter: str
    pieces: tuple[str, ...]

    @property
    def character(self) -> str:
        """The delimiter in a line."""
        return "\t" if self.delimiter == TAB else self.delimiter

    @property
    def columns(self) -> list[str]:
        """The names of the reader's columns."""
        return [*self._of_pieces, _MORE]

    @property
    def is_spoilt_by_backslash(self) -> bool:
        """Whether lines with a backslash must be taken out before."""
        return any(r"\\" in piece for piece in self.pieces)

    @property
    def line(self) -> str:
        """The whole line again, in SQL."""
        return f"concat_ws('{self.character}', {', '.join(self.columns)})"

    @property
    def kept(self) -> str:
        """A regex of the lines that the reader does not drop."""
        text = f"[^{self.delimiter}]"
        return f"{text}+|{text}*(?:{self.delimiter}{text}*){{1,{len(self.pieces)}}}"

    @property
    def _of_pieces(self) -> list[str]:
        return [f"piece{i}" for i in range(len(self.pieces))]

    def parted(self, rows: str, more: Sequence[str] = ()) -> str:
        """The rows with the fields of their pieces, empty where a format has none, and a column `is_plain`.

        `more`: the groups beside the five.
        """
        for name in dict.fromkeys((*GROUPS, *more)):
            if not any(f"(?P<{name}>" in piece for piece in self.pieces):
                rows = add(rows, _column(name), "''")
        plain = [f"{_MORE} IS NULL", f"{self._of_pieces[-1]} IS NOT NULL"]
        for column, whole in zip(self._of_pieces, self.pieces, strict=True):
            piece = only(whole)
            rows = _more(rows, column, whole)
            if piece in BLANK_ENDS or piece == TAB_ENDS:
                rows = _request(rows, column, blank_ends=piece in BLANK_ENDS)
                plain.append("blank > 0")
            elif piece not in TEXTS:
                rows = _fields(rows, column, piece)
                plain.append(_matches(column, piece))
        return add(rows, "is_plain", f"coalesce({' AND '.join(plain)}, false)")


def split(pattern: str) -> Split | None:
    """How to split lines of the pattern; None where that is not possible."""
    for delimiter in (QUOTE, TAB):
        pieces = _pieces(pattern, delimiter)
        if pieces is not None and len(pieces) > 1:
            return Split(delimiter, tuple(pieces))
    return None


def _pieces(pattern: str, delimiter: str) -> list[str] | None:
    """The pattern between delimiters outside of groups; None where it has others, or alternatives."""
    pieces = [""]
    depth = start = 0
    while start < len(pattern):
        end = _end_of_one(pattern, start)
        one = pattern[start:end]
        depth += (one == "(") - (one == ")")
        is_delimiter = one in (delimiter, "\\" + delimiter)
        if (is_delimiter and (depth or pattern[end : end + 1] in set("?*+{"))) or (one == "|" and not depth):
            return None
        pieces = [*pieces, ""] if is_delimiter else [*pieces[:-1], pieces[-1] + one]
        start = end
    return pieces


def _end_of_one(pattern: str, start: int) -> int:
    """Where an escaped character, a class, or any other character ends."""
    if pattern[start] == "\\":
        return start + 2
    if pattern[start] != "[":
        return start + 1
    end = start + 1
    end += pattern[end] == "^"
    end += pattern[end] == "]"  # what comes first in a class does not end it
    while pattern[end] != "]":
        end += 1 + (pattern[end] == "\\")
    return end + 1


def _request(rows: str, column: str, *, blank_ends: bool) -> str:
    """A method, a blank, and the target up to its query, or to the next blank if that `blank_ends` it."""
    rows = add(rows, "blank", f"instr({column}, ' ')")
    rows = add(rows, "method", f"substring({column}, 1, blank - 1)")
    uri = f"split_part({column}, ' ', 2)" if blank_ends else f"substring({column}, blank + 1)"
    rows = add(rows, "uri", uri)
    return add(rows, "target", "CASE WHEN contains(uri, '?') THEN substring(uri, 1, instr(uri, '?') - 1) ELSE uri END")


def _fields(rows: str, column: str, piece: str) -> str:
    if found := _ONE_GROUP.fullmatch(piece):
        return add(rows, _column(found[1]), column)
    if found := _CODE_AND_SIZE.fullmatch(piece):
        rows = add(rows, "code", f"substring({column}, 2, 3)")
        return add(rows, "size_text", f"substring({column}, 6, length({column}) - {5 + bool(found['end'])})")
    if names := _NAMED.findall(piece):
        rows = add(rows, f"of_{column}", extract(column, piece, names))
        for name in names:
            rows = add(rows, _column(name), f"of_{column}.{name}")
    return rows


def _more(rows: str, column: str, piece: str) -> str:
    """The rows with the groups of a piece beside the five."""
    slow = []
    for name in marked_groups(piece):
        alone = only(piece, [name])
        group = next(one for one in named_groups(alone) if one.name == name)
        if (group.start, group.end) == (0, len(alone)):
            rows = add(rows, name, column)
        elif (words := words_before(alone, group)) is not None:
            rows = add(rows, name, f"split_part({column}, ' ', {words + 1})")
        else:
            slow.append(name)
    if slow:
        alone = _NAMED.sub(lambda found: found[0] if found[1] in slow else "(?:", piece)
        rows = add(rows, f"more_of_{column}", extract(column, alone, slow))
        for name in slow:
            rows = add(rows, name, f"more_of_{column}.{name}")
    return rows


def words_before(piece: str, group: Group) -> int | None:
    """How many words precede a group that is a word, with one blank after each; None where that is not sure."""
    tokens, start = [""], 0
    while start < group.start:
        end = _end_of_one(piece, start)
        one = piece[start:end]
        tokens = [*tokens, ""] if one == r"\ " else [*tokens[:-1], tokens[-1] + one]
        start = end
    inner = piece[group.start + len(f"(?P<{group.name}>") : group.end - 1]
    ends = piece[group.end :].startswith(r"\ ") or group.end == len(piece)
    if tokens[-1] or not ends or not all(map(_has_no_blank, (*tokens, inner))):
        return None
    return len(tokens) - 1


def _has_no_blank(regex: str) -> bool:
    """Whether nothing that the regex matches has a blank."""
    start = 0
    while start < len(regex):
        end = _end_of_one(regex, start)
        one = regex[start:end]
        if one[0] == "[":
            may = (" " in one) != one.startswith("[^")
        else:
            may = one in (" ", r"\ ", ".", "|") or (one[0] == "\\" and one[1].isalnum())
        if may:
            return False
        start = end
    return True


def _matches(column: str, piece: str) -> str:
    piece = _NAMED.sub("(?:", piece)
    literal = re.sub(r"\\(.)", r"\1", piece)
    if re.escape(literal) == piece:
        return f"{column} = '{quoted(literal)}'"
    matches = f"regexp_full_match({column}, '{quoted(piece)}')"
    if _CLIENT_AND_TIME.fullmatch(piece):
        return f"CASE WHEN {_NO_USER.format(column)} THEN true ELSE {matches} END"
    return matches


def _column(name: str) -> str:
    return _COLUMNS.get(name, name)
