"""Lines to columns: the needed fields of many lines, one column each. One reader per format.

A reader takes many lines at once, for speed: the usual line is read by code in C alone, and only unusual ones one by
one. The result of a line does not depend on others.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats import GROUPS, Fields, Format, complete
from exporter.accesslog.formats.durations import duration_ns as read_duration_ns
from exporter.accesslog.formats.keyed.records import read_json, read_logfmt
from exporter.logs.values import text_of
from foundation.errors import BadRecord

Column: TypeAlias = Sequence[Any]
Bad: TypeAlias = tuple[int, str]
"""A line that has no record: its place among the lines, and the reason."""

LINE = "line"
"""The field of every format: the unchanged line."""


class Records(NamedTuple):
    """The lines that have a record, as columns in the order of the fields, and the other lines.

    number: of records, which is each column's length.
    """

    columns: list[Column]
    number: int
    bad: list[Bad]


Reader: TypeAlias = Callable[[Sequence[bytes]], Records]
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError)


def line_reader(fields: Sequence[str]) -> Reader:
    """For lines that are not split."""
    width = len(fields)

    def read(lines: Sequence[bytes]) -> Records:
        """Records whose fields are all the whole line."""
        return Records([lines] * width, len(lines), [])

    return read


def regex_reader(pattern: str, fields: Sequence[str]) -> Reader:
    """For lines that a regex splits, as a whole. `fields`: named groups, and LINE."""
    regex = re.compile(_only_needed(pattern, fields).encode())
    match = regex.fullmatch
    places = [regex.groupindex[field] - 1 if field != LINE else -1 for field in fields]

    def read(lines: Sequence[bytes]) -> Records:
        """Records by the regex; lines that do not match are bad."""
        found = list(map(match, lines))
        bad: list[Bad] = []
        if None in found:
            bad = [(place, _no_match(lines[place])) for place, one in enumerate(found) if one is None]
            lines = [line for line, one in zip(lines, found, strict=True) if one is not None]
        groups = _columns([one.groups() for one in found if one is not None], regex.groups)
        return Records([groups[place] if place >= 0 else lines for place in places], len(lines), bad)

    return read


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[Column]:
    return list(zip(*rows, strict=True)) if rows and width else [()] * width


def logfmt_reader(fields: Sequence[str]) -> Reader:
    """For `key=value key="a value"`."""

    def read(lines: Sequence[bytes]) -> Records:
        """Records of logfmt lines."""
        return _one_by_one(lines, lambda line: [_with_line(read_logfmt(line), line).get(one) for one in fields], fields)

    return read


def _with_line(record: Mapping[str, Any], line: bytes) -> dict[str, Any]:
    return {LINE: line, **record}


def _one_by_one(lines: Sequence[bytes], row_of: Callable[[bytes], list[Any] | None], fields: Sequence[str]) -> Records:
    """Records of lines that are read one by one; None: not a record, but not bad."""
    rows: list[list[Any]] = []
    bad: list[Bad] = []
    for place, line in enumerate(lines):
        try:
            row = row_of(line)
        except BadRecord as exc:
            bad.append((place, _reason(exc, line)))
        else:
            if row is not None:
                rows.append(row)
    return Records(_columns(rows, len(fields)), len(rows), bad)


def _reason(exc: BadRecord, line: bytes) -> str:
    return exc.reason if line.strip() else "blank"


def json_reader(fields: Sequence[str], numbers: Collection[str] = ()) -> Reader:
    """For one object per line. A field is a key, or a path of keys with dots between them.

    numbers: the fields of which only the number is needed.
    """
    if any("." in field for field in fields):
        full = _FullJson(fields, numbers)
        return lambda lines: _one_by_one(lines, full.row, fields)
    return _Json(fields, numbers).read


def format_reader(format_: Format, fields: Sequence[str]) -> Reader:
    """For an access log's format: `method`, `path`, `code`, `bytes`, `duration` (seconds)."""
    match = re.compile(complete(format_.pattern).encode()).fullmatch if format_.pattern is not None else lambda _: None
    names = [_ACCESS_FIELDS.get(field, field) for field in fields]

    def row_of(line: bytes) -> list[Any] | None:
        """Values of a line; None for another message of the program. Raises BadRecord."""
        found = match(line)
        parts = Fields._make((*found.group(*GROUPS), ())) if found else _second_look(format_, line)
        if parts is None:  # about the log, or another message of the program
            return None
        values = {**parts._asdict(), "duration": _seconds(parts.duration, format_), LINE: line}
        return [values[name] for name in names]

    return lambda lines: _one_by_one(lines, row_of, fields)


