"""Logs whose fields have names: JSON and logfmt.

Of a field's paths the first is taken that a line has something at that can be the field: `status: "ok"` does not hide
`status_code: 500`. In bulk, lines are read as one of them is, see `same_keys` and `learned`.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Fields, Format, Unitless
from exporter.accesslog.formats.durations import UNITS_NS, duration_ns, is_duration, is_number, unit_of_name
from exporter.accesslog.formats.keyed.almost_json import repaired
from exporter.accesslog.formats.keyed.field_paths import FieldPaths, Plan, Role
from exporter.accesslog.formats.keyed.learned import is_plain, shaped
from exporter.accesslog.formats.keyed.same_keys import Meaning, Request, SameKeys, same_keys
from foundation.errors import BadRecord

_REQUEST = re.compile(r"([A-Za-z][A-Za-z-]*) ([^ ]+)(?: .*)?", re.DOTALL)
_TARGET = re.compile(r"/|[a-zA-Z][a-zA-Z0-9+.-]*://")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,19}")
_WHOLE = re.compile(rb"[-0-9,: ]*[1-9][-0-9,: ]*")

# A token starts only after a blank, and what it took is not given back: one look at each byte, whatever the line.
_PAIR = re.compile(r'(?<!\S)([^\s="]++)=(?:"((?:[^"\\]|\\.)*+)"|(\S*+))')

Record = Mapping[str, Any]


def json_format(name: str, paths: FieldPaths) -> Format:
    """A format of one JSON object a line."""
    find = _Finder(paths)

    def same(line: bytes) -> SameKeys | None:
        try:
            record = _decode(line)
            plan = _plan(record, paths, find) if record_fields(record, paths, find) else None
        except (BadRecord, *_BROKEN):
            return None
        return same_keys(record, plan, _meaning(plan, paths, find)) if plan else None

    return msgspec.structs.replace(_format(name, paths, read_json, find), same_keys=same)


def logfmt_format(name: str, paths: FieldPaths) -> Format:
    """A format of `key=value key="quoted value"` lines."""
    find = _Finder(paths)

    def learn(line: bytes) -> Format | None:
        try:
            record = read_logfmt(line)
            fields, plan = record_fields(record, paths, find), _plan(record, paths, find)
        except BadRecord:
            return None
        return shaped(name, line, plan, fields) if fields and plan else None

    return msgspec.structs.replace(_format(name, paths, read_logfmt, find), learn=learn)


_decode = msgspec.json.Decoder(dict[str, Any]).decode
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_json(line: bytes) -> Record:
    """The object, also where a server's template made almost JSON of it. Raises BadRecord."""
    try:
        return _decode(line)
    except _BROKEN as exc:
        if line.lstrip().startswith(b"{"):
            with suppress(*_BROKEN):
                return _decode(repaired(line))
        raise BadRecord("format", f"not a JSON object: {exc}") from exc


def read_logfmt(line: bytes) -> Record:
    """The pairs; what has no sign of equality is passed over. Raises BadRecord."""
    pairs = _PAIR.findall(line.decode("utf-8", "replace"))
    if not pairs:
        raise BadRecord("format", "no key=value in the line")
    return {key: quoted.replace('\\"', '"') if quoted else plain for key, quoted, plain in pairs}


def _format(name: str, paths: FieldPaths, read: Callable[[bytes], Record], find: "_Finder") -> Format:
    def read_instant_s(line: bytes) -> float:
        try:
            _, value = find.first(read(line), paths.instants)
        except BadRecord as exc:
            raise ValueError(str(exc)) from exc
        if isinstance(value, int | float) and not isinstance(value, bool):
            return instants.epoch(str(value).encode())
        return instants.any_form(str(value).encode())

    def find_unitless(line: bytes) -> Unitless | None:
        try:
            path, value = find.first(read(line), paths.durations, _is_time)
        except BadRecord:
            return None
        text = _time_text(value)
        return Unitless(path, text) if _unit(path, value, paths) is None and is_number(text) else None

    return Format(
        name=name,
        second_look=lambda line: record_fields(read(line), paths, find),
        read_instant_s=read_instant_s,
        duration_unit_ns=1,
        has_duration=True,
        find_unitless=find_unitless,
    )


