"""The roles of fields: by their names first, then by the form of all their values. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from exporter.accesslog.describe.cut import Token
from exporter.accesslog.formats.durations import unit_of_name


class Column(NamedTuple):
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


_REQUEST = re.compile(r"[A-Z]{3,10} \S+(?: HTTP/[0-9.]+)?")
_METHOD = re.compile(r"GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE")
_PATH = re.compile(r"/\S*|\*")
HOST_AND_PATH = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+(?::\d+)?/\S*")
_URL = re.compile(rf"/\S*|https?://\S*|\*|[\w.-]+:\d+|{HOST_AND_PATH.pattern}")
_WITH_HOST, _ABSOLUTE = re.compile(r"\S+/\S*"), re.compile(r"https?://\S+")
_STATUS = re.compile(r"[1-5][0-9]{2}|0|000|-1")
_SIZE_UNIT = re.compile("bytes?|B|KB|kB")
_CLF_DATE = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
EPOCH = re.compile(r"1\d{9}(?:\.\d{1,6})?|1\d{12}")
INTEGER = re.compile(r"\d{1,15}")
SIZE_WITH_UNIT = re.compile(r"\d{1,15}(B)")
NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_NGINX_TIME = re.compile(r"(?:\d{1,7}\.\d{3}|-)(?:(?:, ?| : )(?:\d{1,7}\.\d{3}|-))*")  # nginx writes three decimals
WITH_UNIT = re.compile(r"\d{1,9}(?:\.\d{1,9})?(s|ms|us|ns)")
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
    "body_bytes_sent": INTEGER,
    **dict.fromkeys(("request_time", "upstream_response_time"), _NGINX_TIME),
    **dict.fromkeys(("upstream_connect_time", "upstream_header_time"), _NGINX_TIME),
}


def column_of(number: int, tokens: Sequence[Token]) -> Column:
    """The fields of all lines at one place."""
    filled = tuple(token.value for token in tokens if token.value not in ("", "-"))
    return Column(number, tokens[0].key, tokens[0].kind, filled, len(filled) < len(tokens))


def roles_of(columns: Sequence[Column]) -> dict[int, str]:
    """The roles of the columns, by number: by names first, then by the form of values."""
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


def _is_request(column: Column, role: str) -> bool:
    return role == "request" and column.most(_REQUEST)


_Find: TypeAlias = Callable[[Sequence[Column], dict[int, str]], Column | None]


def _first(columns: Iterable[Column]) -> Column | None:
    return next(iter(columns), None)


def at_role(roles: dict[int, str], role: str) -> int:
    """The place of a role's field; -1 where there is none."""
    return next((number for number, one in roles.items() if one == role), -1)


def _request(columns: Sequence[Column], _: dict[int, str]) -> Column | None:
    return _first(c for c in columns if c.filled and c.most(_REQUEST) and any(" " in value for value in c.filled))


def _method(columns: Sequence[Column], roles: dict[int, str]) -> Column | None:
    return None if "request" in roles.values() else _first(c for c in columns if c.all(_METHOD))


def _target(columns: Sequence[Column], roles: dict[int, str]) -> Column | None:
    if "request" in roles.values():
        return None
    after = [c for c in columns if c.number > at_role(roles, "request_method")]
    elsewhere = _WITH_HOST if "request_method" in roles.values() else _ABSOLUTE
    return _first(c for c in after if c.all(_URL) and c.most(_PATH)) or _first(
        c for c in after if c.all(_URL) and c.most(elsewhere)
    )


def _status(columns: Sequence[Column], roles: dict[int, str]) -> Column | None:
    """The first behind the request; elsewhere only the one that there is, as sizes may look so too."""
    asked = max(at_role(roles, "request"), at_role(roles, "request_uri"))
    units = {column.number - 1 for column in columns if column.all(_SIZE_UNIT)}
    found = [c for c in columns if c.all(_STATUS) and c.most(re.compile("[1-5][0-9]{2}")) and c.number not in units]
    behind = _first(c for c in found if c.number > asked)
    return behind or (found[0] if len(found) == 1 else None)


def _size(columns: Sequence[Column], roles: dict[int, str]) -> Column | None:
    """The number behind the status, or one that has its unit: elsewhere it may be anything else."""
    status = at_role(roles, "status")
    behind = (c for c in columns if c.number == status + 1 and c.all(INTEGER) and not c.all(EPOCH) and not c.key)
    return _first(behind) or _first(c for c in columns if c.all(SIZE_WITH_UNIT))


_FINDERS: tuple[tuple[str, _Find], ...] = (
    ("request", _request),
    ("request_method", _method),
    ("request_uri", _target),
    ("status", _status),
    ("body_bytes_sent", _size),
    ("time_local", lambda columns, _: _first(c for c in columns if c.all(_CLF_DATE))),
    ("time_iso8601", lambda columns, _: _first(c for c in columns if c.all(_ISO_DATE))),
    ("msec", lambda columns, _: _first(c for c in columns if c.all(EPOCH))),
)


def _durations(columns: Sequence[Column], roles: dict[int, str]) -> dict[int, str]:
    """The columns that are known to be times: by a unit in their name or values, or by nginx's three decimals."""
    if "request_time" in roles.values():
        return {}
    words = {column.number: set(column.filled) for column in columns}
    for column in columns:
        after = words.get(column.number + 1, set())
        if column.all(NUMBER) and len(after) == 1 and (unit := unit_of_name(f"_{next(iter(after))}")):
            return {column.number: f"duration_{unit}"}
        if column.all(NUMBER) and (unit := unit_of_name(column.key[:-1])):
            return {column.number: f"duration_{unit}"}
        if column.all(WITH_UNIT) and len(units := {_unit(value) for value in column.filled}) == 1:
            return {column.number: f"duration_{units.pop()}"}
        if column.all(_SPAN) and any(not value.endswith(("m", "h")) for value in column.filled):
            return {column.number: "duration_text"}
    if "upstream_response_time" in roles.values():
        return {}
    times = sorted((c for c in columns if c.all(_NGINX_TIME) and not c.key), key=_not_whole)
    names = ("request_time", "upstream_response_time")[bool(times) and has_lists(times[0]) :]
    return dict(zip((column.number for column in times), names, strict=False))


def has_lists(column: Column) -> bool:
    """Whether a value is several, as nginx writes them."""
    return any(map(_ITEMS.fullmatch, column.filled))


def _unit(value: str) -> str:
    match = WITH_UNIT.fullmatch(value)
    return match[1] if match else ""


def _not_whole(column: Column) -> tuple[bool, bool, float]:
    """Sorts the whole request's time first: it is always there, never a list, and the longest."""
    numbers = [float(n) for value in column.filled for n in re.findall(r"\d+\.\d+", value)]
    return has_lists(column), column.has_gaps, -sum(numbers)
