"""One HTTP/1.1 connection: a request out, its response in, and the next.

It is the hot path: no Task, no Future and no timer for a request, nothing looked up that can be bound before.
"""

import asyncio
from collections.abc import Sequence
from os import write
from time import monotonic_ns
from typing import NamedTuple, Protocol, cast

from trafficgen.meter.recorder import Recorder
from trafficgen.send.response import MalformedResponseError, ResponseReader, parse_head

_CACHED_HEAD_BYTES = 4096  # only heads below this are remembered, so that no server can fill our memory


class Returned(NamedTuple):
    """That a request was sent before, and given back by a server that had not looked at it: only over HTTP/2."""

    sent_ns: int  # for the first time
    reason: str


class Line(Protocol):
    """A connection, as its pool sees it."""

    address: str  # of the peer, if it has one
    sent: int  # requests that nobody has counted for the address yet
    idle_since_ns: int

    @property
    def limit(self) -> int:
        """Requests that it takes at once."""

    @property
    def busy(self) -> bool:
        """Whether it takes no further request now."""

    @property
    def closed(self) -> bool:
        """Whether it is gone."""

    def send(self, due_ns: int, number: int, before: Returned | None = None) -> bool:
        """Write a request, to an open connection that is not busy; False if the connection turns out to be gone."""

    def sweep(self, too_old_ns: int, stale_ns: int) -> None:
        """Give up what was sent before `too_old_ns`; close if idle since before `stale_ns`."""

    def end(self, reason: str) -> None:
        """Give up what is under way, and close."""

    def take_received(self) -> int:
        """Bytes received since the last call."""

    def close(self, *, at_once: bool = False) -> None:
        """Leave the pool and close; `at_once` without waiting for bytes under way."""


class Counts(Protocol):
    """Where a connection counts, and what it notifies; lists and counts are written to, not read."""

    keepalive: bool
    late_ns: list[int]  # of each request sent: how long after it was due
    plan_ns: list[int]  # of each request answered or given up: how long after it was due
    send_ns: list[int]  # of each request answered or given up: how long after it was sent
    codes: Sequence[dict[int, int]]  # of each request: answers by status code
    ended: list[int]  # of each of `plan_ns`: the number of the request
    recorder: Recorder | None  # notes each request that ends, if a record is wanted

    def joined(self, connection: Line) -> None:
        """A new connection is ready."""

    def released(self, connection: Line) -> None:
        """A connection is free for the next request."""

    def left(self, connection: Line) -> None:
        """A connection is gone."""

    def gave_up(self, number: int, reason: str) -> None:
        """A request that was sent will not be answered."""


class Owner(Counts, Protocol):
    """What a connection needs of the pool it belongs to."""

    requests: Sequence[bytes]  # by number
    head_only: bool  # answers have no body: the method is HEAD


