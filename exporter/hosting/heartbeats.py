"""Heartbeats to outages: the statements in `sql/`, with arrays and a few servers at a time.

Nearly all lines are heartbeats, and all questions are about single servers. So heartbeats are kept on disk by server,
and memory has only a part of them, whatever their number.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from exporter.hosting.extent import DAY_S, Day
from exporter.hosting.folds import PERHAPS_LATER
from exporter.hosting.scratch import GROUPS, Arrays, Scratch
from exporter.hosting.window import Window

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

CAUSES = ("overload", "unknown", "silent")
_ROWS: dict[str, type] = {"number": np.uint32, "time_s": np.int64, "workload": np.float64}
_MAX_TABLE = 1 << 16  # ids that are looked up in a table
_MAX_SPREAD = 1 << 22  # intervals of heartbeats between the first and the last that are marked in a table


class Folded(NamedTuple):
    """The results of the heartbeats of some servers; columns by name as in the tables of `sql/`.

    outages: cause is a place in CAUSES.
    minutes: of the requested intervals.
    oddities: counts by kind.
    """

    outages: dict[str, Ints]
    cadence: dict[str, Ints]
    minutes: dict[str, Ints | Floats]
    oddities: dict[str, int]


class Heartbeats:
    """All heartbeats of a log. `add` and `fold` may raise StoreError: the disk is full."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._numbers: dict[int, int] = {}
        self._table = np.full(_MAX_TABLE, -1, np.int64)
        self._days: dict[int, Day] = {}
        self._scratch = Scratch(_ROWS)

    def add(self, server_id: Ints, time_s: Ints, workload: Floats) -> None:
        """Add more."""
        if not len(time_s):
            return
        number = self._number(server_id)
        self._scratch.add(
            (number % GROUPS).astype(np.uint8), {"number": number, "time_s": time_s, "workload": workload}
        )
        observed = workload > PERHAPS_LATER
        self._count_days(time_s if observed.all() else time_s[observed])

    def servers(self) -> Ints:
        """The ids of all servers that logged."""
        return np.array(self._ids, np.int64)

    def days(self) -> Iterable[Day]:
        """Their extent; heartbeats possibly after the end of the log do not count in it."""
        return self._days.values()

    def fold(
        self, window: Window, wanted_s: Ints, map_: Callable[[Callable[[int], Folded], Iterable[int]], Iterable[Folded]]
    ) -> Folded:
        """All results; `minutes` of the intervals that start at `wanted_s`, sorted."""
        ids = self.servers()

        def of_group(group: int) -> Folded:
            """Folded heartbeats of one group of servers."""
            return fold(ids, self._scratch.read(group), window, wanted_s)

        nothing: Arrays = {name: np.empty(0, dtype) for name, dtype in _ROWS.items()}
        return _together([fold(ids, nothing, window, wanted_s), *map_(of_group, self._scratch.groups())])

    def close(self) -> None:
        """Release the disk."""
        self._scratch.close()

    def _number(self, server_id: Ints) -> Ints:
        """The servers' places in the order in which they were met."""
        if server_id.min() >= 0 and server_id.max() < _MAX_TABLE:
            number = self._table[server_id]
            for new in np.unique(server_id[number < 0]).tolist():
                self._table[new] = self._number_of(new)
            return self._table[server_id]
        ids, place = np.unique(server_id, return_inverse=True)
        return np.array([self._number_of(one) for one in ids.tolist()], np.int64)[place]

    def _number_of(self, server: int) -> int:
        number = self._numbers.setdefault(server, len(self._ids))
        if number == len(self._ids):
            self._ids.append(server)
        return number

    def _count_days(self, time_s: Ints) -> None:
        day = time_s // DAY_S
        order = np.argsort(day, kind="stable") if (day[1:] < day[:-1]).any() else slice(None)
        day, time_s = day[order], time_s[order]
        first = np.flatnonzero(np.append(True, day[1:] != day[:-1])) if len(day) else np.empty(0, np.int64)
        if not len(first):
            return
        counts = np.diff(np.append(first, len(day)))
        lows, highs = np.minimum.reduceat(time_s, first), np.maximum.reduceat(time_s, first)
        for one, n, low, high in zip(*(a.tolist() for a in (day[first], counts, lows, highs)), strict=True):
            known = self._days.get(one, Day(1, 0, low, high))
            self._days[one] = Day(1, known.events + n, min(known.first_s, low), max(known.last_s, high))


