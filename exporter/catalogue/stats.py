"""Metrics of stats pages."""

from exporter.catalogue._model import Metric

RESPONSES = Metric(
    "tidewatch_stats_responses_total",
    "counter",
    "Responses by status code, as the page counts them.",
    ("source", "code"),
)
UP = Metric("tidewatch_stats_up", "gauge", "1 if the stats page could be read at this scrape, else 0.", ("source",))
FETCH_DURATION = Metric(
    "tidewatch_stats_fetch_duration_seconds", "gauge", "Time that fetching the stats page took.", ("source",)
)
