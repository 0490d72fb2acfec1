"""Decides hours that clocks repeat by the order of a file's lines, line by line. Pure, with a small state.

Lines in the order of writing step back once in that hour: those before the step belong to the first time, those after
it to the second. The whole file decides first; otherwise each writer in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.hosting.extent import DAY_S
from exporter.hosting.parse import Event, Heartbeat, Time

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

JITTER_S = 60  # lines of several writers may be this much out of order


class Doubtful(NamedTuple):
    """An event whose text means two instants; `told` is 1 or 2 if the order of events decides, else 0."""

    event: Event
    first_s: int
    second_s: int
    told: int = 0


class Place(NamedTuple):
    """A doubtful event in its file: `gap_s` later is its second instant; `steps`: the number of steps back before it.

    The event's `time` is its first instant in Unix seconds, however it was written.
    """

    event: Event
    gap_s: int
    steps: int  # of the whole file
    own_steps: int  # of who wrote it


class Stream(msgspec.Struct, array_like=True):
    """Lines that must be in order, but for steps back in hours that clocks repeat; otherwise they decide nothing.

    `last_s` is the newest time since the last step. Lines that go back a little each, as in a file with the newest line
    first, are out of order as soon as they are back by more than the jitter together.
    """

    last_s: int
    last_gap_s: int = 0
    steps_s: list[int] = []  # the times before each step
    in_order: bool = True

    def read(self, time_s: int, gap_s: int) -> None:
        """Add the next line."""
        if not self.in_order:
            return
        if time_s < self.last_s - JITTER_S:
            self._step_back(time_s, gap_s)
        elif time_s >= self.last_s:
            self.last_s, self.last_gap_s = time_s, gap_s

    def _step_back(self, time_s: int, gap_s: int) -> None:
        is_inside = self.last_gap_s > 0 < gap_s and self.last_s - time_s < self.last_gap_s
        if is_inside and not (self.steps_s and self.last_s - self.steps_s[-1] < DAY_S):
            self.steps_s.append(self.last_s)
        else:
            self.in_order, self.steps_s = False, []
        self.last_s, self.last_gap_s = time_s, gap_s

    def add(self, times_s: Ints, gaps_s: Ints, asked: Ints) -> Ints:
        """Add the next lines, one or more. Returns how many steps there were up to each of the places in `asked`."""
        begins, counts, at = [-1], [len(self.steps_s)], 0
        while at < len(times_s) and self.in_order:
            newest_s = np.maximum.accumulate(np.maximum(times_s[at:], self.last_s))
            behind = times_s[at:] < newest_s - JITTER_S
            step = int(behind.argmax()) if behind.any() else len(behind)
            if step:
                self._newest(times_s[at : at + step], gaps_s[at : at + step])
            if step == len(behind):
                break
            at += step
            self._step_back(int(times_s[at]), int(gaps_s[at]))
            begins.append(at)
            counts.append(len(self.steps_s))
            at += 1
        return np.array(counts)[np.searchsorted(begins, asked, "right") - 1]

    def _newest(self, times_s: Ints, gaps_s: Ints) -> None:
        """The newest of these lines, which have no step; of several the last one."""
        at = len(times_s) - 1 - int(times_s[::-1].argmax())
        if times_s[at] >= self.last_s:
            self.last_s, self.last_gap_s = int(times_s[at]), int(gaps_s[at])

    def tell(self, time_s: int, steps: int) -> int:
        """The hour of a line after this number of steps: 1, 2, or 0 if the order does not decide."""
        told = 0
        for number, step_s in enumerate(self.steps_s):
            if abs(time_s - step_s) < DAY_S:
                told = 1 if steps <= number else 2
        return told


class FileOrder(msgspec.Struct):
    """One file as read so far.

    Attributes:
        whole: all its lines; None before the first. writers: those of each server; None: of the manager.
        reaches_out: whether an event is without doubt.
        doubtful: the others, and how often.
    """

    whole: Stream | None = None
    writers: dict[int | None, Stream] = {}
    reaches_out: bool = False
    doubtful: dict[Place, int] = {}

    def add(self, events: Sequence[Event], times_s: Sequence[int], twins: Mapping[Time, int]) -> list[int]:
        """Add the next events; returns the places of doubtful ones, which are kept here."""
        if not events:
            return []
        if self.whole is None:
            self.whole = Stream(times_s[0])
        whole, writers, places = self.whole, self.writers, list[int]()
        for place, event in enumerate(events):
            time_s, gap_s = times_s[place], twins.get(event.time, 0)
            writer = event.server_id if isinstance(event, Heartbeat) else None
            own = writers.get(writer)
            if own is None:
                own = writers[writer] = Stream(time_s)
            whole.read(time_s, gap_s)
            own.read(time_s, gap_s)
            if gap_s:
                places.append(place)
                self._keep(event, time_s, gap_s, own)
        self.reaches_out |= len(places) < len(events)
        return places

    def add_columns(
        self, writers: Ints, times_s: Ints, gaps_s: Ints, is_manager: Mask, event_at: Callable[[int], Event]
    ) -> None:
        """As `add`, of events in arrays. `event_at`: the event in a place, asked for those that are doubtful."""
        if not len(times_s):
            return
        if self.whole is None:
            self.whole = Stream(int(times_s[0]))
        places = np.flatnonzero(gaps_s)
        steps = self.whole.add(times_s, gaps_s, places)
        own_steps = np.zeros(len(times_s), np.int64)
        order = np.lexsort((writers, is_manager))
        cuts = np.flatnonzero((np.diff(writers[order]) != 0) | np.diff(is_manager[order]))
        for mine in np.split(order, cuts + 1):
            writer = None if is_manager[mine[0]] else int(writers[mine[0]])
            own = self.writers.get(writer)
            if own is None:
                own = self.writers[writer] = Stream(int(times_s[mine[0]]))
            asked = np.flatnonzero(gaps_s[mine])
            own_steps[mine[asked]] = own.add(times_s[mine], gaps_s[mine], asked)
        self.reaches_out |= len(places) < len(times_s)
        for place, step in zip(places.tolist(), steps.tolist(), strict=True):
            event = msgspec.structs.replace(event_at(place), time=int(times_s[place]))
            at = Place(event, int(gaps_s[place]), step, int(own_steps[place]))
            self.doubtful[at] = self.doubtful.get(at, 0) + 1

    def _keep(self, event: Event, time_s: int, gap_s: int, own: Stream) -> None:
        assert self.whole is not None
        at = Place(msgspec.structs.replace(event, time=time_s), gap_s, len(self.whole.steps_s), len(own.steps_s))
        self.doubtful[at] = self.doubtful.get(at, 0) + 1

    def verdict(self) -> tuple[object, ...]:
        """A value that changes with the result of the order."""
        mine = [] if self.whole is None else [self.whole, *self.writers.values()]
        return tuple((stream.in_order, len(stream.steps_s)) for stream in mine)

    def told(self) -> Iterator[Doubtful]:
        """The doubtful events, with the result of the order; all of a repeated one."""
        for at, copies in self.doubtful.items():
            event, first_s = at.event, int(at.event.time)
            one = Doubtful(event, first_s, first_s + at.gap_s, self._tell(at, first_s))
            for _ in range(copies):
                yield one

    def _tell(self, at: Place, first_s: int) -> int:
        assert self.whole is not None
        if self.whole.steps_s:
            return self.whole.tell(first_s, at.steps)
        writer = at.event.server_id if isinstance(at.event, Heartbeat) else None
        return self.writers[writer].tell(first_s, at.own_steps)