class _Minutes(NamedTuple):
    """One row a server and interval that was logged, in order; as `sql/01_minutes.sql`. lowest: NaN for none."""

    number: Ints
    minute_s: Ints
    workload: Floats
    lowest: Floats
    copies: Ints
    span_s: Ints


def fold(ids: Ints, rows: Arrays, window: Window, wanted_s: Ints) -> Folded:
    """The heartbeats of some servers. Their column `number` has the servers' places in `ids`."""
    time_s = rows["time_s"]
    minutes = _minutes(rows["number"], time_s, rows["workload"], window.heartbeat_s)
    differ = (minutes.workload >= 0) & (minutes.lowest != minutes.workload)
    return Folded(
        outages=_outages(ids, minutes, window),
        cadence=_cadence(ids, minutes, window.heartbeat_s),
        minutes=_wanted(ids, minutes, wanted_s, window.heartbeat_s),
        oddities={
            "heartbeats off the minute": int(np.count_nonzero(time_s % window.heartbeat_s)),
            "heartbeats repeated": len(time_s) - len(minutes.number),
            "minutes with differing workloads": int(np.count_nonzero(differ)),
        },
    )


def _minutes(number: Ints, time_s: Ints, workload: Floats, heartbeat_s: int) -> _Minutes:
    minute_s = time_s - time_s % heartbeat_s
    order = np.argsort(number.astype(np.uint16) if number.max(initial=0) < _MAX_TABLE else number, kind="stable")
    number, minute_s = number[order].astype(np.int64), minute_s[order]
    same = number[1:] == number[:-1]
    if (same & (minute_s[1:] < minute_s[:-1])).any():  # else they came in order
        again = np.lexsort((minute_s, number))
        order, number, minute_s = order[again], number[again], minute_s[again]
        same = number[1:] == number[:-1]
    time_s, workload = time_s[order], workload[order]
    new = np.append(True, ~(same & (minute_s[1:] == minute_s[:-1])))[: len(number)]
    if new.all():
        alone = np.ones(len(number), np.int64)
        lowest = np.where(workload >= 0, workload, np.nan)
        return _Minutes(
            number=number, minute_s=minute_s, workload=workload, lowest=lowest, copies=alone, span_s=alone - 1
        )
    first = np.flatnonzero(new)
    lowest = np.minimum.reduceat(np.where(workload >= 0, workload, np.inf), first)
    return _Minutes(
        number=number[first],
        minute_s=minute_s[first],
        workload=np.maximum.reduceat(workload, first),
        lowest=np.where(np.isinf(lowest), np.nan, lowest),
        copies=np.diff(np.append(first, len(number))),
        span_s=np.maximum.reduceat(time_s, first) - np.minimum.reduceat(time_s, first),
    )


