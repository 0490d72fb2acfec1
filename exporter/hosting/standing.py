"""From the ledger to what every account and server has had so far: the report's arithmetic, in arrays, over and over.

A server's downtime so far is a running sum over its minutes; a segment `[a, b)` was down for the difference of two
of its values. All of it is computed anew whenever something changed, so late lines need no special care.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.hosting.parse import MINUTE_S
from exporter.hosting.state import DAY_S, MINUTES_A_DAY, MISSING, OVERLOAD, Ledger, Session

STATES = ("up", "overload", "silent", "unrouted", "unknown")
SERVER_STATES = ("up", "overload", "silent")
Ints = npt.NDArray[np.int64]


class Cycle(NamedTuple):
    """The billing cycle `[start_s, end_s)`, on whole minutes."""

    start_s: int
    end_s: int


class Standing(NamedTuple):
    """How everybody stands at `settled_s`.

    spent: (accounts, STATES) seconds in this cycle. state: (accounts,) index into STATES now, -1 if it does not exist.
    server_spent: (servers, SERVER_STATES). server_state: (servers,) index into SERVER_STATES, -1 before anything.
    """

    settled_s: int
    accounts: list[int]
    names: list[str]
    server_of: list[int | None]
    spent: Ints
    state: Ints
    servers: list[int]
    server_spent: Ints
    server_state: Ints


class Pieces(NamedTuple):
    """An account's life in flat form; ends of what goes on are in the far future."""

    name: str
    lives: list[tuple[int, int]]
    routes: list[tuple[int, int, int]]  # server, start, end


_FAR = 1 << 60


def pieces(sessions: Sequence[Session]) -> Pieces:
    """Flatten an account's sessions."""
    return Pieces(
        sessions[-1].name if sessions else "",
        [(s.created_s, _FAR if s.ended_s is None else s.ended_s) for s in sessions],
        [
            (one.server_id, one.start_s, _FAR if one.end_s is None else one.end_s)
            for session in sessions
            for one in session.segments
        ],
    )


def make_standing(ledger: Ledger, flat: dict[int, Pieces], cycle: Cycle, settled_s: int) -> Standing:
    """Account everything up to `settled_s`.

    Args:
        ledger: the minutes of the servers, and the newest event.
        flat: every account's pieces.
        cycle: the cycle.
        settled_s: on a whole minute; what is accounted ends here, or with the cycle.
    """
    settled_s = max(cycle.start_s, min(settled_s, cycle.end_s))
    known_s = max(settled_s, min(ledger.about.newest_event_s, cycle.end_s))
    accounts = sorted(account for account, one in flat.items() if one.lives)
    lives = _table([(i, *life) for i, account in enumerate(accounts) for life in flat[account].lives], 3)
    routes = _table([(i, *route) for i, account in enumerate(accounts) for route in flat[account].routes], 4)
    spent = np.zeros((len(accounts), len(STATES)), np.int64)
    existing = _overlap(lives[:, 1], lives[:, 2], cycle.start_s, settled_s)
    np.add.at(spent[:, STATES.index("unrouted")], lives[:, 0], existing)
    np.add.at(spent[:, STATES.index("unknown")], lives[:, 0], _overlap(lives[:, 1], lives[:, 2], settled_s, known_s))
    servers = sorted(ledger.minutes)
    server_spent = np.zeros((len(servers), len(SERVER_STATES)), np.int64)
    server_state = np.full(len(servers), -1, np.int64)
    by_server = routes[np.argsort(routes[:, 1], kind="stable")]
    bounds = np.searchsorted(by_server[:, 1], [*servers, _FAR])
    for i, server in enumerate(servers):
        downtime = _Downtime(ledger.minutes[server], cycle.start_s, settled_s)
        server_spent[i], server_state[i] = downtime.totals, downtime.state
        _spend(spent, by_server[bounds[i] : bounds[i + 1]], downtime, cycle.start_s, settled_s)
    state = _states(len(accounts), lives, routes, dict(zip(servers, server_state.tolist(), strict=True)), settled_s)
    last_s = settled_s - 1
    return Standing(
        settled_s=settled_s,
        accounts=accounts,
        names=[flat[account].name for account in accounts],
        server_of=[_server_at(flat[account], last_s) for account in accounts],
        spent=spent,
        state=state,
        servers=servers,
        server_spent=server_spent,
        server_state=server_state,
    )


class _Downtime:
    """One server's running sums of seconds overloaded and silent since the cycle's start."""

    def __init__(self, days: dict[int, bytearray], start_s: int, end_s: int) -> None:
        first, last = start_s // DAY_S, -(-end_s // DAY_S)
        nothing = bytes(MINUTES_A_DAY)
        codes = np.frombuffer(b"".join(days.get(day, nothing) for day in range(first, last)), np.uint8)
        skipped = start_s % DAY_S // MINUTE_S
        codes = codes[skipped : skipped + (end_s - start_s) // MINUTE_S]
        self._start_s = start_s
        self._is = [np.append(codes == code, False) for code in (OVERLOAD, MISSING)]
        self._sums = [np.concatenate(([0], np.cumsum(codes == code, dtype=np.int64))) for code in (OVERLOAD, MISSING)]
        over, silent = (int(sums[-1]) * MINUTE_S for sums in self._sums)
        self.totals = (end_s - start_s - over - silent, over, silent)
        self.state = -1 if not len(codes) else {OVERLOAD: 1, MISSING: 2}.get(int(codes[-1]), 0)

    def between(self, start_s: Ints, end_s: Ints) -> tuple[Ints, Ints]:
        """Seconds overloaded and silent in each `[start_s, end_s)`."""
        over, silent = (self._until(end_s, cause) - self._until(start_s, cause) for cause in (0, 1))
        return over, silent

    def _until(self, time_s: Ints, cause: int) -> Ints:
        minute, second = np.divmod(time_s - self._start_s, MINUTE_S)
        return np.asarray(self._sums[cause][minute] * MINUTE_S + second * self._is[cause][minute])


def _spend(spent: Ints, routes: Ints, downtime: _Downtime, start_s: int, end_s: int) -> None:
    """Move the time of these routes from unrouted to what the server did in it."""
    start, end = np.clip(routes[:, 2], start_s, end_s), np.clip(routes[:, 3], start_s, end_s)
    over, silent = downtime.between(start, end)
    routed = end - start
    for column, seconds in (
        ("unrouted", -routed),
        ("up", routed - over - silent),
        ("overload", over),
        ("silent", silent),
    ):
        np.add.at(spent[:, STATES.index(column)], routes[:, 0], seconds)


def _states(n: int, lives: Ints, routes: Ints, server_state: dict[int, int], settled_s: int) -> Ints:
    """Each account's state in the last settled second."""
    state = np.full(n, -1, np.int64)
    last_s = settled_s - 1
    state[lives[(lives[:, 1] <= last_s) & (last_s < lives[:, 2]), 0]] = STATES.index("unrouted")
    for account, server, _, _ in routes[(routes[:, 2] <= last_s) & (last_s < routes[:, 3])].tolist():
        state[account] = server_state[server]  # the first three STATES are SERVER_STATES
    return state


def _server_at(one: Pieces, time_s: int) -> int | None:
    return next((server for server, start, end in reversed(one.routes) if start <= time_s < end), None)


def _overlap(start: Ints, end: Ints, from_s: int, until_s: int) -> Ints:
    return np.asarray(np.maximum(np.minimum(end, until_s) - np.maximum(start, from_s), 0))


def _table(rows: list[tuple[int, ...]], width: int) -> Ints:
    return np.array(rows, np.int64).reshape(-1, width)
