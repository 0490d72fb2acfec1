"""Lines that are received and not counted yet: bounded, per input and in total.

A receiver, in the event loop or in a thread, puts pieces of whole lines in; the source's task takes them out. A full
intake stops the receiver: further data stays with the sender or the kernel.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from exporter.sources.lines import first_lines

QUEUE_BYTES = 8 << 20
"""Limit of one input; a receiver may exceed it by one piece."""
ALL_BYTES = 64 << 20
"""Limit of all inputs of the process. An empty one may always add a piece."""


class Shared:
    """The total of several intakes."""

    def __init__(self, most_bytes: int = ALL_BYTES) -> None:
        """Nothing yet."""
        self.most_bytes = most_bytes
        self.bytes = 0
        self.lock = threading.Lock()


SHARED = Shared()
"""All of this process."""


class Intake:
    """One input's queue. `put` and `is_full` are thread-safe, all else is for the event loop.

    bytes: held now.
    """

    def __init__(self, most_bytes: int = QUEUE_BYTES, shared: Shared = SHARED) -> None:
        """Bind it to the running event loop with `open` before the first `put`."""
        self.bytes = 0
        self._most_bytes = most_bytes
        self._shared = shared
        self._pieces: deque[bytes] = deque()
        self._came = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = threading.Event()
        self._room.set()
        self._trouble: BaseException | None = None
        self._on_room: list[Callable[[], None]] = []

    def open(self) -> None:
        """Accept pieces from now on."""
        self._loop = asyncio.get_running_loop()

    @property
    def is_full(self) -> bool:
        """Whether a receiver must wait."""
        return self.bytes >= self._most_bytes or (self.bytes > 0 and self._shared.bytes >= self._shared.most_bytes)

    def put(self, piece: bytes) -> None:
        """Add whole lines, even if it is full."""
        if not piece:
            return
        with self._shared.lock:
            self._pieces.append(piece)
            self.bytes += len(piece)
            self._shared.bytes += len(piece)
            first = len(self._pieces) == 1
            if self.is_full:
                self._room.clear()
        if first and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._came.set)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Block a receiver's thread until there is room, or until a time limit. Returns whether there is."""
        return self._room.wait(timeout_s) or not self.is_full

    def when_room(self, call: Callable[[], None]) -> None:
        """Call it, in the event loop, each time that there is room again."""
        self._on_room.append(call)

    def fail(self, trouble: BaseException) -> None:
        """End with an error of the receiver, which `came` raises."""
        self._trouble = trouble
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._came.set)

    async def came(self) -> None:
        """Wait for data. Raises the error that ended the receiver."""
        await self._came.wait()
        if self._trouble is not None:
            raise self._trouble

    def take(self, most_bytes: int) -> bytes:
        """Whole lines, up to `most_bytes`, but at least one. Empty without any."""
        taken: list[bytes] = []
        size = 0
        with self._shared.lock:
            while self._pieces and size < most_bytes:
                taken.append(self._pieces.popleft())
                size += len(taken[-1])
            joined = b"".join(taken)
            lines = first_lines(joined, most_bytes)
            if len(lines) < len(joined):
                self._pieces.appendleft(joined[len(lines) :])
            self.bytes -= len(lines)
            self._shared.bytes -= len(lines)
            if not self._pieces and self._trouble is None:
                self._came.clear()
            had_room = self._room.is_set()
            has_room = not self.is_full
            if has_room:
                self._room.set()
        if has_room and not had_room:
            for call in self._on_room:
                call()
        return lines
