"""The connections of one worker, and the requests that wait for one.

Connections are made when a request finds none idle, up to a cap; the one used last is used next, so that the others
can be closed when they are no longer needed. A request waits at most `BACKLOG_NS`; then it is dropped, and counted with
the time that it has waited.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any, NamedTuple, TypeAlias

from trafficgen.config import Limits
from trafficgen.meter.meter import Meter
from trafficgen.meter.recorder import Recorder
from trafficgen.send.connection import Connection, Line, Returned
from trafficgen.send.rendered import Cyclic
from trafficgen.send.target import OWN_LIMITS, NotHttp2Error
from trafficgen.targets.capture import Answer

BACKLOG_NS = 1_000_000_000
# Servers close idle connections after 5 s (Node, Apache) to 75 s (nginx, aiohttp). Ours close first: a request written
# to a connection that the server is just closing is lost, and nobody would know whether it was served.
IDLE_NS = 4_000_000_000
MAX_DIALS = 128  # connects under way at once: the accept queue of a default Linux listener takes no more

Dial: TypeAlias = Callable[[Callable[[], asyncio.Protocol]], Awaitable[None]]
"""Makes one connection with the protocol that its argument makes; raises OSError."""


class Waiting(NamedTuple):
    """A request without a connection, since `since_ns`."""

    due_ns: int
    number: int
    since_ns: int
    before: Returned | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """What a pool sends, how, and where it counts."""

    requests: Sequence[Any]  # by number: what the kind of connection writes
    dial: Dial
    limits: Limits
    meter: Meter
    target_numbers: Sequence[int]  # of each kind of request; several may share one
    heads: Sequence[bool]  # of each kind of request, whether it is a HEAD: the answer has a length and no body
    numbered: bool = False  # request numbers continue past the kinds: n x kinds + kind
    keepalive: bool = True
    recorder: Recorder | None = None  # notes each request that ends
    connection: Callable[[Any], asyncio.Protocol] = Connection  # makes one for a pool; each knows which pool it needs
    streams: int = 1  # requests under way on a connection at once, at most


class Pool:
    """Idle connections, busy ones, and requests without one."""

    def __init__(self, settings: PoolSettings) -> None:
        """`settings`: what it sends, how, and where it counts. To be started before the first request."""
        meter = settings.meter
        self.requests, self._meter, self.keepalive = settings.requests, meter, settings.keepalive
        self.streams = self._room = settings.streams  # `_room`: what a new connection is likely to take at once
        self._heads, self._kinds, self._make = settings.heads, len(settings.heads), settings.connection
        self.head_only = all(settings.heads)
        self.late_ns, self.plan_ns, self.send_ns = meter.late_ns, meter.plan_ns, meter.send_ns
        self.ended, self.recorder = meter.ended, settings.recorder
        codes = [meter.codes[number] for number in settings.target_numbers]
        self.codes: Sequence[dict[int, int]] = Cyclic(codes) if settings.numbered else codes
        self.draining = False  # nothing more will be submitted: call `on_quiet` when nothing is under way any more
        self.on_quiet: Callable[[], None] = lambda: None
        self._dial, self._limits, self._closed = settings.dial, settings.limits, False
        self._tasks: asyncio.TaskGroup
        self._dials: set[asyncio.Task[None]] = set()
        self._idle: list[Line] = []  # those that take a request now
        self._all: set[Line] = set()
        self._waiting: deque[Waiting] = deque()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Connects run in `tasks`; none of them ever raises."""
        self._tasks = tasks

    def submit(self, due_ns: int, request: int) -> None:
        """Send a request that is due now, or as soon as a connection is free."""
        if self.streams > 1 and self._is_full():
            self._refuse(due_ns, request)
            return
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed and connection.send(due_ns, request):
                if not connection.busy:
                    idle.append(connection)
                return
        if self._is_full():
            self._refuse(due_ns, request)
            return
        self._waiting.append(Waiting(due_ns, request, due_ns))
        self._dial_more()

    def _is_full(self) -> bool:
        """Whether no more may be in flight."""
        # without streams this is asked when none is idle: then every open connection has a request under way
        sent = len(self._all) if self.streams == 1 else self._meter.in_flight()
        return sent + len(self._waiting) >= self._limits.max_in_flight

    def _refuse(self, due_ns: int, request: int) -> None:
        # the wait that it is refused: 0 would make a distribution better
        self.drop("in_flight", BACKLOG_NS, request, due_ns)

    def make_connection(self) -> asyncio.Protocol:
        """A connection that is still to be made."""
        return self._make(self)

    def is_head(self, number: int) -> bool:
        """Whether a request is a HEAD."""
        return self._heads[number % self._kinds]

    def joined(self, connection: Line) -> None:
        """A new connection is ready."""
        if self._closed:
            connection.close(at_once=True)
            return
        self._meter.connects += 1
        self._all.add(connection)
        connection.idle_since_ns = monotonic_ns()
        self._room = max(1, connection.limit)
        self.released(connection)

    def released(self, connection: Line) -> None:
        """A connection is free for the next request."""
        waiting = self._waiting
        if not waiting and not self.draining and not connection.busy:  # nearly always
            self._idle.append(connection)
            return
        while waiting and not connection.busy:
            due_ns, number, _, before = waiting[0]
            if not connection.send(due_ns, number, before):
                return
            waiting.popleft()
        if not connection.busy:
            self._idle.append(connection)
            self.settled()

    def settled(self) -> None:
        """A request has ended: it may have been the last."""
        if self.draining and self.quiet:
            self.on_quiet()

    def returned(self, due_ns: int, number: int, before: Returned) -> None:
        """A request was sent, and its server says that it has not looked at it: it is sent again, before all others."""
        self._meter.retried[before.reason] += 1
        self._waiting.appendleft(Waiting(due_ns, number, monotonic_ns(), before))
        while self._idle and self._waiting:
            self.released(self._idle.pop())
        self._dial_more()

    def keeps(self, _number: int) -> bool:
        """Whether the answer to a request is wanted."""
        return False

    def answered(self, number: int, code: int, read: Callable[[], Answer | None]) -> None:
        """An answer that is wanted; `read` gives it."""

    def left(self, connection: Line) -> None:
        """A connection is gone."""
        self._all.discard(connection)
        self._count_share(connection)
        self._dial_more()
        self.settled()

    def gave_up(self, number: int, reason: str) -> None:
        """A request that was sent will not be answered."""
        self._meter.give_up(reason, number)

    def drop(self, reason: str, waited_ns: int, number: int, due_ns: int) -> None:
        """A request will not be sent, `waited_ns` after it was due."""
        if self.recorder is not None:
            self.recorder.failed(reason, number, due_ns + waited_ns, due_ns=due_ns)
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
        """Find what took too long: responses, waits for a connection, idleness. Call it a few times per second."""
        too_old = now_ns - round(self._limits.timeout_s * 1e9)
        stale = now_ns - IDLE_NS
        for connection in list(self._all):
            self._count_share(connection)
            connection.sweep(too_old, stale)
        if len(self._idle) > len(self._all):
            self._idle = [c for c in self._idle if not c.closed]
        for _ in range(len(self._waiting)):  # those that came back are before older ones
            if self._waiting[0].since_ns < now_ns - BACKLOG_NS:
                self._drop("no_connection")
            else:
                self._waiting.rotate(-1)
        if self.recorder is not None:
            self.recorder.flush()

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
            connection.end("aborted")

    def _count_share(self, connection: Line) -> None:
        self._meter.received_bytes += connection.take_received()
        if connection.sent and connection.address:
            self._meter.shares.add(connection.address, sent=connection.sent)
        connection.sent = 0

    def _drop(self, reason: str) -> None:
        due_ns, number, _, before = self._waiting.popleft()
        now = monotonic_ns()
        if before is None:
            self.drop(reason, now - due_ns, number, due_ns)
        else:
            self.plan_ns.append(now - due_ns)
            self.send_ns.append(now - before.sent_ns)
            self.ended.append(number)
            if self.recorder is not None:
                self.recorder.failed(before.reason, number, now, due_ns=due_ns, sent_ns=before.sent_ns)
            self.gave_up(number, before.reason)
        self.settled()

    def _dial_more(self) -> None:
        dials = len(self._dials)
        if (
            dials * self._room < len(self._waiting)
            and dials < MAX_DIALS
            and dials + len(self._all) < self._limits.connections
        ):
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
        except NotHttp2Error:
            reason = "connect_not_http2"
        except OSError as exc:  # else: no route, a failed TLS handshake
            reason = OWN_LIMITS.get(exc.errno or 0, "connect_failed")
        finally:
            self._dials.discard(asyncio.current_task())
        if reason and self._waiting:
            self._drop(reason)
        self._dial_more()
