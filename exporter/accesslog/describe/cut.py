"""Lines to their fields: at blanks, or at one separator. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Token(NamedTuple):
    """A field of a line: the text before it, its name with the sign after it, its quotes, and its value."""

    gap: str
    key: str
    kind: str
    value: str


_MAX_FIELDS = 100
"""A line with more fields is not a request in a server's log."""

_NAME = r"(?P<key>[A-Za-z_][\w.-]*{})?"
# Possessive quantifiers: no part gives back what it matched, so each byte of a line is examined once.
_VALUE = r'(?:\[(?P<bracket>[^\]]*+)\]?|"(?P<quoted>(?:[^"\\]|\\.)*+)"?|(?P<bare>{}))'
_LIST = r'[^\s",\[][^\s",]*(?:(?:,[ ]?|[ ]:[ ])[^\s",]+)*'  # with the lists that nginx writes
_NAMED_TIME = r"(?:request_time|upstream_\w+_time|rt|u[chr]t|\w+_(?:ms|us|ns))"
_AT_BLANKS = re.compile(rf"(?P<key>[A-Za-z_][\w.-]*=|{_NAMED_TIME}:)?" + _VALUE.format(_LIST))


def shape_of(row: Sequence[Token]) -> tuple[tuple[str, str, str], ...]:
    """What lines that are described together have in common."""
    return tuple((token.gap, token.key, token.kind) for token in row)


def at_blanks(line: str) -> list[Token]:
    """One line in fields, with what follows the last; nothing where there are too many."""
    row, end = [], 0
    for match in _AT_BLANKS.finditer(line):
        kind = match.lastgroup or "bare"
        row.append(Token(line[end : match.start()], match["key"] or "", kind, match[kind]))
        end = match.end()
        if len(row) > _MAX_FIELDS:
            return []
    return [*row, Token(line[end:], "", "end", "")]


def at_separator(lines: Sequence[str], separator: str) -> list[list[Token]]:
    """The lines in fields, all in as many as most have; the last takes what else there is."""
    quoted = re.compile(rf'((?:[^{separator}"]++|"(?:[^"\\]|\\.)*+"?)*+)(?:{re.escape(separator)}|\Z)')
    field = re.compile(
        " *" + _NAME.format("[=:]" if separator == "\t" else "=") + _VALUE.format("(?:[^ ]++(?: ++[^ ]++)*+)?") + " *"
    )
    counts = sorted(len(quoted.findall(line)) - 1 for line in lines)
    usual = counts[len(counts) // 20] if counts else 0  # a few lines may be cut off
    if not 4 <= usual <= _MAX_FIELDS:
        return []
    return [row for line in lines if (row := _fields(line, separator, usual, (quoted, field)))]


def _fields(line: str, separator: str, count: int, grammar: tuple[re.Pattern[str], re.Pattern[str]]) -> list[Token]:
    quoted, field = grammar
    row: list[Token] = []
    at, literal = 0, ""
    for number in range(count):
        found = quoted.match(line, at)
        end = found.end(1) if found and number < count - 1 else len(line)
        match = field.fullmatch(line, at, end)
        if match is None or (number < count - 1 and not line.startswith(separator, end)):
            return []
        kind = match.lastgroup or "bare"
        start, stop = match.span(kind)
        start, stop = (start - 1, stop + 1) if kind != "bare" else (start, stop)
        row.append(Token(literal + line[at : start - len(match["key"] or "")], match["key"] or "", kind, match[kind]))
        literal, at = line[stop:end] + separator, end + len(separator)
    return [*row, Token(literal.removesuffix(separator), "", "end", "")]
