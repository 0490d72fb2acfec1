"""Metrics of stats pages."""

from exporter.catalogue._model import Metric

RESPONSES = Metric(
    "tidewatch_stats_responses_total",
    "counter",
    "Responses by status code, as counted by the page.",
    ("source", "code"),
)
UP = Metric("tidewatch_stats_up", "gauge", "1 if the stats page could be read at this scrape, else 0.", ("source",))
FETCH_DURATION = Metric(
    "tidewatch_stats_fetch_duration_seconds", "gauge", "Time that fetching the stats page took.", ("source",)
)
PAGE_BYTES = Metric("tidewatch_stats_page_bytes", "gauge", "Size of the page that a probe read.", ("source",))
FIELD_FAILURES = Metric(
    "tidewatch_stats_field_failures",
    "gauge",
    "Values that a probe's module requests but that could not be read from the page, by metric and reason.",
    ("source", "metric", "reason"),
)
RESETS = Metric(
    "tidewatch_stats_resets_total",
    "counter",
    "Counters on the page that fell since the previous probe (a restart of the server), by metric.",
    ("source", "metric"),
)
