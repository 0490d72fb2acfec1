"""One task writes the checkpoint; whoever waits for the disk is woken by the write that holds what they wait for."""

import asyncio
import contextlib
from collections.abc import Callable

from exporter import checkpoint as state
from foundation.clock import Clock
from foundation.errors import StoreError

COMMIT_S = 0.5
"""Longest time between taking a record and writing it down, where nobody waits for the disk."""
RETRY_S = 1.0

Changes = tuple[dict[str, bytes], list[str]]
"""What to put, and what to delete."""


class Commits:
    """The writing side of one source.

    whole: held while a request is half counted; no write may see that.
    trouble: why the last write failed; None once one has worked.
    """

    def __init__(self, clock: Clock, changes: Callable[[], Changes], not_written: Callable[[list[str]], None]) -> None:
        """`changes` gives what is to be written since its last call, `not_written` hears of what it was not deleted."""
        self._clock = clock
        self._changes = changes
        self._not_written = not_written
        self._dirty = asyncio.Event()
        self._urgent = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []
        self.whole = asyncio.Lock()
        self.trouble: StoreError | None = None

    def touch(self) -> None:
        """Something was taken."""
        self._dirty.set()

    async def written(self) -> None:
        """Wait until everything that was taken before is on disk. Raises StoreError when the disk does not take it."""
        self._waiters.append(waiter := asyncio.get_running_loop().create_future())
        self._dirty.set()
        self._urgent.set()
        await waiter

    async def run(self, checkpoint: state.Checkpoint, scope: str) -> None:
        """Write whenever something was taken: at once if somebody waits, else after gathering for a moment."""
        everything = False
        while True:
            await self._dirty.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_S):  # wait_for of 3.11 may swallow being cancelled
                    await self._urgent.wait()
            async with self.whole:
                self._dirty.clear()
                self._urgent.clear()
                waiters, self._waiters = self._waiters, []
                puts, gone = self._changes()
            try:
                await checkpoint.commit(scope, state.Changes(puts, frozenset(gone), everything=everything))
            except StoreError as exc:
                self.trouble, everything = exc, True
                self._not_written(gone)
                self._dirty.set()
                _wake(waiters, exc)
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
            else:
                self.trouble, everything = None, False
                _wake(waiters, None)


def _wake(waiters: list[asyncio.Future[None]], trouble: StoreError | None) -> None:
    for waiter in waiters:
        if waiter.done():  # whoever waited has gone
            continue
        if trouble is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(StoreError(str(trouble)))