def _outages(ids: Ints, minutes: _Minutes, window: Window) -> dict[str, Ints]:
    """As `sql/03_outages.sql`, without servers that never logged."""
    number, minute_s, every_s = minutes.number, minutes.minute_s, window.heartbeat_s
    since_s, observed_s = max(window.start_s, window.since_s), window.observed_s
    cause = np.where(minutes.workload > window.overload, 0, np.where(minutes.workload < 0, 1, -1))
    is_first = np.append(True, number[1:] != number[:-1])[: len(number)]
    is_last = np.append(is_first[1:], True)[: len(number)]
    next_s = np.where(is_last, np.iinfo(np.int64).max, np.append(minute_s[1:], 0)[: len(number)])
    goes_on = np.append(False, ~is_first[1:] & (minute_s[1:] == minute_s[:-1] + every_s) & (cause[1:] == cause[:-1]))
    goes_on = goes_on[: len(number)]
    begins = np.flatnonzero((cause >= 0) & ~goes_on)
    ends = np.flatnonzero((cause >= 0) & ~np.append(goes_on[1:], False)[: len(number)])
    mute = np.flatnonzero(next_s > minute_s + every_s)
    firsts = np.flatnonzero(is_first)
    found = {
        "server_id": ids[np.concatenate([number[begins], number[mute], number[firsts]])],
        "start_s": np.concatenate([minute_s[begins], minute_s[mute] + every_s, np.full(len(firsts), since_s)]),
        "end_s": np.concatenate([minute_s[ends] + every_s, next_s[mute], minute_s[firsts]]),
        "cause": np.concatenate([cause[begins], np.full(len(mute) + len(firsts), CAUSES.index("silent"))]),
    }
    found["start_s"] = np.maximum(found["start_s"], since_s)
    found["end_s"] = np.minimum(found["end_s"], observed_s)
    inside = found["start_s"] < found["end_s"]
    return {name: column[inside] for name, column in found.items()}


def _cadence(ids: Ints, minutes: _Minutes, heartbeat_s: int) -> dict[str, Ints]:
    """As `sql/11_cadence.sql`."""
    number, copies, span_s = minutes.number, minutes.copies, minutes.span_s
    has_next = np.append(number[1:] == number[:-1], False)[: len(number)]
    gap_s = np.append(np.diff(minutes.minute_s), 0)[: len(number)]
    spread = (copies > 1) & (4 * span_s * copies >= 3 * heartbeat_s * (copies - 1))
    gap_s = np.where(spread, span_s // np.maximum(copies - 1, 1), gap_s)
    counted = has_next | spread
    number, gap_s = number[counted], gap_s[counted]
    usual = np.bincount(number[gap_s == heartbeat_s], minlength=len(ids))
    usually = np.flatnonzero(usual)
    other = gap_s != heartbeat_s
    pairs, n = np.unique(np.stack([number[other], gap_s[other]]), axis=1, return_counts=True)
    return {
        "server_id": ids[np.concatenate([usually, pairs[0]])],
        "gap_s": np.concatenate([np.full(len(usually), heartbeat_s), pairs[1]]),
        "n": np.concatenate([usual[usually], n]),
    }


def _wanted(ids: Ints, minutes: _Minutes, wanted_s: Ints, heartbeat_s: int) -> dict[str, Ints | Floats]:
    """Of the intervals that start at `wanted_s`; without those in doubt."""
    use = (minutes.workload >= 0) & _is_in(minutes.minute_s, wanted_s, heartbeat_s)
    return {
        "server_id": ids[minutes.number[use]],
        "minute_s": minutes.minute_s[use],
        "workload": minutes.workload[use],
    }


def _is_in(minute_s: Ints, wanted_s: Ints, heartbeat_s: int) -> npt.NDArray[np.bool_]:
    if not len(wanted_s) or (wanted_s[-1] - wanted_s[0]) // heartbeat_s >= _MAX_SPREAD:
        return np.isin(minute_s, wanted_s)
    marked = np.zeros((wanted_s[-1] - wanted_s[0]) // heartbeat_s + 2, bool)
    marked[(wanted_s - wanted_s[0]) // heartbeat_s] = True
    place = (minute_s - wanted_s[0]) // heartbeat_s
    return marked[np.where((place < 0) | (place >= len(marked)), len(marked) - 1, place)]


def _together(parts: list[Folded]) -> Folded:
    tables = [
        {name: np.concatenate([one[name] for one in of_kind]) for name in of_kind[0]}
        for of_kind in zip(*(part[:3] for part in parts), strict=True)
    ]
    oddities = {kind: sum(part.oddities[kind] for part in parts) for kind in parts[0].oddities}
    return Folded(tables[0], tables[1], tables[2], oddities)
