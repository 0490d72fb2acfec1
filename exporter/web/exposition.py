"""Families to the text that Prometheus reads: text format 0.0.4 and OpenMetrics 1.0.

prometheus-client renders some 60,000 samples a second and holds the event loop while it does. Series live long, so
everything of a line but its value is made once here and kept; what is left for a scrape is joining strings. The output
comes in pieces, so that the caller can let the event loop breathe between them. The parsers of prometheus-client check
it in the tests.
"""

import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from exporter.catalogue import Family, HistogramValue, LabelValues, Metric, Value
from foundation.recent import Recent

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PIECE_SERIES = 2000
"""Series in one piece of output: about a millisecond of work."""
_GONE = 1000
"""Series whose lines are kept beside those of a family that are there: some come and go."""

_Series: TypeAlias = tuple[str, tuple[str, ...]]
"""A metric's name, and the names of its labels, which may be the user's."""

ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


def negotiate(accept: str) -> str:
    """The content type to answer with, by the q-values of an Accept header; text 0.0.4 where neither is asked for."""
    best, best_q = TEXT, 0.0
    for part in accept.split(","):
        kind, _, rest = part.strip().partition(";")
        params = dict(p.strip().partition("=")[::2] for p in rest.split(";") if p)
        try:
            q = float(params.get("q", "1"))
        except ValueError:
            q = 0.0
        if not math.isfinite(q) or q <= best_q:
            continue
        if kind.strip() == "application/openmetrics-text" and params.get("version", "1.0.0") in ("1.0.0", "0.0.1"):
            best, best_q = OPENMETRICS, q
        elif kind.strip() in ("text/plain", "text/*", "*/*"):
            best, best_q = TEXT, q
    return best


def number(value: float) -> str:
    """A sample's value as both formats write it."""
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


class Renderer:
    """Renders families, keeping the fixed part of each series' lines from one scrape to the next."""

    def __init__(self, *, created: bool = False) -> None:
        """`created`: write `_created` samples in OpenMetrics; each is one more series to Prometheus."""
        self._created = created
        self._prefixes: dict[_Series, Recent[LabelValues, str]] = {}
        self._bucket_prefixes: dict[tuple[_Series, tuple[float, ...]], Recent[LabelValues, list[str]]] = {}

    def render(self, families: Iterable[Family], *, openmetrics: bool) -> Iterator[str]:
        """The families as text, in pieces. The caller ends an OpenMetrics answer with `# EOF`.

        Families of one name, with other labels, must follow each other.
        """
        before = ""
        for family in families:
            if family.metric.name != before:
                yield _head(family.metric, openmetrics=openmetrics)
            before = family.metric.name
            if family.metric.type == "histogram":
                yield from self._histograms(family)
            else:
                yield from self._plain(family)
            if self._created and openmetrics and family.created:
                yield self._created_samples(family)

    def _plain(self, family: Family) -> Iterator[str]:
        metric = family.metric
        most = len(family.series) + _GONE
        cache = self._prefixes.setdefault(_series(metric), Recent(most))
        cache.resize(most)
        for start in range(0, len(family.series), PIECE_SERIES):
            lines = []
            for labels, value in family.series[start : start + PIECE_SERIES]:
                prefix = cache.get(labels)
                if prefix is None:
                    prefix = cache[labels] = f"{metric.name}{_labels(metric.labels, labels)} "
                lines.append(f"{prefix}{value if type(value) is int else number(_plain_value(metric, value))}\n")
            yield "".join(lines)

    def _histograms(self, family: Family) -> Iterator[str]:
        most, one = len(family.series) + _GONE, _series(family.metric)
        for (other, _), cache in self._bucket_prefixes.items():
            if other == one:
                cache.resize(most)
        step = max(1, PIECE_SERIES // 16)
        for start in range(0, len(family.series), step):
            yield "".join(
                self._histogram(family.metric, labels, value, most)
                for labels, value in family.series[start : start + step]
            )

    def _histogram(self, metric: Metric, labels: LabelValues, value: Value, most: int) -> str:
        if not isinstance(value, HistogramValue):
            raise TypeError(f"{metric.name}: a histogram's value is a HistogramValue, not {value!r}")
        place = _series(metric), value.bounds
        cache = self._bucket_prefixes.get(place)
        if cache is None:
            cache = self._bucket_prefixes[place] = Recent(most)
        prefixes = cache.get(labels)
        if prefixes is None:
            prefixes = cache[labels] = _histogram_prefixes(metric, labels, value.bounds)
        lines, total = [], 0
        for prefix, count in zip(prefixes, value.counts, strict=False):  # two more prefixes: count and sum
            total += count
            lines.append(f"{prefix}{total}\n")
        lines.append(f"{prefixes[-2]}{total}\n{prefixes[-1]}{number(value.sum)}\n")
        return "".join(lines)

    def _created_samples(self, family: Family) -> str:
        base = family.metric.name.removesuffix("_total")
        created = family.created or {}
        return "".join(
            f"{base}_created{_labels(family.metric.labels, labels)} {number(created[labels])}\n"
            for labels, _ in family.series
            if labels in created
        )


def _series(metric: Metric) -> _Series:
    return metric.name, metric.labels


def _plain_value(metric: Metric, value: Value) -> float:
    if isinstance(value, HistogramValue):
        raise TypeError(f"{metric.name}: a {metric.type}'s value is a number, not {value!r}")
    return value


def _histogram_prefixes(metric: Metric, labels: LabelValues, bounds: tuple[float, ...]) -> list[str]:
    names = (*metric.labels, "le")
    edges = [*(number(float(bound)) for bound in bounds), "+Inf"]
    buckets = [f"{metric.name}_bucket{_labels(names, (*labels, edge))} " for edge in edges]
    plain = _labels(metric.labels, labels)
    return [*buckets, f"{metric.name}_count{plain} ", f"{metric.name}_sum{plain} "]


def _labels(names: tuple[str, ...], values: LabelValues) -> str:
    if not names:
        return ""
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in pairs) + "}"


def _head(metric: Metric, *, openmetrics: bool) -> str:
    name = metric.name.removesuffix("_total") if openmetrics and metric.type == "counter" else metric.name
    help_text = metric.help.translate(ESCAPES if openmetrics else _HELP)
    return f"# HELP {name} {help_text}\n# TYPE {name} {metric.type}\n"
