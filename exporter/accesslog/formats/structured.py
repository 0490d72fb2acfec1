"""Logs whose fields have names: JSON and logfmt.

Where the fields are is a `FieldPaths`: for each field some paths (`request.uri`), of which the first that a line has,
and that is not empty there, is taken. In bulk, lines are read by the shape of one of them, see `learned`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import Fields, Format, Unitless
from exporter.accesslog.formats.almost_json import repaired
from exporter.accesslog.formats.durations import UNITS_NS, duration_ns, is_number, unit_of_name
from exporter.accesslog.formats.learned import Plan, Role, Shaper, is_plain, json_shape, logfmt_shape, shaped
from foundation.errors import BadRecord


class FieldPaths(msgspec.Struct, frozen=True):
    """For each field, where it may be.

    requests: of a whole request line, which is what the client sent and goes before what else says the same.
    units: what numbers count, by the duration's path, where its name does not say so.
    duration_unit: what they count whatever the path says; the user's own word.
    needs: what a line must have to be of this format at all: of each tuple of paths one. A line that has it is a
        request, and one that got no answer if it has no code.
    skips: whether lines without that are the program's other messages, neither requests nor bad.
    """

    methods: tuple[str, ...]
    targets: tuple[str, ...]
    codes: tuple[str, ...]
    sizes: tuple[str, ...]
    durations: tuple[str, ...]
    instants: tuple[str, ...] = ("time", "ts", "timestamp", "@timestamp", "time_local", "date", "start_time")
    requests: tuple[str, ...] = ()
    units: Mapping[str, str] = {}
    duration_unit: str | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    skips: bool = False


class UserPaths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may set: the path of each field, with dots between the steps."""

    method: str | None = None
    path: str | None = None
    request: str | None = None
    code: str | None = None
    bytes: str | None = None
    duration: str | None = None
    time: str | None = None


_UNIT_ENDINGS = ("s", "seconds", "ms", "us", "ns")
_TIMES = ("duration", "latency", "elapsed", "response_time", "request_duration", "took", "time_taken")

NGINX_UNITS = {"request_time": "s", "upstream_response_time": "s"}
"""nginx's own variables; who writes JSON with it names the fields after them."""

GENERIC = FieldPaths(
    methods=(
        *("method", "request_method", "http_method", "verb", "requestMethod", "req.method", "http.request.method"),
        *("http.method", "httpRequest.requestMethod", "request.method"),
    ),
    targets=(
        *("route", "request_uri", "original_uri", "requestUri", "originalUrl", "req.originalUrl", "req.url"),
        *("url.original", "httpRequest.requestUrl", "url", "path", "uri", "target", "url.path", "http.target"),
        *("http.url", "request.uri", "request.url", "request.path", "request_path", "requestPath"),
    ),
    codes=(
        *("status", "code", "status_code", "http_status", "response_code", "statusCode", "res.statusCode"),
        *("http.response.status_code", "http.status_code", "httpRequest.status", "response.status"),
    ),
    sizes=(
        *("bytes", "size", "body_bytes_sent", "bytes_sent", "response_bytes", "length", "response_size"),
        *("http.response.body.bytes", "http.response.bytes", "httpRequest.responseSize"),
    ),
    durations=(
        *("request_time", *(f"{base}_{unit}" for base in _TIMES for unit in _UNIT_ENDINGS), *_TIMES, "responseTime"),
        *("responsetime", "timeTaken", "timeTakenMs", "durationMs", "latencyMs", "responseTimeMs", "elapsedMs"),
        *("service", "event.duration", "http.server.request.duration", "httpRequest.latency"),
        "upstream_response_time",
    ),
    requests=("request", "request_line", "requestLine"),
    units=NGINX_UNITS | {"event.duration": "ns", "http.server.request.duration": "s"},  # ECS, OpenTelemetry
)
CADDY = FieldPaths(
    methods=("request.method",),
    targets=("request.uri",),
    codes=("status",),
    sizes=("size",),
    durations=("duration",),
    instants=("ts",),
    units={"duration": "s"},
    needs=(("request.method",), ("status",), ("size",)),  # its error log has the same request without a size
    skips=True,
)
TRAEFIK = FieldPaths(
    methods=("RequestMethod",),
    targets=("RequestPath",),
    codes=("DownstreamStatus",),
    sizes=("DownstreamContentSize",),
    durations=("Duration",),
    instants=("StartUTC", "time"),
    units={"Duration": "ns"},
)


def with_user_paths(user: UserPaths, duration_unit: str | None) -> FieldPaths:
    """The generic paths, with the user's instead where given."""
    pairs = {
        "methods": user.method,
        "targets": user.path,
        "requests": user.request,
        "codes": user.code,
        "sizes": user.bytes,
        "durations": user.duration,
        "instants": user.time,
    }
    changes = {key: (path,) for key, path in pairs.items() if path is not None}
    return msgspec.structs.replace(GENERIC, **changes, duration_unit=duration_unit)


_REQUEST = re.compile(r"([A-Za-z][A-Za-z-]*) ([^ ]+)(?: .*)?", re.DOTALL)
_TARGET = re.compile(r"/|[a-zA-Z][a-zA-Z0-9+.-]*://")

# A token starts only after a blank, and what it took is not given back: one look at each byte, whatever the line.
_PAIR = re.compile(r'(?<!\S)([^\s="]++)=(?:"((?:[^"\\]|\\.)*+)"|(\S*+))')

