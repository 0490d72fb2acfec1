"""Runs the sources of one system separately: an error affects only its source.

A source that ends by an unexpected error is counted, its traceback is logged once, and it is created again and
continues from its last commit, after a wait that grows while it keeps failing. Its state is not exposed meanwhile: it
may be partly counted. Errors that the user can correct end the process, but only before a source has ever run. So does
a lack of memory: what else fails then is unknown, and a new process continues from its commit.
"""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Generic, Protocol, TypeVar

from exporter.catalogue import Family, LabelValues
from foundation.clock import Clock
from foundation.errors import OUT_OF_MEMORY, StoreError, TidewatchError, is_out_of_memory

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_SAY_AGAIN_S = 60.0
_CALM_S = 300.0  # after running for so long, the next failure is a first one again


class Runner(Protocol):
    """One source at work."""

    @property
    def begun(self) -> asyncio.Event:
        """Set once its counts may be shown."""

    async def run(self) -> None:
        """Read until cancelled."""

    async def written(self) -> None:
        """Wait until everything that was counted before is on disk. Raises StoreError where the disk refuses."""

    def families(self) -> Iterable[Family]:
        """Its metrics."""


R = TypeVar("R", bound=Runner)


class Supervisor(Generic[R]):
    """The sources of one system, by name; the base of its door. `run` once.

    Attributes:
        failures: unexpected errors so far, by source.
    """

    def __init__(self, system: str, clock: Clock) -> None:
        """`system`: its name, for the log."""
        self.failures: Counter[str] = Counter()
        self._system = system
        self._clock = clock
        self._runners: dict[str, R] = {}
        self._makers: dict[str, Callable[[], R]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._logged_s: dict[str, float] = {}

    def add(self, name: str, make: Callable[[], R], runner: R | None = None) -> None:
        """Add a source, which runs as soon as `run` does.

        Args:
            name: of the source.
            make: builds it, now and after each failure.
            runner: the source as it was built before, to begin with.
        """
        self.failures[name] += 0
        self._makers[name] = make
        self._runners[name] = runner or make()
        if self._group is not None:
            self._start(self._group, name)

    async def remove(self, name: str) -> R | None:
        """End a source, which saves its state; None if it was about to be created again."""
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.wait([task])
        return self._runners.pop(name, None)

    async def run(self) -> None:
        """Run all sources until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            for name in self._runners:
                self._start(self._group, name)
            await asyncio.get_running_loop().create_future()  # others may come

    async def begun(self) -> None:
        """Wait until the counts of every source may be shown."""
        for runner in list(self._runners.values()):
            await runner.begun.wait()

    async def written(self) -> None:
        """Wait until what the sources have counted is on disk, or the disk has refused it."""
        showing = [runner.written() for _, runner in self._showing()]
        await asyncio.gather(*showing, return_exceptions=True)

    def collect(self) -> Iterator[Family]:
        """Metrics of all sources: one family a metric. A source that cannot give its metrics is left out."""
        yield from joined(self.parts())

    def parts(self) -> Iterator[list[Family]]:
        """The same, one source after the other; others may run between two."""
        for name, runner in self._showing():
            if self._runners.get(name) is not runner:  # it failed meanwhile, and may be half counted
                continue
            try:
                yield list(runner.families())
            except Exception as exc:  # noqa: BLE001, whatever it is, the others have theirs
                self._failed(name, exc)

    def _showing(self) -> list[tuple[str, R]]:
        return [(name, runner) for name, runner in self._runners.items() if runner.begun.is_set()]

    def _start(self, group: asyncio.TaskGroup, name: str) -> None:
        self._tasks[name] = group.create_task(self._supervise(name), name=f"{self._system} {name}")

    async def _supervise(self, name: str) -> None:
        wait_s, has_begun = _FIRST_WAIT_S, False
        while True:
            runner, started_s = self._runners[name], self._clock.monotonic()
            try:
                await runner.run()
            except Exception as exc:
                if is_out_of_memory(exc):
                    raise StoreError(OUT_OF_MEMORY) from exc
                has_begun = has_begun or runner.begun.is_set()
                if not has_begun and _is_for_the_user(exc):
                    raise
                self._failed(name, exc)
            del self._runners[name]
            if self._clock.monotonic() - started_s > _CALM_S:
                wait_s = _FIRST_WAIT_S
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            self._runners[name] = self._makers[name]()

    def _failed(self, name: str, exc: Exception) -> None:
        """Count it, and log it: an error in one place with its traceback once, and after that once a minute."""
        self.failures[name] += 1
        where, now_s = f"{name} {type(exc)} {_place(exc)}", self._clock.monotonic()
        logged_s = self._logged_s.get(where)
        if logged_s is None or now_s - logged_s >= _SAY_AGAIN_S:
            self._logged_s[where] = now_s
            log.error(
                "%s: source %s failed, %d times so far (%s); it continues from its last commit",
                *(self._system, name, self.failures[name], traceback.format_exception_only(_inner(exc))[-1].strip()),
                exc_info=exc if logged_s is None else None,
            )


def joined(parts: Iterable[Iterable[Family]]) -> list[Family]:
    """The families of several sources, one a metric, in the order in which they come first.

    Where sources have labels of their own, it is one a metric and set of labels; those of one name follow each other.
    """
    by_name: dict[str, dict[tuple[str, ...], list[Family]]] = {}
    for family in chain.from_iterable(parts):
        by_name.setdefault(family.metric.name, {}).setdefault(family.metric.labels, []).append(family)
    every = (some for by_labels in by_name.values() for some in by_labels.values())
    return [some[0] if len(some) == 1 else _as_one(some) for some in every]


def _as_one(families: list[Family]) -> Family:
    created: dict[LabelValues, float] = {}
    for family in families:
        created.update(family.created or {})
    return Family(families[0].metric, list(chain.from_iterable(family.series for family in families)), created or None)


def _inner(exc: BaseException) -> BaseException:
    """The first error in groups of groups."""
    return _inner(exc.exceptions[0]) if isinstance(exc, BaseExceptionGroup) else exc


def _place(exc: BaseException) -> str:
    frames = traceback.extract_tb(_inner(exc).__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _is_for_the_user(exc: Exception) -> bool:
    """Whether the error, or every one of a group, is one that the user can correct."""
    if isinstance(exc, ExceptionGroup):
        return exc.split(TidewatchError)[1] is None
    return isinstance(exc, TidewatchError)
