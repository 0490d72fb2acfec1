"""Requests per second by route and code: counts in, figures and the text of a report out. Pure."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from exporter.accesslog.routes import KEEP, OTHER
from exporter.accesslog.source import Source
from exporter.accesslog.tally import COUNT, Tally

TOTAL = "total"


class Figure(NamedTuple):
    """Requests per second of a route and code, or of everything (`total`, no code)."""

    route: str
    code: str
    per_s: float


class Window:
    """Counts since the last report.

    Routes are found as they are for metrics, but have no place that others could take: of each report's routes the most
    requested are shown, as many as the source's limit allows, and the rest as `other`.
    """

    def __init__(self, source: Source) -> None:
        """Nothing counted yet."""
        self._router = source.router()
        self._limit = source.limits.routes
        self._counts: dict[str, Counter[str]] = {}

    def add(self, tally: Tally) -> None:
        """Count what was read."""
        for (_, target, code), numbers in tally.hits.items():
            route = self._router.route(target)
            if route not in self._counts and len(self._counts) >= KEEP:
                route = OTHER
            self._counts.setdefault(route, Counter())[code.decode()] += numbers[COUNT]

    def close(self, elapsed_s: float) -> list[Figure]:
        """The rates over `elapsed_s`, by route and then code, the total last; and begin anew."""
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
    """One place after the point; below 0.1 as many as it takes to show something, as 0.09 does."""
    places = max(1, -math.floor(math.log10(per_s))) if per_s > 0 else 1
    return f"{per_s:.{places}f}"
