"""The extent of a log, from the times of its events. Pure.

One clock that was reset must not stretch a cycle to 1970 or 2106: events far from the body of the log are set apart and
reported. Where the body itself is in pieces that are far apart, the user must name the cycle.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

DAY_S = 86_400
NEAR_S = 2 * DAY_S  # a log with a gap of this length is still one log
FEW = 100  # a piece with fewer heartbeats than this fraction of the body's comes from a wrong clock
FAR_S = 31 * DAY_S  # two logs of one cycle are not further apart
LONG = 10  # nor are events this many lengths of the log away a part of it


class Day(NamedTuple):
    """The heartbeats, or the other events, of one day of UTC."""

    is_heartbeat: int
    events: int
    first_s: int
    last_s: int


class Extent(NamedTuple):
    """The body of a log, Unix seconds; None where there is none.

    first_s: its first event. last_s: its last heartbeat. outlying: events that are far from it, of which far_s is the
    first. pieces: (first, last, heartbeats) of the parts of the body that are far from each other, if any are.
    """

    first_s: int | None
    last_s: int | None
    outlying: int
    far_s: int | None
    pieces: list[tuple[int, int, int]]


def find_extent(days: Iterable[Day], start_s: int | None = None, end_s: int | None = None) -> Extent:
    """The body of the log; of several, the one with the most heartbeats inside the given bounds.

    If its start is given, earlier events of the manager are about older customers, not from a wrong clock.
    """
    days = sorted(days, key=lambda day: day.first_s)
    parts = _parts([day for day in days if day.is_heartbeat])
    if not parts:
        return Extent(days[0].first_s if days else None, None, 0, None, [])
    main = max(parts, key=lambda part: (_meets(part, start_s, end_s), part.events))
    body = [part for part in parts if part is main or not _is_outlying(part, main)]
    first_s, last_s = min(part.first_s for part in body), max(part.last_s for part in body)
    near = [day for day in days if first_s - NEAR_S <= day.last_s and day.first_s <= last_s + NEAR_S]
    others = [day for day in near if not day.is_heartbeat]
    far = [part for part in parts if part not in body]
    others_far = [day for day in days if day not in near and not day.is_heartbeat]
    far += [day for day in others_far if start_s is None or day.last_s >= start_s]
    gaps = [after.first_s - before.last_s for before, after in pairwise(body)]
    return Extent(
        min([first_s, *(max(day.first_s, first_s - NEAR_S) for day in others)]),
        last_s,
        sum(part.events for part in far),
        min((part.first_s for part in far), default=None),
        [(part.first_s, part.last_s, part.events) for part in body] if max(gaps, default=0) > FAR_S else [],
    )


def _parts(days: list[Day]) -> list[Day]:
    """Days in order, joined over short gaps."""
    parts: list[Day] = []
    for day in days:
        if parts and day.first_s - parts[-1].last_s <= NEAR_S:
            parts[-1] = Day(1, parts[-1].events + day.events, parts[-1].first_s, day.last_s)
        else:
            parts.append(day)
    return parts


def _meets(part: Day, start_s: int | None, end_s: int | None) -> bool:
    return (end_s is None or part.first_s < end_s) and (start_s is None or part.last_s >= start_s)


def _is_outlying(part: Day, main: Day) -> bool:
    gap_s = max(part.first_s - main.last_s, main.first_s - part.last_s)
    length_s = main.last_s - main.first_s
    return part.events * FEW <= main.events or (part.events * 2 < main.events and gap_s > max(FAR_S, LONG * length_s))
