"""Logs whose fields have names: JSON and logfmt.

Where the fields are is a `FieldPaths`: for each field some paths (`request.uri`), of which the first that a line has is
taken. Only the scalar engine reads these.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import UNITS_NS, Fields, Format
from foundation.errors import BadRecord


class FieldPaths(msgspec.Struct, frozen=True):
    """For each field, where it may be. `duration_unit`: if None, what a path ends in (`_ms`), or else seconds."""

    methods: tuple[str, ...]
    targets: tuple[str, ...]
    codes: tuple[str, ...]
    sizes: tuple[str, ...]
    durations: tuple[str, ...]
    instants: tuple[str, ...] = ("time", "ts", "timestamp", "@timestamp", "time_local", "date")
    requests: tuple[str, ...] = ()
    duration_unit: str | None = None


class UserPaths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may set: the path of each field, with dots between the steps."""

    method: str | None = None
    path: str | None = None
    request: str | None = None
    code: str | None = None
    bytes: str | None = None
    duration: str | None = None
    time: str | None = None


GENERIC = FieldPaths(
    methods=(
        "method",
        "request_method",
        "http_method",
        "verb",
        "req.method",
        "http.request.method",
        "httpRequest.requestMethod",
    ),
    targets=(
        "route",
        "path",
        "uri",
        "request_uri",
        "url",
        "target",
        "req.url",
        "url.path",
        "http.url",
        "httpRequest.requestUrl",
    ),
    codes=(
        "status",
        "code",
        "status_code",
        "http_status",
        "response_code",
        "res.statusCode",
        "http.response.status_code",
        "httpRequest.status",
    ),
    sizes=(
        "bytes",
        "size",
        "body_bytes_sent",
        "bytes_sent",
        "response_bytes",
        "length",
        "http.response.body.bytes",
        "httpRequest.responseSize",
    ),
    durations=(
        "duration_s",
        "duration_seconds",
        "request_time",
        "duration",
        "duration_ms",
        "duration_us",
        "duration_ns",
        "latency",
        "latency_ms",
        "elapsed",
        "elapsed_ms",
        "response_time",
        "response_time_ms",
        "service",
        "httpRequest.latency",
    ),
    requests=("request",),
)
CADDY = FieldPaths(
    methods=("request.method",),
    targets=("request.uri",),
    codes=("status",),
    sizes=("size",),
    durations=("duration",),
    instants=("ts",),
)
TRAEFIK = FieldPaths(
    methods=("RequestMethod",),
    targets=("RequestPath",),
    codes=("DownstreamStatus",),
    sizes=("DownstreamContentSize",),
    durations=("Duration",),
    instants=("StartUTC", "time"),
    duration_unit="ns",
)  # fmt: skip


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


_UNIT_IN_NAME = re.compile(r"_(s|ms|us|ns)$")
_SPAN_NS = {**UNITS_NS, "µs": 1_000, "μs": 1_000, "m": 60 * UNITS_NS["s"], "h": 3600 * UNITS_NS["s"]}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|μs|ms|s|m|h)")
_SPANS = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+")
_REQUEST = re.compile(r"([^ ]*) ([^ ]*)(?: .*)?", re.DOTALL)

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
            raise BadRecord("format", f"not a JSON object: {exc}") from exc

    return _format(name, paths, read)


def logfmt_format(name: str, paths: FieldPaths) -> Format:
    """A format of `key=value key="quoted value"` lines."""

    def read(line: bytes) -> Record:
        pairs = _PAIR.findall(line.decode("utf-8", "replace"))
        if not pairs:
            raise BadRecord("format", "no key=value in the line")
        return {key: quoted.replace('\\"', '"') if quoted else plain for key, quoted, plain in pairs}

    return _format(name, paths, read)


def _format(name: str, paths: FieldPaths, read: Callable[[bytes], Record]) -> Format:
    def second_look(line: bytes) -> Fields:
        return record_fields(read(line), paths)

    def read_instant_s(line: bytes) -> float:
        try:
            _, value = _first(read(line), paths.instants)
        except BadRecord as exc:
            raise ValueError(str(exc)) from exc
        if isinstance(value, int | float) and not isinstance(value, bool):
            return instants.epoch(str(value).encode())
        return instants.any_form(str(value).encode())

    return Format(
        name=name, second_look=second_look, read_instant_s=read_instant_s, duration_unit_ns=1, has_duration=True
    )


def record_fields(record: Record, paths: FieldPaths) -> Fields:
    """The fields of one line's record; the duration in nanoseconds. Raises BadRecord."""
    _, code = _first(record, paths.codes)
    if code is None:
        raise BadRecord("format", f"none of {', '.join(paths.codes)} is there")
    method, target = _first(record, paths.methods)[1], _first(record, paths.targets)[1]
    if method is None and target is None:
        request = _first(record, paths.requests)[1]
        if isinstance(request, str) and (match := _REQUEST.fullmatch(request)):
            method, target = match.groups()
    path = _text(target).partition(b"?")[0]
    return Fields(_text(method), path, _text(code), _text(_first(record, paths.sizes)[1]), _duration_ns(record, paths))


def _first(record: Record, paths: tuple[str, ...]) -> tuple[str, Any]:
    """The first of the paths that the record has, and its value; None where it has none."""
    for path in paths:
        value = record.get(path)
        if value is None and "." in path:
            value = _nested(record, path)
        if value is not None:
            return path, value
    return "", None


def _nested(record: Record, path: str) -> Any:
    value: Any = record
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
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


def _duration_ns(record: Record, paths: FieldPaths) -> bytes:
    name, value = _first(record, paths.durations)
    if value is None or value in ("", "-"):
        return b""
    if isinstance(value, str) and _SPANS.fullmatch(value):
        return b"%d" % sum(int(float(number) * _SPAN_NS[unit] + 0.5) for number, unit in _SPAN.findall(value))
    ending = _UNIT_IN_NAME.search(name)
    unit = paths.duration_unit or (ending[1] if ending else "s")
    try:
        return b"%d" % int(float(value) * UNITS_NS[unit] + 0.5)
    except (ValueError, TypeError, OverflowError):
        return _text(value)
