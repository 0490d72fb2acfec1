"""A meter as plain values, for a file, and back: so the counts of parts on other machines become one. Pure."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trafficgen.meter.bins import COUNTED, MAX_BINS, Bin, BinCounts, Bins
from trafficgen.meter.by_target import ByTarget, Codes
from trafficgen.meter.histogram import BOUNDS_S, BUCKETS, Histogram
from trafficgen.meter.meter import (
    DROP_REASONS,
    MAX_ROWS,
    NO_ANSWER_REASONS,
    OWN_CAUSES,
    RETRIED_REASONS,
    SESSION_OUTCOMES,
    TARGET,
    Meter,
    Series,
)

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Counts: TypeAlias = dict[str, Count]
Buckets: TypeAlias = dict[Annotated[int, msgspec.Meta(ge=0, lt=BUCKETS)], Count]
"""Counts by the numbers of their buckets, without empty ones; see `histogram`."""
_Classic: TypeAlias = Annotated[list[Count], msgspec.Meta(min_length=len(BOUNDS_S) + 1, max_length=len(BOUNDS_S) + 1)]
_Code: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=999)]
_Row: TypeAlias = tuple[Count, Count, Count]


class StoredHistogram(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See `Histogram`."""

    counts: Buckets
    classic: _Classic
    count: Count
    sum_ns: Count
    max_ns: Count


class StoredTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a meter knows of one target; see `ByTarget`."""

    target: str
    expected: Codes | None
    codes: dict[_Code, Count]
    failed: Counts
    counts: Buckets
    count: Count
    sum_ns: Annotated[float, msgspec.Meta(ge=0)]
    max_ns: Count


class StoredSeries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See `Series`."""

    width_s: Annotated[int, msgspec.Meta(ge=1, le=1 << 32)]
    rows: Annotated[list[_Row], msgspec.Meta(max_length=MAX_ROWS + 1)]


class StoredBin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See `Bin`."""

    counts: Annotated[list[Count], msgspec.Meta(min_length=len(COUNTED), max_length=len(COUNTED))]
    times: Buckets


class StoredBins(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See `Bins`."""

    width_s: Annotated[int, msgspec.Meta(ge=1, le=1 << 32)]
    rows: Annotated[list[StoredBin], msgspec.Meta(max_length=MAX_BINS)]


