"""Where the fields of a request are in lines whose fields have names, and what applications usually call them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from exporter.accesslog.formats.durations import UNIT_ENDINGS


class FieldPaths(msgspec.Struct, frozen=True, kw_only=True):
    """For each field, where it may be.

    requests: of a whole request line, which is what the client sent and goes before what else says the same.
    units: what numbers count, by the duration's path, where its name does not say so.
    decimal: paths whose unit holds for numbers with a point only, as its server always writes one.
    ambiguous: paths of durations at which other programs have words.
    duration_unit: what they count whatever the path says; set by the user.
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
    decimal: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    duration_unit: str | None = None
    needs: tuple[tuple[str, ...], ...] = ()
    skips: bool = False


Role: TypeAlias = Literal["method", "target", "code", "size", "duration", "request", "empty"]
"""What a value is: one of the fields, a whole request line, or looked at and empty."""


class Plan(NamedTuple):
    """Where a record's fields are.

    roles: what the values at some paths are.
    looked: all paths that were looked at, whether something is there or not.
    unit: what a bare duration counts; None if that is not known.
    needs_point: whether that holds only for numbers with a point.
    """

    roles: Mapping[str, Role]
    looked: frozenset[str]
    unit: str | None
    needs_point: bool = False


class UserPaths(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys that a user may set: the path of each field, with dots between the steps.

    method: the method.
    path: the path, or the whole address.
    request: the whole request line, in the place of method and path.
    code: the status code.
    bytes: the size of the response, in bytes.
    duration: the time that the request took.
    time: when the request was.
    """

    method: str | None = None
    path: str | None = None
    request: str | None = None
    code: str | None = None
    bytes: str | None = None
    duration: str | None = None
    time: str | None = None


_TIMES = (
    *("duration", "latency", "elapsed", "response_time", "request_duration", "took", "time_taken"),
    *("elapsed_time", "total_time", "processing_time"),
)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


_TIMES_WITH_UNITS = tuple(
    dict.fromkeys(
        spelled
        for base in (*_TIMES, "request_time", "total")
        for ending in UNIT_ENDINGS
        for spelled in (f"{base}_{ending}", _camel(f"{base}_{ending}"))
    )
)

NGINX_UNITS = {"request_time": "s", "upstream_response_time": "s"}
"""nginx's variables, after which users name the fields of JSON logs."""

GENERIC = FieldPaths(
    methods=(
        *("method", "request_method", "http_method", "verb", "requestMethod", "req.method", "http.request.method"),
        *("http.method", "httpRequest.requestMethod", "request.method", "httpMethod"),
    ),
    targets=(
        *("route", "request_uri", "original_uri", "requestUri", "originalUrl", "req.originalUrl", "req.url"),
        *("url.original", "httpRequest.requestUrl", "url", "path", "uri", "target", "url.path", "http.target"),
        *("http.url", "request.uri", "request.url", "request.path", "request_path", "requestPath"),
        "httpRequest.requestPath",
    ),
    codes=(
        *("status", "code", "status_code", "http_status", "response_code", "statusCode", "res.statusCode"),
        *("http.response.status_code", "http.status_code", "httpRequest.status", "response.status"),
        "httpResponse.status",
    ),
    sizes=(
        *("bytes", "size", "body_bytes_sent", "bytes_sent", "response_bytes", "length", "response_size"),
        *("http.response.body.bytes", "http.response.bytes", "httpRequest.responseSize"),
        *("bytes_out", "bytes_written", "response.size", "httpResponse.bytes", "responseLength"),
    ),
    durations=(
        *("request_time", *_TIMES_WITH_UNITS, "latency_human", *_TIMES),
        *("responseTime", "responsetime", "timeTaken", "elapsedTime", "responseLatency", "rt"),
        *("service", "event.duration", "http.server.request.duration", "httpRequest.latency"),
        *("latencies.request", "httpResponse.elapsed"),  # Kong's, and that of Go's httplog
        "upstream_response_time",
    ),
    requests=("request", "request_line", "requestLine"),
    units=NGINX_UNITS
    | {"event.duration": "ns", "http.server.request.duration": "s"}  # ECS, OpenTelemetry
    | {"latencies.request": "ms", "httpResponse.elapsed": "ms"},
    decimal=tuple(NGINX_UNITS),
    ambiguous=("service",),  # Heroku's time of the dyno, elsewhere the program's name
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
