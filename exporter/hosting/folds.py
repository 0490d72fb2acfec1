"""The hour that clocks repeat: which of the two a local time means. Pure.

If the order of lines decides (`order`), it holds. Otherwise they are counted: two heartbeats with one text are the two
hours. What is then still in doubt is `unknown`, never down: for a text that occurs once, the other hour.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exporter.hosting.extent import DAY_S
from exporter.hosting.order import Doubtful
from exporter.hosting.parse import Created, Deleted, Event, Heartbeat, Route

IN_DOUBT = -1.0
"""The workload of a heartbeat that may not exist."""
PERHAPS_LATER = -2.0
"""The same for a second hour. The log may have ended before it, so it does not count as observed."""


class Settled(NamedTuple):
    """Rows for the tables of TABLES, in the order of their columns."""

    heartbeats: list[tuple[int, int, float]]
    routes: list[tuple[int, int, int, int]]
    creates: list[tuple[int, str, int]]
    deletes: list[tuple[int, int]]


def settle(doubtful: Iterable[Doubtful], heartbeat_s: int, overload: float) -> Settled:
    """Decide what can be decided, and mark the rest."""
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
        for time_s, loads, doubt in zip(times_s, _hours(copies, overload), (IN_DOUBT, PERHAPS_LATER), strict=True):
            settled.heartbeats.append((server, time_s, max(loads, default=doubt)))
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
    """From the first instant to the last the account's server is unknown; then the last text holds.

    The account exists from the first of its two instants to the last, so that its life includes all possible time.
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