ACCESS_FIELDS = ("method", "path", "code", "bytes", "duration")
_ACCESS_FIELDS = {"path": "target", "bytes": "size"}


def _second_look(format_: Format, line: bytes) -> Fields | None:
    if not line.strip():
        raise BadRecord("blank", "the line is blank")
    if format_.directive is not None and line.startswith(format_.directive):
        return None
    return format_.second_look(line)


def _seconds(text: bytes, format_: Format) -> float | None:
    if not format_.has_duration:
        return None
    found_ns = read_duration_ns(text, format_.duration_unit_ns)
    return None if found_ns is None else found_ns / 1e9


def _no_match(line: bytes) -> str:
    return "format" if line.strip() else "blank"


_GROUP = re.compile(r"(\\.)|\(\?P<(\w+)>", re.DOTALL)
_REFERS = re.compile(r"\\[1-9]|\(\?P=|\(\?\(")  # to a group, by its number or name


def _only_needed(pattern: str, fields: Sequence[str]) -> str:
    """The pattern without the names of unused groups, which cost time."""
    if _REFERS.search(pattern):
        return pattern

    def shorter(found: re.Match[str]) -> str:
        """The group unchanged if its field is used; otherwise a group without a name."""
        return found[0] if found[2] is None or found[2] in fields else "(?:"

    cut = _GROUP.sub(shorter, pattern)
    wanted = re.compile(pattern).groupindex.keys() & set(fields)
    return cut if re.compile(cut).groupindex.keys() == wanted else pattern  # it only looked like a group


class _FullJson:
    """Reads the needed fields from a whole object."""

    def __init__(self, fields: Sequence[str], numbers: Collection[str]) -> None:
        self._paths = [(field, field.split("."), _number if field in numbers else _simple) for field in fields]

    def row(self, line: bytes) -> list[Any]:
        """The fields of a line. Raises BadRecord."""
        record = _with_line(read_json(line), line)
        return [kept(_at(record, field, path)) for field, path, kept in self._paths]


class _Json:
    """Reads the needed keys of each object alone, as typed ones; a line with other types is read in full."""

    def __init__(self, fields: Sequence[str], numbers: Collection[str]) -> None:
        self._full = _FullJson(fields, numbers)
        # Texts and whole numbers only: 1, 1.0 and true are equal in Python. The key `line` has priority over the line.
        kinds = [str | int | float | None if field in numbers else str | int | None for field in fields]
        kinds = [kind | msgspec.UnsetType if field == LINE else kind for field, kind in zip(fields, kinds, strict=True)]
        defaults = [msgspec.UNSET if field == LINE else None for field in fields]
        names = [f"f{n}" for n in range(len(fields))]
        made = zip(names, kinds, defaults, strict=True)
        self._made = msgspec.defstruct("Line", made, rename=dict(zip(names, fields, strict=True)), gc=False)
        self._decode = msgspec.json.Decoder(self._made).decode
        self._gets = [attrgetter(name) for name in names]
        self._line = fields.index(LINE) if LINE in fields else None

    def read(self, lines: Sequence[bytes]) -> Records:
        """The records of some lines."""
        bad: list[Bad] = []
        try:
            objects = list(map(self._decode, lines))
        except _BROKEN:
            lines, objects, bad = self._each(lines)
        columns: list[Column] = [list(map(get, objects)) for get in self._gets]
        if self._line is not None:
            own = zip(columns[self._line], lines, strict=True)
            columns[self._line] = [line if value is msgspec.UNSET else value for value, line in own]
        return Records(columns, len(objects), bad)

    def _each(self, lines: Sequence[bytes]) -> tuple[list[bytes], list[Any], list[Bad]]:
        """The lines that can be read, their objects, and the other lines."""
        good: list[bytes] = []
        objects: list[Any] = []
        bad: list[Bad] = []
        for place, line in enumerate(lines):
            try:
                found = self._decode(line)
            except _BROKEN:
                try:
                    found = self._made(*self._full.row(line))
                except BadRecord as exc:
                    bad.append((place, _reason(exc, line)))
                    continue
            good.append(line)
            objects.append(found)
        return good, objects, bad


def _at(record: Any, field: str, path: Sequence[str]) -> Any:
    """The value at a key, or at a path of keys."""
    if field in record:
        return record[field]
    for key in path:
        if not isinstance(record, dict) or key not in record:
            return None
        record = record[key]
    return record


def _simple(value: Any) -> Any:
    """The value if it differs from every other, else its text."""
    return value if value is None or type(value) in (str, int, bytes) else text_of(value)


def _number(value: Any) -> Any:
    """The same for a field whose number is used."""
    return value if type(value) is float else _simple(value)