def record_fields(record: Record, paths: FieldPaths, find: "_Finder") -> Fields | None:
    """The fields of one line's record, the duration in nanoseconds; None if it is another message. Raises BadRecord."""
    for need in paths.needs:
        if not find.has(record, need):
            if paths.skips:
                return None
            raise BadRecord("format", f"there is no {' or '.join(need)}")
    method, target = _request(record, paths, find)
    path, code = find.first(record, paths.codes, _is_code)
    if not (path or paths.needs or find.has(record, paths.codes)):
        raise BadRecord("format", f"none of {', '.join(paths.codes)} is there")
    size, duration = find.first(record, paths.sizes, _is_size)[1], _duration_ns(record, paths, find)
    return Fields(_text(method), _text(target).partition(b"?")[0], _text(code), _text(size), duration)


def _request(record: Record, paths: FieldPaths, find: "_Finder") -> tuple[Any, Any]:
    """The method and the target: what the client sent, where the line has it whole, before what was made of it."""
    request = find.first(record, paths.requests, _is_request)[1]
    if isinstance(request, str) and (match := _REQUEST.fullmatch(request)):
        return match[1], match[2]
    target = request if isinstance(request, str) and _TARGET.match(request) else None
    method = find.first(record, paths.methods, _is_method)[1]
    return method, target or find.first(record, paths.targets, _is_target)[1]


def _is_request(value: Any) -> bool:
    return isinstance(value, str) and _REQUEST.fullmatch(value) is not None


def _is_method(value: Any) -> bool:
    return isinstance(value, str) and _METHOD.fullmatch(value) is not None


def _is_target(value: Any) -> bool:
    return isinstance(value, str) and _TARGET.match(value) is not None


def _is_code(value: Any) -> bool:
    text = _text(value)
    return len(text) == 3 and text.isdigit() and not text.startswith(b"0")


def _is_size(value: Any) -> bool:
    return _text(value).isdigit()


def _is_time(value: Any) -> bool:
    return isinstance(value, list) or is_duration(_text(value))


_FITS: Mapping[Role, Callable[[Any], bool]] = {
    "request": _is_request,
    "method": _is_method,
    "target": _is_target,
    "code": _is_code,
    "size": _is_size,
    "duration": _is_time,
}


def _plan(record: Record, paths: FieldPaths, find: "_Finder") -> Plan | None:
    """Where `record_fields` finds this record's fields; None where some are neither plain text nor plain numbers."""
    roles: dict[str, Role] = {}

    def take(role: Role, candidates: tuple[str, ...]) -> str:
        path, value = find.first(record, candidates, _FITS[role])
        if path in paths.ambiguous and not _FITS[role](value):
            path = ""  # another program's word
        before = candidates[: candidates.index(path)] if path else candidates
        plain = not path or (path not in roles and is_plain(role, value))
        roles.update(dict.fromkeys(before, "empty"), **({path: role} if path else {}))
        if not plain:
            raise BadRecord("format", f"{path} is more than a {role}")
        return path

    if request := take("request", paths.requests):
        if not _REQUEST.fullmatch(_at(record, request)):
            return None
    else:
        take("method", paths.methods)
        take("target", paths.targets)
    take("size", paths.sizes)
    duration = take("duration", paths.durations)
    needs_point = duration in paths.decimal and not paths.duration_unit
    if not take("code", paths.codes) or (needs_point and _is_whole(_at(record, duration))):
        return None
    fields = (paths.requests, paths.methods, paths.targets, paths.codes, paths.sizes, paths.durations, *paths.needs)
    looked = frozenset(path for one in fields for path in one)
    return Plan(roles, looked, _unit(duration, _at(record, duration), paths), needs_point)


def _meaning(plan: Plan, paths: FieldPaths, find: "_Finder") -> Meaning:
    """What the values say that are where this plan has them."""
    at: dict[Role, str] = {role: path for path, role in plan.roles.items() if role != "empty"}
    duration = at.get("duration", "")

    def request(values: Mapping[Role, Any]) -> Request | None:
        if not all(_FITS[role](value) for role, value in values.items()):
            return None
        method, target = _request({at[role]: value for role, value in values.items()}, paths, find)
        return _text(method), _text(target).partition(b"?")[0], _text(values["code"])

    def read_duration_ns(value: Any) -> int | None:
        if not _is_time(value):
            raise BadRecord("time", f"{value!r} is not a time")
        return _value_ns(duration, value, paths)

    unit = UNITS_NS[plan.unit] if plan.unit else None
    return Meaning(request, read_duration_ns, unit, plan.needs_point)


