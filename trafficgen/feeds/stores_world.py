"""Stores that open, close and fail, as functions of a seed: what is true of them, and what an hourly poller sees.

A store's opening hours and outages are drawn from the seed and the store's number, an hour's polls from the seed and
the hour, so that a feed that was stopped goes on as if it never had been.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]
HOUR_S = 3600
DAY_S = 86_400
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix")
MEAN_UP_S, MEAN_DOWN_S = 40 * HOUR_S, 2 * HOUR_S
LOST = 0.1
"""Share of polls that never come."""
STEADY = 0.9
"""Of the time between two polls of a store, at least: so no outage of less is seen twice."""
_HOURS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),  # around the clock
    (("09:00:00", "17:00:00"),),
    (("11:00:00", "22:30:00"),),
    (("06:30:00", "14:00:00"), ("17:00:00", "21:00:00")),
    (("18:00:00", "02:00:00"),),
    (("00:00:00", "23:59:59"),),
)

Interval = tuple[int, int]
NEVER: Interval = (1 << 40, 1 << 41)
"""An outage after everything."""
SHORT_UP_S = 40 * 60
"""Mean time between a store's short outages."""


class Store(NamedTuple):
    """One store: id, zone, and the same openings on each of its weekdays (0: Monday)."""

    store_id: str
    zone: str
    openings: tuple[tuple[str, str], ...]
    weekdays: tuple[int, ...]
    outages: list[Interval]


