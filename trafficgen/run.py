"""A run from its configuration to its report: `await run_load(LoadConfig(...))`."""

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from pathlib import Path
from typing import IO

from msgspec import structs

from foundation.errors import StoreError, TidewatchError, ungrouped
from foundation.secret import shown_url
from trafficgen.config import LoadConfig
from trafficgen.meter.meter import Meter
from trafficgen.meter.stored import stored_meter
from trafficgen.plan.catalogue import PATHS_ALONE
from trafficgen.plan.digest import plan_digest
from trafficgen.plan.plan import CurvePlan, Plan
from trafficgen.report.report import Report, make_report
from trafficgen.report.results import Clock, save_results
from trafficgen.send.crew import Crew
from trafficgen.send.processes import Processes
from trafficgen.send.request import parse_url
from trafficgen.send.worker import Worker
from trafficgen.start import wait_for_start

TICK_S = 0.5  # how often `on_tick` is called


class Run:
    """One run; `await execute()` once. The rest may be called meanwhile."""

    def __init__(self, config: LoadConfig, plan: Plan, seed: int, records: Sequence[IO[bytes]] = ()) -> None:
        """`records`: of each worker, the file that a record of each of its requests goes to, if that is wanted."""
        self.config, self.plan, self.seed, self._records = config, plan, seed, records
        fds = [file.fileno() for file in records]
        self.crew: Crew
        if config.workers == 1:
            self.crew = Worker(config, plan, records_fd=fds[0] if fds else None)
        else:
            self.crew = Processes(config, plan, fds)
        self._reached = self._stopped = False
        self._before: asyncio.Task[None] | None = None  # what `stop` ends while nothing is sent yet
        self._start_ns, self._started_at = 0, 0.0

    async def reach(self) -> None:
        """Try the target. Raises ConfigError when it can't be reached: nothing has been sent then."""
        await self._stoppable(self.crew.reach())
        self._reached = True

    async def _stoppable(self, steps: Coroutine[None, None, None]) -> None:
        """Do what comes before the first request. Raises TidewatchError where `stop` ends it."""
        self._before = asyncio.current_task()
        try:
            await steps
        except asyncio.CancelledError:
            if not self._stopped or self._before is None:
                raise
            self._before.uncancel()  # it was `stop` that cancelled
            raise TidewatchError("stopped before anything was sent") from None
        finally:
            self._before = None

    async def execute(self, on_tick: Callable[["Run"], None] | None = None) -> Report:
        """Send the plan and wait for the answers. Raises ConfigError when the target can't be reached."""
        if not self._reached:
            await self.reach()
        delay_ns, start_at = self.crew.start_delay_ns, self.config.start_at
        if start_at is not None:
            await self._stoppable(wait_for_start(start_at))
            delay_ns = round((start_at - time.time()) * 1e9)
        self._started_at = time.time() + delay_ns / 1e9
        self._start_ns = time.monotonic_ns() + delay_ns
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                ticker = tasks.create_task(self._tick(on_tick))
                await self.crew.work(self._start_ns)
                ticker.cancel()
        meter, part = self.crew.meter, self.config.part
        report = make_report(
            meter,
            url=shown_url(self.config.url),
            seed=self.seed,
            seconds=max(0.0, (self.crew.stopped_ns - self._start_ns) / 1e9),
            plan_s=self.plan.duration_s,
            started_at=self._started_at,
            stopped_early=self._stopped,
            protocol=self.config.protocol,
        )
        return structs.replace(
            report,
            plan=self.digest,
            part=part.number,
            parts=part.of,
            start_at=start_at,
            meter=stored_meter(meter) if part.of > 1 else None,
        )

    @property
    def digest(self) -> str:
        """What distinguishes the plan, and what it sends, from others; the same for all parts."""
        targets = self.config.targets
        return plan_digest(self.plan, self.config.method, targets.digest if targets else "")

    def save_results(self, path: Path) -> None:
        """Write a row for each request, once the run is over. Raises StoreError."""
        if lost := self.crew.records_lost():
            raise StoreError(f"--results: {path}: {lost}")
        save_results(
            path,
            self._records,
            self.meter.planned,
            targets=self.meter.targets,
            target_numbers=self.plan.target_numbers,
            clock=Clock(self._start_ns, self._started_at),
        )

    def stop(self) -> None:
        """Send nothing more and wait for the answers; a second call ends at once."""
        again, self._stopped = self._stopped, True
        if self._before:
            self._before.cancel()
        elif again:
            self.crew.abort()
        else:
            self.crew.stop()

    @property
    def meter(self) -> Meter:
        """What has been counted until now."""
        return self.crew.meter

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The names of the plan's phases."""
        return self.plan.phase_names

    def phase(self) -> str:
        """The name of the phase that is on."""
        return self.crew.phase()

    def planned_rate(self) -> float:
        """Current target rate of the plan, in requests per second."""
        return self.crew.planned_rate()

    def connections(self) -> int:
        """Open connections to the target."""
        return self.crew.connections()

    def elapsed_s(self) -> float:
        """Seconds since the start; negative before it."""
        return (time.monotonic_ns() - self._start_ns) / 1e9 if self._start_ns else -math.inf

    async def _tick(self, on_tick: Callable[["Run"], None] | None) -> None:
        """Call back at fixed times, until cancelled."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in count(1):
            await asyncio.sleep(start + number * TICK_S - loop.time())
            if on_tick:
                on_tick(self)


async def run_load(
    config: LoadConfig, *, on_tick: Callable[[Run], None] | None = None, plan: Plan | None = None
) -> Report:
    """Run the load of `config` (or another `plan`, with the connection settings of `config`)."""
    return await make_run(config, plan).execute(on_tick)


def make_run(config: LoadConfig, plan: Plan | None = None, records: Sequence[IO[bytes]] = ()) -> Run:
    """A run that can be stopped. Raises ConfigError for an URL, path or header that can't be sent."""
    seed = secrets.randbits(32) if config.seed is None else config.seed
    return Run(config, plan or make_plan(config, seed), seed, records)


def make_plan(config: LoadConfig, seed: int) -> CurvePlan:
    """The plan of `config`."""
    targets = config.targets
    base = targets.shares() if targets else ((parse_url(config.url).path, 1.0),)
    return CurvePlan(
        phases=config.phases,
        mix=config.mix or base,
        seed=seed,
        catalogue=targets.catalogue() if targets else PATHS_ALONE,
        faults=config.faults,
        arrival=config.arrival,
        repeat=config.repeat,
        part=config.part,
    )
