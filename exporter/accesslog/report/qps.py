"""The periodic report of requests per second: `exporter qps`."""

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
        interval_s: seconds between two reports; a rate is over the time that really passed.
        tell: receives the figures of one report.
        clock: when it is due.
        reports: number of reports; None: until cancelled. The last one waits until the existing lines of the log are
            read, if that was requested.

    Returns:
        How the format fits what was read.

    Raises:
        SourceError: at the end of the last report, if the log could not be read.
    """
    tail = Tail(source.globs, from_start=source.from_ == "start", clock=clock)
    reader = _Reading(source, tail)
    troubles = [printable(trouble) for trouble in source.path_troubles()]
    for trouble in troubles:
        log.warning("%s", trouble)
    reading = asyncio.create_task(reader.run())
    try:
        start_s = last_s = clock.monotonic()
        number, readable = 0, True
        for made in itertools.count(1) if reports is None else range(1, reports + 1):
            # overdue reports are dropped, not made at once
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
        if not readable:
            raise SourceError(troubles[0] if troubles else f"{', '.join(source.paths)}: could not be read")
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        reader.close()
        await tail.close()
    return reader.fit


class _Reading:
    """What was read of a log: the figures of the current window, and the bad lines."""

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
        """Report what was not reported yet."""
        self._told.close()


async def _either(event: Coroutine[Any, Any, object], reading: asyncio.Task[None]) -> None:
    """Wait for `event`. Raises what ended the reading, if that ends first."""
    waiting = asyncio.ensure_future(event)
    try:
        await asyncio.wait([waiting, reading], return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
    finally:
        waiting.cancel()


class Reporter:
    """Writes reports to their destinations. Faults are reported once a minute, and the next report is tried again."""

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
                with os.fdopen(self._output.open(), "a") as file:  # opened each time, so that it can be rotated
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
            echo(f"exporter: {text}; the reports continue", err=True)
