"""Whole inputs counted on Spark: each worker counts its lines, and the counts are added there.

This process receives counts per second for each build and code, the input of all later steps.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from exporter.cluster import spark_session
from exporter.releases.bulk.reading import Input, Reading
from exporter.releases.tally import SET_ASIDE_KEPT, SetAside
from foundation.errors import SourceError

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

_SCHEMA = "second BIGINT, build STRING, code STRING, n BIGINT, reason STRING, line STRING, detail STRING"
_PIECE_LINES = 10_000


def load(paths: Sequence[str], session: "SparkSession | None" = None) -> Input:
    """Count the lines of the files where they lie. Raises SourceError where one cannot be read, and ConfigError."""
    session = session or spark_session("releases")
    from pyspark.errors import PySparkException  # noqa: PLC0415, an extra that few have

    try:
        lines = session.read.text(list(paths), lineSep="\n")
        named = lines.selectExpr("CAST(value AS BINARY) AS line", "input_file_name() AS file")
        found = session.createDataFrame(named.rdd.mapPartitions(_count), _SCHEMA).cache()
        counts = found.where("reason IS NULL").groupBy("second", "build", "code").sum("n").collect()
        failed = found.where("reason IS NOT NULL AND line IS NULL").groupBy("reason").sum("n").collect()
        kept = found.where("line IS NOT NULL").limit(SET_ASIDE_KEPT).collect()
    except PySparkException as exc:
        raise SourceError(f"Spark: {str(exc).splitlines()[0]}") from exc
    reading = Reading()
    reading.count({(second, build, code): n for second, build, code, n in counts})
    set_aside = [SetAside(row.line, row.reason, row.detail) for row in kept]
    return reading.end()._replace(failed=Counter(dict(map(tuple, failed))), set_aside=set_aside)


def _count(rows: "Iterable[Row]") -> Iterator[tuple[Any, ...]]:
    """Tuples of _SCHEMA: counts, failures by reason, and the first lines that failed. Runs on the workers."""
    reading = Reading(part=True, one_day=True)  # lines of a part of the input, which knows nothing of the others
    for _, of_file in groupby(rows, lambda row: row.file):
        reading.begin()
        piece: list[bytes] = []
        for row in of_file:
            piece.append(bytes(row.line) + b"\n")
            if len(piece) == _PIECE_LINES:
                reading.add(b"".join(piece))
                piece.clear()
        reading.add(b"".join(piece))
    given = reading.end()
    table = given.table
    columns = (table.second.tolist(), table.build.tolist(), table.code.tolist(), table.count.tolist())
    for second, build, code, n in zip(*columns, strict=True):
        yield second, table.builds[build], table.codes[code], n, None, None, None
    for reason, n in given.failed.items():
        yield None, None, None, n, reason, None, None
    for bad in given.set_aside:
        yield None, None, None, None, bad.reason, bad.line, bad.text
