"""One process's share of a run: the target's addresses, a pool, an engine, a meter."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from trafficgen.config import HttpProtocol, LoadConfig
from trafficgen.meter.meter import Meter
from trafficgen.meter.recorder import Recorder
from trafficgen.plan.plan import Plan
from trafficgen.send.engine import Engine, Pace
from trafficgen.send.mixed import MixedConnection
from trafficgen.send.pool import BACKLOG_NS, Pool, PoolSettings
from trafficgen.send.rendered import make_requests
from trafficgen.send.request import Encode, encode, parse_url
from trafficgen.send.sessions import FINISH_S, SessionConnection, SessionPool, SessionSettings
from trafficgen.send.target import Target, wait_reachable
from trafficgen.targets.values import base_of


class Worker:
    """Sends the requests `number`, `number` + `of`, ... of the plan. `await reach()`, then `await work()`, once."""

    start_delay_ns = 20_000_000  # time to get ready, so that the first requests are not late

    def __init__(
        self, config: LoadConfig, plan: Plan, *, number: int = 0, of: int = 1, records_fd: int | None = None
    ) -> None:
        """`records_fd`: where a record of each request goes, if that is wanted."""
        self._config, self._plan, self._number, self._of = config, plan, number, of
        url = parse_url(config.url)
        self._requests = make_requests(config, plan, url, encode=_encoder(config.protocol))
        self._limits = config.limits.divided(of)
        self.meter = Meter(
            plan.targets, target_numbers=plan.target_numbers, expected=plan.expected, sessions=plan.sessions
        )
        self._target = Target(
            url,
            unix_socket=config.unix_socket,
            insecure=config.insecure,
            reach=config.reach,
            allow_public=config.allow_public,
            shares=self.meter.shares,
            protocol=config.protocol,
        )
        self._engine: Engine | None = None
        self._pool: Pool | None = None
        self._stopped = False
        self._recorder = None if records_fd is None else Recorder(records_fd)

    async def reach(self) -> None:
        """Find out how to connect to the target, and try it. Raises ConfigError when it can't be reached."""
        timeout_s, wait_s = self._limits.connect_timeout_s, self._config.wait_s
        await wait_reachable(self._target, timeout_s=timeout_s, wait_s=wait_s, probe=self._probe())

    def _probe(self) -> Callable[[Target], Awaitable[None]] | None:
        if self._config.protocol == "http/1.1":
            return None
        from trafficgen.send.http2.connection import probe  # noqa: PLC0415, few runs need it

        return probe

    async def work(self, start_ns: int) -> None:
        """Send the share of the plan and wait for the answers."""
        duration_s, grain_s = self._plan.duration_s, self._config.grain_s
        pace = Pace(
            start_ns,
            None if duration_s is None else start_ns + round(duration_s * 1e9),
            self._config.on_behind,
            drain_s=self._limits.timeout_s + BACKLOG_NS / 1e9 + 0.5 + (FINISH_S if self._requests.places else 0.0),
            grain_ns=None if grain_s is None else round(grain_s * 1e9),
        )
        self._pool = self._make_pool()
        chunks = self._plan.chunks(self._number, self._of, start_ns=start_ns)
        self._engine = Engine(chunks, self._pool, self.meter, pace)
        if self._stopped:
            self._engine.stop()
        await self._engine.run()
        if self._recorder:
            await asyncio.to_thread(self._recorder.close)

    def _make_pool(self) -> Pool:
        plan, requests = self._plan, self._requests
        heads = [method == "HEAD" for method in requests.methods]
        settings = PoolSettings(
            requests=requests.by_number,
            dial=self._target.dial,
            limits=self._limits,
            meter=self.meter,
            target_numbers=plan.target_numbers,
            heads=heads,
            numbered=plan.numbered,
            keepalive=self._config.keepalive,
            recorder=self._recorder,
        )
        if self._config.protocol != "http/1.1":
            from trafficgen.send.http2.connection import over_http2  # noqa: PLC0415, few runs need it

            settings = over_http2(settings)
        elif requests.places:
            settings = replace(settings, connection=SessionConnection)
        elif any(heads) and not all(heads):
            settings = replace(settings, connection=MixedConnection)
        if not requests.places:
            return Pool(settings)
        steps = SessionSettings(
            states=requests.states, places=requests.places, renders=requests.renders, base=base_of(plan.seed)
        )
        return SessionPool(settings, steps)

    def stop(self) -> None:
        """Send nothing more and wait for the answers."""
        self._stopped = True
        if self._engine:
            self._engine.stop()

    def abort(self) -> None:
        """End at once; what is unanswered counts as aborted."""
        self.stop()
        if self._engine:
            self._engine.abort()

    @property
    def stopped_ns(self) -> int:
        """When sending ended, on the monotonic clock; 0 before that."""
        return self._engine.stopped_ns if self._engine else 0

    def planned_rate(self) -> float:
        """The plan's current requests per second, of all workers."""
        return self._engine.planned_rate() if self._engine else 0.0

    def phase(self) -> str:
        """The name of the phase that is on."""
        return self._engine.phase() if self._engine else ""

    def records_lost(self) -> str:
        """Why the records of the requests are not whole; empty as long as they are."""
        return self._recorder.lost if self._recorder else ""

    def connections(self) -> int:
        """Open connections."""
        return self._pool.connections if self._pool else 0


def _encoder(protocol: HttpProtocol) -> Encode:
    """What makes the requests of a protocol."""
    if protocol == "http/1.1":
        return encode
    from trafficgen.send.http2.fields import encode_message  # noqa: PLC0415, few runs need it

    return encode_message
