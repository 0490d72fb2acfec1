"""The bounded queue between collecting and sending. Pure: no I/O, no clock.

At all times, samples taken = sent + dropped (by reason) + waiting; `tests` check this.
The oldest are dropped: the newest samples show the current state, and counters include the dropped ones.
"""

from collections import Counter, deque
from typing import NamedTuple

REASONS = ("max_samples", "max_bytes", "max_age", "rejected", "duplicate", "clock", "stopped")
"""Why samples are dropped: beyond a limit of the queue (the first three), refused by the receiver, twice in one
collection, of a clock that went back or is not set, not delivered before the exporter had to end."""


class Batch(NamedTuple):
    """One request's body and what is in it."""

    body: bytes  # as it is sent, compressed
    samples: int
    collected_s: float  # when, by the monotonic clock


class Limits(NamedTuple):
    """Limits of waiting data, including the batch that is being sent."""

    samples: int
    bytes: int
    age_s: float


class Batches:
    """Batches in the order in which they were collected, each sent before the next.

    Attributes:
        taken: samples that were collected for this receiver.
        sent: samples that the receiver accepted.
        dropped: samples that are never sent, by reason.
        samples: that wait, or are being sent.
        bytes: of their bodies.
    """

    def __init__(self, limits: Limits) -> None:
        """`limits`: of waiting data; beyond them the oldest is dropped."""
        self._limits = limits
        self._waiting: deque[Batch] = deque()
        self._sending: Batch | None = None  # the one that is being sent
        self.taken = self.sent = self.samples = self.bytes = 0
        self.dropped: Counter[str] = Counter(dict.fromkeys(REASONS, 0))

    def oldest_s(self) -> float | None:
        """When the oldest batch was collected that waits or is being sent; None where there is none."""
        oldest = self._sending or (self._waiting[0] if self._waiting else None)
        return oldest.collected_s if oldest else None

    def put(self, batch: Batch, now_s: float) -> None:
        """Queue one more, and drop the oldest to make room."""
        self.taken += batch.samples
        self._count(batch, 1)
        self._waiting.append(batch)
        self._make_room(now_s)

    def refuse(self, samples: int, reason: str) -> None:
        """Count samples that are dropped before they are in a batch."""
        self.taken += samples
        self.dropped[reason] += samples

    def take(self, now_s: float) -> Batch | None:
        """The next to send; the caller reports the result: `was_sent`, `was_rejected` or `give_back`."""
        self._make_room(now_s)
        self._sending = self._waiting.popleft() if self._waiting else None
        return self._sending

    def give_back(self) -> None:
        """The taken batch was not sent, and is the next one again."""
        self._waiting.appendleft(self._settled())

    def was_sent(self, rejected: int = 0) -> None:
        """The receiver accepted it, except for a number of samples."""
        batch = self._settled()
        rejected = min(max(rejected, 0), batch.samples)  # the number is the receiver's
        self._count(batch, -1)
        self.sent += batch.samples - rejected
        self.dropped["rejected"] += rejected

    def was_rejected(self) -> None:
        """The receiver rejects it."""
        self._drop(self._settled(), "rejected")

    def drop_all(self, reason: str) -> int:
        """Drop all that wait. Returns the number of samples."""
        before = self.dropped[reason]
        while self._waiting:
            self._drop(self._waiting.popleft(), reason)
        return self.dropped[reason] - before

    def _settled(self) -> Batch:
        batch, self._sending = self._sending, None
        assert batch is not None
        return batch

    def _drop(self, batch: Batch, reason: str) -> None:
        self._count(batch, -1)
        self.dropped[reason] += batch.samples

    def _count(self, batch: Batch, sign: int) -> None:
        self.samples += sign * batch.samples
        self.bytes += sign * len(batch.body)

    def _make_room(self, now_s: float) -> None:
        while self._waiting:
            oldest = self._waiting[0]
            if now_s - oldest.collected_s > self._limits.age_s:
                reason = "max_age"
            elif self.samples > self._limits.samples:
                reason = "max_samples"
            elif self.bytes > self._limits.bytes:
                reason = "max_bytes"
            else:
                return
            self._drop(self._waiting.popleft(), reason)
