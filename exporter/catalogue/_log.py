"""The metrics about the reading of a followed log: the same in every system, under names with its prefix."""

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
    files: Metric
    skipped: Metric


def log_metrics(prefix: str, *, last_line: str = _LAST_LINE) -> LogMetrics:
    """Declare them. `last_line`: the help of the last one, where its meaning is wider."""
    source = ("source",)
    return LogMetrics(
        read_bytes=Metric(f"{prefix}_read_bytes_total", "counter", "Bytes read from the log.", source),
        lost_bytes=Metric(
            f"{prefix}_lost_bytes_total",
            "counter",
            "Bytes that were removed from the log before they could be read.",
            source,
        ),
        lag_bytes=Metric(f"{prefix}_lag_bytes", "gauge", "Bytes in the log that are not read yet.", source),
        rotations=Metric(f"{prefix}_rotations_total", "counter", "Rotations seen, by kind.", ("source", "kind")),
        readable=Metric(
            f"{prefix}_readable", "gauge", "1 while the log's file can be opened and read, else 0.", source
        ),
        last_line=Metric(f"{prefix}_last_line_timestamp_seconds", "gauge", last_line, source),
        files=Metric(f"{prefix}_files_followed", "gauge", "Files of the log that are followed, open or not.", source),
        skipped=Metric(
            f"{prefix}_files_skipped",
            "gauge",
            "Files that match the paths but are not read, because of max_files.",
            source,
        ),
    )


class InputMetrics(NamedTuple):
    """Metrics of losses that only inputs other than files can have; all by source."""

    replayable: Metric
    dropped_messages: Metric
    gaps: Metric
    reader_restarts: Metric


def input_metrics(prefix: str) -> InputMetrics:
    """Declare them."""
    source = ("source",)
    return InputMetrics(
        replayable=Metric(
            f"{prefix}_replayable",
            "gauge",
            "1 where lines that were not counted can be read again (files, the journal), else 0: lines in memory "
            "are lost when the process is killed.",
            source,
        ),
        dropped_messages=Metric(
            f"{prefix}_dropped_messages_total",
            "counter",
            "Syslog messages and FIFO lines that arrived but were dropped, by reason.",
            ("source", "reason"),
        ),
        gaps=Metric(
            f"{prefix}_gaps_total",
            "counter",
            "Times that the journal no longer had the last record read, so that records may be missing.",
            source,
        ),
        reader_restarts=Metric(
            f"{prefix}_reader_restarts_total", "counter", "Times that journalctl ended and was started again.", source
        ),
    )
