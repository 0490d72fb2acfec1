"""One receiver at work: a loop that collects at its interval, and one that sends, with a bounded queue between them.

Requests are sent one after the other, so samples arrive in order. One that fails temporarily is sent again, with
growing pauses; meanwhile the queue fills and drops its oldest. At the end a last collection and the end of every series
are sent, within the flush deadline.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from exporter.catalogue import Family
from exporter.push.answers import REASONS, Answer, Verdict
from exporter.push.batches import Batch, Batches, Limits
from exporter.push.series import UP, Encoder
from exporter.push.settings import Receiver
from exporter.push.transport import Transport
from exporter.push.write_request import FIRST_MS, LAST_MS
from foundation.clock import Clock
from foundation.secret import shown_url
from foundation.terminal import printable

log = logging.getLogger(__name__)

LONGEST_COLLECTION_S = 10.0  # Prometheus' own scrape timeout
LAST_COLLECTION_S = 1.0  # limit at the end for systems that fetch pages
SAY_AGAIN_S = 600.0  # a receiver that is down for a night is logged every ten minutes

Collect = Callable[[float], Awaitable[list[Family]]]
"""Every family, within about this number of seconds."""


class Protocol(NamedTuple):
    """What differs between the kinds of receivers."""

    encoder: Encoder
    headers: dict[str, str]
    compress: Callable[[bytes], bytes]
    judge: Callable[[Answer, float], Verdict]  # what an answer means, at a Unix time


class Pusher:
    """Pushes to one receiver. `run` once.

    Attributes:
        batches: the queue, with the counts of samples.
        requests: requests so far.
        failed: of these, by reason.
        collections_failed: collections so far that failed as a whole.
        last_success_s: Unix time of the last request that was taken; 0 before.
        collected: set once the last collection is made.
    """

    def __init__(self, receiver: Receiver, protocol: Protocol, collect: Collect, clock: Clock) -> None:
        """Raises ConfigError where a file of a secret or a certificate cannot be used."""
        queue = receiver.queue_config
        self.receiver = receiver
        self.batches = Batches(Limits(queue.capacity, queue.max_bytes, queue.sample_age_limit_s))
        self.requests = self.collections_failed = 0
        self.failed: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.last_success_s = 0.0
        self.collected = asyncio.Event()
        self._protocol = protocol
        self._transport = Transport(receiver, protocol.headers)
        self._collect = collect
        self._clock = clock
        self._last_ms = FIRST_MS - 1
        self._stopping = asyncio.Event()
        self._put = asyncio.Event()
        self._tries = 0  # of the request at the head
        self._logged_s: dict[str, float] = {}  # when each reason was last logged
        self._is_down = False

    async def run(self) -> None:
        """Push until `stop`, then deliver what waits, within the flush deadline."""
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._send_on())
                await self._collect_on()
                flushing = group.create_task(self._clock.sleep_until(self._now() + self.receiver.flush_deadline_s))
                await asyncio.wait([sending, flushing], return_when=asyncio.FIRST_COMPLETED)
                sending.cancel()
                flushing.cancel()
        finally:
            self.collected.set()
            await self._transport.close()
            if lost := self.batches.drop_all("stopped"):
                log.warning("%s: %d samples were not delivered before the end", self._title, lost)

    def stop(self) -> None:
        """Make `run` collect once more, send the end of every series, deliver, and return."""
        self._stopping.set()

    def lag_s(self, now_s: float) -> float:
        """Age of the oldest sample that waits, or is being sent, by the monotonic clock."""
        oldest_s = self.batches.oldest_s()
        return max(0.0, now_s - oldest_s) if oldest_s is not None else 0.0

    @property
    def _title(self) -> str:
        return f"push to {self.receiver.title} ({shown_url(self.receiver.address)})"

    def _now(self) -> float:
        return self._clock.monotonic()

    # Collecting.

    async def _collect_on(self) -> None:
        start_s = self._now()
        interval_s = self.receiver.interval_s
        while not self._stopping.is_set():
            await self._collect_once(min(interval_s, LONGEST_COLLECTION_S))
            passed = int((self._now() - start_s) / interval_s)  # intervals missed by a slow collection are skipped
            await self._pause_until(start_s + (passed + 1) * interval_s)
        await self._collect_once(LAST_COLLECTION_S)
        if self._last_ms >= FIRST_MS:
            await self._enqueue((), self._last_ms + 1)
        self.collected.set()
        self._put.set()

    async def _collect_once(self, deadline_s: float) -> None:
        time_ms = round(self._clock.wall() * 1000)
        try:
            families = [UP.single(1), *await self._collect(deadline_s)]
        except Exception as exc:  # noqa: BLE001, as a scrape would be answered with 500
            self._failed_to("collected", exc)
            families = [UP.single(0)]
        if not max(self._last_ms + 1, FIRST_MS) <= time_ms < LAST_MS:
            self.batches.refuse(self._protocol.encoder.samples_of(families), "clock")
            self._tell("clock", "the clock went back or is not set: samples are dropped until it is later")
            return
        try:
            await self._enqueue(families, time_ms)
        except Exception as exc:  # noqa: BLE001, a family that no scrape could show either
            self._failed_to("encoded", exc)

    def _failed_to(self, be_done: str, exc: Exception) -> None:
        self.collections_failed += 1
        log.error("%s: a collection could not be %s", self._title, be_done, exc_info=exc)

    async def _enqueue(self, families: Sequence[Family], time_ms: int) -> None:
        """Queue one collection; an empty one is the end of every series."""
        self._last_ms = time_ms
        collected_s = self._now()
        encoder = self._protocol.encoder
        duplicates = encoder.duplicates
        for body in encoder.encode(families, time_ms):
            if body is not None:
                content = await asyncio.to_thread(self._protocol.compress, body.content)
                self.batches.put(Batch(content, body.samples, collected_s), self._now())
                self._put.set()
            await asyncio.sleep(0)
        if found := encoder.duplicates - duplicates:
            self.batches.refuse(found, "duplicate")
            self._tell("duplicate", f"{found} duplicate series in one collection; the first of each was sent")

    # Sending.

    async def _send_on(self) -> None:
        """Send what waits, one request after the other; return once the last collection is sent."""
        while True:
            if batch := self.batches.take(self._now()):
                await self._send(batch)
            elif self.collected.is_set():
                return
            else:
                self._put.clear()
                await self._put.wait()

    async def _send(self, batch: Batch) -> None:
        self.requests += 1
        try:
            answer = await self._transport.post(batch.body)
        except BaseException:
            self.batches.give_back()
            raise
        verdict = answer if isinstance(answer, Verdict) else self._protocol.judge(answer, self._clock.wall())
        if verdict.reason:
            self.failed[verdict.reason] += 1
        if verdict.then == "retry":
            self.batches.give_back()
            self._is_down = self._tell(verdict.reason, f"{verdict.text}; samples wait") or self._is_down
            await self._pause_until(self._now() + max(self._backoff_s(), verdict.after_s))
            return
        self._tries = 0
        if verdict.then == "reject":
            self.batches.was_rejected()
            self._tell(verdict.reason, f"{verdict.text}; {batch.samples} samples are dropped")
            return
        self.batches.was_sent(verdict.rejected)
        self.last_success_s = self._clock.wall()
        if verdict.text:
            self._tell(verdict.reason or "warning", verdict.text)
        if self._is_down:
            self._is_down = False
            log.info("%s: accepts samples again", self._title)

    def _backoff_s(self) -> float:
        """The next pause: twice the one before, half of it by chance, so that many senders don't come back at once."""
        queue = self.receiver.queue_config
        longest_s = min(queue.max_backoff_s, queue.min_backoff_s * 2.0 ** min(self._tries, 32))
        self._tries += 1
        return longest_s * random.uniform(0.5, 1.0)

    async def _pause_until(self, due_s: float) -> None:
        """Wait, at most until `stop`."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._clock.sleep_until(due_s))]
        if not self._stopping.is_set():
            waits.append(asyncio.ensure_future(self._stopping.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _tell(self, reason: str, text: str) -> bool:
        """Log one fault, each reason at a limited rate. Returns whether it was logged."""
        if self._now() - self._logged_s.get(reason, -SAY_AGAIN_S) < SAY_AGAIN_S:
            return False
        self._logged_s[reason] = self._now()
        log.warning("%s: %s", self._title, printable(text))
        return True
