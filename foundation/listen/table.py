"""All connections of the process: their maximum, which one is closed for another, and which took too long.

One table per event loop. Descriptors are the process's, so all listeners share one limit; each may have a few
connections beyond it, so that clients of a busy server do not block the others.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from foundation.listen.complaints import Complaints
from foundation.listen.connection import Connection, Rank, State
from foundation.listen.limits import max_connections

log = logging.getLogger("foundation.listen")

SWEEP_S = 1.0
"""Time between two checks for connections that took too long."""
GUARANTEED = 8
"""Connections of each listener that are always accepted, whatever the others have."""

OVERDUE = {
    State.HANDSHAKE: "no whole TLS handshake in time",
    State.HEADER: "no whole request header in time",
    State.AUTH: "no token in time",
    State.BODY: "no whole request body or message in time",
    State.ANSWER: "the answer was not read in time",
}
"""The log text of a connection that took too long, by its state; none for an idle one."""


class Connections:
    """The open connections.

    Attributes:
        open: in the order of their coming.
        limit: how many there may be, `GUARANTEED` for each listener aside.
        cut: how many were closed, by the server's address and the reason: `limit` (to admit another) or the state that
            took too long.
        complaints: for the log.
    """

    def __init__(self, limit: int, now_s: Callable[[], float], call_later: Callable[..., asyncio.TimerHandle]) -> None:
        """The clock and the timers are an event loop's."""
        self.open: dict[Connection, None] = {}
        self.limit = limit
        self.by_server: Counter[str] = Counter()
        self.cut: Counter[tuple[str, str]] = Counter()
        self.complaints = Complaints(log, call_later)
        self._now_s, self._call_later = now_s, call_later
        self._sweeper: asyncio.TimerHandle | None = None
        self._silent: deque[tuple[Rank, Connection]] = deque()

    def reserve(self, files: int) -> None:
        """Reserve a number of descriptors for the process, beside those that every program needs."""
        self.limit = max_connections(files)

    def admits(self, where: str) -> bool:
        """Whether one more may connect to the server at `where`, if necessary in place of another."""
        return len(self.open) < self.limit or self.by_server[where] < GUARANTEED or self._oldest() is not None

    def make_room(self) -> None:
        """If there is none for one more, close the connection that is silent longest."""
        if len(self.open) >= self.limit:
            self.evict()

    def evict(self) -> bool:
        """Close the connection that is silent longest. False if there is none."""
        oldest = self._oldest()
        if oldest is not None:
            self.close(oldest, None)
        return oldest is not None

    def add(self, connection: Connection) -> None:
        """A connection was accepted."""
        self.open[connection] = None
        self.by_server[connection.where] += 1
        if self._sweeper is None:
            self._sweeper = self._call_later(SWEEP_S, self._sweep_and_again)

    def remove(self, connection: Connection) -> None:
        """A connection is gone; it may be already."""
        if connection in self.open:
            del self.open[connection]
            self.by_server[connection.where] -= 1

    def close(self, connection: Connection, overdue: State | None) -> None:
        """Close a connection at once: the state that took too long, or None to admit others."""
        connection.cut()
        self.remove(connection)
        self.cut[connection.where, overdue.name.lower() if overdue else "limit"] += 1
        if overdue is not State.IDLE:
            what = OVERDUE[overdue] if overdue else "too many connections; the one silent longest"
            self.complaints.add(f"{connection.where}: {what}: closed", f"from {connection.peer}")

    def sweep(self, now_s: float) -> None:
        """Close those that took too long."""
        for connection in list(self.open):
            state, _, due_s, _ = connection.standing(now_s)
            if now_s >= due_s:
                self.close(connection, state)

    def _sweep_and_again(self) -> None:
        self.sweep(self._now_s())
        self._sweeper = self._call_later(SWEEP_S, self._sweep_and_again) if self.open else None

    def _oldest(self) -> Connection | None:
        """The connection to close for another, if any."""
        now_s = self._now_s()
        if (listed := self._listed(now_s)) is not None:
            return listed
        ranked = [(rank, one) for one in self.open if (rank := one.standing(now_s).rank(now_s)) is not None]
        ranked.sort(key=lambda pair: pair[0])
        self._silent.extend(pair for pair in ranked if not pair[0][0])
        return ranked[0][1] if ranked else None

    def _listed(self, now_s: float) -> Connection | None:
        """The first on the list of the silent, which stays true: those that come or fall silent later are younger."""
        while self._silent:
            rank, connection = self._silent[0]
            if connection in self.open and connection.standing(now_s).rank(now_s) == rank:
                return connection
            self._silent.popleft()
        return None


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _call_later(delay_s: float, act: Callable[..., object], *args: object) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay_s, act, *args)


_tables: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()


def connections() -> Connections:
    """The table of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _tables:
        _tables[loop] = Connections(max_connections(0), _now_s, _call_later)
    return _tables[loop]
