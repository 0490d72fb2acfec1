"""The connections of one worker, and the requests that wait for one.

Connections are made when a request finds none idle, up to a cap; the one used last is used next, so that the others
can be closed when they are no longer needed. A request waits at most `BACKLOG_NS`; then it is dropped, and counted with
the time that it has waited.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic_ns
from typing import TypeAlias

from trafficgen.config import Limits
from trafficgen.meter.meter import Meter
from trafficgen.send.connection import Connection
from trafficgen.send.rendered import Cyclic
from trafficgen.send.target import OWN_LIMITS

BACKLOG_NS = 1_000_000_000
# Servers close idle connections after 5 s (Node, Apache) to 75 s (nginx, aiohttp). Ours close first: a request written
# to a connection that the server is just closing is lost, and nobody could tell whether it was served.
IDLE_NS = 4_000_000_000
MAX_DIALS = 128  # connects under way at once: the accept queue of a default Linux listener takes no more

Dial: TypeAlias = Callable[[Callable[[], asyncio.Protocol]], Awaitable[None]]
"""Makes one connection with the protocol that its argument makes; raises OSError."""


class Pool:
    """Idle connections, busy ones, and requests without one."""

    def __init__(
        self,
        requests: Sequence[bytes],
        dial: Dial,
        limits: Limits,
        meter: Meter,
        *,
        target_numbers: Sequence[int],
        numbered: bool = False,
        keepalive: bool,
        head_only: bool,
    ) -> None:
        self.requests, self._meter, self.keepalive, self.head_only = requests, meter, keepalive, head_only
        self.late_ns, self.plan_ns, self.send_ns = meter.late_ns, meter.plan_ns, meter.send_ns
        self.ended = meter.ended
        codes = [meter.codes[number] for number in target_numbers]  # of each kind of request; several may share one
        self.codes: Sequence[dict[int, int]] = Cyclic(codes) if numbered else codes
        self.draining = False  # nothing more will be submitted: tell `on_quiet` when nothing is under way any more
        self.on_quiet: Callable[[], None] = lambda: None
        self._dial, self._limits, self._closed = dial, limits, False
        self._tasks: asyncio.TaskGroup
        self._dials: set[asyncio.Task[None]] = set()
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._waiting: deque[tuple[int, int]] = deque()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Connects run in `tasks`; none of them ever raises."""
        self._tasks = tasks

    def submit(self, due_ns: int, request: int) -> None:
        """Send a request that is due now, or as soon as a connection is free."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed and connection.send(due_ns, request):
                return
        # none is idle, so every open connection has a request under way
        if len(self._all) + len(self._waiting) >= self._limits.max_in_flight:
            self.drop(
                "in_flight", BACKLOG_NS, request
            )  # the wait that it is refused: 0 would make a distribution better
            return
        self._waiting.append((due_ns, request))
        self._dial_more()

    def make_connection(self) -> Connection:
        """A connection that is still to be made."""
        return Connection(self)

    def joined(self, connection: Connection) -> None:
        """A new connection is ready."""
        if self._closed:
            connection.close(at_once=True)
            return
        self._meter.connects += 1
        self._all.add(connection)
        connection.idle_since_ns = monotonic_ns()
        self.released(connection)

    def released(self, connection: Connection) -> None:
        """A connection is free for the next request."""
        if not self._waiting:
            self._idle.append(connection)
            if self.draining and self.quiet:
                self.on_quiet()
        elif connection.send(*self._waiting[0]):
            self._waiting.popleft()

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self._all.discard(connection)
        self._count_share(connection)
        self._dial_more()
        if self.draining and self.quiet:
            self.on_quiet()

    def gave_up(self, number: int, reason: str) -> None:
        """A request that was sent will not be answered."""
        self._meter.give_up(reason, number)

    def drop(self, reason: str, waited_ns: int, number: int) -> None:
        """A request will not be sent, `waited_ns` after it was due."""
        self._meter.drop(reason, waited_ns, number)

    @property
    def quiet(self) -> bool:
        """Whether no request is under way or waiting."""
        return not self._waiting and not self._meter.in_flight()

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._all)

    def sweep(self, now_ns: int) -> None:
        """Find what took too long: responses, waits for a connection, idleness. To be called a few times a second."""
        too_old = now_ns - round(self._limits.timeout_s * 1e9)
        stale = now_ns - IDLE_NS
        for connection in list(self._all):
            self._count_share(connection)
            if connection.busy:
                if connection.sent_ns < too_old:
                    connection.give_up("timeout")
            elif connection.idle_since_ns < stale:
                connection.close()
        if len(self._idle) > len(self._all):
            self._idle = [c for c in self._idle if not c.closed]
        while self._waiting and self._waiting[0][0] < now_ns - BACKLOG_NS:
            self._drop("no_connection")

    def drop_waiting(self) -> None:
        """Give up every request that has not been sent."""
        while self._waiting:
            self._drop("stopped")

    def close(self) -> None:
        """Close all connections, now and later ones; what is still under way counts as aborted."""
        self._closed = True
        self.drop_waiting()
        for task in self._dials:
            task.cancel()
        for connection in list(self._all):
            if connection.busy:
                connection.give_up("aborted")
            else:
                connection.close()

    def _count_share(self, connection: Connection) -> None:
        if connection.sent and connection.address:
            self._meter.shares.add(connection.address, sent=connection.sent)
        connection.sent = 0

    def _drop(self, reason: str) -> None:
        due_ns, number = self._waiting.popleft()
        self.drop(reason, monotonic_ns() - due_ns, number)
        if self.draining and self.quiet:
            self.on_quiet()

    def _dial_more(self) -> None:
        dials = len(self._dials)
        if dials < len(self._waiting) and dials < MAX_DIALS and dials + len(self._all) < self._limits.connections:
            task = self._tasks.create_task(self._connect())
            self._dials.add(task)

    async def _connect(self) -> None:
        """Make one connection; a failure costs the request that has waited longest."""
        reason = ""
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s):
                await self._dial(self.make_connection)
        except TimeoutError:
            reason = "connect_timeout"
        except ConnectionRefusedError:
            reason = "connect_refused"
        except OSError as exc:  # else: no route, a failed TLS handshake
            reason = OWN_LIMITS.get(exc.errno or 0, "connect_failed")
        finally:
            self._dials.discard(asyncio.current_task())
        if reason and self._waiting:
            self._drop(reason)
        self._dial_more()
