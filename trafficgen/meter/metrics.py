"""The generator's own metrics: the truth that the measured side is compared with.

Made at scrape time from the counters of the run, which no scrape ever waits for or slows.
"""

import asyncio
import errno
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Protocol, Self

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from foundation.errors import InputError, SourceError
from foundation.version import VERSION
from foundation.web import Guard, WebPolicy
from foundation.web import metrics as web_metrics
from trafficgen.meter.histogram import BOUNDS_S, Histogram
from trafficgen.meter.meter import DROP_REASONS, NO_ANSWER_REASONS, Meter

SHUTDOWN_S = 1.0


class Running(Protocol):
    """What the metrics show of a run."""

    seed: int

    @property
    def meter(self) -> Meter:
        """What has been counted until now."""

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The values that `phase` takes."""

    def phase(self) -> str:
        """The name of the phase that is on."""

    def planned_rate(self) -> float:
        """Current target rate of the plan, in requests per second."""

    def connections(self) -> int:
        """Open connections to the target."""


class RunCollector(Collector):
    """A run as metric families."""

    def __init__(self, run: Running) -> None:
        """`run`: read at each scrape."""
        self._run = run

    def collect(self) -> Iterable[Metric]:
        """What the run has counted until now."""
        run, meter = self._run, self._run.meter
        meter.flush()
        yield from _counters(meter)
        yield from _histograms(meter)
        yield _gauge("planned_rate", "Current target rate of the plan, in requests per second.", run.planned_rate())
        yield _gauge(
            "in_flight_requests", "Requests that were sent and are neither answered nor given up.", meter.in_flight()
        )
        yield _gauge("connections", "Open connections to the target.", run.connections())
        yield _gauge("saturated", "1 if the generator itself was the limit in the last second.", meter.saturated)
        phases = GaugeMetricFamily("trafficgen_phase_info", "1 for the current phase of the plan.", labels=["phase"])
        for name in run.phase_names:
            phases.add_metric([name], float(name == run.phase()))
        yield phases
        info = GaugeMetricFamily("trafficgen_run_info", "The seed of the plan.", labels=["seed", "version"])
        info.add_metric([str(run.seed), VERSION], 1)
        yield info


def _counters(meter: Meter) -> Iterable[Metric]:
    for name, text, value in (
        ("planned_requests", "Requests that were due by the plan: sent + dropped.", meter.planned),
        ("sent_requests", "Requests written to a connection: answered + no answer + in flight.", meter.sent),
        ("server_errors", "Answers with 5xx.", meter.answers(500, 999)),
        ("client_errors", "Answers with 4xx.", meter.answers(400, 499)),
        ("connects", "Connections made.", meter.connects),
    ):
        yield CounterMetricFamily(f"trafficgen_{name}", text, value)
    for name, label, text, values in (
        ("dropped_requests", "reason", "Requests planned and never sent.", meter.dropped),
        (
            "retried_requests",
            "reason",
            "Requests that the server refused unprocessed and that were sent again.",
            meter.retried,
        ),
        ("no_answer_requests", "reason", "Requests sent and never answered.", meter.no_answer),
        (
            "own_fault_requests",
            "cause",
            "Requests over 0.1 s late, or dropped, because the generator itself was the limit.",
            meter.own_fault,
        ),
        ("address_requests", "address", "Requests sent, by address of the target.", meter.shares.sent),
        ("address_connect_failures", "address", "Failed connection attempts, by address.", meter.shares.failed),
        ("late_requests", "cause", "Requests sent over 0.1 s late, by cause.", meter.late_by),
    ):
        family = CounterMetricFamily(f"trafficgen_{name}", text, labels=[label])
        for told, count in list(values.items()):
            family.add_metric([told], count)
        yield family
    responses = CounterMetricFamily("trafficgen_responses", "Answers, by target and code.", labels=["target", "code"])
    for target, by_code in zip(meter.targets, meter.codes, strict=True):
        for code, count in list(by_code.items()):
            responses.add_metric([target, str(code)], count)
    yield responses
    yield from _by_target(meter)


def _by_target(meter: Meter) -> Iterable[Metric]:
    unexpected = CounterMetricFamily(
        "trafficgen_unexpected_responses",
        "Answers with a code that is not expected of their target.",
        labels=["target"],
    )
    failed = CounterMetricFamily(
        "trafficgen_target_failed_requests",
        "Requests that were given up (no_answer) or never sent (dropped), by target.",
        labels=["target", "outcome"],
    )
    times = SummaryMetricFamily(
        "trafficgen_target_request_duration_seconds",
        "From the due time until the request was answered, given up or dropped, by target.",
        labels=["target"],
    )
    for number, (target, count) in enumerate(zip(meter.targets, meter.unexpected(), strict=True)):
        unexpected.add_metric([target], count)
        reasons = meter.by_target.failed[number]
        for outcome, known in (("no_answer", NO_ANSWER_REASONS), ("dropped", DROP_REASONS)):
            failed.add_metric([target, outcome], sum(reasons.get(reason, 0) for reason in known))
        times.add_metric([target], int(meter.by_target.count[number]), meter.by_target.sum_ns[number] / 1e9)
    sessions = CounterMetricFamily(
        "trafficgen_sessions", "Sessions, by outcome; `started` includes all.", labels=["session", "outcome"]
    )
    for name, counts in list(meter.sessions.items()):
        for outcome, count in counts.items():
            sessions.add_metric([name, outcome], count)
    yield sessions
    yield unexpected
    yield failed
    yield times


def _histograms(meter: Meter) -> Iterable[Metric]:
    lateness = HistogramMetricFamily(
        "trafficgen_send_lateness_seconds", "How long after its due time a request was sent."
    )
    lateness.add_metric([], *_buckets(meter.lateness))
    yield lateness
    durations = HistogramMetricFamily(
        "trafficgen_request_duration_seconds",
        "Until the answer ended or the request was given up, from the due time (plan) and from the write (send).",
        labels=["from"],
    )
    durations.add_metric(["plan"], *_buckets(meter.from_plan))
    durations.add_metric(["send"], *_buckets(meter.from_send))
    yield durations


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    cumulative = histogram.classic.cumsum().tolist()
    bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
    return list(zip(bounds, map(float, cumulative), strict=True)), histogram.sum_ns / 1e9


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"trafficgen_{name}", text, float(value))


class _PolicyCollector(Collector):
    def __init__(self, policy: WebPolicy) -> None:
        self._policy = policy

    def collect(self) -> Iterable[Metric]:
        """The metrics of the web guard."""
        return web_metrics.collect(self._policy, "trafficgen")


class MetricsServer:
    """`/metrics` on one address. An async context manager."""

    def __init__(
        self, address: tuple[str, int], run: Running, policy: WebPolicy, *, or_free_port: bool = False
    ) -> None:
        """`policy` is closed with the server. `or_free_port`: where the port is taken, another one will do."""
        self._address, self._policy, self._or_free_port = address, policy, or_free_port
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(RunCollector(run))
        self._registry.register(_PolicyCollector(policy))
        self.scrapes = 0
        self._wanted = 0
        self.seen = asyncio.Event()  # the scrapes that `expect` asked for have come

    async def __aenter__(self) -> Self:
        host, _ = self._address
        async with AsyncExitStack() as stack:
            guard = Guard(stack.enter_context(self._policy), hosts=[host])
            try:
                self.port = await self._serve(guard, self._address, stack)
            except SourceError as exc:
                if not (self._or_free_port and _is_taken(exc)):
                    raise InputError(f"--metrics-address: {exc}; give another address, or off") from exc
                self.port = await self._serve(guard, (host, 0), stack)
            self._stack = stack.pop_all()
        return self

    async def _serve(self, guard: Guard, address: tuple[str, int], stack: AsyncExitStack) -> int:
        """Serve until `stack` is left. Returns the port. Raises SourceError."""
        app = web.Application()
        app.router.add_get("/", self._first)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/-/healthy", self._healthy)
        guard.protect(app)
        async with AsyncExitStack() as ours:
            _, port = await guard.serve(app, address, ours, shutdown_s=SHUTDOWN_S)
            stack.push_async_callback(ours.pop_all().aclose)
        return port

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    def expect(self, times: int) -> asyncio.Event:
        """The event that this many more scrapes have come."""
        self._wanted = self.scrapes + times
        self.seen.clear()
        return self.seen

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        self.scrapes += 1
        if self.scrapes >= self._wanted:
            self.seen.set()
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _first(self, _request: web.Request) -> web.Response:
        return web.Response(text="trafficgen: its own metrics are at /metrics\n")

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")


def _is_taken(exc: SourceError) -> bool:
    return isinstance(exc.__cause__, OSError) and exc.__cause__.errno == errno.EADDRINUSE
