"""A run from its configuration to its report: `await run_load(LoadConfig(...))`."""

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from trafficgen.arrivals import ArrivalMode
from trafficgen.engine import Engine, OnBehind, Pace
from trafficgen.meter import Meter
from trafficgen.mix import Fault, Shares
from trafficgen.plan import CurvePlan, Phase, Plan
from trafficgen.pool import BACKLOG_NS, Dial, Limits, Pool
from trafficgen.report import Report, make_report
from trafficgen.request import encode, parse_url
from trafficgen.target import make_dial, resolve, wait_reachable

TICK_S = 0.5  # how often `on_tick` is called
_START_DELAY_NS = 20_000_000  # time to get ready, so that the first requests are not late


@dataclass(frozen=True, slots=True)
class LoadConfig:
    """A run. Without `mix` every request goes to the path of `url`."""

    url: str
    phases: tuple[Phase, ...]
    mix: Shares | None = None
    faults: tuple[Fault, ...] = ()
    repeat: bool = False
    arrival: ArrivalMode = "even"
    seed: int | None = None  # None: a random one, told by the report
    limits: Limits = field(default_factory=Limits)
    on_behind: OnBehind = "catchup"
    keepalive: bool = True
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    unix_socket: str | None = None
    insecure: bool = False  # accept any certificate
    allow_public: bool = False
    wait_s: float = 0.0  # how long to wait for a target that does not listen yet


class Status(Protocol):
    """A run as it is now, for progress and metrics."""

    meter: Meter
    seed: int

    def planned_rate(self) -> float:
        """Requests a second that the plan wants now."""

    def phase(self) -> str:
        """The name of the phase that is on."""

    def connections(self) -> int:
        """Open connections."""

    def elapsed_s(self) -> float:
        """Seconds since the start; negative before it."""


class Run:
    """One run in this process; `await execute()` once. `stop` drains, `abort` ends at once."""

    def __init__(self, config: LoadConfig, plan: Plan, seed: int) -> None:
        self.config, self.plan, self.seed = config, plan, seed
        self.url = parse_url(config.url)
        self.meter = Meter(plan.targets)
        self._requests = [
            encode(
                self.url,
                target,
                method=config.method,
                headers=config.headers,
                body=config.body,
                keepalive=config.keepalive,
            )
            for target in plan.targets
        ]
        self._dial: Dial | None = None
        self._engine: Engine | None = None
        self._pool: Pool | None = None
        self._stopped = False
        self._start_ns = 0

    async def execute(self, on_tick: Callable[[Status], None] | None = None) -> Report:
        """Send the plan and wait for the answers. Raises UsageError when the target can't be reached at all."""
        dial = self._dial or await self.reach()
        self._start_ns = time.monotonic_ns() + _START_DELAY_NS
        started_at = time.time() + _START_DELAY_NS / 1e9
        duration_s = self.plan.duration_s
        pace = Pace(
            self._start_ns,
            None if duration_s is None else self._start_ns + round(duration_s * 1e9),
            self.config.on_behind,
            drain_s=self.config.limits.timeout_s + BACKLOG_NS / 1e9 + 0.5,
        )
        self._pool = Pool(
            self._requests,
            dial,
            self.config.limits,
            self.meter,
            keepalive=self.config.keepalive,
            head_only=self.config.method == "HEAD",
        )
        chunks = self.plan.chunks(start_ns=self._start_ns)
        self._engine = Engine(chunks, self._pool, self.meter, pace)
        if self._stopped:
            self._engine.stop()
        async with asyncio.TaskGroup() as tasks:
            ticker = tasks.create_task(self._tell(on_tick))
            await self._engine.run()
            ticker.cancel()
        return make_report(
            self.meter,
            url=self.config.url,
            seed=self.seed,
            seconds=max(0.0, (self._engine.stopped_ns - self._start_ns) / 1e9),
            started_at=started_at,
            stopped_early=self._stopped,
        )

    def stop(self) -> None:
        """Send nothing more and wait for the answers; a second call ends at once."""
        again, self._stopped = self._stopped, True
        if self._engine and again:
            self._engine.abort()
        elif self._engine:
            self._engine.stop()

    async def reach(self) -> Dial:
        """Find out how to connect to the target, and try it. Raises UsageError when it can't be reached."""
        config, url = self.config, self.url
        addresses = [] if config.unix_socket else await resolve(url, allow_public=config.allow_public)
        dial = make_dial(url, addresses, unix_socket=config.unix_socket, insecure=config.insecure)
        where = config.unix_socket or url.authority
        await wait_reachable(dial, where, timeout_s=config.limits.connect_timeout_s, wait_s=config.wait_s)
        self._dial = dial
        return dial

    async def _tell(self, on_tick: Callable[[Status], None] | None) -> None:
        """Call back at fixed times, until cancelled."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in count(1):
            await asyncio.sleep(start + number * TICK_S - loop.time())
            if on_tick:
                on_tick(self)

    def planned_rate(self) -> float:
        """Requests a second that the plan wants now."""
        return self._engine.planned_rate(time.monotonic_ns()) if self._engine else 0.0

    def phase(self) -> str:
        """The name of the phase that is on."""
        return self._engine.phase() if self._engine else ""

    def connections(self) -> int:
        """Open connections."""
        return self._pool.connections if self._pool else 0

    def elapsed_s(self) -> float:
        """Seconds since the start; negative before it."""
        return (time.monotonic_ns() - self._start_ns) / 1e9 if self._start_ns else -math.inf


async def run_load(
    config: LoadConfig, *, on_tick: Callable[[Status], None] | None = None, plan: Plan | None = None
) -> Report:
    """Run the load that `config` tells (or another `plan`, with the connection settings of `config`)."""
    return await make_run(config, plan).execute(on_tick)


def make_run(config: LoadConfig, plan: Plan | None = None) -> Run:
    """A run that can be stopped. Raises UsageError for an URL, path or header that can't be sent."""
    seed = secrets.randbits(32) if config.seed is None else config.seed
    return Run(config, plan or make_plan(config, seed), seed)


def make_plan(config: LoadConfig, seed: int) -> CurvePlan:
    """The plan that `config` tells."""
    mix = config.mix or ((parse_url(config.url).path, 1.0),)
    return CurvePlan(config.phases, mix, seed, config.faults, config.arrival, config.repeat)
