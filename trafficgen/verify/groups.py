"""What is compared with the traffic: one group of rows for each part of the system that counts it.

A group reads its counts before the traffic and again after it, so that what came earlier does not matter. After the
traffic it reads until the counts agree or its time is up: a part may be late by a scrape, but it must arrive.
"""

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from trafficgen.verify.logs import LogCount, count_logs
from trafficgen.verify.peers import PeerError, Peers, codes_of
from trafficgen.verify.table import Codes, Row, codes_row, count_row

T = TypeVar("T")
POLL_S = 0.2
FIRED_WITHIN_S = 30.0
TOLD_WITHIN_S = 45.0
RESOLVED_WITHIN_S = 150.0  # the rule looks back one minute


@dataclass(frozen=True, slots=True)
class Truth:
    """What the generator did."""

    due: int  # by the plan alone, without anything sent
    planned: int
    sent: int
    dropped: int
    codes: Codes


class Group(ABC):
    """Some rows of the table. `name` stands in it when the rows themselves cannot be had."""

    name: str

    @abstractmethod
    async def begin(self) -> None:
        """Read the counts before the traffic. Raises PeerError."""

    @abstractmethod
    async def rows(self, truth: Truth) -> list[Row]:
        """Read the counts after the traffic, and compare. Raises PeerError."""


def generator_rows(truth: Truth) -> list[Row]:
    """The generator's own account: the plan is a pure function of the seed, so it can be had without the run."""
    return [
        count_row("planned, as the seed's plan has it", truth.due, truth.planned),
        count_row("planned = sent + dropped", truth.planned, truth.sent + truth.dropped),
        count_row("sent = answered", truth.sent, sum(truth.codes.values())),
    ]


class AccessLogs(Group):
    """The time server's files, counted line by line, through their rotations."""

    name = "the access logs"

    def __init__(self, pattern: str, *, rotations: int, within_s: float) -> None:
        self._pattern, self._rotations, self._within_s = pattern, rotations, within_s

    async def begin(self) -> None:
        """Count what stands there already."""
        self._before = await self._count()

    async def rows(self, truth: Truth) -> list[Row]:
        """Lines by code, lines that are none, and rotations."""
        want = _sum(self._before.codes, truth.codes)
        after = await settle(self._count, lambda got: _same(got.codes, want), self._within_s)
        rotations = after.files - max(self._before.files, 1)  # the log itself is no rotated one
        return [
            codes_row("= logged", truth.codes, _minus(after.codes, self._before.codes)),
            count_row("lines that are no request", 0, after.strange - self._before.strange),
            Row("log rotations meanwhile", f"at least {self._rotations}", str(rotations), rotations >= self._rotations),
        ]

    async def _count(self) -> LogCount:
        try:
            return await asyncio.to_thread(count_logs, self._pattern)
        except OSError as exc:
            raise PeerError(f"{exc.filename}: {exc.strerror}") from exc


class Counted(Group):
    """Counts by code from one place, before and after: the difference is to be what was answered."""

    def __init__(self, name: str, read: Callable[[], Awaitable[Codes]], within_s: float) -> None:
        self.name, self._read, self._within_s = name, read, within_s

    async def begin(self) -> None:
        """Read until two readings agree: what came before the check has arrived."""
        self._before = await self._read()
        for _ in range(10):
            await asyncio.sleep(POLL_S)
            last, self._before = self._before, await self._read()
            if _same(last, self._before):
                return

    async def rows(self, truth: Truth) -> list[Row]:
        """One row, code by code."""
        want = _sum(self._before, truth.codes)
        after = await settle(self._read, lambda got: _same(got, want), self._within_s)
        return [codes_row(self.name, truth.codes, _minus(after, self._before))]


class Zero(Group):
    """A count of losses from one place, which is to stay as it was."""

    def __init__(self, name: str, read: Callable[[], Awaitable[int]]) -> None:
        self.name, self._read = name, read

    async def begin(self) -> None:
        """Read what was lost before."""
        self._before = await self._read()

    async def rows(self, truth: Truth) -> list[Row]:  # noqa: ARG002, whatever was sent
        """One row."""
        return [count_row(self.name, 0, await self._read() - self._before)]


class SentInPrometheus(Group):
    """The generator's own counter, as Prometheus has it: the check's process is new, so it counts from 0."""

    name = "sent, as Prometheus has it"

    def __init__(self, peers: Peers, prometheus: str, within_s: float) -> None:
        self._peers, self._prometheus, self._within_s = peers, prometheus, within_s

    async def begin(self) -> None:
        """See that Prometheus answers."""
        await self._read()

    async def rows(self, truth: Truth) -> list[Row]:
        """One row."""
        got = await settle(self._read, lambda count: count == truth.sent, self._within_s)
        return [count_row(self.name, truth.sent, got)]

    async def _read(self) -> int:
        samples = await self._peers.query(self._prometheus, "sum(trafficgen_sent_requests_total)")
        return round(samples[0].value) if samples else 0


