"""Pieces of a log to tallies, by the engine that suits the piece."""

from typing import TYPE_CHECKING

from exporter.accesslog.scalar import tally_scalar
from exporter.accesslog.source import Source
from exporter.accesslog.tally import Buckets, Tally

if TYPE_CHECKING:
    from exporter.accesslog.columnar import Columnar

BULK_BYTES = 2 << 20
"""From here on the columnar engine is quicker than the scalar one, which needs some 50 ms for it."""


class Reader:
    """Reads one source's log. Not for two threads at once."""

    def __init__(self, source: Source) -> None:
        """Starts no engine before it is needed."""
        self._format = source.parsed_format()
        self._buckets = Buckets(source.buckets)
        self._columnar: Columnar | None = None

    def read(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole. Blocks: some 100 ms for 16 MiB."""
        if len(data) < BULK_BYTES or self._format.pattern is None:
            return tally_scalar(data, self._format, self._buckets)
        if self._columnar is None:
            from exporter.accesslog.columnar import Columnar  # noqa: PLC0415, a log that trickles needs no DuckDB

            self._columnar = Columnar(self._format, self._buckets)
        return self._columnar.tally(data)
