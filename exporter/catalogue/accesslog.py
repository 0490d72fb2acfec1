"""Metrics of website traffic, read from access logs."""

from exporter.catalogue._log import log_metrics
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
    "Response bytes as the access log gives them.",
    ("source", "method", "route", "code"),
)
DURATION = Metric(
    "tidewatch_http_request_duration_seconds",
    "histogram",
    "Time taken by requests, where the access log has it.",
    ("source", "method", "route"),
)
FOLDED = Metric(
    "tidewatch_http_folded_requests_total",
    "counter",
    "Requests whose label value folded into `other`, by label; `series` where the limit on series did it.",
    ("source", "label"),
)
LINES = Metric("tidewatch_log_lines_total", "counter", "Lines read from the log, good and bad.", ("source",))
LINES_FAILED = Metric(
    "tidewatch_log_lines_failed_total", "counter", "Lines that could not be read, by reason.", ("source", "reason")
)
LOG = log_metrics("tidewatch_log")
