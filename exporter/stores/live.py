"""One database in service: loads files and posts, makes reports, updates metrics. The daemon and `serve` run it.

Everything slow is done in threads, by DuckDB, which releases the interpreter lock; the event loop only waits.
"""

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.catalogue import Family
from exporter.sources.tail.watch import EventWaker, Waker
from exporter.stores.asking import MAX_DAYS
from exporter.stores.inbox import REST_S, RETRY_S, Inbox
from exporter.stores.jobs import Asked, Jobs
from exporter.stores.load import Input, Loaded, load
from exporter.stores.metrics import Show, families, work_families
from exporter.stores.ranges import Wanted, find_range
from exporter.stores.report import Report, Reporter, StoreReport, explain_store, resolve_as_of
from exporter.stores.state import Database, one
from exporter.stores.uploads import remove_left
from foundation.clock import Clock
from foundation.errors import SourceError, TidewatchError, may_pass

log = logging.getLogger(__name__)

RESULTS = ("new", "late", "duplicate", "conflict", "invalid")


class Settings(NamedTuple):
    """The background tasks of a service."""

    source: str = "stores"
    inbox: Path | None = None
    refresh_s: float = 3600.0
    update_s: float = 60.0
    asked: Asked = Asked()
    show: Show = Show()


class Live:
    """One database, its jobs, its inbox and its metrics."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        waker: Waker | None = None,
        failed_openings: int = 0,
    ) -> None:
        """Reads what the database remembers. Raises StoreError.

        `failed_openings`: how often the database could not be opened before, for the metrics.
        """
        self.database = database
        self.settings = settings
        self._reporter = Reporter(database)
        self._ranges = Reporter(database)  # its last one is kept beside the last of the windows
        self.jobs = Jobs(database, self._reporter, settings.asked, clock)
        self._clock = clock
        self._waker = waker or EventWaker()
        self._box = (
            Inbox(settings.inbox.absolute(), clock.monotonic) if settings.inbox else None
        )  # events name whole paths
        self._told: list[Family] = []
        self._told_of: tuple[int, int] | None = None
        self._data = asyncio.Event()
        self._inbox_fails = False  # which is logged once
        self._inbox: Counter[str] = Counter({"done": 0, "failed": 0})
        self._errors: Counter[str] = Counter({"inbox": 0, "metrics": 0, "cleaning": 0, "opening": failed_openings})
        with database.reading() as cursor:
            sums = ", ".join(f"COALESCE(sum({result}), 0)" for result in RESULTS)
            counts = one(cursor, f"SELECT {sums} FROM ingests WHERE kind = 'status'")  # noqa: S608, our own names
            self._polls = Counter(dict(zip(RESULTS, map(int, counts), strict=True)))
            newest, taken = one(
                cursor,
                "SELECT (SELECT max(at_us) FROM polls), "
                "(SELECT max(taken_us) FROM ingests WHERE kind = 'status' AND new > 0)",
            )
        self._newest_us: int | None = newest
        self._taken_us: int | None = taken

    async def run(self) -> None:
        """Work until cancelled."""
        if self._box is not None:
            await self._make(self._box)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.jobs.run())
            group.create_task(self._follow_data())
            group.create_task(self._forget())
            if self._box is not None:
                group.create_task(self._watch(self._box))

    async def _make(self, box: Inbox) -> None:
        """Make the inbox. Raises SourceError where it cannot be made: a mistake of the configuration."""
        try:
            await asyncio.to_thread(box.look)
        except SourceError as exc:
            if not may_pass(exc):
                raise

    async def take(self, given: Input) -> Loaded:
        """Take one file in. Raises SourceError and StoreError."""
        (loaded,) = await asyncio.to_thread(load, self.database, [given], self._now_us())
        self._note([loaded])
        await self._look_at_newest()
        return loaded

    async def store(self, store_id: str, wanted: Wanted | None = None) -> StoreReport | None:
        """One store's report as it is now, of a range where one is named; None for one that nothing names.

        Raises StoreError, and ConfigError for a range that cannot be.
        """
        as_of_us = await self._as_of_us()
        within = None if wanted is None else find_range(wanted, as_of_us, MAX_DAYS)
        policy = self.settings.asked.policy
        return await asyncio.to_thread(explain_store, self.database, policy, as_of_us, store_id, within)

    async def report(self, wanted: Wanted) -> Report:
        """All stores over a range, as it is now. Raises StoreError, and ConfigError for a range that cannot be."""
        as_of_us = await self._as_of_us()
        within = find_range(wanted, as_of_us, MAX_DAYS)
        return await asyncio.to_thread(self._ranges.make, self.settings.asked.policy, as_of_us, within)

    async def _as_of_us(self) -> int:
        """The moment that reports are of, a whole minute of the clock, so that those of a minute are one."""
        minute_us = self._now_us() // 60_000_000 * 60_000_000
        as_of_us, _ = await asyncio.to_thread(resolve_as_of, self.database, self.settings.asked.as_of, minute_us)
        return as_of_us

    def collect(self) -> Iterable[Family]:
        """Metric families, of the last report made for them."""
        yield from self._told
        yield from work_families(
            self.settings.source,
            polls=self._polls,
            inbox=self._inbox,
            errors=self._errors,
            jobs=self.jobs,
            newest_us=self._newest_us,
            taken_us=self._taken_us,
        )

    async def update(self) -> None:
        """Make the report that the metrics expose, unless nothing has changed. Raises StoreError."""
        asked = self.settings.asked
        wanted = await asyncio.to_thread(resolve_as_of, self.database, asked.as_of, self._now_us())
        if wanted == self._told_of:
            return
        report = await asyncio.to_thread(self._reporter.make, asked.policy, wanted[0])
        self._told = await asyncio.to_thread(families, self.settings.source, report, self.settings.show)
        self._told_of = wanted

    async def _follow_data(self) -> None:
        """Bring the metrics up to date after every load, and every `update_s`."""
        while True:
            self._data.clear()
            with self._costs_this_turn("metrics", "the metrics stay as they are"):
                await self.update()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.update_s):  # wait_for of 3.11 may swallow being cancelled
                    await self._data.wait()

    async def _watch(self, box: Inbox) -> None:
        """Look into the inbox on change, and at least every `refresh_s`."""
        while True:
            async with asyncio.TaskGroup() as group:
                bell = group.create_task(self._waker.wait(self.settings.refresh_s, (f"{box.folder}/",)))
                # After this moment the bell hears what lands, and the look sees what landed before.
                await asyncio.wait({bell}, timeout=REST_S)
                again_s = await self._empty(box)
                if again_s is not None:
                    await asyncio.wait({bell}, timeout=again_s)
                    bell.cancel()

    async def _empty(self, box: Inbox) -> float | None:
        """Take in what rests in the inbox; seconds until it must be looked into again, None where all is done."""
        try:
            seen = await asyncio.to_thread(box.look)
        except Exception as exc:  # noqa: BLE001, whatever it is, the API and the metrics go on
            self._failed("inbox", "the inbox cannot be read", exc, said=self._inbox_fails)
            self._inbox_fails = True
            return RETRY_S
        self._inbox_fails = False
        again_s = [] if seen.again_s is None else [seen.again_s]
        for file in seen.resting:  # one by one, so that each is reported when it is in
            taken = await asyncio.to_thread(box.take, file, self.database, self._now_us())
            if taken.loaded is not None:
                self._note([taken.loaded])
                await self._look_at_newest()
            match taken.result:
                case "changed":
                    again_s.append(0.0)
                case "later":
                    self._errors["inbox"] += 1
                    again_s.append(RETRY_S)
                case result:
                    self._inbox[result] += 1
        return min(again_s, default=None)

    async def _forget(self) -> None:
        """Delete old reports, now and every hour."""
        due_s = self._clock.monotonic()
        while True:
            with self._costs_this_turn("cleaning", "old reports stay"):
                await self.jobs.forget_old()
            await asyncio.to_thread(remove_left, self.database.path.parent, self._clock.wall())
            due_s += 3600.0
            await self._clock.sleep_until(due_s)

    def _note(self, loaded: Iterable[Loaded]) -> None:
        for told in loaded:
            log.info("%s", told.text())
            for problem in told.problems:
                log.warning("%s", problem)
            self._data.set()
            if told.kind == "status":
                self._polls.update({result: getattr(told, result) for result in RESULTS})
                if told.new:
                    self._taken_us = self._now_us()

    async def _look_at_newest(self) -> None:
        def newest() -> int | None:
            """Time of the newest poll, in microseconds; None without polls."""
            with self.database.reading() as cursor:
                found: int | None = one(cursor, "SELECT max(at_us) FROM polls")[0]
                return found

        with self._costs_this_turn("metrics", "the time of the newest poll is not known"):  # what was loaded is loaded
            self._newest_us = await asyncio.to_thread(newest)

    @contextlib.contextmanager
    def _costs_this_turn(self, kind: str, consequence: str) -> Iterator[None]:
        # An error, whatever it is, is counted and logged; the service goes on, and the next turn tries again.
        try:
            yield
        except Exception as exc:  # noqa: BLE001
            self._failed(kind, consequence, exc)

    def _failed(self, kind: str, consequence: str, exc: Exception, *, said: bool = False) -> None:
        self._errors[kind] += 1
        if not said:
            unexpected = None if isinstance(exc, TidewatchError | OSError) else exc
            log.error("%s: %s: %s", self.settings.source, consequence, exc, exc_info=unexpected)

    def _now_us(self) -> int:
        return math.floor(self._clock.wall() * 1e6)
