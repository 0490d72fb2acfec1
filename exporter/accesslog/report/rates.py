"""Requests per second by route and code: counts in, figures and the text of a report out. Pure."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from exporter.accesslog.routes import OTHER
from exporter.accesslog.source import Source
from exporter.accesslog.tally import COUNT, Tally

TOTAL = "total"

_MOST_ROUTES = 1 << 14
"""Maximum number of routes until a report; further new ones are counted as `other`."""


class Figure(NamedTuple):
    """Requests per second of a route and code, or of everything (`total`, no code)."""

    route: str
    code: str
    per_s: float


class Window:
    """Counts since the last report.

    Routes are found as for metrics, but do not keep a place: each report shows the most requested routes, up to the
    source's limit, and the rest as `other`.
    """

    def __init__(self, source: Source) -> None:
        """Nothing counted yet."""
        self._router = source.router()
        self._limit = source.limits.routes
        self._counts: dict[str, Counter[str]] = {}

    def add(self, tally: Tally) -> None:
        """Count what was read."""
        routes = self._router.routes([key[1] for key in tally.hits])
        for route, ((_, _, code, *_), numbers) in zip(routes, tally.hits.items(), strict=True):
            shown = route if route in self._counts or len(self._counts) < _MOST_ROUTES else OTHER
            self._counts.setdefault(shown, Counter())[code.decode()] += numbers[COUNT]

    def close(self, elapsed_s: float) -> list[Figure]:
        """The rates over `elapsed_s`, by route and then code, the total last; resets the counts."""
        counts, self._counts = self._counts, {}
        for route in sorted(counts.keys() - {OTHER}, key=lambda one: (-counts[one].total(), one))[self._limit :]:
            counts.setdefault(OTHER, Counter()).update(counts.pop(route))
        total = sum(codes.total() for codes in counts.values())
        figures = [Figure(r, c, n / elapsed_s) for r, codes in sorted(counts.items()) for c, n in sorted(codes.items())]
        return [*figures, Figure(TOTAL, "", total / elapsed_s)]


def report(figures: Sequence[Figure], now_s: float) -> str:
    """The report's text: local time, a rule, one line a figure, and an empty line."""
    lines = [f"{figure.route}\t{figure.code}\t{rate(figure.per_s)}\n" for figure in figures]
    return f"{time.asctime(time.localtime(now_s))}\n{'=' * 29}\n{''.join(lines)}\n"


def rate(per_s: float) -> str:
    """One decimal; below 0.1 as many as show a digit other than 0, for example 0.09."""
    places = max(1, -math.floor(math.log10(per_s))) if per_s > 0 else 1
    return f"{per_s:.{places}f}"
