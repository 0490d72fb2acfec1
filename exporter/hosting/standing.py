"""From the ledger to the state of every account and server so far: the report's arithmetic, with arrays, repeatedly.

A server's downtime so far is a running sum over its minutes; a segment `[a, b)` was down for the difference of two
of its values. All of it is calculated again whenever something changed, so late lines need no special treatment.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.hosting.contract import Contract
from exporter.hosting.cycle import Outage
from exporter.hosting.excused import SERVER_STATES, STATES, Ints, accounted, exclude_accounts, exclude_servers
from exporter.hosting.extent import DAY_S
from exporter.hosting.lives import FAR, Pieces
from exporter.hosting.nights import DOUBT, MINUTES_A_DAY, MISSING, OVERLOAD
from exporter.hosting.parse import MINUTE_S
from exporter.hosting.state import Ledger
from exporter.hosting.terms import Verdict
from exporter.hosting.window import Window

DOWN = ("overload", "silent")
_CAUSES = {"overload": OVERLOAD, "silent": MISSING, "unknown": DOUBT}
"""The states of a server's minute other than up, by the ledger's byte."""


class Cycle(NamedTuple):
    """The billing cycle `[start_s, end_s)`, on whole minutes."""

    start_s: int
    end_s: int


class Standing(NamedTuple):
    """The state of all accounts and servers at `settled_s`.

    spent: (accounts, STATES) seconds in this cycle. state: (accounts,) index into STATES now, -1 if it does not exist.
    known: (accounts,) whether anything is known of it in this cycle. verdicts: by what was promised to it.
    server_spent: (servers, SERVER_STATES). server_state: (servers,) index into SERVER_STATES, -1 before anything.
    """

    settled_s: int
    accounts: list[int]
    names: list[str]
    server_of: list[int | None]
    spent: Ints
    state: Ints
    known: npt.NDArray[np.bool_]
    verdicts: list[Verdict]
    servers: list[int]
    server_spent: Ints
    server_state: Ints


def make_standing(
    ledger: Ledger, flat: Mapping[int, Pieces], cycle: Cycle, settled_s: int, contract: Contract
) -> Standing:
    """Calculate everything up to `settled_s`.

    Args:
        ledger: the minutes of the servers, and how far the log reaches.
        flat: every account's pieces.
        cycle: the cycle.
        settled_s: on a whole minute; the calculation ends here, or with the cycle.
        contract: the promises, and the announced maintenance.
    """
    window = _window(ledger, cycle, settled_s)
    accounts = sorted(account for account, one in flat.items() if one.lives)
    lives = _table([(i, *life) for i, account in enumerate(accounts) for life in flat[account].lives], 4)
    routes = _table([(i, *route) for i, account in enumerate(accounts) for route in flat[account].routes], 6)
    spent = _unrouted(len(accounts), lives, window)
    servers = {server: _Downtime(days, window) for server, days in sorted(ledger.judged_minutes().items())}
    _spend_routed(spent, routes, servers, window)
    server_spent = np.array([one.spent for one in servers.values()], np.int64).reshape(-1, len(SERVER_STATES))
    server_state = [one.state for one in servers.values()]
    state = _states(len(accounts), lives, routes, dict(zip(servers, server_state, strict=True)), window.observed_s)
    known = spent.sum(axis=1) > spent[:, STATES.index("unknown")]
    last_s = window.observed_s - 1
    server_of = [_server_at(flat[account], last_s) for account in accounts]
    if contract.maintenance.all_windows():
        outages = [outage for server, downtime in servers.items() for outage in downtime.outages(server)]
        found = accounted(accounts, flat, outages, window)
        exclude_accounts(spent, accounts, found, contract.maintenance)
        exclude_servers(server_spent, list(servers), found, contract.maintenance)
        now = contract.maintenance.at(last_s)
        covered = [bool(now.windows(*one)) for one in zip(server_of, accounts, strict=True)]
        state[np.array(covered, bool) & (state >= 0)] = STATES.index("maintenance")
        at = SERVER_STATES.index("maintenance")
        server_state = [at if now.windows(server) else was for server, was in zip(servers, server_state, strict=True)]
    return Standing(
        settled_s=window.observed_s,
        accounts=accounts,
        names=[flat[account].name for account in accounts],
        server_of=server_of,
        spent=spent,
        state=state,
        known=known,
        verdicts=_verdicts(accounts, spent, cycle, contract),
        servers=list(servers),
        server_spent=server_spent,
        server_state=np.array(server_state, np.int64),
    )


def _spend_routed(spent: Ints, routes: Ints, servers: Mapping[int, "_Downtime"], window: Window) -> None:
    """Account what was routed: to a server that is known, or in doubt."""
    in_doubt = routes[:, 5] == 1
    _spend_in_doubt(spent, routes[in_doubt], window)
    known_routes = routes[~in_doubt]
    by_server = known_routes[np.argsort(known_routes[:, 1], kind="stable")]
    bounds = np.searchsorted(by_server[:, 1], [*servers, FAR])
    for i, downtime in enumerate(servers.values()):
        _spend(spent, by_server[bounds[i] : bounds[i + 1]], downtime, window)


def _verdicts(accounts: list[int], spent: Ints, cycle: Cycle, contract: Contract) -> list[Verdict]:
    """Each account's downtime, judged by what was promised to it."""
    down = spent[:, [STATES.index(cause) for cause in DOWN]].sum(axis=1).tolist()
    cycle_s = cycle.end_s - cycle.start_s
    return [contract.plans.of(account).judge(down_s, cycle_s) for account, down_s in zip(accounts, down, strict=True)]


