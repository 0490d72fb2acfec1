"""The counters of one access log as metric families."""

from collections.abc import Iterator

from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import NS
from exporter.catalogue import Family, HistogramValue
from exporter.catalogue import accesslog as catalogue

REASONS = ("format", "blank", "code", "bytes", "time", "slow", "too_long")
"""Why a line may be bad; born at 0, so that the first is seen as an increase."""

FOLDS = ("method", "route", "code", "series")
"""What may fold into `other`."""


def families(traffic: Traffic, *, too_long: int = 0) -> Iterator[Family]:
    """What was counted; `too_long` lines were dropped before they could be counted."""
    created = traffic.created  # lent, not copied: there may be 100,000 of them
    requests = traffic.requests.items()
    yield Family(catalogue.REQUESTS, [(labels, one.count) for labels, one in requests], created)
    yield Family(catalogue.RESPONSE_BYTES, [(labels, one.bytes) for labels, one in requests], created)
    yield catalogue.DURATION.family(
        {
            labels: HistogramValue(one.bounds_s, tuple(one.counts), one.sum_ns / NS)
            for labels, one in traffic.durations.items()
        },
        {labels: one.created_s for labels, one in traffic.durations.items()},
    )
    source, totals = (traffic.name,), traffic.totals
    failed = {**dict.fromkeys(REASONS, 0), **totals.failed}
    failed["too_long"] += too_long
    folded = {**dict.fromkeys(FOLDS, 0), **totals.folded}
    yield catalogue.LINES.family({source: totals.lines + too_long})
    yield catalogue.LINES_FAILED.family({(*source, reason): count for reason, count in failed.items()})
    yield catalogue.FOLDED.family({(*source, label): count for label, count in folded.items()})
