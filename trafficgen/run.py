"""A run from its configuration to its report: `await run_load(LoadConfig(...))`."""

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from itertools import count

from foundation.errors import TidewatchError, ungrouped
from foundation.secret import shown_url
from trafficgen.config import LoadConfig
from trafficgen.meter.meter import Meter
from trafficgen.plan.catalogue import PATHS_ALONE
from trafficgen.plan.plan import CurvePlan, Plan
from trafficgen.report.report import Report, make_report
from trafficgen.send.crew import Crew
from trafficgen.send.processes import Processes
from trafficgen.send.request import parse_url
from trafficgen.send.worker import Worker

TICK_S = 0.5  # how often `on_tick` is called


class Run:
    """One run; `await execute()` once. The rest may be called meanwhile."""

    def __init__(self, config: LoadConfig, plan: Plan, seed: int) -> None:
        self.config, self.plan, self.seed = config, plan, seed
        self.crew: Crew = Worker(config, plan) if config.workers == 1 else Processes(config, plan)
        self._reached = self._stopped = False
        self._reaching: asyncio.Task[None] | None = None
        self._start_ns = 0

    async def reach(self) -> None:
        """Try the target. Raises ConfigError when it can't be reached: nothing has been sent then."""
        self._reaching = asyncio.current_task()
        try:
            await self.crew.reach()
        except asyncio.CancelledError:
            if not self._stopped or self._reaching is None:
                raise
            self._reaching.uncancel()  # it was `stop` that cancelled, to end the wait for a target
            raise TidewatchError("stopped before anything was sent") from None
        finally:
            self._reaching = None
        self._reached = True

    async def execute(self, on_tick: Callable[["Run"], None] | None = None) -> Report:
        """Send the plan and wait for the answers. Raises ConfigError when the target can't be reached."""
        if not self._reached:
            await self.reach()
        started_at = time.time() + self.crew.start_delay_ns / 1e9
        self._start_ns = time.monotonic_ns() + self.crew.start_delay_ns
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                ticker = tasks.create_task(self._tick(on_tick))
                await self.crew.work(self._start_ns)
                ticker.cancel()
        return make_report(
            self.crew.meter,
            url=shown_url(self.config.url),
            seed=self.seed,
            seconds=max(0.0, (self.crew.stopped_ns - self._start_ns) / 1e9),
            plan_s=self.plan.duration_s,
            started_at=started_at,
            stopped_early=self._stopped,
        )

    def stop(self) -> None:
        """Send nothing more and wait for the answers; a second call ends at once."""
        again, self._stopped = self._stopped, True
        if self._reaching:
            self._reaching.cancel()
        elif again:
            self.crew.abort()
        else:
            self.crew.stop()

    @property
    def meter(self) -> Meter:
        """What has been counted until now."""
        return self.crew.meter

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The names of the plan's phases."""
        return self.plan.phase_names

    def phase(self) -> str:
        """The name of the phase that is on."""
        return self.crew.phase()

    def planned_rate(self) -> float:
        """Requests per second that the plan wants now."""
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


def make_run(config: LoadConfig, plan: Plan | None = None) -> Run:
    """A run that can be stopped. Raises ConfigError for an URL, path or header that can't be sent."""
    seed = secrets.randbits(32) if config.seed is None else config.seed
    return Run(config, plan or make_plan(config, seed), seed)


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
    )