def _window(ledger: Ledger, cycle: Cycle, settled_s: int) -> Window:
    """The part of the cycle to calculate, as in a report of the log so far."""
    about = ledger.about
    settled_s = max(cycle.start_s, min(settled_s, cycle.end_s))
    first_s = ledger.extent(*cycle).first_s
    first_s = cycle.start_s if first_s is None else first_s - first_s % about.heartbeat_s
    return Window(
        cycle.start_s,
        max(settled_s, min(about.newest_event_s, cycle.end_s)),
        settled_s,
        1,
        since_s=min(settled_s, max(cycle.start_s, first_s)),
        heartbeat_s=about.heartbeat_s,
        overload=about.overload,
    )


def _unrouted(n: int, lives: Ints, window: Window) -> Ints:
    """All accounts' seconds as if they had never had a server: unrouted where they are known, else unknown."""
    spent = np.zeros((n, len(STATES)), np.int64)
    known = _overlap(np.maximum(lives[:, 1], lives[:, 3]), lives[:, 2], window.since_s, window.observed_s)
    lived = _overlap(lives[:, 1], lives[:, 2], window.start_s, window.end_s)
    np.add.at(spent[:, STATES.index("unrouted")], lives[:, 0], known)
    np.add.at(spent[:, STATES.index("unknown")], lives[:, 0], lived - known)
    return spent


