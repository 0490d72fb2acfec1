"""Lines in a format of their own to format strings that would describe them. Pure.

A line falls apart at blanks, or at bars, semicolons, commas or tabs. Lines of one shape are looked at together: what a
field is, is decided by all of its values and by its name (`rt=0.305`), never by one line alone.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple, TypeAlias

from exporter.accesslog.formats.durations import unit_of_name


class Description(NamedTuple):
    """A format as nginx's `log_format` has it.

    found: how many of its fields have a meaning.
    left_out: numbers that may be durations, with where they stand and some of them.
    seconds: the durations that are taken for seconds only because of their three decimals, likewise; empty if none.
    no_sizes: where no field is known to be the answer's bytes, the whole numbers that may be, likewise; else None.
    """

    format: str
    found: int
    left_out: tuple[str, ...]
    seconds: str
    no_sizes: tuple[str, ...] | None


class _Token(NamedTuple):
    """A field of a line: the text before it, its name with the sign after it, what is around it, and its value."""

    gap: str
    key: str
    kind: str
    value: str


class _Column(NamedTuple):
    """A field of all lines: as a token has it, with its values; the filled ones are neither empty nor a dash."""

    number: int
    key: str
    kind: str
    filled: tuple[str, ...]
    has_gaps: bool

    def all(self, pattern: re.Pattern[str]) -> bool:
        """Whether there are values, and each is so."""
        return bool(self.filled) and all(map(pattern.fullmatch, self.filled))

    def most(self, pattern: re.Pattern[str]) -> bool:
        """Whether at least half of the values are so."""
        return 2 * sum(map(bool, map(pattern.fullmatch, self.filled))) >= max(1, len(self.filled))


_SHAPES = 3
"""How many shapes of lines are described: requests that a server could not parse look different."""

_MAX_FIELDS = 100
"""A line of more is not what a server writes about a request."""

_WRAPPED = {"bracket": "[{}]", "quoted": '"{}"', "bare": "{}"}
_NAME = r"(?P<key>[A-Za-z_][\w.-]*{})?"
# What a part took is not given back, and what has no end takes all that follows: one look at each byte of a line.
_VALUE = r'(?:\[(?P<bracket>[^\]]*+)\]?|"(?P<quoted>(?:[^"\\]|\\.)*+)"?|(?P<bare>{}))'
_LIST = r'[^\s",\[][^\s",]*(?:(?:,[ ]?|[ ]:[ ])[^\s",]+)*'  # with the lists that nginx writes
_AT_BLANKS = re.compile(_NAME.format("=") + _VALUE.format(_LIST))
_SEPARATORS = ("\t", "|", ";", ",")

_REQUEST = re.compile(r"[A-Z]{3,10} \S+(?: HTTP/[0-9.]+)?")
_METHOD = re.compile(r"GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE")
_PATH = re.compile(r"/\S*|\*")
_HOST_AND_PATH = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+(?::\d+)?/\S*")
_URL = re.compile(rf"/\S*|https?://\S*|\*|[\w.-]+:\d+|{_HOST_AND_PATH.pattern}")
_WITH_HOST, _ABSOLUTE = re.compile(r"\S+/\S*"), re.compile(r"https?://\S+")
_STATUS = re.compile(r"[1-5][0-9]{2}|0|000|-1")
_CLF_DATE = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_EPOCH = re.compile(r"1\d{9}(?:\.\d{1,6})?|1\d{12}")
_INTEGER = re.compile(r"\d{1,15}")
_SIZE_WITH_UNIT = re.compile(r"\d{1,15}(B)")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_NGINX_TIME = re.compile(r"(?:\d{1,7}\.\d{3}|-)(?:(?:, ?| : )(?:\d{1,7}\.\d{3}|-))*")  # nginx writes three decimals
_WITH_UNIT = re.compile(r"\d{1,9}(?:\.\d{1,9})?(s|ms|us|ns)")
_SPAN = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:s|ms|us|ns|µs|μs|m|h))+")
_ITEMS = re.compile(r".*(?:, ?| : ).*")

_NAMES = {
    "request": ("request", "req", "request_line"),
    "request_method": ("method", "verb", "request_method"),
    "request_uri": ("uri", "path", "url", "request_uri", "target"),
    "status": ("status", "code", "st", "sc", "status_code", "http_status"),
    "body_bytes_sent": ("size", "bytes", "body_bytes_sent", "bytes_sent", "b", "body_bytes", "sent", "ressize"),
    "request_time": ("rt", "request_time", "reqtime", "req_time", "rqt", "requesttime", "total_time"),
    "upstream_response_time": ("urt", "upstream_response_time", "upstream_time", "ut", "uprt", "apptime", "upstream"),
    "upstream_connect_time": ("uct", "upstream_connect_time"),
    "upstream_header_time": ("uht", "upstream_header_time"),
}
_ROLE_OF_NAME = {name: role for role, names in _NAMES.items() for name in names}
_CHECKS = {
    "request": _REQUEST,
    "request_method": _METHOD,
    "request_uri": _URL,
    "status": _STATUS,
    "body_bytes_sent": _INTEGER,
    **dict.fromkeys(("request_time", "upstream_response_time"), _NGINX_TIME),
    **dict.fromkeys(("upstream_connect_time", "upstream_header_time"), _NGINX_TIME),
}
_CODES = frozenset(str(code.value) for code in HTTPStatus)
_EXAMPLES = 3


def describe(data: bytes) -> Iterator[Description]:
    """Descriptions of the lines, of those that have a status code and a request; JSON is never cut at its blanks."""
    texts = [line for line in data.replace(b"\r\n", b"\n").split(b"\n") if line.strip()]
    lines = [line.decode("utf-8", "replace") for line in texts if not (line[:1] == b"{" and line.rstrip()[-1:] == b"}")]
    splits: list[list[list[_Token]]] = [[_at_blanks(line) for line in lines]]
    splits += [_at_separator(lines, separator) for separator in _SEPARATORS]
    for rows in splits:
        shapes = Counter(_shape(row) for row in rows if row)
        for shape, _ in shapes.most_common(_SHAPES):
            if found := _described([row for row in rows if _shape(row) == shape]):
                yield found


def _shape(row: Sequence[_Token]) -> tuple[tuple[str, str, str], ...]:
    return tuple((token.gap, token.key, token.kind) for token in row)


def _at_blanks(line: str) -> list[_Token]:
    row, end = [], 0
    for match in _AT_BLANKS.finditer(line):
        kind = match.lastgroup or "bare"
        row.append(_Token(line[end : match.start()], match["key"] or "", kind, match[kind]))
        end = match.end()
        if len(row) > _MAX_FIELDS:
            return []
    return [*row, _Token(line[end:], "", "end", "")]


def _at_separator(lines: Sequence[str], separator: str) -> list[list[_Token]]:
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


def _fields(line: str, separator: str, count: int, grammar: tuple[re.Pattern[str], re.Pattern[str]]) -> list[_Token]:
    quoted, field = grammar
    row: list[_Token] = []
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
        row.append(_Token(literal + line[at : start - len(match["key"] or "")], match["key"] or "", kind, match[kind]))
        literal, at = line[stop:end] + separator, end + len(separator)
    return [*row, _Token(literal.removesuffix(separator), "", "end", "")]


def _described(rows: Sequence[Sequence[_Token]]) -> Description | None:
    columns = [_column(i, [row[i] for row in rows]) for i in range(len(rows[0]) - 1)]
    names = _roles(columns)
    if "status" not in names.values() or not {"request", "request_uri"} & {*names.values()}:
        return None
    text = ""
    for token, column in zip(rows[0], columns, strict=False):
        name, suffix = _variable(column, names.get(column.number))
        text += token.gap + token.key + _WRAPPED[token.kind].format(name + suffix)
    text += rows[0][-1].gap
    literals = "".join(token.gap + token.key for token in rows[0])
    if not literals.isascii() or "$" in literals:
        return None
    no_sizes = None if "body_bytes_sent" in names.values() else tuple(_may_be_sizes(columns, names))
    return Description(text, len(names), tuple(_left_out(columns, names)), _seconds(columns, names), no_sizes)


def _column(number: int, tokens: Sequence[_Token]) -> _Column:
    filled = tuple(token.value for token in tokens if token.value not in ("", "-"))
    return _Column(number, tokens[0].key, tokens[0].kind, filled, len(filled) < len(tokens))


def _variable(column: _Column, name: str | None) -> tuple[str, str]:
    """The variable that stands for a column, and what follows it inside of its quotes."""
    if name is None:
        is_list = column.kind == "bare" and _has_lists(column)
        return f"${'http_' if is_list else ''}field{column.number}", ""  # nginx' headers may be lists
    if name.startswith("duration_") and column.all(_WITH_UNIT):
        unit = name.removeprefix("duration_")
        return f"${{{name}}}", unit
    if name == "body_bytes_sent" and column.all(_SIZE_WITH_UNIT):
        return "${body_bytes_sent}", "B"
    if name == "request_uri" and column.all(_HOST_AND_PATH):
        return "$host$request_uri", ""
    return f"${name}", ""


def _roles(columns: Sequence[_Column]) -> dict[int, str]:
    """What the columns are, by number: what names say first, then what values look like."""
    roles: dict[int, str] = {}
    for column in columns:
        role = _ROLE_OF_NAME.get(column.key[:-1].lower())
        if role and role not in roles.values() and (column.all(_CHECKS[role]) or _is_request(column, role)):
            roles[column.number] = role
    for role, find in _FINDERS:
        found = find([column for column in columns if column.number not in roles], roles)
        if found and role not in roles.values():
            roles[found.number] = role
            if role == "request":
                roles = {n: r for n, r in roles.items() if r not in ("request_method", "request_uri")}
    return roles | _durations([column for column in columns if column.number not in roles], roles)


def _is_request(column: _Column, role: str) -> bool:
    return role == "request" and column.most(_REQUEST)


_Find: TypeAlias = Callable[[Sequence[_Column], dict[int, str]], _Column | None]


def _first(columns: Iterable[_Column]) -> _Column | None:
    return next(iter(columns), None)


def _at(roles: dict[int, str], role: str) -> int:
    return next((number for number, one in roles.items() if one == role), -1)


def _request(columns: Sequence[_Column], _: dict[int, str]) -> _Column | None:
    return _first(c for c in columns if c.filled and c.most(_REQUEST) and any(" " in value for value in c.filled))


def _method(columns: Sequence[_Column], roles: dict[int, str]) -> _Column | None:
    return None if "request" in roles.values() else _first(c for c in columns if c.all(_METHOD))


def _target(columns: Sequence[_Column], roles: dict[int, str]) -> _Column | None:
    if "request" in roles.values():
        return None
    after = [c for c in columns if c.number > _at(roles, "request_method")]
    elsewhere = _WITH_HOST if "request_method" in roles.values() else _ABSOLUTE
    return _first(c for c in after if c.all(_URL) and c.most(_PATH)) or _first(
        c for c in after if c.all(_URL) and c.most(elsewhere)
    )


def _status(columns: Sequence[_Column], roles: dict[int, str]) -> _Column | None:
    asked = max(_at(roles, "request"), _at(roles, "request_uri"))
    found = [c for c in columns if c.all(_STATUS) and c.most(re.compile("[1-5][0-9]{2}"))]
    return _first(c for c in found if c.number > asked) or _first(found)


def _size(columns: Sequence[_Column], roles: dict[int, str]) -> _Column | None:
    """The number behind the status, or one that has its unit: elsewhere it may be anything else."""
    status = _at(roles, "status")
    behind = (c for c in columns if c.number == status + 1 and c.all(_INTEGER) and not c.all(_EPOCH) and not c.key)
    return _first(behind) or _first(c for c in columns if c.all(_SIZE_WITH_UNIT))


_FINDERS: tuple[tuple[str, _Find], ...] = (
    ("request", _request),
    ("request_method", _method),
    ("request_uri", _target),
    ("status", _status),
    ("body_bytes_sent", _size),
    ("time_local", lambda columns, _: _first(c for c in columns if c.all(_CLF_DATE))),
    ("time_iso8601", lambda columns, _: _first(c for c in columns if c.all(_ISO_DATE))),
    ("msec", lambda columns, _: _first(c for c in columns if c.all(_EPOCH))),
)


def _durations(columns: Sequence[_Column], roles: dict[int, str]) -> dict[int, str]:
    """The columns that are known to be times: by a unit in their name or values, or by nginx's three decimals."""
    if "request_time" in roles.values():
        return {}
    words = {column.number: set(column.filled) for column in columns}
    for column in columns:
        after = words.get(column.number + 1, set())
        if column.all(_NUMBER) and len(after) == 1 and (unit := unit_of_name(f"_{next(iter(after))}")):
            return {column.number: f"duration_{unit}"}
        if column.all(_NUMBER) and (unit := unit_of_name(column.key[:-1])):
            return {column.number: f"duration_{unit}"}
        if column.all(_WITH_UNIT) and len(units := {_unit(value) for value in column.filled}) == 1:
            return {column.number: f"duration_{units.pop()}"}
        if column.all(_SPAN) and any(not value.endswith(("m", "h")) for value in column.filled):
            return {column.number: "duration_text"}
    if "upstream_response_time" in roles.values():
        return {}
    times = sorted((c for c in columns if c.all(_NGINX_TIME) and not c.key), key=_not_whole)
    names = ("request_time", "upstream_response_time")[bool(times) and _has_lists(times[0]) :]
    return dict(zip((column.number for column in times), names, strict=False))


