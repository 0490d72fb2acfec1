"""The inputs of lines: the common interface of files, syslog, pipes and the journal.

`Tail` follows files. The others are here, with the same status as a Tail; losses that only they can have are in
`Losses`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Protocol

from exporter.sources.losses import Losses
from exporter.sources.tail import TAIL, Batch, TailStatus


class Input(Protocol):
    """One source's lines. One task iterates `batches`, applies each one to its counts, and says so by `applied`.

    A commit writes the counts and what `changes` gives in one transaction.
    """

    @property
    def replayable(self) -> bool:
        """Whether uncommitted lines can be read again, so that a killed process loses nothing."""

    @property
    def status(self) -> TailStatus:
        """The status after the last step."""

    @property
    def losses(self) -> Losses:
        """The losses so far."""

    async def begin(self) -> None:
        """Open it, and read nothing yet. Raises SourceError for errors that the user can correct."""

    def batches(self) -> AsyncIterator[Batch]:
        """Batches of whole lines as they come, for ever. An empty one is to be committed too."""

    async def rest(self) -> list[Batch]:
        """The lines until now that could not be read again; nothing more is read. After `batches` was cancelled."""

    def applied(self) -> None:
        """The last returned batch is counted."""

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], set[str]]:
        """The keys to put and to delete since the last commit, for the applied batches."""

    def saved(self) -> dict[str, bytes]:
        """The position after all applied batches, from which another input can continue."""

    async def close(self) -> None:
        """Release descriptors and processes."""


class SinglePosition:
    """The position of an input that is one value, under the key of a Tail's; more keys are of files followed before."""

    def __init__(self, saved: Mapping[str, bytes] | None, now: Callable[[], bytes]) -> None:
        """`now`: the position after the last returned batch."""
        self._now = now
        self._value = now()
        self._strange = set(saved or ()) - {TAIL}

    def applied(self) -> None:
        """The last returned batch is counted."""
        self._value = self._now()

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], set[str]]:  # noqa: ARG002, it is one value
        """What to put and to delete."""
        return self.saved(), self._strange

    def saved(self) -> dict[str, bytes]:
        """The position after all applied batches."""
        return {TAIL: self._value}


async def counted_whole(counting: Coroutine[None, None, None], *, replayable: bool) -> None:
    """Count a batch. When cancelled meanwhile, leave it to the next run, or count it first if it would be lost."""
    if replayable:
        await counting
        return
    task = asyncio.ensure_future(counting)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
