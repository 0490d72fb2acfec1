"""Stats pages as metrics: each page is fetched when the exporter is scraped, with its current values.

There is no timer and no cache: a page that cannot be read leaves a gap and `up` 0, never an old value.
"""

import asyncio
import logging
from collections.abc import Iterable

import aiohttp

from exporter.catalogue import Family
from exporter.sources.http import fetch, made_of, new_session
from exporter.stats.metrics import Reading, families
from exporter.stats.parse import counts_by_code, parse_stats
from exporter.stats.source import Source
from exporter.system import Context
from foundation.clock import Clock
from foundation.errors import TidewatchError
from foundation.secret import shown_url

log = logging.getLogger(__name__)


class System:
    """The stats pages of a configuration."""

    def __init__(self, sources: list[Source], ctx: Context) -> None:
        """Fetch nothing yet."""
        self._sources = sources
        self._clock: Clock = ctx.clock
        self._session: aiohttp.ClientSession | None = None
        self._readings: dict[str, Reading] = {}
        self._down: set[str] = set()

    async def run(self) -> None:
        """Keep the connections open between scrapes until cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            if self._session is not None:
                await self._session.close()

    async def refresh(self, deadline_s: float) -> None:
        """Fetch all pages at once, none for longer than `deadline_s`."""
        if self._session is None:
            self._session = new_session()
        try:
            found = await asyncio.gather(*(self._read(source, self._session, deadline_s) for source in self._sources))
        except BaseException:
            self._readings = {}  # no values rather than those of an earlier scrape
            raise
        self._readings = {source.source: reading for source, reading in zip(self._sources, found, strict=True)}

    def collect(self) -> Iterable[Family]:
        """The results of the last refresh."""
        return families(self._readings)

    async def _read(self, source: Source, session: aiohttp.ClientSession, deadline_s: float) -> Reading:
        begin_s = self._clock.monotonic()
        counts: dict[str, int] | None = None
        try:
            page = await fetch(session, source.url, timeout_s=min(source.timeout_s, deadline_s))
            counts = await made_of(page.body, lambda body: counts_by_code(parse_stats(body)))
        except Exception as exc:  # noqa: BLE001, whatever it is, the other pages have their counts
            self._tell_trouble(source, exc)
        else:
            if source.source in self._down:
                self._down.discard(source.source)
                log.info("stats page %s (%s) can be read again", source.source, shown_url(source.url))
        return Reading(counts, self._clock.monotonic() - begin_s)

    def _tell_trouble(self, source: Source, exc: Exception) -> None:
        """Once per streak: a page that is down for a night is one line."""
        if source.source not in self._down:
            self._down.add(source.source)
            unexpected = exc if not isinstance(exc, TidewatchError) else None
            shown = shown_url(source.url)
            log.warning("stats page %s (%s) cannot be read: %s", source.source, shown, exc, exc_info=unexpected)
