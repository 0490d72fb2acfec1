"""Saves the position and the counts of one source, of any system: one transaction per commit, with `checkpoint`.

    keeper = Keeper(checkpoint, scope, clock, changes)
    saved = await keeper.load()                # go on from there
    async with keeper.keeping():               # the first commit is on disk before the block begins
        with keeper.counting():                # or nothing more is committed
            ...                                # count, and `touch`

Commits are due a moment after the first touch; callers that need the data on disk wait for `written`. The changes of a
failed commit are written again, together with newer ones. The last commit is made when the block is left by being
cancelled. An error that leaves either block makes none: a partly counted batch is read again, from the last commit.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from exporter.checkpoint import Changes, Checkpoint, Incomplete, Value
from exporter.statefile import Unavailable
from foundation.clock import Clock
from foundation.errors import StoreError

log = logging.getLogger(__name__)

COMMIT_S = 1.0
"""Longest time between a touch and its commit, if no caller waits for the disk."""
RETRY_S = 1.0
"""Time from a commit that failed to the next."""


class Ended(StoreError):  # noqa: N818, an event
    """The counts since the last commit will not be written: the source has ended, or counted a batch only partly."""


class _Waiter(NamedTuple):
    """A waiter for a commit. synced: it must outlive a power cut."""

    done: asyncio.Future[None]
    synced: bool


class Keeper:
    """Writes a source's state to disk. Belongs to the event loop.

    Attributes:
        begun: set once counts may be shown to others: the first commit is on disk, or one of an earlier run.
        trouble: why the last commit failed; None once one has worked.
        whole: held while something is counted in steps between which other tasks run; no commit includes a part of it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        scope: str,
        clock: Clock,
        changes: Callable[[bool], tuple[Mapping[str, Value], Iterable[str]]],
        commit_s: float = COMMIT_S,
    ) -> None:
        """Touches no file.

        Args:
            checkpoint: the state file.
            scope: the source's name in it.
            clock: when commits are due.
            changes: values to put, and keys to delete, since its last call; with True, all values there are.
            commit_s: see COMMIT_S.
        """
        self.begun = asyncio.Event()
        self.trouble: StoreError | None = None
        self.whole = asyncio.Lock()
        self._checkpoint = checkpoint
        self._scope = scope
        self._clock = clock
        self._changes = changes
        self._commit_s = commit_s
        self._pending = Changes({})  # taken from `changes`, and not known to be on disk
        self._everything = False
        self._spoilt: Exception | None = None
        self._resumed = self._over = False
        self._dirty, self._urgent = asyncio.Event(), asyncio.Event()
        self._waiters: list[_Waiter] = []

    async def load(self) -> dict[str, bytes]:
        """The state that an earlier run saved, by key. Waits during temporary faults of the disk.

        Raises StoreError where another process has the state, a newer version wrote it, or it cannot be written.
        """
        while True:
            try:
                saved = await asyncio.to_thread(self._checkpoint.load, self._scope)
            except Unavailable:  # counted and logged
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
            else:
                self._resumed = bool(saved)
                return saved

    def set_aside(self, unreadable: Mapping[str, str]) -> None:
        """Keep values that cannot be read, by key with the reason, for people to look at; the next commit does it."""
        if not unreadable:
            return
        self._checkpoint.problems["damaged"] += len(unreadable)
        key, reason = next(iter(unreadable.items()))
        log.error(
            "%s: %d of the saved values cannot be read and are set aside; their counts start from zero; %r: %s",
            *(self._scope, len(unreadable), key, reason),
        )
        self._pending = self._pending.then(Changes({}, set_aside=unreadable))

    def delete(self, keys: Iterable[str]) -> None:
        """Let the next commit delete keys that are not needed any more."""
        self._pending = self._pending.then(Changes({}, frozenset(keys)))

    def touch(self) -> None:
        """Something was counted: a commit is due."""
        self._dirty.set()

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """The block is counted completely. After an error it is not: `keeping` ends with it too."""
        try:
            yield
        except Exception as exc:
            self._spoil(exc)
            raise

    def _spoil(self, exc: Exception) -> None:
        """What has been counted is unknown: no more commits."""
        self._spoilt = exc
        self._dirty.set()
        self._urgent.set()
        self._end()

    async def written(self, *, synced: bool = False) -> None:
        """Wait until everything counted before is on disk; `synced`: so that no power cut undoes it.

        Raises StoreError if the disk refuses, Ended if it will not be tried again.
        """
        if self._over:
            raise Ended(f"{self._scope}: it has ended")
        done = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(done, synced))
        self._dirty.set()
        self._urgent.set()
        await done

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Commit first, regularly meanwhile, and at the end. With nothing kept before, the first commit must work."""
        self._over = False
        await self._begin()
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._commit_regularly())
                try:
                    yield
                except asyncio.CancelledError:
                    if not writer.done():
                        async with self.whole:  # the current batch is counted to its end
                            writer.cancel()
                    raise
                finally:
                    writer.cancel()
        except asyncio.CancelledError:
            self._commit_last()
            raise
        else:
            self._commit_last()
        finally:
            self._end()

    def _end(self) -> None:
        self._over = True
        waiters, self._waiters = self._waiters, []
        _wake(waiters, Ended(f"{self._scope}: it ended before this was written"))

    async def _begin(self) -> None:
        while True:
            try:
                await self._commit()
            except StoreError:
                if self._resumed:  # the commits of an earlier run still exist
                    self.touch()
                    break
                await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
            else:
                break
        self._resumed = True
        self.begun.set()

    async def _commit_regularly(self) -> None:
        with self.counting():
            while True:
                await self._dirty.wait()
                await self._gather()
                try:
                    await self._commit()
                except StoreError:
                    self.touch()
                    await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)

    async def _gather(self) -> None:
        """Wait for more changes while no caller waits."""
        if self._urgent.is_set():
            return
        due = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + self._commit_s))
        urgent = asyncio.ensure_future(self._urgent.wait())
        try:
            await asyncio.wait((due, urgent), return_when=asyncio.FIRST_COMPLETED)
        finally:
            due.cancel()
            urgent.cancel()

    async def _commit(self) -> None:
        """One commit, and a second one if the file turns out to be new. Raises StoreError."""
        async with self.whole:
            waiters = self._take()
        try:
            await self._checkpoint.commit(self._scope, self._pending, synced=any(waiter.synced for waiter in waiters))
        except StoreError as exc:
            if self._wants_everything(exc):
                self._waiters[:0] = waiters
                await self._commit()
            else:
                self._failed(exc, waiters)
                raise
        except asyncio.CancelledError:
            self._waiters[:0] = waiters  # the last commit includes everything
            raise
        else:
            self._written(waiters)

    def _commit_last(self) -> None:
        """Not awaited, so that a second cancellation cannot come between."""
        if self.whole.locked() or self._spoilt:
            log.error("%s: ended within a batch, which is not saved; the next run starts at the last save", self._scope)
            return
        waiters = self._take()
        try:
            self._checkpoint.commit_now(self._scope, self._pending, synced=any(waiter.synced for waiter in waiters))
        except StoreError as exc:
            if self._wants_everything(exc):
                self._waiters[:0] = waiters
                self._commit_last()
            else:
                log.error("%s: the last counts could not be saved: %s", self._scope, exc)  # noqa: TRY400, the text says all
                self._failed(exc, waiters)
        else:
            self._written(waiters)

    def _take(self) -> list[_Waiter]:
        """Add the changes to the pending ones. Returns the waiters."""
        if self._spoilt is not None:
            raise self._spoilt
        everything, self._everything = self._everything, False
        puts, deletes = self._changes(everything)
        self._pending = self._pending.then(Changes(puts, frozenset(deletes), everything=everything))
        self._dirty.clear()
        self._urgent.clear()
        waiters, self._waiters = self._waiters, []
        return waiters

    def _wants_everything(self, exc: StoreError) -> bool:
        """Whether the file is new, and the commit had changes only."""
        self._everything = isinstance(exc, Incomplete) and not self._pending.everything
        return self._everything

    def _failed(self, exc: StoreError, waiters: list[_Waiter]) -> None:
        self.trouble = exc
        _wake(waiters, exc)

    def _written(self, waiters: list[_Waiter]) -> None:
        self._pending, self.trouble = Changes({}), None
        _wake(waiters, None)


def _wake(waiters: list[_Waiter], trouble: StoreError | None) -> None:
    for done, _ in waiters:
        if done.done():  # the waiter was cancelled
            continue
        if trouble is None:
            done.set_result(None)
        else:
            done.set_exception((Ended if isinstance(trouble, Ended) else StoreError)(str(trouble)))
