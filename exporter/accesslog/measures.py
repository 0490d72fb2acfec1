"""Further histograms of requests: times of upstream servers, and sizes. Pure.

Each is a column (`columns.Column`) whose value is the number, in nanoseconds or bytes, so that both engines find the
same. A text that is not a number has no value: the request is counted, but not in the histogram.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from exporter.accesslog.columns import Column
from exporter.accesslog.formats import UNITS_NS, Format, with_more
from exporter.accesslog.formats.durations import duration_ns
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, Key, Tally
from foundation.errors import BadRecord

Kind: TypeAlias = Literal["upstream", "connect", "request_size", "response_size"]

_S, _MS, _NS = UNITS_NS["s"], UNITS_NS["ms"], UNITS_NS["ns"]
_Fields: TypeAlias = Mapping[str, int | None]
"""Fields that have it, the best first, and what one unit of them is in nanoseconds; None: bytes."""
FIELDS: Mapping[Kind, _Fields] = {
    "upstream": {
        "upstream_response_time": _S,  # nginx; of several servers a list
        "time_response": _MS,  # HAProxy's Tr
        "sent_http_x_envoy_upstream_service_time": _MS,
    },
    "connect": {"upstream_connect_time": _S, "time_connect": _MS},
    "request_size": dict.fromkeys(("request_length", "bytes_received")),
}
KEYS: Mapping[Kind, _Fields] = {
    "upstream": {"upstream_response_time": _S, "upstream_service_time": _MS, "OriginDuration": _NS},
    "connect": {"upstream_connect_time": _S},
    "request_size": dict.fromkeys(("request_length", "bytes_received", "RequestContentSize")),
    "response_size": dict.fromkeys(("body_bytes_sent", "bytes_sent", "DownstreamContentSize", "size", "bytes")),
}
"""The same where lines name their fields."""
TIMES: tuple[Kind, ...] = ("upstream", "connect")

_SIZE = re.compile(r"[0-9]{1,15}")
_NO_SIZE = ("", "-")


class Measure(NamedTuple):
    """One histogram.

    fields: as `FIELDS` has them; the first that has a value counts.
    bounds: rising upper bounds, in nanoseconds or bytes; a last bucket for everything above is added.
    is_size_of_format: the field is the format's size, whose sum a hit has already: then the value is the bucket.
    """

    kind: Kind
    fields: tuple[tuple[str, int | None], ...]
    bounds: tuple[int, ...]
    is_size_of_format: bool = False

    @property
    def width(self) -> int:
        """The number of its values: a sum and the buckets."""
        return len(self.bounds) + 2

    def columns(self) -> list[Column]:
        """One for each field."""
        if self.is_size_of_format:
            return [Column(field, self._buckets, self._bucket_sql) for field, _ in self.fields]
        return [Column(field, _values(unit_ns)) for field, unit_ns in self.fields]

    def bucket(self, value: int) -> int:
        """The bucket of a value: the first whose bound is not below it."""
        return bisect_left(self.bounds, value)

    def add(self, value: bytes, numbers: Sequence[int], to: list[int], start: int) -> None:
        """Add a hit's requests, all of which have this value, to the sum and the buckets that begin at `start`."""
        count, found = numbers[COUNT], int(value)
        if self.is_size_of_format:
            to[start] += numbers[BYTES]
            to[start + 1 + found] += count
        else:
            to[start] += count * found
            to[start + 1 + bisect_left(self.bounds, found)] += count

    def _buckets(self, texts: Sequence[str]) -> list[str]:
        return [
            str(self.bucket(0 if text in _NO_SIZE else int(text))) if text in _NO_SIZE or _SIZE.fullmatch(text) else ""
            for text in texts
        ]

    def _bucket_sql(self, value: str) -> str:
        number = f"CASE WHEN {value} IN ('', '-') THEN 0 ELSE CAST({value} AS BIGINT) END"
        steps = " ".join(f"WHEN {number} <= {bound} THEN '{at}'" for at, bound in enumerate(self.bounds))
        is_number = f"{value} IN ('', '-') OR regexp_full_match({value}, '[0-9]{{1,15}}')"
        return f"CASE WHEN {is_number} THEN CASE {steps} ELSE '{len(self.bounds)}' END ELSE '' END"


