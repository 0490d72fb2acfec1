"""One process's share of a run: the target's addresses, a pool, an engine, a meter."""

from typing import Any

from trafficgen.config import LoadConfig
from trafficgen.meter.meter import Meter
from trafficgen.plan.plan import Plan
from trafficgen.send.engine import Engine, Pace
from trafficgen.send.mixed import MixedPool
from trafficgen.send.pool import BACKLOG_NS, Pool
from trafficgen.send.rendered import make_requests
from trafficgen.send.request import parse_url
from trafficgen.send.sessions import FINISH_S, SessionPool
from trafficgen.send.target import Target, wait_reachable
from trafficgen.targets.values import base_of


class Worker:
    """Sends the requests `number`, `number` + `of`, ... of the plan. `await reach()`, then `await work()`, once."""

    start_delay_ns = 20_000_000  # time to get ready, so that the first requests are not late

    def __init__(self, config: LoadConfig, plan: Plan, *, number: int = 0, of: int = 1) -> None:
        self._config, self._plan, self._number, self._of = config, plan, number, of
        url = parse_url(config.url)
        self._requests = make_requests(config, plan, url)
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
        )
        self._engine: Engine | None = None
        self._pool: Pool | None = None
        self._stopped = False

    async def reach(self) -> None:
        """Find out how to connect to the target, and try it. Raises ConfigError when it can't be reached."""
        await wait_reachable(self._target, timeout_s=self._limits.connect_timeout_s, wait_s=self._config.wait_s)

    async def work(self, start_ns: int) -> None:
        """Send the share of the plan and wait for the answers."""
        duration_s = self._plan.duration_s
        pace = Pace(
            start_ns,
            None if duration_s is None else start_ns + round(duration_s * 1e9),
            self._config.on_behind,
            drain_s=self._limits.timeout_s + BACKLOG_NS / 1e9 + 0.5 + (FINISH_S if self._requests.places else 0.0),
            share=1 / self._of,
        )
        self._pool = self._make_pool()
        chunks = self._plan.chunks(self._number, self._of, start_ns=start_ns)
        self._engine = Engine(chunks, self._pool, self.meter, pace)
        if self._stopped:
            self._engine.stop()
        await self._engine.run()

    def _make_pool(self) -> Pool:
        plan, config = self._plan, self._config
        requests = self._requests
        heads = [method == "HEAD" for method in requests.methods]
        settings: dict[str, Any] = {
            "target_numbers": plan.target_numbers,
            "numbered": plan.numbered,
            "keepalive": config.keepalive,
            "head_only": all(heads),
        }
        given = requests.by_number, self._target.dial, self._limits, self.meter
        if requests.places:
            steps: dict[str, Any] = {"states": requests.states, "places": requests.places, "renders": requests.renders}
            return SessionPool(*given, heads=heads, base=base_of(plan.seed), **steps, **settings)
        return MixedPool(*given, heads=heads, **settings) if any(heads) and not all(heads) else Pool(*given, **settings)

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
        """Requests a second that the plan, of all workers, wants now."""
        return self._engine.planned_rate() if self._engine else 0.0

    def phase(self) -> str:
        """The name of the phase that is on."""
        return self._engine.phase() if self._engine else ""

    def connections(self) -> int:
        """Open connections."""
        return self._pool.connections if self._pool else 0