class StoredMeter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See `Meter`: the fields have the names that they have there, those by target are together."""

    targets: list[StoredTarget]
    planned: Count
    own_fault: Counts
    late_by: Counts
    saturated: bool
    connects: Count
    received_bytes: Count
    dropped: Counts
    no_answer: Counts
    retried: Counts
    sessions: dict[str, Counts]
    session_failures: Counts
    lateness: StoredHistogram
    from_plan: StoredHistogram
    from_send: StoredHistogram
    shares: dict[str, tuple[Count, Count]]  # by address: requests sent, connects failed
    series: StoredSeries
    bins: StoredBins


_SAME = (
    "planned",
    "own_fault",
    "late_by",
    "saturated",
    "connects",
    "received_bytes",
    "dropped",
    "no_answer",
    "retried",
    "session_failures",
)
_NAMES = {
    "own_fault": OWN_CAUSES,
    "late_by": (TARGET, *OWN_CAUSES),
    "dropped": DROP_REASONS,
    "no_answer": NO_ANSWER_REASONS,
    "retried": RETRIED_REASONS,
}
_HISTOGRAMS = ("lateness", "from_plan", "from_send")


def stored_meter(meter: Meter) -> StoredMeter:
    """All that a flushed meter has counted."""
    return StoredMeter(
        **{name: getattr(meter, name) for name in _SAME},
        lateness=_stored_histogram(meter.lateness),
        from_plan=_stored_histogram(meter.from_plan),
        from_send=_stored_histogram(meter.from_send),
        targets=[_stored_target(meter, number) for number in range(len(meter.targets))],
        sessions=meter.sessions,
        shares={address: (sent, meter.shares.failed[address]) for address, sent in meter.shares.sent.items()},
        series=StoredSeries(width_s=meter.series.width_s, rows=meter.series.all_rows()),
        bins=StoredBins(
            width_s=meter.bins.width_s,
            rows=[StoredBin(counts=list(one.counts), times=one.times) for one in meter.bins.rows()],
        ),
    )


def restored_meter(stored: StoredMeter) -> Meter:
    """The meter that was stored. Its counts only: it cannot count on. Raises ValueError for what no meter counts."""
    _check(stored)
    targets = stored.targets
    meter = Meter(
        tuple(one.target for one in targets),
        expected=[one.expected for one in targets],
        sessions=list(stored.sessions),
    )
    meter.targets = tuple(one.target for one in targets)  # as they are shown already
    for name in _SAME:
        value = getattr(stored, name)
        setattr(meter, name, dict(value) if isinstance(value, dict) else value)
    for name in _HISTOGRAMS:
        setattr(meter, name, _restored_histogram(getattr(stored, name)))
    meter.codes = [dict(one.codes) for one in targets]
    meter.by_target = _restored_targets(targets)
    meter.sessions = {name: dict(counts) for name, counts in stored.sessions.items()}
    for address, (sent, failed) in stored.shares.items():
        meter.shares.add(address, sent=sent, failed=failed)
    meter.series = Series(stored.series.width_s, list(stored.series.rows))
    meter.bins = Bins(stored.bins.width_s, [Bin(BinCounts(*one.counts), dict(one.times)) for one in stored.bins.rows])
    return meter


def _check(stored: StoredMeter) -> None:
    for field, known in _NAMES.items():
        if unknown := getattr(stored, field).keys() - set(known):
            raise ValueError(f"meter.{field}: unknown {min(unknown)!r}")
    for name, outcomes in stored.sessions.items():
        if outcomes.keys() != set(SESSION_OUTCOMES):
            raise ValueError(f"meter.sessions: {name!r}: expected the counts {', '.join(SESSION_OUTCOMES)}")
    for field in ("series", "bins"):
        if (width_s := getattr(stored, field).width_s) & (width_s - 1):  # rows of two parts would not fit together
            raise ValueError(f"meter.{field}: rows of {width_s} s; expected a power of 2")
    histograms = {field: getattr(stored, field) for field in _HISTOGRAMS}
    for field, one in histograms.items():
        if not one.count == sum(one.counts.values()) == sum(one.classic):
            raise ValueError(f"meter.{field}: its buckets do not add up to its count of {one.count:,}")
    for target in stored.targets:
        if target.count != sum(target.counts.values()):
            raise ValueError(f"meter.targets: {target.target!r}: its buckets do not add up to {target.count:,}")


def _stored_histogram(histogram: Histogram) -> StoredHistogram:
    return StoredHistogram(
        counts=_sparse(histogram.counts),
        classic=histogram.classic.tolist(),
        count=histogram.count,
        sum_ns=histogram.sum_ns,
        max_ns=histogram.max_ns,
    )


def _restored_histogram(stored: StoredHistogram) -> Histogram:
    found = Histogram()
    _fill(found.counts, stored.counts)
    found.classic = np.array(stored.classic, dtype=np.int64)
    found.count, found.sum_ns, found.max_ns = stored.count, stored.sum_ns, stored.max_ns
    return found


def _stored_target(meter: Meter, number: int) -> StoredTarget:
    times = meter.by_target
    return StoredTarget(
        target=meter.targets[number],
        expected=meter.expected[number],
        codes=meter.codes[number],
        failed=times.failed[number],
        counts=_sparse(times.counts[number]),
        count=int(times.count[number]),
        sum_ns=float(times.sum_ns[number]),
        max_ns=int(times.max_ns[number]),
    )


def _restored_targets(targets: Sequence[StoredTarget]) -> ByTarget:
    found = ByTarget(len(targets))
    for number, one in enumerate(targets):
        _fill(found.counts[number], one.counts)
        found.count[number], found.sum_ns[number], found.max_ns[number] = one.count, one.sum_ns, one.max_ns
        found.failed[number] = dict(one.failed)
    return found


def _sparse(counts: npt.NDArray[np.int64]) -> Buckets:
    used = np.flatnonzero(counts)
    return dict(zip(used.tolist(), counts[used].tolist(), strict=True))


def _fill(counts: npt.NDArray[np.int64], buckets: Buckets) -> None:
    for bucket, count in buckets.items():
        counts[bucket] = count
