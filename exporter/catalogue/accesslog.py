"""Metrics of website traffic, read from access logs."""

from exporter.catalogue._log import input_metrics, log_metrics
from exporter.catalogue._model import Metric

REQUESTS = Metric(
    "tidewatch_http_requests_total",
    "counter",
    "Requests in the access log, by method, route and status code.",
    ("source", "method", "route", "code"),
)
RESPONSE_BYTES = Metric(
    "tidewatch_http_response_bytes_total",
    "counter",
    "Response bytes, as the access log has them.",
    ("source", "method", "route", "code"),
)
DURATION = Metric(
    "tidewatch_http_request_duration_seconds",
    "histogram",
    "Time taken by requests, where the access log has it.",
    ("source", "method", "route"),
)
UPSTREAM_DURATION = Metric(
    "tidewatch_http_upstream_duration_seconds",
    "histogram",
    "Time that upstream servers took for requests, where the access log has it.",
    ("source", "method", "route"),
)
UPSTREAM_CONNECT = Metric(
    "tidewatch_http_upstream_connect_seconds",
    "histogram",
    "Time to connect to upstream servers, where the access log has it.",
    ("source", "method", "route"),
)
REQUEST_SIZE = Metric(
    "tidewatch_http_request_size_bytes",
    "histogram",
    "Sizes of requests, where `sizes` asks for it.",
    ("source", "method", "route"),
)
RESPONSE_SIZE = Metric(
    "tidewatch_http_response_size_bytes",
    "histogram",
    "Sizes of responses, where `sizes` asks for it.",
    ("source", "method", "route"),
)
FOLDED = Metric(
    "tidewatch_http_folded_requests_total",
    "counter",
    "Requests whose label value was replaced by `other`, by label; `series`: because of the limit on series.",
    ("source", "label"),
)
IGNORED = Metric(
    "tidewatch_http_ignored_requests_total",
    "counter",
    "Requests that matched a rule of `ignore:`; no other metric counts them.",
    ("source", "rule"),
)
LINES = Metric("tidewatch_log_lines_total", "counter", "Lines read from the log, good and bad.", ("source",))
LINES_FAILED = Metric(
    "tidewatch_log_lines_failed_total", "counter", "Lines that could not be read, by reason.", ("source", "reason")
)
LOG = log_metrics("tidewatch_log")
INPUT = input_metrics("tidewatch_log")