class AlertTold(Group):
    """The alert on the 500s: it fires, the receiver hears of it, it resolves, and the receiver hears of that too."""

    def __init__(self, peers: Peers, *, prometheus: str, receiver: str, alert: str, source: str) -> None:
        self.name = f"the alert {alert}"
        self._peers, self._prometheus, self._receiver = peers, prometheus, receiver
        self._alert, self._source = alert, source
        self._begun = time.time()
        self._first: float | None = None  # all of these: Unix time
        self._last = 0.0
        self._errors = 0
        self._fired: float | None = None
        self._told: float | None = None
        self._resolved: float | None = None
        self._over = asyncio.Event()

    def saw_errors(self, count: int) -> None:
        """Take note of how many 500s the generator has been answered so far."""
        if count > self._errors:
            self._last = time.time()
            self._first = self._first or self._last
            self._errors = count

    async def begin(self) -> None:
        """Wait until an earlier run's alert is over."""
        firing = await settle(self._firing, lambda got: not got, within_s=RESOLVED_WITHIN_S)
        if firing:
            raise PeerError(f"the alert {self._alert} is firing before the check's first error")
        self._begun = time.time()

    async def watch(self) -> None:
        """Note when the alert fires, and when the receiver hears of its start and end."""
        while self._resolved is None:
            await asyncio.sleep(POLL_S)
            try:
                if self._fired is None and await self._firing():
                    self._fired = time.time()
                await self._look_at_deliveries()
            except PeerError:
                continue  # the rows will tell
        self._over.set()

    async def rows(self, truth: Truth) -> list[Row]:  # noqa: ARG002, only the 500s matter
        """Three delays."""
        if self._first is None:
            return [Row(self.name, "500s answered", "none", holds=False)]
        wait_s = self._last + RESOLVED_WITHIN_S - time.time()
        if self._fired is None and self._told is None:
            wait_s = self._last + TOLD_WITHIN_S - time.time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(0.0, wait_s))
        return [
            _delay_row(f"{self._alert} fires", self._first, self._fired, FIRED_WITHIN_S, "first"),
            _delay_row("the receiver hears of it", self._first, self._told, TOLD_WITHIN_S, "first"),
            _delay_row("the receiver hears it resolved", self._last, self._resolved, RESOLVED_WITHIN_S, "last"),
        ]

    async def _look_at_deliveries(self) -> None:
        for delivery in await self._peers.deliveries(self._receiver, self._alert, self._source):
            if delivery.started_at < self._begun:
                continue
            if delivery.status == "firing":
                self._told = self._told or delivery.received_at
            elif self._told is not None and self._errors and delivery.received_at > self._last:
                self._resolved = delivery.received_at

    async def _firing(self) -> bool:
        return await self._peers.firing(self._prometheus, self._alert, self._source)


def _delay_row(name: str, since: float, at: float | None, within_s: float, which: str) -> Row:
    got = "not seen" if at is None else f"after {at - since:.1f} s"
    return Row(name, f"within {within_s:g} s of the {which} 500", got, at is not None and at - since <= within_s)


async def settle(read: Callable[[], Awaitable[T]], done: Callable[[T], bool], within_s: float) -> T:
    """Read again and again until `done` or the time is up. Raises PeerError if the last one failed."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            got = await read()
        except PeerError:
            if time.monotonic() > deadline:
                raise
        else:
            if done(got) or time.monotonic() > deadline:
                return got
        await asyncio.sleep(POLL_S)


def exporter_groups(peers: Peers, *, exporter: str, prometheus: str, source: str, within_s: float) -> list[Group]:
    """What the exporter counted, at its /metrics and as Prometheus has it, and what it could not read."""

    def at_metrics(name: str) -> Callable[[], Awaitable[Codes]]:
        async def read() -> Codes:
            return codes_of((await peers.metrics(exporter)).get(name, []), source)

        return read

    def lost(*names: str) -> Callable[[], Awaitable[int]]:
        async def read() -> int:
            metrics = await peers.metrics(exporter)
            samples = [s for name in names for s in metrics.get(name, []) if s.labels.get("source") == source]
            return round(sum(s.value for s in samples))

        return read

    async def in_prometheus() -> Codes:
        return codes_of(await peers.query(prometheus, f'tidewatch_http_requests_total{{source="{source}"}}'), source)

    return [
        Counted("= counted from the log, at /metrics", at_metrics("tidewatch_http_requests_total"), within_s),
        Counted("= counted from the log, in Prometheus", in_prometheus, within_s),
        Counted("= counted from /stats, at /metrics", at_metrics("tidewatch_stats_responses_total"), within_s),
        Zero("lines failed and bytes lost", lost("tidewatch_log_lines_failed_total", "tidewatch_log_lost_bytes_total")),
    ]


def _same(a: Codes, b: Codes) -> bool:
    return all(a.get(code, 0) == b.get(code, 0) for code in a.keys() | b.keys())


def _sum(a: Codes, b: Codes) -> Codes:
    return {code: a.get(code, 0) + b.get(code, 0) for code in a.keys() | b.keys()}


def _minus(a: Codes, b: Codes) -> Codes:
    return {code: a.get(code, 0) - b.get(code, 0) for code in a.keys() | b.keys()}
