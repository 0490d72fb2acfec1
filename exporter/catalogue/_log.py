"""What a followed log exposes about itself: the same in every system, under the names that begin with its prefix."""

from typing import NamedTuple

from exporter.catalogue._model import Metric

_LAST_LINE = "When the last line was read (the reader's clock, not the line's)."


class LogMetrics(NamedTuple):
    """The metrics of one system's followed logs, all by source.

    Lines that are dropped for their length are among the system's failed lines, as reason `too_long`.
    """

    read_bytes: Metric
    lost_bytes: Metric
    lag_bytes: Metric
    rotations: Metric
    readable: Metric
    last_line: Metric


def log_metrics(prefix: str, *, last_line: str = _LAST_LINE) -> LogMetrics:
    """Declare them. `last_line` is the help of the last one, where it holds more than the plain meaning."""
    source = ("source",)
    return LogMetrics(
        read_bytes=Metric(f"{prefix}_read_bytes_total", "counter", "Bytes read from the log.", source),
        lost_bytes=Metric(
            f"{prefix}_lost_bytes_total",
            "counter",
            "Bytes that were in the log and were gone before they could be read.",
            source,
        ),
        lag_bytes=Metric(f"{prefix}_lag_bytes", "gauge", "Bytes in the log that are not read yet.", source),
        rotations=Metric(f"{prefix}_rotations_total", "counter", "Rotations seen, by kind.", ("source", "kind")),
        readable=Metric(
            f"{prefix}_readable", "gauge", "1 while the log's file can be opened and read, else 0.", source
        ),
        last_line=Metric(f"{prefix}_last_line_timestamp_seconds", "gauge", last_line, source),
    )
