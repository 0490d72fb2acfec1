"""The report of requests per second every so many seconds: `exporter qps`."""

import asyncio
import itertools
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from exporter.accesslog.bad import BadLines, BadLog, Fit
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.report.ganglia import Ganglia
from exporter.accesslog.report.rates import Figure, Window, report
from exporter.accesslog.source import Source
from exporter.accesslog.tally import Buckets
from exporter.sources.tail import Tail
from exporter.sources.tail.paths import path_troubles
from foundation.append import AppendedPath
from foundation.clock import Clock
from foundation.errors import ConfigError, SourceError
from foundation.terminal import echo, printable

log = logging.getLogger(__name__)

SAY_EVERY_S = 60.0  # the same trouble


async def follow(
    source: Source,
    interval_s: float,
    tell: Callable[[list[Figure], float], None],
    clock: Clock,
    *,
    reports: int | None = None,
) -> Fit:
    """Follow the log, and report figures and the time (Unix) at start + n x `interval_s`, also when nothing came.

    Args:
        source: what to follow and how to read it.
        interval_s: seconds between two reports; a rate is over the time that really went by.
        tell: takes the figures of one report.
        clock: when it is due.
        reports: end after so many; None goes on until cancelled. The last of them waits until what stood in the log is
            read, if that was asked for.

    Returns:
        How the format fits what was read.
    """
    tail = Tail(source.paths, from_start=source.from_ == "start", clock=clock)
    reader = _Reading(source, tail)
    for trouble in path_troubles(source.paths):
        log.warning("%s", printable(trouble))
    reading = asyncio.create_task(reader.run())
    try:
        start_s = last_s = clock.monotonic()
        number, readable = 0, True
        for made in itertools.count(1) if reports is None else range(1, reports + 1):
            # what is overdue is dropped, not reported at once
            number = max(number, math.floor((last_s - start_s) / interval_s)) + 1
            await _either(clock.sleep_until(start_s + number * interval_s), reading)
            if made == reports and source.from_ == "start":
                await _either(tail.caught_up.wait(), reading)
            if tail.status.readable != readable:
                readable = tail.status.readable
                log.warning("%s: %s", ", ".join(source.paths), "there" if readable else "cannot be read yet; waiting")
            now_s = clock.monotonic()
            tell(reader.window.close(now_s - last_s), clock.wall())
            last_s = now_s
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        reader.close()
        await tail.close()
    return reader.fit


class _Reading:
    """What was read of a log: the figures of the window that is open, and what did not fit."""

    def __init__(self, source: Source, tail: Tail) -> None:
        self.window = Window(source)
        self._tail = tail
        self._reader = Reader(source.parsed_format(), Buckets(source.buckets), envelope=source.envelope)
        self._told = BadLog(", ".join(source.paths), asyncio.get_running_loop().call_later)
        self._requests, self._bad = 0, BadLines()

    async def run(self) -> None:
        """Read until cancelled."""
        async for batch in self._tail.batches():
            tally = self._reader.read(batch.data, batch.path, batch.home)
            self._requests += tally.requests
            self._bad.add(tally, batch.path)
            self.window.add(tally)
            self._told.add(tally, batch.path)
            self._told.add_too_long(self._tail.status.too_long_lines)

    @property
    def fit(self) -> Fit:
        """How the format fits."""
        return self._bad.fit(self._requests)

    def close(self) -> None:
        """Say what was not said yet."""
        self._told.close()


async def _either(event: Coroutine[Any, Any, object], reading: asyncio.Task[None]) -> None:
    """Wait for `event`. Raises what ended the reading, should that end before."""
    waiting = asyncio.ensure_future(event)
    try:
        await asyncio.wait([waiting, reading], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        waiting.cancel()


class Reporter:
    """Puts reports where they are wanted. Trouble is said once a minute, and the next report is tried again."""

    def __init__(
        self, output: Path | None, gmond: Ganglia | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises ConfigError when `output` cannot be written."""
        self._output = AppendedPath(output) if output else None
        self._gmond = gmond
        self._monotonic = monotonic
        self._said_s: dict[str, float] = {}
        try:
            if self._output:
                os.close(self._output.open())
        except OSError as exc:
            raise ConfigError(f"--output: {output}: {exc.strerror}") from exc

    def tell(self, figures: list[Figure], now_s: float) -> None:
        """Write one report, and send its figures."""
        text = report(figures, now_s)
        try:
            if self._output is None:
                echo(text, nl=False)
                sys.stdout.flush()
            else:
                with os.fdopen(self._output.open(), "a") as file:  # each time anew, so that it can be rotated
                    file.write(text)
        except BrokenPipeError:
            raise
        except OSError as exc:
            self._say(f"{self._output.path if self._output else 'stdout'}: {exc.strerror}")
        try:
            if self._gmond:
                self._gmond.send(figures)
        except SourceError as exc:
            self._say(str(exc))

    def _say(self, text: str) -> None:
        now_s = self._monotonic()
        if now_s - self._said_s.get(text, float("-inf")) >= SAY_EVERY_S:
            self._said_s[text] = now_s
            echo(f"exporter: {text}; the reports go on", err=True)
