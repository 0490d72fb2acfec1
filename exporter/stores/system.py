"""The live system: each source is a database with its inbox, its API and its metrics."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from exporter.catalogue import Family
from exporter.catalogue import stores as catalogue
from exporter.stores.api import api_guard, build_api
from exporter.stores.engine import Policy
from exporter.stores.jobs import Asked
from exporter.stores.live import Live, Settings
from exporter.stores.metrics import Show
from exporter.stores.source import Source
from exporter.stores.state import Database
from exporter.system import Context
from foundation.clock import Clock
from foundation.errors import StoreError, may_pass
from foundation.grammar import Address

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0


class System:
    """The databases of a configuration."""

    def __init__(self, sources: list[Source], ctx: Context) -> None:
        """Opens nothing yet. Raises ConfigError."""
        self._rooms = [_Room(source, ctx) for source in sources]

    async def run(self) -> None:
        """Serve until cancelled. Raises StoreError when a database is another process's, SourceError for an address."""
        async with asyncio.TaskGroup() as group:
            for room in self._rooms:
                group.create_task(room.run())

    def collect(self) -> Iterable[Family]:
        """The families of every database; of one that is not open yet, how often opening failed."""
        for room in self._rooms:
            yield from room.collect()


class _Room:
    def __init__(self, source: Source, ctx: Context) -> None:
        self._source = source
        self._clock: Clock = ctx.clock
        self._path = Path(source.database) if source.database else ctx.state_dir / "stores.duckdb"
        self._policy = ctx.web.of(source.web_config_file)
        self._failed_openings = 0
        self.live: Live | None = None
        self.port: int | None = None

    async def run(self) -> None:
        """Open the database, serve the API if it has an address, and work until cancelled."""
        async with AsyncExitStack() as stack:
            database = await self._open()
            stack.callback(database.close)
            settings = _settings(self._source)
            self.live = Live(database, settings, self._clock, failed_openings=self._failed_openings)
            if self._source.http is not None:
                _, self.port = await self._serve(self.live, self._source.http, stack)
            await self.live.run()

    def collect(self) -> Iterable[Family]:
        """The metrics."""
        if self.live is not None:
            return self.live.collect()
        return [catalogue.ERRORS.family({(self._source.source, "opening"): self._failed_openings})]

    async def _open(self) -> Database:
        """Open the database, where need be again and again until what is short is there. Raises StoreError."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                return await asyncio.to_thread(Database, self._path)
            except StoreError as exc:
                if not may_pass(exc):
                    raise
                if not self._failed_openings:
                    log.error("%s: trying again until it opens: %s", self._source.source, exc)  # noqa: TRY400
            self._failed_openings += 1
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s = min(_LONGEST_WAIT_S, wait_s * 2)

    async def _serve(self, live: Live, address: Address, stack: AsyncExitStack) -> tuple[str, int]:
        app = build_api(live)
        guard = api_guard(self._policy, address.host)
        guard.protect(app)
        return await guard.serve(app, address, stack)


def _settings(source: Source) -> Settings:
    policy = Policy(source.interpolation, source.windows, use_outside_polls=source.use_outside_polls)
    return Settings(
        source=source.source,
        inbox=Path(source.inbox) if source.inbox else None,
        refresh_s=source.refresh_s,
        update_s=source.update_s,
        asked=Asked(
            policy,
            source.as_of,
            source.columns,
            official_typo=source.official_typo,
            keep_reports_s=source.keep_reports_s,
        ),
        show=Show(source.worst, source.per_store, source.max_series, source.silent_after_s),
    )
