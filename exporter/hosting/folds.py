"""The hour that clocks repeat: which of its two a text of local time stands for. Pure.

Where the lines of a file, or of one server in it, stand in the order in which they were written, the one step back in
that hour parts the first from the second. Else they are counted: two heartbeats of one text are the two hours. What is
then still in doubt is `unknown`, never down: where a text stood once, the hour that it is not counted for.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.hosting.extent import DAY_S
from exporter.hosting.parse import Created, Deleted, Event, Heartbeat, Route, Time

JITTER_S = 60  # lines that several write at once may be so much out of order
IN_DOUBT = -1.0
"""The workload of a heartbeat of which it is not known whether it was there."""
Ints = npt.NDArray[np.int64]


class Doubtful(NamedTuple):
    """An event whose text stands for two instants; `told` is 1 or 2 where the order says which, else 0."""

    event: Event
    first_s: int
    second_s: int
    told: int = 0


class Settled(NamedTuple):
    """Rows for the tables of TABLES, in the order of their columns."""

    heartbeats: list[tuple[int, int, float]]
    routes: list[tuple[int, int, int, int]]
    creates: list[tuple[int, str, int]]
    deletes: list[tuple[int, int]]


class FileOrder:
    """The times of one file's events in the order of its lines."""

    def __init__(self) -> None:
        self._numbers: dict[int | None, int] = {}  # of a server; None: of the manager
        self._streams: list[Ints] = []
        self._times_s: list[Ints] = []
        self._gaps_s: list[Ints] = []
        self._events: list[Event] = []

    def add(self, events: Sequence[Event], times_s: Sequence[int], twins: dict[Time, int]) -> list[int]:
        """Take the next events; returns the places of those that are doubtful, which are kept here."""
        n, numbers = len(events), self._numbers
        writers = (event.server_id if isinstance(event, Heartbeat) else None for event in events)
        self._streams.append(np.fromiter((numbers.setdefault(key, len(numbers)) for key in writers), np.int64, n))
        self._times_s.append(np.array(times_s, np.int64))
        gaps_s = [twins.get(event.time, 0) for event in events] if twins else [0] * n
        self._gaps_s.append(np.array(gaps_s, np.int64))
        places = [place for place, gap_s in enumerate(gaps_s) if gap_s]
        self._events += [events[place] for place in places]
        return places

    @property
    def reaches_out(self) -> bool:
        """Whether an event is in no doubt."""
        return any((gaps_s == 0).any() for gaps_s in self._gaps_s)

    def doubtful(self) -> Iterator[Doubtful]:
        """The doubtful events, with what the order says."""
        if not self._events:
            return
        streams, times_s, gaps_s = map(np.concatenate, (self._streams, self._times_s, self._gaps_s))
        places = np.nonzero(gaps_s)[0]
        told = tell(streams, times_s, gaps_s)[places].tolist()
        firsts_s, seconds_s = times_s[places].tolist(), (times_s + gaps_s)[places].tolist()
        yield from map(Doubtful, self._events, firsts_s, seconds_s, told)


def tell(streams: Ints, times_s: Ints, gaps_s: Ints) -> Ints:
    """Which hour each line stands for: 1, 2, or 0 where the order does not say.

    Args:
        streams: who wrote each line, in the order of the lines.
        times_s: its time, by the first of the two hours.
        gaps_s: how much later the second is; 0 for a line of one time.
    """
    told = _by_step_back(times_s, gaps_s)
    if told.any():
        return told
    for stream in np.unique(streams[gaps_s > 0]):
        mine = np.nonzero(streams == stream)[0]
        told[mine] = _by_step_back(times_s[mine], gaps_s[mine])
    return told