ABSENT: tuple[str, Any] = ("", None)
_EMPTY = (None, "", "-")
_SHAPES = 256


class _Finder:
    """Looks paths up in records.

    Lines of one program have the same keys, so which of the paths a line can have at all is worked out once for each
    set of keys. Nothing is kept of logs whose every line has keys of its own.
    """

    def __init__(self, paths: FieldPaths) -> None:
        self._known: dict[tuple[str, ...], dict[tuple[str, ...], tuple[str, ...]]] = {}
        fields = (paths.methods, paths.targets, paths.codes, paths.sizes, paths.durations, paths.instants)
        self._fields = {*fields, paths.requests, *paths.needs}
        self._by_key: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for field in self._fields:
            for place, path in enumerate(field):
                for key in {path, path.partition(".")[0]}:
                    self._by_key.setdefault(key, []).append((field, place))

    def first(
        self, record: Record, paths: tuple[str, ...], fits: Callable[[Any], bool] | None = None
    ) -> tuple[str, Any]:
        """The first of the paths that the record has something at that fits, and its value.

        Where nothing fits, the first that it has anything at; `ABSENT` if there is none.
        """
        found = ABSENT
        for path in self._possible(record)[paths]:
            value = _at(record, path)
            if value in _EMPTY:
                continue
            if fits is None or fits(value):
                return path, value
            found = found if found[0] else (path, value)
        return found

    def has(self, record: Record, paths: tuple[str, ...]) -> bool:
        """Whether one of the paths is there, with something or nothing at it."""
        return any(_at(record, path, ABSENT) is not ABSENT for path in self._possible(record)[paths])

    def _possible(self, record: Record) -> dict[tuple[str, ...], tuple[str, ...]]:
        keys = tuple(record)
        found = self._known.get(keys)
        if found is None:
            places: dict[tuple[str, ...], set[int]] = {field: set() for field in self._fields}
            for key in keys:
                for field, place in self._by_key.get(key, ()):
                    places[field].add(place)
            found = {field: tuple(field[place] for place in sorted(some)) for field, some in places.items()}
            if len(self._known) >= _SHAPES:
                self._known.clear()
            self._known[keys] = found
        return found


def _at(record: Record, path: str, absent: Any = None) -> Any:
    value = record.get(path, absent)
    if value is not absent or "." not in path:
        return value
    value = record
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return absent
        value = value.get(step, absent)
    return value


def _text(value: Any) -> bytes:
    """A field as a line would have it; what is neither text nor number as something no field accepts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if value is None:
        return b""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value).encode()


def _duration_ns(record: Record, paths: FieldPaths, find: _Finder) -> bytes:
    path, value = find.first(record, paths.durations, _is_time)
    if not path or (path in paths.ambiguous and not is_duration(_time_text(value))):
        return b""
    found_ns = _value_ns(path, value, paths)
    return b"" if found_ns is None else b"%d" % found_ns


def _value_ns(path: str, value: Any, paths: FieldPaths) -> int | None:
    """The duration at the path, None if it is none. Raises BadRecord."""
    unit = _unit(path, value, paths)
    return duration_ns(_time_text(value), UNITS_NS[unit] if unit else None)


def _time_text(value: Any) -> bytes:
    return b", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _unit(path: str, value: Any, paths: FieldPaths) -> str | None:
    """What a number at the path counts, if anything says so."""
    if paths.duration_unit or path not in paths.decimal or not _is_whole(value):
        return paths.duration_unit or paths.units.get(path) or unit_of_name(path)
    return None


def _is_whole(value: Any) -> bool:
    """Whether it is a number without a point, or some of them; zero is zero in any unit."""
    return not isinstance(value, float) and _WHOLE.fullmatch(_time_text(value)) is not None
