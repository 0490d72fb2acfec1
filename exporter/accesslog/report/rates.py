"""Requests per second by route and code: counts in, figures and the text of a report out. Pure."""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from exporter.accesslog.labels import Labeller
from exporter.accesslog.source import Source
from exporter.accesslog.tally import COUNT, Tally

TOTAL = "total"


class Figure(NamedTuple):
    """Requests per second of a route and code, or of everything (`total`, no code)."""

    route: str
    code: str
    per_s: float


class Window:
    """Counts since the last report. Routes are found and bounded as they are for metrics."""

    def __init__(self, source: Source) -> None:
        """Nothing counted yet."""
        self._labeller = Labeller(source)
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, tally: Tally) -> None:
        """Count what was read."""
        for key, numbers in tally.hits.items():
            labels = self._labeller.labelled(key).labels
            place = (labels.route, labels.code)
            self._counts[place] = self._counts.get(place, 0) + numbers[COUNT]

    def close(self, elapsed_s: float) -> list[Figure]:
        """The rates over `elapsed_s`, by route and then code, the total last; and begin anew."""
        counts, self._counts = self._counts, {}
        figures = [Figure(route, code, count / elapsed_s) for (route, code), count in sorted(counts.items())]
        return [*figures, Figure(TOTAL, "", sum(counts.values()) / elapsed_s)]


def report(figures: Sequence[Figure], now_s: float) -> str:
    """The report's text: local time, a rule, one line a figure, and an empty line."""
    lines = [f"{figure.route}\t{figure.code}\t{rate(figure.per_s)}\n" for figure in figures]
    return f"{time.asctime(time.localtime(now_s))}\n{'=' * 29}\n{''.join(lines)}\n"


def rate(per_s: float) -> str:
    """One place after the point; below 0.1 as many as it takes to show something, as 0.09 does."""
    places = max(1, -math.floor(math.log10(per_s))) if per_s > 0 else 1
    return f"{per_s:.{places}f}"
