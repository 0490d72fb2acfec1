"""A metric's declaration (`Metric`) and its values in one scrape (`Family`)."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

LabelValues: TypeAlias = tuple[str, ...]
"""The values of a series' labels, in the order of `Metric.labels`."""

L = TypeVar("L", bound=LabelValues)
"""The labels of one metric; a separate type because a mapping's keys must match exactly."""

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_RESERVED_LABELS = {"le", "quantile", "job", "instance", "type", "service", "env", "zone"}


class HistogramValue(NamedTuple):
    """One series of a classic histogram.

    counts: one number a bucket, not cumulative, len(bounds) + 1 of them, the last for all above the last bound.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


Value: TypeAlias = float | HistogramValue  # an int is a float to the type checker


class Metric(msgspec.Struct, frozen=True):
    """A metric's declaration.

    Raises ValueError when the name, the suffix or a label breaks the conventions of Prometheus.
    """

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"{self.name}: a metric's name is snake_case without colons")
        if (self.type == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name}: counters, and only counters, end in _total")
        if reserved := _RESERVED_LABELS.intersection(self.labels):
            raise ValueError(f"{self.name}: labels {sorted(reserved)} belong to the scraper or say too little")

    def family(
        self,
        series: Mapping[L, Value] | Iterable[tuple[L, Value]],
        created: Mapping[L, float] | None = None,
    ) -> "Family":
        """The values of the metric in this scrape; `created` has the Unix times at which counters were created."""
        items = series.items() if isinstance(series, Mapping) else series
        return Family(self, [(labels, value) for labels, value in items], dict(created.items()) if created else None)

    def single(self, value: Value) -> "Family":
        """The family of a metric without labels."""
        return Family(self, [((), value)], None)


class _Labelled(Metric, frozen=True):
    """A metric with labels of the user, which the configuration has checked: users may choose any name."""

    def __post_init__(self) -> None:
        """Nothing is left to check."""


def with_labels(metric: Metric, names: tuple[str, ...]) -> Metric:
    """The metric with labels of the user's behind its own."""
    return _Labelled(metric.name, metric.type, metric.help, (*metric.labels, *names)) if names else metric


class Family(NamedTuple):
    """A metric and its series as they are now."""

    metric: Metric
    series: list[tuple[LabelValues, Value]]
    created: Mapping[LabelValues, float] | None = None