class Connection(asyncio.Protocol):
    """A connection of a pool; at most one request is under way on it."""

    limit = 1
    __slots__ = (
        "_due_ns",
        "_fd",
        "_number",
        "_pool",
        "_quick",
        "_reader",
        "_received_before",
        "_same_code",
        "_same_head",
        "_same_keepalive",
        "_same_size",
        "_taken",
        "_transport",
        "address",
        "busy",
        "closed",
        "idle_since_ns",
        "received",
        "sent",
        "sent_ns",
    )  # fmt: skip

    def __init__(self, pool: Owner) -> None:
        """`pool`: where it counts, and what it notifies."""
        self._pool = pool
        self._reader = ResponseReader(head_only=pool.head_only)
        self._quick = not pool.head_only  # nothing of a response is waiting in the reader
        self.busy = False
        self.closed = True  # until it is made
        self._number = self._due_ns = self.sent_ns = self.idle_since_ns = 0
        self._same_head, self._same_size = b"", -1  # of the last answer that was whole: most are like the one before
        self._same_code, self._same_keepalive = 0, False
        self.address = ""  # of the peer, if it has one
        self.sent = 0  # requests that nobody has counted for the address yet
        self.received = 0  # bytes
        self._received_before = 0  # of `received`: for the requests before this one
        self._taken = 0  # of `received`: what `take_received` has returned

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the first request that waits."""
        self._transport = cast("asyncio.Transport", transport)
        plain = transport.get_extra_info("ssl_object") is None
        self._fd: int = transport.get_extra_info("socket").fileno() if plain else -1
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.closed = False
        self._pool.joined(self)

    def send(self, due_ns: int, number: int, before: Returned | None = None) -> bool:  # noqa: ARG002, see `Returned`
        """Write a request, to an open connection that is not busy; False if the connection turns out to be gone.

        The bytes go to the socket at once (a transport may queue them), so that `sent` means sent, and its time is
        right. What the socket does not take, and all that is encrypted, goes through the transport.
        """
        pool = self._pool
        request = pool.requests[number]
        now = monotonic_ns()
        if self._fd >= 0:
            try:
                taken = write(self._fd, request)
            except BlockingIOError:
                taken = 0
            except OSError:  # reset or closed by the other side: nothing was sent
                self.close(at_once=True)
                return False
            if taken < len(request):
                self._transport.write(request[taken:])
        else:
            self._transport.write(request)
        self._due_ns, self._number, self.sent_ns, self.busy = due_ns, number, now, True
        self._received_before = self.received
        self.sent += 1
        pool.late_ns.append(now - due_ns)
        return True

    def data_received(self, data: bytes) -> None:
        """Read a response, whole or a piece of it."""
        size = len(data)
        self.received += size
        if self._quick and self.busy:
            if size == self._same_size and data.startswith(self._same_head):
                self._answered(self._same_code, self._same_keepalive)
                return
            end = data.find(b"\r\n\r\n")
            if 0 < end < _CACHED_HEAD_BYTES:
                try:
                    code, length, keepalive = parse_head(data[:end])
                except MalformedResponseError:  # or a head that ended before: the reader has the last word
                    self._read(data)
                    return
                if size == end + 4 + length:
                    self._same_head, self._same_size = data[: end + 4], size
                    self._same_code, self._same_keepalive = code, keepalive
                    self._answered(code, keepalive)
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
        except MalformedResponseError as exc:
            self.give_up(exc.reason)
            return
        if done:
            assert reader.head is not None
            keepalive = reader.head.keepalive and not reader.surplus  # an answer nobody asked for
            code = reader.head.code
            reader.restart()
            self._quick = not self._pool.head_only
            self._answered(code, keepalive)

    def _answered(self, code: int, keepalive: bool) -> None:  # noqa: FBT001, keywords cost time here
        pool, now = self._pool, monotonic_ns()
        self.busy = False
        pool.plan_ns.append(now - self._due_ns)
        pool.ended.append(self._number)
        pool.send_ns.append(now - self.sent_ns)
        codes = pool.codes[self._number]
        codes[code] = codes.get(code, 0) + 1
        if pool.recorder is not None:
            size = self.received - self._received_before
            pool.recorder.answered(self._due_ns, self.sent_ns, now, size, self._number, code)
        if keepalive and pool.keepalive and not self.closed:
            self.idle_since_ns = now
            pool.released(self)
        else:
            self.close()

    def give_up(self, reason: str) -> None:
        """Count the request under way, and the time that it has taken until now; end the connection with it."""
        if self.busy:
            pool, now = self._pool, monotonic_ns()
            self.busy = False
            pool.plan_ns.append(now - self._due_ns)
            pool.send_ns.append(now - self.sent_ns)
            pool.ended.append(self._number)
            if pool.recorder is not None:
                size = self.received - self._received_before
                pool.recorder.failed(reason, self._number, now, due_ns=self._due_ns, sent_ns=self.sent_ns, size=size)
            pool.gave_up(self._number, reason)
        self.close(at_once=True)

    def sweep(self, too_old_ns: int, stale_ns: int) -> None:
        """Give up what was sent before `too_old_ns`; close if idle since before `stale_ns`."""
        if self.busy:
            if self.sent_ns < too_old_ns:
                self.give_up("timeout")
        elif self.idle_since_ns < stale_ns:
            self.close()

    def end(self, reason: str) -> None:
        """Give up what is under way, and close."""
        if self.busy:
            self.give_up(reason)
        else:
            self.close()

    def close(self, *, at_once: bool = False) -> None:
        """Leave the pool and close; `at_once` without waiting for bytes under way."""
        if not self.closed:
            self.closed = True
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()
            self._pool.left(self)

    def take_received(self) -> int:
        """Bytes received since the last call."""
        new, self._taken = self.received - self._taken, self.received
        return new

    def eof_received(self) -> None:
        """The other side sends no more: nothing may be written any more, `connection_lost` follows."""
        if not self.busy:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the stream: also the end of a response that has no length."""
        if self.busy and exc is None and self._reader.ended():
            assert self._reader.head is not None
            self._answered(self._reader.head.code, keepalive=False)
        elif self.busy:
            self.give_up("closed" if exc is None else "reset")
        if not self.closed:
            self.closed = True
            self._pool.left(self)