class _Downtime:
    """One server's running sums of seconds overloaded, silent and in doubt since the cycle's start."""

    def __init__(self, days: Mapping[int, bytes | bytearray], window: Window) -> None:
        start_s, end_s = window.start_s, window.observed_s
        first, last = start_s // DAY_S, -(-end_s // DAY_S)
        nothing = bytes(MINUTES_A_DAY)
        codes = np.frombuffer(b"".join(days.get(day, nothing) for day in range(first, last)), np.uint8)
        skipped = start_s % DAY_S // MINUTE_S
        codes = codes[skipped : skipped + (end_s - start_s) // MINUTE_S]
        self._window = window
        self._is = [np.append(codes == code, False) for code in _CAUSES.values()]
        self._sums = [np.concatenate(([0], np.cumsum(codes == code, dtype=np.int64))) for code in _CAUSES.values()]
        over, silent, doubt = (int(s[0]) for s in self.between(np.array([window.since_s]), np.array([end_s])))
        observed = end_s - window.since_s
        self.spent = (observed - over - silent - doubt, over, silent, doubt + window.since_s - start_s, 0)
        self.state = -1 if observed <= 0 else {OVERLOAD: 1, MISSING: 2, DOUBT: 3}.get(int(codes[-1]), 0)

    def between(self, start_s: Ints, end_s: Ints) -> tuple[Ints, Ints, Ints]:
        """Seconds overloaded, silent and in doubt in each `[start_s, end_s)`."""
        over, silent, doubt = (self._until(end_s, cause) - self._until(start_s, cause) for cause in range(len(_CAUSES)))
        return over, silent, doubt

    def _until(self, time_s: Ints, cause: int) -> Ints:
        minute, second = np.divmod(time_s - self._window.start_s, MINUTE_S)
        return np.asarray(self._sums[cause][minute] * MINUTE_S + second * self._is[cause][minute])

    def outages(self, server: int) -> list[Outage]:
        """When it was down, or in doubt."""
        window, found = self._window, list[Outage]()
        for cause, is_so in zip(_CAUSES, self._is, strict=True):
            edges = np.flatnonzero(np.diff(np.concatenate(([False], is_so)).astype(np.int8)))
            times = (edges * MINUTE_S + window.start_s).reshape(-1, 2).tolist()
            found += [
                Outage(server, max(start, window.since_s), end, cause) for start, end in times if end > window.since_s
            ]
        return found


def _spend(spent: Ints, routes: Ints, downtime: _Downtime, window: Window) -> None:
    """Move the time of these routes from unrouted to what the server did in it."""
    start, end = (np.clip(routes[:, column], window.since_s, window.observed_s) for column in (2, 3))
    over, silent, doubt = downtime.between(start, end)
    routed = end - start
    for column, seconds in (
        ("unrouted", -routed),
        ("up", routed - over - silent - doubt),
        ("overload", over),
        ("silent", silent),
        ("unknown", doubt),
    ):
        np.add.at(spent[:, STATES.index(column)], routes[:, 0], seconds)


def _spend_in_doubt(spent: Ints, routes: Ints, window: Window) -> None:
    """Move the time with an unknown server from unrouted to unknown."""
    seconds = _overlap(routes[:, 2], routes[:, 3], window.since_s, window.observed_s)
    np.add.at(spent[:, STATES.index("unrouted")], routes[:, 0], -seconds)
    np.add.at(spent[:, STATES.index("unknown")], routes[:, 0], seconds)


def _states(n: int, lives: Ints, routes: Ints, server_state: Mapping[int, int], settled_s: int) -> Ints:
    """Each account's state in the last settled second."""
    state = np.full(n, -1, np.int64)
    last_s = settled_s - 1
    existing = lives[(lives[:, 1] <= last_s) & (last_s < lives[:, 2])]
    state[existing[:, 0]] = np.where(existing[:, 3] <= last_s, STATES.index("unrouted"), STATES.index("unknown"))
    for account, server, _, _, _, doubt in routes[(routes[:, 2] <= last_s) & (last_s < routes[:, 3])].tolist():
        at = -1 if doubt == 1 else server_state[server]
        state[account] = STATES.index("unknown" if at < 0 else SERVER_STATES[at])
    return state


def _server_at(one: Pieces, time_s: int) -> int | None:
    now = (route for route in one.routes if route.start_s <= time_s < route.end_s and route.doubt != 1)
    return next((route.server_id for route in now), None)


def _overlap(start: Ints, end: Ints, from_s: int, until_s: int) -> Ints:
    return np.asarray(np.maximum(np.minimum(end, until_s) - np.maximum(start, from_s), 0))


def _table(rows: Sequence[tuple[int, ...]], width: int) -> Ints:
    return np.array(rows, np.int64).reshape(-1, width)
