"""Where programs that write JSON or logfmt put what: their names for the fields, and what their times count.

A format's `needs` are what only its program writes, so that `infer` finds the name that knows the unit.
"""

from exporter.accesslog.formats.keyed.field_paths import FieldPaths

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
CLOUDFLARE = FieldPaths(
    methods=("ClientRequestMethod",),
    targets=("ClientRequestURI", "ClientRequestPath"),
    codes=("EdgeResponseStatus",),
    sizes=("EdgeResponseBytes",),
    durations=("EdgeTimeToFirstByteMs",),  # Cloudflare has no time for the whole request
    instants=("EdgeStartTimestamp", "EdgeEndTimestamp"),
    needs=(("ClientRequestMethod",), ("EdgeResponseStatus",)),
)
ENVOY = FieldPaths(  # Istio, Contour and Envoy Gateway name them alike
    methods=("method",),
    targets=("path", "x-envoy-origin-path", "x-envoy-original-path"),
    codes=("response_code",),
    sizes=("bytes_sent",),
    durations=("duration",),
    instants=("start_time", "@timestamp"),
    units={"duration": "ms"},
    needs=(("response_code",), ("response_flags",)),
)
FASTLY = FieldPaths(
    methods=("request_method", "request"),
    targets=("url",),
    codes=("response_status", "status"),
    sizes=("response_body_size", "resp_body_size"),
    durations=(*(f"time_elapsed_{unit}" for unit in ("usec", "msec", "us", "ms")), "time_elapsed"),
    instants=("timestamp", "time_start"),
    units={"time_elapsed": "us"},
    needs=(("fastly_server", "fastly_is_edge", "service_version"), ("response_status", "status"), ("url",)),
)
GCP = FieldPaths(
    methods=("httpRequest.requestMethod",),
    targets=("httpRequest.requestUrl",),
    codes=("httpRequest.status",),  # absent if the client disconnected before an answer
    sizes=("httpRequest.responseSize",),
    durations=("httpRequest.latency",),
    instants=("timestamp",),
    units={"httpRequest.latency": "s"},
    needs=(("httpRequest.requestMethod",), ("httpRequest.requestUrl",)),
    skips=True,
)
LOGRAGE = FieldPaths(
    methods=("method",),
    targets=("path",),
    codes=("status",),
    sizes=(),
    durations=("duration",),
    instants=("time", "@timestamp", "timestamp"),
    units={"duration": "ms"},
    needs=(("controller",), ("action",)),
    skips=True,
)
PINO = FieldPaths(
    methods=("req.method",),
    targets=("req.originalUrl", "req.url"),
    codes=("res.statusCode",),
    sizes=("res.headers.content-length",),
    durations=("responseTime",),
    instants=("time",),
    units={"responseTime": "ms"},
    needs=(("level",), ("res",), ("responseTime",)),  # Fastify logs the request in a separate line
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
