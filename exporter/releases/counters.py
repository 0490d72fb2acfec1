"""Series of a Prometheus to counts of errors, one for each step, build and code. Pure.

The query decides the meaning of a value: `increase(...)` the errors of the range in brackets, `rate(...)` those of a
second, and a counter without a range all errors so far. Increases are extrapolated, so they are not whole: their
running sum is rounded, which loses none. A value at t counts the step before t.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from exporter.releases.compare.exposure import Share, Shares
from exporter.releases.parse import parse_build, parse_code
from exporter.sources.prometheus import Asked
from foundation.errors import BadRecord, ConfigError, SourceError
from foundation.promanswer import Series

_RANGE = re.compile(r"\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_SUMMED = re.compile(r"\b(sum|avg|max|min|count|group|topk|bottomk|quantile|stddev|stdvar)\b\s*(by|without)?\s*\(")
DEFAULT_STEP_S = 10
MOST_ERRORS = 1e15


class Labels(NamedTuple):
    """The labels with the build's version and the error code."""

    version: str = "version"
    code: str = "code"


class Query(NamedTuple):
    """A query and the meaning of its values. kind: increase, rate, counter or users."""

    text: str
    kind: str
    step_s: int


def parse_query(text: str, step_s: int | None = None) -> Query:
    """The meaning of a query's values, by its functions and ranges. Raises ConfigError.

    A step other than the range would count errors several times, or not at all; it is the range unless named.
    """
    bare = _STRING.sub("", text)
    if wrong := re.search(r"\b(irate|delta|idelta|deriv)\s*\(", bare):
        raise ConfigError(f"invalid query: {wrong[1]}() does not count errors: expected increase(counter[10s])")
    range_s = _range_s(bare)
    if range_s is None:
        if summed := _SUMMED.search(bare):
            raise ConfigError(
                f"invalid query: {summed[1]} of a counter without a range falls when one process restarts, and what"
                " the others had would count again: expected increase(counter[10s]) inside it, or the counter alone"
            )
        return Query(text, "counter", step_s or DEFAULT_STEP_S)
    if step_s is not None and step_s != range_s:
        wrong_way = "would count more than once" if step_s < range_s else "between two values would not count"
        raise ConfigError(
            f"invalid step of {step_s} s: errors {wrong_way}, as the query has [{range_s}s]: expected {range_s} s"
        )
    return Query(text, "rate" if re.search(r"\brate\s*\(", bare) else "increase", range_s)


def parse_users(text: str, step_s: int | None = None) -> Query:
    """A query of users, at steps of its range unless they are named. Raises ConfigError."""
    return Query(text, "users", step_s or _range_s(_STRING.sub("", text)) or DEFAULT_STEP_S)


def _range_s(bare: str) -> int | None:
    """The one length of all ranges in a query without its strings; None where it has none. Raises ConfigError."""
    ranges = {sum(int(n) * _UNITS_S[unit] for n, unit in _PART.findall(found)) for found in _RANGE.findall(bare)}
    if len(ranges) > 1:
        raise ConfigError("invalid query: ranges of several lengths: expected one, for example [10s]")
    range_s = next(iter(ranges), None)
    if range_s is not None and (range_s < 1 or range_s != int(range_s)):
        raise ConfigError(f"invalid query: a range of {range_s:g} s: expected whole seconds")
    return None if range_s is None else int(range_s)


def to_ask(query: Query, start_s: float, end_s: float) -> Asked:
    """The times to query: the ends of the whole steps in `[start, end)`, and a counter's value before them."""
    step = query.step_s
    first, last = math.ceil(start_s / step) * step, math.floor(end_s / step) * step
    if last <= first:
        raise ConfigError(f"invalid range: expected at least one whole step of {step} s between --from and --to")
    return Asked(query.text, first if query.kind == "counter" else first + step, last, step)


class Counting:
    """Values to whole counts; with state between answers."""

    def __init__(self, query: Query, labels: Labels, *, begun: bool = False) -> None:
        """`begun`: an earlier answer ends where the first one here begins."""
        self._query, self._labels = query, labels
        self._sums: dict[frozenset[tuple[str, str]], tuple[float, int]] = {}
        self._last: dict[frozenset[tuple[str, str]], float] = {}
        self._begun = begun
        self.resets = 0
        """Counters that fell: after a reset, the new value is counted."""

    def add(self, found: Iterable[Series], since_s: float = -math.inf) -> Mapping[tuple[int, str, Any], int]:
        """Errors by (start of the step, build, code) after `since_s`. Raises SourceError where a label is missing."""
        counts: Counter[tuple[int, str, Any]] = Counter()
        found = sorted(found, key=lambda series: series.values[0][0] if series.values else 0)
        first = min((series.values[0][0] for series in found if series.values), default=0.0)
        for series in found:
            build, code = self._names(series.metric)
            key = frozenset(series.metric.items())
            for at, text in series.values:
                errors = self._errors(key, float(text), new=at > (since_s if self._begun else first))
                total, told = self._sums.get(key, (0.0, 0))
                total += errors
                self._sums[key] = (total, max(told, round(total)))
                if round(total) > told and at > since_s:
                    counts[round(at) - self._query.step_s, build, code] += round(total) - told
        self._begun = self._begun or bool(found)
        return counts

    def _errors(self, key: frozenset[tuple[str, str]], value: float, *, new: bool) -> float:
        """The increase by a value. new: a counter that is new in this step, so all of it counts."""
        if not math.isfinite(value) or abs(value) > MOST_ERRORS:
            return 0.0
        if self._query.kind != "counter":
            return max(0.0, value * (self._query.step_s if self._query.kind == "rate" else 1))
        before = self._last.get(key)
        self._last[key] = value
        if before is None:
            return value if new else 0.0
        if value < before:
            self.resets += 1
            return value
        return value - before

    def _names(self, metric: Mapping[str, str]) -> tuple[str, Any]:
        for flag, label in (("version", self._labels.version), ("code", self._labels.code)):
            if label not in metric:
                raise SourceError(
                    f"a series has no label {label!r}; it has {', '.join(sorted(metric)) or 'none'}: expected "
                    f"sum by ({self._labels.version}, {self._labels.code}) (...), or another label named by "
                    f"--{flag}-label"
                )
        try:
            return parse_build(metric[self._labels.version]), parse_code(metric[self._labels.code])
        except BadRecord as exc:
            raise SourceError(f"{exc}; it is the value of a label") from exc


def shares(found: Iterable[Series], label: str, step_s: int) -> Shares:
    """Users by build, each value in the step before it; a step without a value is unknown.

    Raises SourceError where the label is missing, or a build has two series.
    """
    users: dict[str, dict[int, float]] = {}
    whose: dict[str, Mapping[str, str]] = {}
    for series in found:
        if label not in series.metric:
            has = ", ".join(sorted(series.metric)) or "none"
            raise SourceError(
                f"a series of users has no label {label!r}; it has {has}: expected sum by ({label}) (...)"
            )
        build = series.metric[label]
        if whose.setdefault(build, series.metric) != series.metric:
            raise SourceError(f"two series of users have {label}={build!r}: expected sum by ({label}) (...)")
        values = ((round(at), float(text)) for at, text in series.values)
        users.setdefault(build, {}).update((at, max(value, 0.0)) for at, value in values if math.isfinite(value))
    ends = (Share(at, build, math.nan) for build, values in users.items() for at in values)
    steps = (Share(at - step_s, build, value) for build, values in users.items() for at, value in values.items())
    return Shares.of([*ends, *steps], counted=True)