Record = Mapping[str, Any]


def json_format(name: str, paths: FieldPaths) -> Format:
    """A format of one JSON object a line."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode

    def read(line: bytes) -> Record:
        try:
            return decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            return again(line, exc)

    def again(line: bytes, exc: Exception) -> Record:
        if not line.lstrip().startswith(b"{"):
            raise BadRecord("format", f"not a JSON object: {exc}") from exc
        try:
            return decode(repaired(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise BadRecord("format", f"not a JSON object: {exc}") from exc

    return _format(name, paths, read, json_shape)


def logfmt_format(name: str, paths: FieldPaths) -> Format:
    """A format of `key=value key="quoted value"` lines."""

    def read(line: bytes) -> Record:
        pairs = _PAIR.findall(line.decode("utf-8", "replace"))
        if not pairs:
            raise BadRecord("format", "no key=value in the line")
        return {key: quoted.replace('\\"', '"') if quoted else plain for key, quoted, plain in pairs}

    return _format(name, paths, read, logfmt_shape)


def _format(name: str, paths: FieldPaths, read: Callable[[bytes], Record], shape: Shaper) -> Format:
    find = _Finder(paths)

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
            path, value = find.first(read(line), paths.durations)
        except BadRecord:
            return None
        text = _text(value)
        return Unitless(path, text) if _unit(path, paths) is None and is_number(text) else None

    def learn(line: bytes) -> Format | None:
        try:
            record = read(line)
            fields, plan = record_fields(record, paths, find), _plan(record, paths, find)
        except BadRecord:
            return None
        return shaped(name, line, plan, shape, fields) if fields and plan else None

    return Format(
        name=name,
        second_look=lambda line: record_fields(read(line), paths, find),
        read_instant_s=read_instant_s,
        duration_unit_ns=1,
        has_duration=True,
        find_unitless=find_unitless,
        learn=learn,
    )


def record_fields(record: Record, paths: FieldPaths, find: "_Finder") -> Fields | None:
    """The fields of one line's record, the duration in nanoseconds; None if it is another message. Raises BadRecord."""
    for need in paths.needs:
        if not find.has(record, need):
            if paths.skips:
                return None
            raise BadRecord("format", f"there is no {' or '.join(need)}")
    method, target = _request(record, paths, find)
    path, code = find.first(record, paths.codes)
    if not (path or paths.needs or find.empty(record, paths.codes)):
        raise BadRecord("format", f"none of {', '.join(paths.codes)} is there")
    size, duration = find.first(record, paths.sizes)[1], _duration_ns(record, paths, find)
    return Fields(_text(method), _text(target).partition(b"?")[0], _text(code), _text(size), duration)


def _request(record: Record, paths: FieldPaths, find: "_Finder") -> tuple[Any, Any]:
    """The method and the target: what the client sent, where the line has it whole, before what was made of it."""
    request = find.first(record, paths.requests)[1]
    if isinstance(request, str) and (match := _REQUEST.fullmatch(request)):
        return match[1], match[2]
    target = request if isinstance(request, str) and _TARGET.match(request) else None
    return find.first(record, paths.methods)[1], target or find.first(record, paths.targets)[1]


def _plan(record: Record, paths: FieldPaths, find: "_Finder") -> Plan | None:
    """Where `record_fields` finds this record's fields; None where some are neither plain text nor plain numbers."""
    roles: dict[str, Role] = {}

    def take(role: Role, candidates: tuple[str, ...]) -> str:
        path, value = find.first(record, candidates)
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
    if not take("code", paths.codes):
        return None
    fields = (paths.requests, paths.methods, paths.targets, paths.codes, paths.sizes, paths.durations, *paths.needs)
    return Plan(roles, frozenset(path for one in fields for path in one), _unit(duration, paths))


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

    def first(self, record: Record, paths: tuple[str, ...]) -> tuple[str, Any]:
        """The first of the paths that the record has something at, and its value; `ABSENT` if there is none."""
        for path in self._possible(record)[paths]:
            value = _at(record, path)
            if value not in _EMPTY:
                return path, value
        return ABSENT

    def empty(self, record: Record, paths: tuple[str, ...]) -> bool:
        """Whether one of the paths is there, with nothing at it."""
        return any(path in record for path in self._possible(record)[paths])

    def has(self, record: Record, paths: tuple[str, ...]) -> bool:
        """Whether one of the paths is there, with something or nothing at it."""
        return any(_at(record, path, ABSENT) is not ABSENT for path in self._possible(record)[paths])

    def _possible(self, record: Record) -> dict[tuple[str, ...], tuple[str, ...]]:
        keys = tuple(record)
        found = self._known.get(keys)
        if found is None:
            found = {
                paths: tuple(path for path in paths if path in record or path.partition(".")[0] in record)
                for paths in self._fields
            }
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
    path, value = find.first(record, paths.durations)
    if not path:
        return b""
    unit = _unit(path, paths)
    text = b", ".join(map(_text, value)) if isinstance(value, list) else _text(value)
    found_ns = duration_ns(text, UNITS_NS[unit] if unit else None)
    return b"" if found_ns is None else b"%d" % found_ns


def _unit(path: str, paths: FieldPaths) -> str | None:
    """What a number at the path counts, if anything says so."""
    return paths.duration_unit or paths.units.get(path) or unit_of_name(path)