def _values(unit_ns: int | None) -> Callable[[Sequence[str]], list[str]]:
    read = _size if unit_ns is None else lambda text: _time_ns(text, unit_ns)
    return lambda texts: list(map(read, texts))


def _size(text: str) -> str:
    return str(int(text)) if _SIZE.fullmatch(text) else ""


def _time_ns(text: str, unit_ns: int) -> str:
    """The sum of the times of several servers that were tried one after the other."""
    try:
        found_ns = duration_ns(text.encode(), unit_ns)
    except BadRecord:
        return ""
    return "" if found_ns is None else str(found_ns)


class Measures:
    """The measures of one source's lines.

    Attributes:
        measures: in their order.
        columns: of their fields, in the same order.
    """

    def __init__(self, measures: Sequence[Measure], duration_buckets: int) -> None:
        """`duration_buckets`: behind which their numbers are in a hit."""
        self.measures = tuple(measures)
        self.columns = [column for measure in measures for column in measure.columns()]
        self._first = BUCKETS + duration_buckets
        self.starts: list[int] = []
        start = self._first
        for measure in measures:
            self.starts.append(start)
            start += measure.width
        self._width = start
        self._fields: list[tuple[Measure, int, range]] = []
        """Of each measure: where its numbers begin, and where in a key the values of its fields are."""
        at = -len(self.columns)
        for measure, begin in zip(measures, self.starts, strict=True):
            self._fields.append((measure, begin, range(at, at + len(measure.fields))))
            at += len(measure.fields)

    def take(self, tally: Tally) -> None:
        """Make numbers of the values at the ends of the keys, which lose these."""
        columns = len(self.columns)
        hits: dict[Key, list[int]] = {}
        for whole, numbers in tally.hits.items():
            key = whole[:-columns]
            mine = hits.get(key)
            if mine is None:
                mine = hits[key] = [0] * self._width
            for at, number in enumerate(numbers):
                if number:
                    mine[at] += number
            for measure, start, fields in self._fields:
                for field in fields:
                    if value := whole[field]:
                        measure.add(value, numbers, mine, start)
                        break
        tally.hits = hits

    def part(self, at: int, numbers: list[int]) -> list[int]:
        """The sum and the buckets of a measure in a hit's numbers; empty where it has none."""
        return numbers[self.starts[at] : self.starts[at] + self.measures[at].width]


def measures_of(format_: Format, kinds: Sequence[Kind], bounds: Callable[[Kind], tuple[int, ...]]) -> list[Measure]:
    """The measures of these kinds that the format's lines have or, where each line names its fields, may have."""
    found = []
    for kind in kinds:
        if format_.names is None:
            found.append(Measure(kind, tuple(KEYS[kind].items()), bounds(kind)))
        elif kind == "response_size":
            if field := _size_field(format_):
                found.append(Measure(kind, ((field, None),), bounds(kind), is_size_of_format=True))
        else:
            fields = [(field, unit) for field, unit in FIELDS[kind].items() if _is_beside(format_, field)]
            found += [Measure(kind, (field,), bounds(kind)) for field in fields[:1]]
    return found


def _is_beside(format_: Format, field: str) -> bool:
    """Whether the field exists, and is not the request's duration, which is measured anyway."""
    group = (format_.names or {}).get(field)
    if group is None or format_.choose is None:
        return False
    pattern = with_more(format_, (group,)).pattern or ""
    return f"(?P<{group}>(?P<duration>" not in pattern


def _size_field(format_: Format) -> str | None:
    """The field that is the size of the response."""
    for field, group in (format_.names or {}).items():
        if field and format_.choose is not None and group.startswith("x_"):
            pattern = with_more(format_, (group,)).pattern or ""
            if f"(?P<{group}>(?P<size>" in pattern:
                return field
    return None
