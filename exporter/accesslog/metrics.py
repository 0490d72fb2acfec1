"""The counters of one access log as metric families."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import NS
from exporter.catalogue import Family, HistogramValue, Metric, with_labels
from exporter.catalogue import accesslog as catalogue

REASONS = ("format", "blank", "code", "bytes", "time", "slow", "too_long")
"""Reasons of bad lines; created at 0, so that the first is seen as an increase."""

FOLDS = ("method", "route", "code", "series")
"""Limits whose values may become `other`."""


def families(traffic: Traffic, *, too_long: int = 0) -> Iterator[Family]:
    """What was counted; `too_long` lines were dropped before they could be counted."""
    if not traffic.static_labels:
        yield from _families(traffic, too_long)
        return
    names, values = tuple(traffic.static_labels), tuple(traffic.static_labels.values())
    for metric, series, created in _families(traffic, too_long):
        if metric.name in _OF_REQUESTS:
            more = created and {(*labels, *values): born_s for labels, born_s in created.items()}
            yield Family(with_labels(metric, names), [((*labels, *values), value) for labels, value in series], more)
        else:
            yield Family(metric, series, created)


def _families(traffic: Traffic, too_long: int) -> Iterator[Family]:
    created = traffic.created  # lent, not copied: there may be 100,000 of them
    requests, own = traffic.requests.items(), traffic.label_names
    yield Family(with_labels(catalogue.REQUESTS, own), [(labels, one.count) for labels, one in requests], created)
    yield Family(with_labels(catalogue.RESPONSE_BYTES, own), [(labels, one.bytes) for labels, one in requests], created)
    yield with_labels(catalogue.DURATION, own).family(
        {
            labels: HistogramValue(one.bounds_s, tuple(one.counts), one.sum_ns / NS)
            for labels, one in traffic.durations.items()
        },
        {labels: one.created_s for labels, one in traffic.durations.items()},
    )
    yield from _measured(traffic)
    source, totals = (traffic.name,), traffic.totals
    failed = {**dict.fromkeys(REASONS, 0), **totals.failed}
    failed["too_long"] += too_long
    folded = {**dict.fromkeys((*FOLDS, *own), 0), **totals.folded}
    yield catalogue.IGNORED.family({(*source, rule): totals.ignored.get(rule, 0) for rule in traffic.rules})
    yield catalogue.LINES.family({source: totals.lines + too_long})
    yield catalogue.LINES_FAILED.family({(*source, reason): count for reason, count in failed.items()})
    yield catalogue.FOLDED.family({(*source, label): count for label, count in folded.items()})


class Unit(NamedTuple):
    """A metric, and how many of the numbers that are counted make its unit."""

    metric: Metric
    numbers: int


MEASURED: Mapping[str, Unit] = {
    "upstream": Unit(catalogue.UPSTREAM_DURATION, NS),
    "connect": Unit(catalogue.UPSTREAM_CONNECT, NS),
    "request_size": Unit(catalogue.REQUEST_SIZE, 1),
    "response_size": Unit(catalogue.RESPONSE_SIZE, 1),
}


_OF_REQUESTS = {
    *(one.name for one in (catalogue.REQUESTS, catalogue.RESPONSE_BYTES, catalogue.DURATION)),
    *(one.metric.name for one in MEASURED.values()),
}
"""The metrics with custom labels."""


def _measured(traffic: Traffic) -> Iterator[Family]:
    """The histograms beside that of the durations, of measures with values."""
    for kind, (metric, unit) in MEASURED.items():
        found = {labels: one for (of, labels), one in traffic.measured.items() if of == kind}
        if found:
            yield with_labels(metric, traffic.label_names).family(
                {
                    labels: HistogramValue(tuple(bound / unit for bound in one.bounds), one.counts, one.sum / unit)
                    for labels, one in found.items()
                },
                {labels: one.created_s for labels, one in found.items()},
            )
