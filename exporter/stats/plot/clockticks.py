"""Ticks of a time axis on round values of the clock, also where clocks go forward or back. Pure.

Where clocks go back an hour has its ticks twice, as it has passed twice; the distance on the axis is that of real time.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

MOST_TICKS = 13  # three hours in quarters
_DAY_S = 86_400
_STEPS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 15, 30),
    *(60 * n for n in (1, 2, 5, 10, 15, 30)),
    *(3600 * n for n in (1, 2, 3, 6, 12)),
)
_STEPS_DAYS = (1, 2, 7, 14)
_STEPS_MONTHS = (1, 2, 3, 6, *(12 * n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))
_SAMPLES = 500  # of the axis, to find the names its zone has in it


class Tick(NamedTuple):
    """A moment of the axis, in Unix seconds, and what is written at it; the second line says what is new since."""

    at_s: float
    label: str


def clock_ticks(start_s: float, end_s: float, zone: tzinfo) -> list[Tick]:
    """Ticks of [start_s, end_s] at the finest round step of which at most `MOST_TICKS` fit."""
    span_s = end_s - start_s
    for step_s in _STEPS_S:
        if span_s / step_s <= MOST_TICKS:
            moments = list(_within(_clock(start_s, end_s, step_s, zone), start_s, end_s))
            if len(moments) <= MOST_TICKS:
                form = "%H:%M" if step_s >= 60 else "%H:%M:%S" if step_s >= 1 else "%H:%M:%S.%f"
                return _labelled(moments, zone, form, "%-d %b %Y", "%-d %b")
    for step_days in _STEPS_DAYS:
        moments = list(_within(_days(start_s, end_s, step_days, zone), start_s, end_s))
        if len(moments) <= MOST_TICKS:
            return _labelled(moments, zone, "%-d %b", "%Y", "%Y")
    for step_months in _STEPS_MONTHS:
        moments = list(_within(_months(start_s, end_s, step_months, zone), start_s, end_s))
        if len(moments) <= MOST_TICKS:
            break
    return _labelled(moments, zone, "%b" if step_months < 12 else "%Y", "%Y", "%Y")


def axis_title(start_s: float, end_s: float, zone: tzinfo) -> str:
    """`time (CEST, then CET)`: the names of the zone, in order."""
    samples = [start_s + (end_s - start_s) * number / _SAMPLES for number in range(_SAMPLES + 1)]
    names = [datetime.fromtimestamp(at_s, zone).tzname() or "" for at_s in samples]
    changes = [names[0], *(name for before, name in pairwise(names) if name != before)]
    own = getattr(zone, "key", None) or " and ".join(dict.fromkeys(names))
    return f"time ({', then '.join(changes) if len(changes) <= 2 else own})"


def _within(moments: Iterable[float], start_s: float, end_s: float) -> Iterator[float]:
    return (at_s for at_s in moments if start_s <= at_s <= end_s)


def _clock(start_s: float, end_s: float, step_s: float, zone: tzinfo) -> list[float]:
    """The moments at which the clock on the wall shows multiples of `step_s`."""
    first, last = (datetime.fromtimestamp(at_s, zone) for at_s in (start_s, end_s))
    changed = abs((last.utcoffset() or timedelta()) - (first.utcoffset() or timedelta()))
    low = min(first.replace(tzinfo=None), last.replace(tzinfo=None)) - changed
    high = max(first.replace(tzinfo=None), last.replace(tzinfo=None)) + changed
    midnight = low.replace(hour=0, minute=0, second=0, microsecond=0)
    number = int((low - midnight).total_seconds() / step_s)
    moments = set()
    while (wall := midnight + timedelta(seconds=number * step_s)) <= high:
        for fold in (0, 1) if step_s <= 3600 else (0,):
            at_s = wall.replace(tzinfo=zone, fold=fold).timestamp()
            if datetime.fromtimestamp(at_s, zone).replace(tzinfo=None, fold=0) == wall:
                moments.add(at_s)
        number += 1
    return sorted(moments)


def _days(start_s: float, end_s: float, step_days: int, zone: tzinfo) -> Iterator[float]:
    """The beginnings of each `step_days`-th day; of weeks, their Mondays."""
    first, last = (datetime.fromtimestamp(at_s, zone).toordinal() for at_s in (start_s, end_s))
    for number in range(first - (first - 1) % step_days, last + 1, step_days):
        yield datetime.fromordinal(number).replace(tzinfo=zone).timestamp()


def _months(start_s: float, end_s: float, step_months: int, zone: tzinfo) -> Iterator[float]:
    """The beginnings of each `step_months`-th month, of years at their first."""
    first, last = (datetime.fromtimestamp(at_s, zone) for at_s in (start_s, end_s))
    low, high = (at.year * 12 + at.month - 1 for at in (first, last))
    for number in range(low + -low % step_months, high + 1, step_months):
        yield datetime(number // 12, number % 12 + 1, 1, tzinfo=zone).timestamp()


def _labelled(moments: list[float], zone: tzinfo, form: str, first: str, later: str) -> list[Tick]:
    """Ticks with the clock in `form`, and below it the date (`first`, then `later` where it changes) or a new zone."""
    ticks, before = [], None
    for at_s in moments:
        at = datetime.fromtimestamp(at_s, zone)
        second = [at.strftime(first)] if before is None else []
        if before is not None and at.strftime(later) != before.strftime(later):
            second.append(at.strftime(later))
        if before is not None and at.tzname() != before.tzname() and "%H" in form:
            second.append(at.tzname() or "")
        clock = at.strftime(form)
        ticks.append(Tick(at_s, "\n".join(filter(None, [clock[:-3] if "%f" in form else clock, " ".join(second)]))))
        before = at
    return ticks
