"""Metrics of the reading of logs by user-defined rules. The rules name their own metrics."""

from exporter.catalogue._log import input_metrics, log_metrics
from exporter.catalogue._model import Metric

LINES = Metric("tidewatch_logs_lines_total", "counter", "Lines read from the log, good and bad.", ("source",))
LINES_FAILED = Metric(
    "tidewatch_logs_lines_failed_total", "counter", "Lines that could not be read, by reason.", ("source", "reason")
)
VALUES_FAILED = Metric(
    "tidewatch_logs_values_failed_total",
    "counter",
    "Values that are not numbers, or that a counter cannot take, by metric.",
    ("source", "metric"),
)
FOLDED = Metric(
    "tidewatch_logs_folded_total",
    "counter",
    "Lines whose label value was replaced by `other`, by metric and label; `series`: because of the limit on series.",
    ("source", "metric", "label"),
)
SERIES = Metric("tidewatch_logs_series", "gauge", "Series of a metric, by metric.", ("source", "metric"))
LOG = log_metrics("tidewatch_logs")
INPUT = input_metrics("tidewatch_logs")
