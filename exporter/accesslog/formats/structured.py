"""Logs whose fields have names: JSON and logfmt.

Which names give the fields is a `Names`: for each field some paths (`request.uri`), of which the first that a line has
is taken. Only the scalar engine reads these.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from exporter.accesslog.formats import stamps
from exporter.accesslog.formats._model import UNITS_NS, Fields, Format
from foundation.errors import BadRecord


class Names(msgspec.Struct, frozen=True):
    """Paths of the fields. `time_unit`: of the times; where None, what their names end in (`_ms`), or seconds."""

    methods: tuple[str, ...]
    targets: tuple[str, ...]
    codes: tuple[str, ...]
    sizes: tuple[str, ...]
    times: tuple[str, ...]
    stamps: tuple[str, ...] = ("time", "ts", "timestamp", "@timestamp", "time_local", "date")
    requests: tuple[str, ...] = ()
    time_unit: str | None = None


class FieldNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may set: the path of each field, with dots between the steps."""

    method: str | None = None
    path: str | None = None
    request: str | None = None
    code: str | None = None
    bytes: str | None = None
    duration: str | None = None
    time: str | None = None


GENERIC = Names(
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
    times=(
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
CADDY = Names(
    methods=("request.method",),
    targets=("request.uri",),
    codes=("status",),
    sizes=("size",),
    times=("duration",),
    stamps=("ts",),
)
TRAEFIK = Names(
    methods=("RequestMethod",),
    targets=("RequestPath",),
    codes=("DownstreamStatus",),
    sizes=("DownstreamContentSize",),
    times=("Duration",),
    stamps=("StartUTC", "time"),
    time_unit="ns",
)  # fmt: skip


def named(fields: FieldNames, time_unit: str | None) -> Names:
    """The generic names, with the user's instead where given."""
    pairs = {
        "methods": fields.method,
        "targets": fields.path,
        "requests": fields.request,
        "codes": fields.code,
        "sizes": fields.bytes,
        "times": fields.duration,
        "stamps": fields.time,
    }
    changes = {key: (path,) for key, path in pairs.items() if path is not None}
    return msgspec.structs.replace(GENERIC, **changes, time_unit=time_unit)


_UNIT_IN_NAME = re.compile(r"_(s|ms|us|ns)$")
_SPAN_NS = {**UNITS_NS, "µs": 1_000, "μs": 1_000, "m": 60 * UNITS_NS["s"], "h": 3600 * UNITS_NS["s"]}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|μs|ms|s|m|h)")
_SPANS = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+")
_REQUEST = re.compile(r"([^ ]*) ([^ ]*)(?: .*)?", re.DOTALL)

# A token starts only after a blank, and what it took is not given back: one look at each byte, whatever the line.
_PAIR = re.compile(r'(?<!\S)([^\s="]++)=(?:"((?:[^"\\]|\\.)*+)"|(\S*+))')

Record = Mapping[str, Any]


def json_format(name: str, names: Names) -> Format:
    """A format of one JSON object a line."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode

    def read(line: bytes) -> Record:
        try:
            return decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise BadRecord("format", f"not a JSON object: {exc}") from exc

    return _format(name, names, read)


def logfmt_format(name: str, names: Names) -> Format:
    """A format of `key=value key="quoted value"` lines."""

    def read(line: bytes) -> Record:
        pairs = _PAIR.findall(line.decode("utf-8", "replace"))
        if not pairs:
            raise BadRecord("format", "no key=value in the line")
        return {key: quoted.replace('\\"', '"') if quoted else plain for key, quoted, plain in pairs}

    return _format(name, names, read)


def _format(name: str, names: Names, read: Callable[[bytes], Record]) -> Format:
    def second_look(line: bytes) -> Fields:
        return record_fields(read(line), names)

    def read_stamp(line: bytes) -> float:
        try:
            _, value = _first(read(line), names.stamps)
        except BadRecord as exc:
            raise ValueError(str(exc)) from exc
        if isinstance(value, int | float) and not isinstance(value, bool):
            return stamps.epoch(str(value).encode())
        return stamps.any_stamp(str(value).encode())

    return Format(name=name, second_look=second_look, read_stamp=read_stamp, time_unit_ns=1, has_time=True)


def record_fields(record: Record, names: Names) -> Fields:
    """The fields of one line's record; the time in nanoseconds. Raises BadRecord."""
    _, code = _first(record, names.codes)
    if code is None:
        raise BadRecord("format", f"none of {', '.join(names.codes)} is there")
    method, target = _first(record, names.methods)[1], _first(record, names.targets)[1]
    if method is None and target is None:
        request = _first(record, names.requests)[1]
        if isinstance(request, str) and (match := _REQUEST.fullmatch(request)):
            method, target = match.groups()
    path = _text(target).partition(b"?")[0]
    return _text(method), path, _text(code), _text(_first(record, names.sizes)[1]), _time_ns(record, names)


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


def _time_ns(record: Record, names: Names) -> bytes:
    name, value = _first(record, names.times)
    if value is None or value in ("", "-"):
        return b""
    if isinstance(value, str) and _SPANS.fullmatch(value):
        return b"%d" % sum(int(float(number) * _SPAN_NS[unit] + 0.5) for number, unit in _SPAN.findall(value))
    ending = _UNIT_IN_NAME.search(name)
    unit = names.time_unit or (ending[1] if ending else "s")
    try:
        return b"%d" % int(float(value) * UNITS_NS[unit] + 0.5)
    except (ValueError, TypeError, OverflowError):
        return _text(value)
