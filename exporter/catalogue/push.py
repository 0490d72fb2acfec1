"""Metrics of pushing, by receiver: its name in the configuration, or else host and port."""

from exporter.catalogue._model import Metric

COLLECTED = Metric(
    "tidewatch_push_samples_total",
    "counter",
    "Samples collected for the receiver: each was sent, was dropped, or is waiting.",
    ("receiver",),
)
SENT = Metric("tidewatch_push_samples_sent_total", "counter", "Samples that the receiver accepted.", ("receiver",))
DROPPED = Metric(
    "tidewatch_push_samples_dropped_total",
    "counter",
    "Samples that were dropped and are never sent, by reason.",
    ("receiver", "reason"),
)
PENDING = Metric(
    "tidewatch_push_samples_pending", "gauge", "Samples that wait to be sent, or are being sent.", ("receiver",)
)
PENDING_BYTES = Metric("tidewatch_push_pending_bytes", "gauge", "Size of the requests that wait.", ("receiver",))
REQUESTS = Metric("tidewatch_push_requests_total", "counter", "Requests made, repeated ones too.", ("receiver",))
FAILED = Metric(
    "tidewatch_push_requests_failed_total",
    "counter",
    "Requests that did not deliver their samples, by reason; most are sent again.",
    ("receiver", "reason"),
)
COLLECTIONS_FAILED = Metric(
    "tidewatch_push_collections_failed_total",
    "counter",
    "Collections that failed as a whole, of which only `up` 0 was sent.",
    ("receiver",),
)
LAST_SUCCESS = Metric(
    "tidewatch_push_last_success_timestamp_seconds",
    "gauge",
    "When the receiver last accepted a request; 0 before the first time.",
    ("receiver",),
)
LAG = Metric(
    "tidewatch_push_lag_seconds", "gauge", "Age of the oldest sample that waits; 0 where none does.", ("receiver",)
)
