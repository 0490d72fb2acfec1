"""The report of requests per second, by route and code, every so many seconds: `exporter qps`."""

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from exporter.accesslog.labels import Labeller
from exporter.accesslog.reader import Reader
from exporter.accesslog.source import Source
from exporter.accesslog.tally import COUNT, Buckets, Tally
from exporter.clock import Clock
from exporter.sources.tail import Tail

TOTAL = "total"


class Figure(NamedTuple):
    """Requests per second of a route and code, or of everything (`total`, no code)."""

    route: str
    code: str
    per_s: float


class Window:
    """Counts since the last report. Routes are bounded as they are for metrics."""

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


async def follow(
    source: Source,
    interval_s: float,
    tell: Callable[[list[Figure], float], None],
    clock: Clock,
    *,
    reports: int | None = None,
) -> None:
    """Follow the log, and tell figures and the time (Unix) at start + n x `interval_s`, also when nothing came.

    Args:
        source: what to follow and how to read it.
        interval_s: seconds between two reports; a rate is over the time that really went by.
        tell: takes the figures of one report.
        clock: when it is due.
        reports: end after so many; None goes on until cancelled.
    """
    window = Window(source)
    tail = Tail(source.paths, from_start=source.from_ == "start", clock=clock)
    reader = Reader(source.parsed_format(), Buckets(source.buckets))

    async def read() -> None:
        async for batch in tail.batches():
            window.add(reader.read(batch.data, batch.path))

    reading = asyncio.create_task(read())
    try:
        start_s = last_s = clock.monotonic()
        number = 0
        for _ in range(reports) if reports is not None else itertools.count():
            # what is overdue is left out, not told at once
            number = max(number, math.floor((last_s - start_s) / interval_s)) + 1
            await _due(clock, start_s + number * interval_s, reading)
            now_s = clock.monotonic()
            tell(window.close(now_s - last_s), clock.wall())
            last_s = now_s
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await tail.close()


async def _due(clock: Clock, due_s: float, reading: asyncio.Task[None]) -> None:
    """Wait until it is due. Raises what ended the reading, should that end before."""
    waiting = asyncio.ensure_future(clock.sleep_until(due_s))
    try:
        await asyncio.wait([waiting, reading], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        waiting.cancel()
