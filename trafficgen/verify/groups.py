"""What is compared with the traffic: one group of rows for each part of the system that counts it.

A group reads its counts before the traffic and again after it, so that what came earlier does not matter. After the
traffic it reads until the counts agree or its time is up: a part may be late by a scrape, but it must arrive.
"""

import asyncio
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the generator did."""

    due: int  # by the plan alone, without anything sent
    planned: int
    sent: int
    dropped: int
    codes: Codes


class Group(ABC):
    """Some rows of the table. `name` is shown when the rows themselves are missing."""

    name: str

    @abstractmethod
    async def begin(self) -> None:
        """Read the counts before the traffic. Raises PeerError."""

    @abstractmethod
    async def rows(self, traffic: Traffic) -> list[Row]:
        """Read the counts after the traffic, and compare. Raises PeerError."""


def generator_rows(traffic: Traffic) -> list[Row]:
    """The generator's own account: the plan is a pure function of the seed, so it can be had without the run."""
    return [
        count_row("planned, as the seed's plan has it", traffic.due, traffic.planned),
        count_row("planned = sent + dropped", traffic.planned, traffic.sent + traffic.dropped),
        count_row("sent = answered", traffic.sent, sum(traffic.codes.values())),
    ]


class AccessLogs(Group):
    """The time server's files, counted line by line, through their rotations."""

    name = "the access logs"

    def __init__(self, pattern: str, *, rotations: int, within_s: float) -> None:
        """`pattern`: of the files. `rotations`: expected at least. `within_s`: for the counts to come."""
        self._pattern, self._rotations, self._within_s = pattern, rotations, within_s

    async def begin(self) -> None:
        """Count what is there already."""
        self._before = await self._count()

    async def rows(self, traffic: Traffic) -> list[Row]:
        """Lines by code, lines that are none, and rotations."""
        want = _sum(self._before.codes, traffic.codes)
        after = await read_until(self._count, lambda got: _same(got.codes, want), self._within_s)
        rotations = after.files - max(self._before.files, 1)  # the log itself is not a rotated one
        return [
            codes_row("= logged", traffic.codes, _minus(after.codes, self._before.codes)),
            count_row("lines that are not requests", 0, after.strange - self._before.strange),
            Row(
                "log rotations during the check",
                f"at least {self._rotations}",
                str(rotations),
                rotations >= self._rotations,
            ),
        ]

    async def _count(self) -> LogCount:
        try:
            return await asyncio.to_thread(count_logs, self._pattern)
        except OSError as exc:
            raise PeerError(f"{exc.filename}: {exc.strerror}") from exc


class Counted(Group):
    """Counts by code from one place, before and after: the difference must equal what was answered."""

    def __init__(self, name: str, read: Callable[[], Awaitable[Codes]], within_s: float) -> None:
        """`name`: of the row. `read`: gives the counts now. `within_s`: for them to come."""
        self.name, self._read, self._within_s = name, read, within_s

    async def begin(self) -> None:
        """Read until two readings agree: what came before the check has arrived."""
        self._before = await self._read()
        for _ in range(10):
            await asyncio.sleep(POLL_S)
            last, self._before = self._before, await self._read()
            if _same(last, self._before):
                return

    async def rows(self, traffic: Traffic) -> list[Row]:
        """One row, code by code."""
        want = _sum(self._before, traffic.codes)
        after = await read_until(self._read, lambda got: _same(got, want), self._within_s)
        return [codes_row(self.name, traffic.codes, _minus(after, self._before))]


class Zero(Group):
    """A count of losses from one place, which is to stay as it was."""

    def __init__(self, name: str, read: Callable[[], Awaitable[int]]) -> None:
        """`name`: of the row. `read`: gives the count now."""
        self.name, self._read = name, read

    async def begin(self) -> None:
        """Read what was lost before."""
        self._before = await self._read()

    async def rows(self, traffic: Traffic) -> list[Row]:  # noqa: ARG002, whatever was sent
        """One row."""
        return [count_row(self.name, 0, await self._read() - self._before)]


class SentInPrometheus(Group):
    """The generator's own counter, as Prometheus has it: the check's process is new, so it counts from 0."""

    name = "sent, as Prometheus has it"

    def __init__(self, peers: Peers, prometheus: str, within_s: float) -> None:
        """`prometheus`: its URL. `within_s`: for the count to come."""
        self._peers, self._prometheus, self._within_s = peers, prometheus, within_s

    async def begin(self) -> None:
        """See that Prometheus answers."""
        await self._read()

    async def rows(self, traffic: Traffic) -> list[Row]:
        """One row."""
        got = await read_until(self._read, lambda count: count == traffic.sent, self._within_s)
        return [count_row(self.name, traffic.sent, got)]

    async def _read(self) -> int:
        samples = await self._peers.query(self._prometheus, "sum(trafficgen_sent_requests_total)")
        return round(samples[0].value) if samples else 0


async def read_until(read: Callable[[], Awaitable[T]], done: Callable[[T], bool], within_s: float) -> T:
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
        """A reader of a metric's codes on the exporter."""

        async def read() -> Codes:
            """Counts by code, scraped now."""
            return codes_of((await peers.metrics(exporter)).get(name, []), source)

        return read

    def lost(*names: str) -> Callable[[], Awaitable[int]]:
        """A reader of the sum of these metrics for the source."""

        async def read() -> int:
            """The sum, scraped now."""
            metrics = await peers.metrics(exporter)
            samples = [s for name in names for s in metrics.get(name, []) if s.labels.get("source") == source]
            return round(sum(s.value for s in samples))

        return read

    async def in_prometheus() -> Codes:
        """Counts by code, as Prometheus has them."""
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
