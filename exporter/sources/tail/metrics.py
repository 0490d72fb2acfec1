"""How the reading of followed logs goes, as metric families. Pure."""

from collections.abc import Iterator, Mapping

from exporter.catalogue import Family, LogMetrics
from exporter.sources.tail import TailStatus


def families(metrics: LogMetrics, logs: Mapping[str, TailStatus]) -> Iterator[Family]:
    """What a system's followed logs expose about themselves. logs: by source."""
    yield metrics.read_bytes.family({(source,): log.read_bytes for source, log in logs.items()})
    yield metrics.lost_bytes.family({(source,): log.lost_bytes for source, log in logs.items()})
    yield metrics.lag_bytes.family({(source,): log.lag_bytes for source, log in logs.items()})
    yield metrics.rotations.family(
        {(source, kind): count for source, log in logs.items() for kind, count in log.rotations.items()}
    )
    yield metrics.readable.family({(source,): int(log.readable) for source, log in logs.items()})
    yield metrics.last_line.family({(source,): log.last_line_s for source, log in logs.items()})