class Planned(NamedTuple):
    """From `calm_from_s` on: an outage `[start_s, stop_s)` of this many stores that never close.

    every_s: after which it begins again; None: once.
    short_s, short_from_s: what other outages last at most, and from when there are any; 0: there is no other.
    """

    stores: int
    start_s: int
    stop_s: int
    calm_from_s: int
    every_s: int | None = None
    short_s: int = 0
    short_from_s: int = 0

    def next_from(self, after_s: int) -> Interval:
        """The first that begins at `after_s` or later."""
        if after_s <= self.start_s:
            return self.start_s, self.stop_s
        if self.every_s is None:
            return NEVER
        moved_s = -(-(after_s - self.start_s) // self.every_s) * self.every_s
        return self.start_s + moved_s, self.stop_s + moved_s


UP_AT_FIRST_S = 2 * HOUR_S


class World:
    """`count` stores from `start_s` on, Unix time, a whole hour."""

    def __init__(self, seed: int, count: int, start_s: int, planned: Planned | None = None) -> None:
        """`seed`: the same one makes the same stores and outages. `planned`: an outage that is not left to chance."""
        self.seed, self.count, self.start_s, self.planned = seed, count, start_s, planned
        self._drawn_from_s = start_s

    def until(self, end_s: int) -> None:
        """Draw what is true up to `end_s`, if it is not drawn yet."""
        for number, store in enumerate(self.stores):
            while not store.outages or store.outages[-1][1] <= end_s:
                store.outages.append(self._next_outage(number, store))

    def resume(self, outages: Mapping[str, list[Interval]], until_s: int) -> None:
        """Take the outages that a feed has written of, up to `until_s`, for the past; draw what comes after it."""
        self._drawn_from_s = until_s
        for store in self.stores:
            store.outages[:] = outages.get(store.store_id, [])

    def _next_outage(self, number: int, store: Store) -> Interval:
        """The outage after those that the store has."""
        random = np.random.default_rng((self.seed, 2, number, len(store.outages)))
        # A store that is down at its first poll would count as down since it opened, before this world began.
        after_s = max(store.outages[-1][1] if store.outages else self.start_s + UP_AT_FIRST_S, self._drawn_from_s)
        begin = after_s + 60 + round(random.exponential(MEAN_UP_S))
        end = begin + 60 + round(random.exponential(MEAN_DOWN_S))
        planned = self.planned
        if planned is None or end <= planned.calm_from_s:
            return begin, end
        outage = planned.next_from(after_s) if number in self._hit else NEVER
        if planned.short_s:
            begin = max(after_s, planned.short_from_s) + planned.short_s + round(random.exponential(SHORT_UP_S))
            end = begin + int(random.integers(1, planned.short_s + 1))
            if end + 2 * planned.short_s <= outage[0]:
                return begin, end
        return outage

    @cached_property
    def _hit(self) -> set[int]:
        """The numbers of the stores that the planned outage is of."""
        assert self.planned is not None
        numbers = range(len(self.stores))
        return set(sorted(numbers, key=lambda n: bool(self.stores[n].openings))[: self.planned.stores])

    @cached_property
    def stores(self) -> list[Store]:
        """The stores, their outages drawn as far as `until` was asked to."""
        random = np.random.default_rng((self.seed, 0))
        ids = random.choice(9 * 10**8, self.count, replace=False) + 10**8
        found = []
        for store_id in ids:
            openings = _HOURS[random.integers(len(_HOURS))]
            weekdays = tuple(range(7)) if random.random() < 0.8 else tuple(range(1, 7))
            found.append(Store(str(store_id), ZONES[random.integers(len(ZONES))], openings, weekdays, []))
        return found

    def polls_within(self, begin_s: int, length_s: int) -> Iterator[tuple[str, bool, int]]:
        """As `polls`, of a poller that comes every `length_s` seconds: to each store at about the same time of them."""
        phases = np.random.default_rng((self.seed, 3)).random(self.count)
        random = np.random.default_rng((self.seed, 4, begin_s))
        moments = STEADY * phases + (1 - STEADY) * random.random(self.count)
        return self._asked(begin_s, length_s, moments, random.random(self.count) >= LOST)

    def polls(self, hour: int) -> Iterator[tuple[str, bool, int]]:
        """(store_id, active, Unix microseconds) of the hour that begins `hour` hours after the start."""
        random = np.random.default_rng((self.seed, 1, hour))
        moments = random.integers(HOUR_S * 1_000_000, size=self.count) / (HOUR_S * 1_000_000)
        return self._asked(self.start_s + hour * HOUR_S, HOUR_S, moments, random.random(self.count) >= LOST)

    def _asked(
        self, begin_s: int, length_s: int, moments: Shares, kept: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[str, bool, int]]:
        """What the stores answer at `moments`, shares of the time from `begin_s` on; not `kept`: lost on the way."""
        self.until(begin_s + length_s)
        at_us = begin_s * 1_000_000 + np.rint(moments * length_s * 1_000_000).astype(np.int64)
        open_times: dict[tuple[object, ...], list[Interval]] = {}  # many stores have the same hours
        for store, time_us, sent in zip(self.stores, at_us.tolist(), kept.tolist(), strict=True):
            if sent:
                time_s = time_us / 1e6
                same = store.zone, store.openings, store.weekdays
                if same not in open_times:
                    open_times[same] = business(store, begin_s, begin_s + length_s)
                # A closed store answers as inactive.
                up = not _within(time_s, store.outages) and _within(time_s, open_times[same])
                yield store.store_id, up, time_us


def _within(time_s: float, intervals: list[Interval]) -> bool:
    return any(begin <= time_s < end for begin, end in intervals)


def business(store: Store, start_s: int, end_s: int) -> list[Interval]:
    """The store's open time in `[start_s, end_s)`, disjoint and sorted."""
    if not store.openings:
        return [(start_s, end_s)]
    zone = ZoneInfo(store.zone)
    first = datetime.fromtimestamp(start_s, UTC).date() - timedelta(days=2)
    found = []
    for n in range((end_s - start_s) // DAY_S + 5):
        day = first + timedelta(days=n)
        if day.weekday() in store.weekdays:
            for opens, closes in store.openings:
                begin, end = _moment(zone, day, opens), _moment(zone, day, closes)
                if end <= begin:
                    end = _moment(zone, day + timedelta(days=1), closes)
                found.append((max(begin, start_s), min(end, end_s)))
    return [interval for interval in sorted(found) if interval[0] < interval[1]]


@lru_cache(1 << 14)  # every store of a zone and hour asks for the same, again and again
def _moment(zone: ZoneInfo, day: date, clock: str) -> int:
    if clock == "23:59:59":  # means the end of the day
        day, clock = day + timedelta(days=1), "00:00:00"
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone).timestamp())


def down_s(store: Store, start_s: int, end_s: int) -> tuple[int, int]:
    """Seconds of outage within business hours, and of business hours, in `[start_s, end_s)`."""
    open_times = business(store, start_s, end_s)
    down = sum(max(0, min(b, d) - max(a, c)) for a, b in open_times for c, d in store.outages)
    return down, sum(b - a for a, b in open_times)
