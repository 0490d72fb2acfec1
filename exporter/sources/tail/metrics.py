"""The status of followed logs as metric families. Pure."""

from collections.abc import Iterator, Mapping

from exporter.catalogue import Family, InputMetrics, LogMetrics
from exporter.sources.losses import Losses
from exporter.sources.tail import TailStatus


def families(metrics: LogMetrics, logs: Mapping[str, TailStatus]) -> Iterator[Family]:
    """The metrics of reading a system's followed logs. logs: by source."""
    yield metrics.read_bytes.family({(source,): log.read_bytes for source, log in logs.items()})
    yield metrics.lost_bytes.family({(source,): log.lost_bytes for source, log in logs.items()})
    yield metrics.lag_bytes.family({(source,): log.lag_bytes for source, log in logs.items()})
    yield metrics.rotations.family(
        {(source, kind): count for source, log in logs.items() for kind, count in log.rotations.items()}
    )
    yield metrics.readable.family({(source,): int(log.readable) for source, log in logs.items()})
    yield metrics.last_line.family({(source,): log.last_line_s for source, log in logs.items()})
    yield metrics.files.family({(source,): log.files for source, log in logs.items()})
    yield metrics.skipped.family({(source,): log.skipped for source, log in logs.items()})


def input_families(metrics: InputMetrics, source: str, losses: Losses, *, replayable: bool) -> Iterator[Family]:
    """The metrics of an input's possible losses."""
    yield metrics.replayable.family({(source,): int(replayable)})
    if losses.messages is not None:
        yield metrics.dropped_messages.family({(source, reason): count for reason, count in losses.messages.items()})
    if losses.gaps is not None:
        yield metrics.gaps.family({(source,): losses.gaps})
    if losses.restarts is not None:
        yield metrics.reader_restarts.family({(source,): losses.restarts})
