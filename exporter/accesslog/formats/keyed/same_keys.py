"""Logs of JSON, in bulk: lines with the keys of one line, decoded into a struct that has these keys and no others.

A program's lines have the same keys. Of a line that such a struct takes, the format finds the same fields at the same
paths: what is looked at before a field is as empty as it was, and each field is a text or a number as it was. The
decoder is the format's own, so it refuses what the format refuses. Every other line is left to the format.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats.keyed.field_paths import Plan, Role
from exporter.accesslog.formats.keyed.values import more_text

Request: TypeAlias = tuple[bytes, ...]
"""Method, target without its query, code, and the fields that are wanted beside them."""

_OF_REQUESTS: tuple[Role, ...] = ("request", "method", "target", "code")


class Column(NamedTuple):
    """One value of every line, a text or a number."""

    get: Callable[[Any], Any]
    is_text: bool


class Meaning(NamedTuple):
    """What the format makes of the values of a line.

    request: of values by their roles; None where the format would take others instead.
    duration_ns: None if it is none. Raises BadRecord.
    unit_ns: what a number counts; None if that is not known.
    needs_point: whether that holds only for numbers with a point.
    """

    request: Callable[[Mapping[Role, Any]], Request | None]
    duration_ns: Callable[[Any], int | None]
    unit_ns: int | None
    needs_point: bool


class Parted(NamedTuple):
    """How to part the paths of lines from their other values, of which there are few.

    text: of a struct, that which contains the path: a target or, if `is_whole`, a request line.
    others: the values of a struct without this text.
    request: as `SameKeys.request`, of such values and a text.
    """

    text: Callable[[Any], str]
    others: Callable[[Any], tuple[Any, ...]]
    request: Callable[[tuple[Any, ...], str], Request | None]
    is_whole: bool


class SameKeys(NamedTuple):
    """How to read lines with the same keys.

    decoder: of a line to a struct. Raises what the format's decoder raises, also for a line with other keys.
    values: those of a struct that say what was requested.
    request: what they say; None where the line must be read on its own.
    parted: the same, where the lines have a path.
    """

    decoder: msgspec.json.Decoder[Any]
    values: Callable[[Any], tuple[Any, ...]]
    request: Callable[[tuple[Any, ...]], Request | None]
    parted: Parted | None
    size: Column | None
    duration: Column | None
    meaning: Meaning


class _Unlike(Exception):  # noqa: N818, caught in this file
    """No struct can describe this line."""


def same_keys(record: Mapping[str, Any], plan: Plan, meaning: Meaning, more: tuple[str, ...] = ()) -> SameKeys | None:
    """How to read lines with the keys of this record; None where there is no way.

    `more`: paths of the fields that are wanted beside the five.
    """
    builder = _Builder(plan, more)
    try:
        decoder = msgspec.json.Decoder(builder.struct(record, "", ""))
    except (_Unlike, ValueError):  # ValueError: a key that no field can have
        return None
    spots = builder.spots
    roles = [role for role in _OF_REQUESTS if role in spots]
    places = [spots[role].get for role in roles]
    rest = [builder.more.get(path) for path in more]
    columns = {role: Column(attrgetter(spot.get), spot.is_text) for role, spot in spots.items()}

    def whole_request(values: tuple[Any, ...]) -> Request | None:
        """A request by all its values, with its additional fields; None for another message."""
        found, others = meaning.request(dict(zip(roles, values, strict=False))), iter(values[len(roles) + 1 :])
        return found and (*found, *(more_text(next(others) if place else None) for place in rest))

    return SameKeys(
        decoder=decoder,  # of one place alone the getter would not make a tuple
        values=attrgetter(*places, places[0], *filter(None, rest)),
        request=whole_request,
        parted=_parted(whole_request, roles, places, [*filter(None, rest)]),
        size=columns.get("size"),
        duration=columns.get("duration"),
        meaning=meaning,
    )


def _parted(
    request: Callable[[tuple[Any, ...]], Request | None], roles: list[Role], places: list[str], rest: list[str]
) -> Parted | None:
    """How to part the text that contains the path; None where none does."""
    at = next((at for at, role in enumerate(roles) if role in ("request", "target")), None)
    if at is None or len(places) == 1:
        return None
    left = [*places[:at], *places[at + 1 :]]

    def with_text(others: tuple[Any, ...], text: str) -> Request | None:
        """The request of a text and the other values."""
        return request((*others[:at], text, *others[at:]))

    others = attrgetter(*left, left[0], *rest)
    return Parted(attrgetter(places[at]), others, with_text, is_whole=roles[at] == "request")


class _Spot(NamedTuple):
    get: str  # the attribute's name, with those before it
    is_text: bool


class _Builder:
    """Makes the struct of a record, and finds where in it the fields are."""

    def __init__(self, plan: Plan, more: tuple[str, ...]) -> None:
        self._plan = plan
        self._looked = plan.looked | {*more}
        self._more = {*more}
        self.more: dict[str, str] = {}  # path to attribute
        self._seen = set[str]()
        self._on_the_way = {
            ".".join(steps[:end])
            for steps in (path.split(".") for path in self._looked)
            for end in range(1, len(steps))
        }
        self.spots: dict[Role, _Spot] = {}

    def struct(self, record: Mapping[str, Any], path: str, get: str) -> Any:
        """The type of a record at a path. Raises _Unlike, or ValueError."""
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        names = {}
        for number, (key, value) in enumerate(record.items()):
            if path and "." in key:
                raise _Unlike  # whether that is one step or two is for the format to say
            inner, name = f"{path}.{key}" if path else key, f"k{number}"
            names[name] = key
            matters = inner in self._looked or inner in self._on_the_way
            if matters and inner in self._seen:
                raise _Unlike
            self._seen.add(inner)
            type_ = self._type(value, inner, f"{get}{name}") if matters else Any
            fields.append((name, type_) if matters else (name, type_, None))
        return msgspec.defstruct("Line", fields, rename=names, kw_only=True, forbid_unknown_fields=True, gc=False)

    def _type(self, value: Any, path: str, get: str) -> Any:
        role = self._plan.roles.get(path)
        if path in self._more:
            if isinstance(value, dict):
                raise _Unlike
            self.more[path] = get
            if role is None:
                return _SIMPLE
        if path in self._on_the_way and role in (None, "empty"):
            return self._type_on_the_way(value, path, get)
        if role is None:
            return Any
        if role == "empty":
            return _just(value)
        if role in self.spots or type(value) not in _TYPES[role]:
            raise _Unlike
        self.spots[role] = _Spot(get, isinstance(value, str))
        return str if isinstance(value, str) else _TYPES[role][type(value)]

    def _type_on_the_way(self, value: Any, path: str, get: str) -> Any:
        """Of what could be an object with fields in it."""
        if isinstance(value, dict):
            return self.struct(value, path, f"{get}.")
        return _just(value)


_SIMPLE: Any = str | int | None | tuple[str, ...]
"""Of a field beside the five. 1, 1.0 and true are equal in Python, and so only one of them may be here."""

_TYPES: Mapping[Role, Mapping[type, Any]] = {
    "request": {str: str},
    "method": {str: str},
    "target": {str: str},
    "code": {int: int, str: str},
    "size": {int: int, str: str},
    "duration": {int: int | float, float: int | float, str: str},
}


def _just(value: Any) -> Any:
    """The type of this value and no other. Raises _Unlike where there is none."""
    if value is None:
        return None
    if isinstance(value, str) or type(value) is int:
        return Literal[value]
    if isinstance(value, bool | dict):  # neither can be a field
        return bool if isinstance(value, bool) else dict[str, Any]
    raise _Unlike