def _by_step_back(times_s: Ints, gaps_s: Ints) -> Ints:
    """The same of lines that, but for the step back itself, must stand in order to say anything."""
    told = np.zeros_like(times_s)
    steps_s = np.diff(times_s)
    back = np.nonzero(steps_s < -JITTER_S)[0]
    inside = (gaps_s[back] > 0) & (gaps_s[back + 1] > 0) & (-steps_s[back] < gaps_s[back])
    if not inside.all() or (np.diff(times_s[back]) < DAY_S).any():
        return told
    for place in back:
        of_this_night = (gaps_s > 0) & (np.abs(times_s - times_s[place]) < DAY_S)
        told[of_this_night] = np.where(np.nonzero(of_this_night)[0] <= place, 1, 2)
    return told


def settle(doubtful: Iterable[Doubtful], heartbeat_s: int, overload: float) -> Settled:
    """Decide what can be decided, and mark what can't."""
    settled = Settled([], [], [], [])
    beats: dict[tuple[int, int, int], list[Doubtful]] = defaultdict(list)
    accounts: dict[int, list[Doubtful]] = defaultdict(list)
    for one in doubtful:
        if isinstance(one.event, Heartbeat):
            first_s = one.first_s - one.first_s % heartbeat_s
            beats[one.event.server_id, first_s, first_s + one.second_s - one.first_s].append(one)
        elif one.told:
            _place(one.event, one.first_s if one.told == 1 else one.second_s, settled)
        else:
            accounts[one.event.account_id].append(one)
    for (server, *times_s), copies in beats.items():
        for time_s, loads in zip(times_s, _hours(copies, overload), strict=True):
            settled.heartbeats.append((server, time_s, max(loads, default=IN_DOUBT)))
    for events in accounts.values():
        for night in _nights(events):
            _doubt(night, settled)
    return settled


def _hours(copies: list[Doubtful], overload: float) -> tuple[list[float], list[float]]:
    """The workloads of one text in its first and in its second hour; none: in doubt."""
    loads: tuple[list[float], list[float], list[float]] = ([], [], [])
    for copy in copies:
        assert isinstance(copy.event, Heartbeat)
        loads[copy.told].append(copy.event.workload)
    either, first, second = loads
    if not either or (first and second):
        return first, second
    if first or second:
        return first or either, second or either
    over = [load > overload for load in either]
    if len(either) > 1:
        return (either, either) if all(over) or not any(over) else ([], [])
    return ([], []) if over[0] else (either, [])


def _place(event: Event, time_s: int, settled: Settled) -> None:
    if isinstance(event, Created):
        settled.creates.append((event.account_id, event.account_name, time_s))
    elif isinstance(event, Deleted):
        settled.deletes.append((event.account_id, time_s))
    elif isinstance(event, Route):
        settled.routes.append((event.account_id, event.server_id, time_s, 0))


def _nights(events: list[Doubtful]) -> Iterator[list[Doubtful]]:
    """An account's events in order of their texts, those of one night together."""
    night: list[Doubtful] = []
    for one in sorted(events, key=lambda one: (one.first_s, (Created, Route, Deleted).index(type(one.event)))):
        if night and one.first_s - night[-1].first_s > DAY_S:
            yield night
            night = []
        night.append(one)
    yield night


def _doubt(night: list[Doubtful], settled: Settled) -> None:
    """From the first instant to the last nothing is known of the account's server; then the last text holds.

    The account exists from the first of its two instants to the last, so that its life has all that may be of it.
    """
    last = night[-1]
    for one in night:
        if not isinstance(one.event, Route):
            is_end = one is last and isinstance(one.event, Deleted)
            _place(one.event, one.second_s if is_end else one.first_s, settled)
    routes = [(one.first_s, one.event.server_id) for one in night if isinstance(one.event, Route)]
    account_id, is_deleted = last.event.account_id, isinstance(last.event, Deleted)  # type: ignore[union-attr]
    if routes or is_deleted:
        server = max(routes)[1] if routes else 0
        settled.routes.append((account_id, server, night[0].first_s, 1))
        if not is_deleted:
            settled.routes.append((account_id, server, max(one.second_s for one in night), 2))