def _has_lists(column: _Column) -> bool:
    return any(map(_ITEMS.fullmatch, column.filled))


def _unit(value: str) -> str:
    match = _WITH_UNIT.fullmatch(value)
    return match[1] if match else ""


def _not_whole(column: _Column) -> tuple[bool, bool, float]:
    """Sorts the whole request's time first: it is always there, never a list, and the longest."""
    numbers = [float(n) for value in column.filled for n in re.findall(r"\d+\.\d+", value)]
    return _has_lists(column), column.has_gaps, -sum(numbers)


def _left_out(columns: Sequence[_Column], roles: dict[int, str]) -> Iterator[str]:
    """Numbers behind the status whose meaning nothing shows, if no duration is known."""
    if any(role.startswith(("duration", "request_time", "upstream_response")) for role in roles.values()):
        return
    for column in columns:
        spread = dict.fromkeys(column.filled)
        if column.number in roles or column.number < _at(roles, "status") or len(spread) < min(2, len(column.filled)):
            continue
        if column.all(_NUMBER) and not column.all(_EPOCH) and not _CODES.issuperset(column.filled):
            yield _shown(column, f"$field{column.number}")


def _may_be_sizes(columns: Sequence[_Column], roles: dict[int, str]) -> Iterator[str]:
    for column in columns:
        if column.number not in roles and column.all(_INTEGER) and not column.all(_EPOCH):
            yield _shown(column, f"$field{column.number}")


def _seconds(columns: Sequence[_Column], roles: dict[int, str]) -> str:
    """The column whose unit only nginx's three decimals say: neither a unit that is written there nor nginx's name."""
    if any(role.startswith("duration") for role in roles.values()):
        return ""
    role = "request_time" if "request_time" in roles.values() else "upstream_response_time"
    column = next((column for column in columns if roles.get(column.number) == role), None)
    return _shown(column, f"${role}") if column and column.filled and column.key[:-1].lower() != role else ""


def _shown(column: _Column, name: str) -> str:
    """Where a column stands, and some of its values."""
    return f"{column.key or name} ({', '.join(list(dict.fromkeys(column.filled))[:_EXAMPLES])})"
