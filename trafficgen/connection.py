"""One HTTP/1.1 connection: a request out, its response in, and the next.

It is the hot path: no Task, no Future and no timer for a request, nothing looked up that can be bound before.
"""

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, cast

from trafficgen.response import MalformedResponseError, ResponseReader, parse_head

if TYPE_CHECKING:
    from trafficgen.pool import Pool

_CACHED_HEAD_BYTES = 4096  # only heads below this are remembered, so that no server can fill our memory


class Connection(asyncio.Protocol):
    """A connection of a pool; at most one request is under way on it."""

    __slots__ = (
        "_pool", "_quick", "_reader", "_transport", "_write", "busy", "closed", "due_ns", "idle_since_ns", "sent_ns",
        "target",
    )  # fmt: skip

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._reader = ResponseReader(head_only=pool.head_only)
        self._quick = not pool.head_only  # nothing of a response is waiting in the reader
        self.busy = False
        self.closed = True  # until it is made
        self.target = 0
        self.due_ns = self.sent_ns = self.idle_since_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the first request that waits."""
        self._transport = cast("asyncio.Transport", transport)
        self._write = self._transport.write
        self.closed = False
        self._pool.joined(self)

    def send(self, due_ns: int, target: int) -> None:
        """Write a request; only an open connection that is not busy may be asked to."""
        pool = self._pool
        self.due_ns, self.target, self.busy = due_ns, target, True
        self.sent_ns = now = monotonic_ns()
        self._write(pool.requests[target])
        pool.in_flight += 1
        pool.meter.sent += 1
        pool.late_ns.append(now - due_ns)

    def data_received(self, data: bytes) -> None:
        """Read a response, whole or a piece of it."""
        if self._quick and self.busy:
            end = data.find(b"\r\n\r\n")
            if 0 < end < _CACHED_HEAD_BYTES:
                try:
                    head = parse_head(data[:end])
                except MalformedResponseError:
                    self._fail("malformed")
                    return
                if head.length is not None and len(data) == end + 4 + head.length:
                    self._answered(head.code, keepalive=head.keepalive)
                    return
        self._read(data)

    def _read(self, data: bytes) -> None:
        """Read a response that is not whole, or more than whole."""
        if not self.busy:
            self.close()  # nothing was asked: a server's farewell (408), or noise
            return
        reader = self._reader
        self._quick = False
        try:
            done = reader.feed(data)
        except MalformedResponseError:
            self._fail("malformed")
            return
        if done:
            assert reader.head is not None
            keepalive = reader.head.keepalive and not reader.surplus  # an answer nobody asked for
            code = reader.head.code
            reader.restart()
            self._quick = not self._pool.head_only
            self._answered(code, keepalive=keepalive)

    def _answered(self, code: int, *, keepalive: bool) -> None:
        pool, now = self._pool, monotonic_ns()
        self.busy = False
        pool.in_flight -= 1
        pool.plan_ns.append(now - self.due_ns)
        pool.send_ns.append(now - self.sent_ns)
        codes = pool.codes[self.target]
        codes[code] = codes.get(code, 0) + 1
        pool.meter.answered += 1
        if keepalive and pool.keepalive and not self.closed:
            self.idle_since_ns = now
            pool.released(self)
        else:
            self.close()

    def _fail(self, reason: str) -> None:
        """Give the request up, and the connection with it."""
        if self.busy:
            self.busy = False
            self._pool.in_flight -= 1
            self._pool.meter.errors[reason] += 1
        self.close(at_once=True)

    def give_up(self, reason: str) -> None:
        """The pool's own verdict on a request under way: `timeout` or `aborted`."""
        self._fail(reason)

    def close(self, *, at_once: bool = False) -> None:
        """Leave the pool and close; `at_once` without waiting for bytes under way."""
        if not self.closed:
            self.closed = True
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()
            self._pool.left(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the stream: also the end of a response that has no length."""
        if self.busy and exc is None and self._reader.ended():
            assert self._reader.head is not None
            self._answered(self._reader.head.code, keepalive=False)
        elif self.busy:
            self._fail("closed" if exc is None else "reset")
        if not self.closed:
            self.closed = True
            self._pool.left(self)
