"""The live system: each source is a database with its inbox, its API and its metrics."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from exporter.catalogue import Family
from exporter.stores.api import build_api, problem
from exporter.stores.database import Database
from exporter.stores.fleet import Show
from exporter.stores.jobs import Asked
from exporter.stores.service import Service, Settings
from exporter.stores.sweep import Policy
from exporter.system import Context
from exporter.web.listening import listen
from foundation.clock import Clock
from foundation.errors import ConfigError

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One database of stores.

    Attributes:
        database: its file; in the state folder unless named.
        http: where the report API listens, as 127.0.0.1:8081; no API where it is left out.
        inbox: a folder where CSV files land.
        refresh_s: how often the inbox is looked into without any event.
        update_s: how often the metrics follow the clock (as_of: now); after a load they follow at once.
        as_of: what `now` is: the newest poll's time, or the clock's where polls are live.
        use_outside_polls: whether polls outside of business hours are evidence, too.
        per_store: tell fourteen series of each store, up to max_series in sum.
    """

    source: Annotated[str, msgspec.Meta(min_length=1)]
    database: str | None = None
    http: str | None = None
    inbox: str | None = None
    refresh_s: Positive = 3600.0
    update_s: Positive = 60.0
    as_of: Literal["max", "now"] = "max"
    interpolation: Literal["nearest", "previous", "next"] = "nearest"
    windows: Literal["rolling", "calendar"] = "rolling"
    use_outside_polls: bool = False
    columns: Literal["official", "all"] = "official"
    official_typo: bool = False
    keep_reports_s: Positive = 7 * 86400.0
    silent_after_s: Positive = 9000.0
    worst: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 20
    per_store: bool = False
    max_series: Annotated[int, msgspec.Meta(ge=0)] = 50_000

    def __post_init__(self) -> None:
        """Raises ValueError for an address that is none."""
        if self.http is not None:
            try:
                parse_address(self.http, "http")
            except ConfigError as exc:
                raise ValueError(str(exc)) from exc

    def settings(self) -> Settings:
        """The same for the service."""
        return Settings(
            self.source,
            Path(self.inbox) if self.inbox else None,
            self.refresh_s,
            self.update_s,
            Asked(
                Policy(self.interpolation, self.windows, outside=self.use_outside_polls),
                self.as_of,
                self.columns == "all",
                self.official_typo,
                self.keep_reports_s,
            ),
            Show(self.worst, self.per_store, self.max_series, self.silent_after_s),
        )


def parse_address(text: str, where: str) -> tuple[str, int]:
    """`host:port` as a pair. Raises ConfigError that starts with `where`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"{where}: {text!r} is not host:port, as 127.0.0.1:8081 is")
    return host.strip("[]"), int(port)


class System:
    """The databases of a configuration."""

    def __init__(self, sources: list[Source], ctx: Context) -> None:
        """Opens nothing yet. Raises ConfigError."""
        self._rooms = [_Room(source, n, ctx) for n, source in enumerate(sources)]

    async def run(self) -> None:
        """Serve until cancelled. Raises StoreError when a database is another process's, SourceError for an address."""
        async with asyncio.TaskGroup() as group:
            for room in self._rooms:
                group.create_task(room.run())

    def collect(self) -> Iterable[Family]:
        """What every database tells; one that is not open yet tells nothing."""
        for room in self._rooms:
            if room.service is not None:
                yield from room.service.collect()


class _Room:
    def __init__(self, source: Source, number: int, ctx: Context) -> None:
        self._source = source
        self._clock: Clock = ctx.clock
        self._path = Path(source.database) if source.database else ctx.state_dir / "stores.duckdb"
        self._address = parse_address(source.http, f"$.stores[{number}].http") if source.http else None
        self.service: Service | None = None
        self.port: int | None = None

    async def run(self) -> None:
        """Open the database, serve the API if it has an address, and work until cancelled."""
        async with AsyncExitStack() as stack:
            database = await asyncio.to_thread(Database, self._path)
            stack.callback(database.close)
            self.service = Service(database, self._source.settings(), self._clock)
            if self._address is not None:
                self.port = await listen(build_api(self.service), self._address, stack, problem)
            await self.service.run()
