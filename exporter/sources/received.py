"""Inputs that cannot be read again: data is queued and counted, and lost if the process is killed.

A `Receiver` gets bytes and puts whole lines into the intake; `Received` is the rest of the `Input`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from exporter.sources.input import SinglePosition
from exporter.sources.intake import Intake
from exporter.sources.losses import Losses
from exporter.sources.packing import pack, unpack
from exporter.sources.tail import TAIL, Batch, TailStatus
from foundation.clock import Clock

INTERVAL_S = 0.1
"""Time between two batches of a busy input, as in a Tail; the first after a pause comes at once."""
_NO_ROTATIONS: Mapping[str, int] = {}


class Dropped:
    """What a receiver could not take, since the process began. For any thread: each field has one writer.

    messages: by reason; a reason that may come is there at 0.
    too_long_lines, too_long_bytes: over the limit on a message.
    """

    def __init__(self, *reasons: str) -> None:
        """Nothing yet."""
        self.messages: Counter[str] = Counter(dict.fromkeys(reasons, 0))
        self.too_long_lines = self.too_long_bytes = 0


class Receiver(Protocol):
    """Gets lines from somewhere.

    name: where from, for messages. dropped: what was not taken. is_open: whether lines can come.
    """

    name: str
    dropped: Dropped

    @property
    def is_open(self) -> bool:
        """See above."""

    @property
    def files(self) -> int:
        """Descriptors held."""

    async def open(self, intake: Intake) -> None:
        """Begin to receive. Raises SourceError."""

    def look(self) -> None:
        """Bring `dropped` up to date."""

    async def drain(self) -> None:
        """Read the data that waits in the kernel, and nothing later."""

    async def close(self) -> None:
        """Release everything."""


class _Totals(msgspec.Struct):
    """The totals that continue over restarts."""

    read_bytes: int = 0
    too_long_lines: int = 0
    too_long_bytes: int = 0
    last_line_s: float = 0.0
    dropped: dict[str, int] = {}


class Received:
    """The input of a receiver."""

    replayable = False

    def __init__(
        self,
        receiver: Receiver,
        *,
        clock: Clock,
        saved: Mapping[str, bytes] | None,
        batch_bytes: int,
        intake: Intake | None = None,
    ) -> None:
        """Opens nothing. `saved`: of an earlier run, or of an input of another kind: then there are no totals in it."""
        self._receiver = receiver
        self._clock = clock
        self._batch_bytes = batch_bytes
        self._intake = intake or Intake()
        self._totals = _restored(saved)
        self._place = SinglePosition(saved, lambda: pack(self._now()))
        self.applied, self.changes, self.saved = self._place.applied, self._place.changes, self._place.saved

    async def begin(self) -> None:
        """Begin to receive. Raises SourceError."""
        self._intake.open()
        await self._receiver.open(self._intake)

    async def batches(self) -> AsyncIterator[Batch]:
        """Batches of lines as they come; at most ten per second."""
        while True:
            await self._intake.came()
            due_s = self._clock.monotonic() + INTERVAL_S
            yield self._take()
            if not self._intake.is_full:
                await self._clock.sleep_until(due_s)

    async def rest(self) -> list[Batch]:
        """The lines until now, in at least one batch, because drops must be committed too."""
        await self._receiver.drain()
        batches = [self._take()]
        while self._intake.bytes:
            batches.append(self._take())
        return batches

    def _take(self) -> Batch:
        data = self._intake.take(self._batch_bytes)
        self._totals.read_bytes += len(data)
        if data:
            self._totals.last_line_s = self._clock.wall()
        return Batch(data, self._receiver.name, home=self._receiver.name)

    def _now(self) -> _Totals:
        self._receiver.look()
        totals, dropped = self._totals, self._receiver.dropped
        return _Totals(
            totals.read_bytes + dropped.too_long_bytes,
            totals.too_long_lines + dropped.too_long_lines,
            totals.too_long_bytes + dropped.too_long_bytes,
            totals.last_line_s,
            dict(Counter(totals.dropped) + dropped.messages),
        )

    @property
    def status(self) -> TailStatus:
        """How it goes."""
        totals = self._now()
        return TailStatus(
            read_bytes=totals.read_bytes,
            lost_bytes=0,
            lag_bytes=self._intake.bytes,
            rotations=_NO_ROTATIONS,
            readable=self._receiver.is_open,
            too_long_lines=totals.too_long_lines,
            too_long_bytes=totals.too_long_bytes,
            open_files=self._receiver.files,
            last_line_s=totals.last_line_s,
        )

    @property
    def losses(self) -> Losses:
        """Dropped messages, by reason."""
        return Losses(messages=dict.fromkeys(self._receiver.dropped.messages, 0) | self._now().dropped)

    async def close(self) -> None:
        """Stop receiving."""
        await self._receiver.close()


def _restored(saved: Mapping[str, bytes] | None) -> _Totals:
    try:
        return unpack(saved[TAIL], _Totals) if saved else _Totals()
    except (msgspec.MsgspecError, UnicodeError):
        return _Totals()
