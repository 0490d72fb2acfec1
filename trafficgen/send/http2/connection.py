"""One HTTP/2 connection of a pool: many requests at once, each with its own times and its own end."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic_ns
from typing import NamedTuple, Protocol, cast

from trafficgen.meter.meter import RETRIED_REASONS
from trafficgen.send.connection import Counts, Returned
from trafficgen.send.http2 import frames
from trafficgen.send.http2.fields import Fields
from trafficgen.send.http2.frames import ErrorCode, Http2Error
from trafficgen.send.http2.protocol import Answered, Client, Failed
from trafficgen.send.pool import Dial, PoolSettings
from trafficgen.send.request import Message
from trafficgen.send.target import NotHttp2Error, Target, tls_words
from trafficgen.targets.capture import MAX_ANSWER_BYTES, Answer, decoded

NO_ALPN = "it does not offer HTTP/2 by ALPN (without --http2, requests go over HTTP/1.1)"


class Ask(NamedTuple):
    """A request under way."""

    due_ns: int
    number: int
    sent_ns: int  # for the first time
    again: bool


class StreamOwner(Counts, Protocol):
    """What a connection of streams needs of the pool it belongs to."""

    requests: Sequence[Message]  # by number
    streams: int  # under way at once, at most

    def keeps(self, number: int) -> bool:
        """Whether the answer to a request is wanted."""

    def answered(self, number: int, code: int, read: Callable[[], Answer | None]) -> None:
        """An answer that is wanted; `read` gives it."""

    def returned(self, due_ns: int, number: int, before: Returned) -> None:
        """A request was sent, and its server says that it has not looked at it."""

    def settled(self) -> None:
        """A request has ended."""


class Link(asyncio.Protocol):
    """A connection with the bytes of its protocol; `ready` once the server's SETTINGS have come."""

    def __init__(self) -> None:
        self.client = Client()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.address = ""
        self._paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the server, unless it has chosen another protocol."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._not_http2(NO_ALPN)
        else:
            self.flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes until the server's SETTINGS have come."""
        if self.ready.done():
            return
        try:
            self.client.receive(data)
        except Http2Error as exc:
            self._not_http2(f"it does not speak HTTP/2, but sent {exc}")
            return
        self.flush()
        if self.client.gone:
            self._refuse(ConnectionAbortedError("it ended the connection (GOAWAY) before the first request"))
        elif self.client.ready:
            self.ready.set_result(None)
            self.begin()

    def begin(self) -> None:
        """The server has agreed."""

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up before its SETTINGS."""
        if not self.ready.done():
            self.ready.set_exception(
                exc if isinstance(exc, OSError) else NotHttp2Error("it closed the connection before HTTP/2's SETTINGS")
            )

    def pause_writing(self) -> None:
        """The transport is full: no more bodies."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on with the bodies."""
        self._paused = False
        self.flush()

    def flush(self) -> None:
        """Write what the protocol has to be written, and of bodies as much as the transport takes."""
        assert self._transport is not None
        client, more = self.client, True
        while more:
            more = not self._paused and client.pump()
            if client.out:
                data = b"".join(client.out)
                client.out.clear()
                self._transport.write(data)

    def give_back(self) -> None:
        """Nobody wants the connection."""
        if self._transport is not None:
            self._transport.abort()

    def leave(self) -> None:
        """Say goodbye and close, unless the server has closed already."""
        assert self._transport is not None
        if self._transport.is_closing():  # uvloop raises on a write then
            return
        self.client.out.append(frames.goaway(ErrorCode.NO_ERROR))
        self.flush()
        self._transport.close()

    def _not_http2(self, words: str) -> None:
        self._refuse(NotHttp2Error(words))

    def _refuse(self, why: OSError) -> None:
        self.ready.set_exception(why)
        self.give_back()


async def dial(make: Dial, factory: Callable[[], Link]) -> Link:
    """A connection that is ready. Raises OSError."""
    made: list[Link] = []

    def noted() -> Link:
        """A new link, kept in `made`."""
        made.append(factory())
        return made[-1]

    try:
        await make(noted)
        await made[-1].ready
    except ssl.SSLError as exc:
        if "no application protocol" in tls_words(exc):
            raise NotHttp2Error(NO_ALPN) from exc
        raise
    except BaseException:
        for link in made:
            link.give_back()
        raise
    return made[-1]


async def probe(target: Target) -> None:
    """Find out whether the target speaks HTTP/2. Raises OSError."""
    (await dial(target.dial, Link)).leave()


def over_http2(settings: PoolSettings) -> PoolSettings:
    """The same pool, with connections of HTTP/2."""

    async def connect(factory: Callable[[], asyncio.Protocol]) -> None:
        """Dial with the settings of the run."""
        await dial(settings.dial, cast("Callable[[], Link]", factory))

    return replace(settings, dial=connect, connection=StreamConnection, streams=settings.limits.streams)


class StreamConnection(Link):
    """A connection of a pool, with as many requests under way as the server and `streams` allow."""

    def __init__(self, pool: StreamOwner) -> None:
        """`pool`: where it counts, and what it notifies."""
        super().__init__()
        self._pool = pool
        self._asks: dict[int, Ask] = {}  # by stream
        self.closed = True  # until it is ready
        self.sent = self.idle_since_ns = 0
        self._received = 0  # bytes that nobody has counted yet
        self._heard_ns = 0  # when the server sent its last bytes
        self._last = False  # takes no further request
        self._silent = False  # so, as nothing has been heard of the server for a long time
        self._listed = False  # among those of the pool that take a request

    @property
    def limit(self) -> int:
        """Requests that it takes at once."""
        return min(self._pool.streams, self.client.max_streams) if self._pool.keepalive else 1

    @property
    def busy(self) -> bool:
        """Whether it takes no further request now."""
        return self._last or self.client.gone or len(self._asks) >= self.limit

    def send(self, due_ns: int, number: int, before: Returned | None = None) -> bool:
        """Write a request; False if the connection takes none."""
        if self.closed or self.busy:
            self._listed = False
            return False
        pool, now = self._pool, monotonic_ns()
        stream_id = self.client.send(pool.requests[number], keep=MAX_ANSWER_BYTES + 1 if pool.keeps(number) else 0)
        self._asks[stream_id] = Ask(due_ns, number, before.sent_ns if before else now, before is not None)
        if not before:
            self.sent += 1
            pool.late_ns.append(now - due_ns)
        self._last = self._last or not pool.keepalive
        self._listed = not self.busy
        self.flush()
        return True

    def data_received(self, data: bytes) -> None:
        """Read answers, and what else the server has to say."""
        self._heard_ns = monotonic_ns()
        self._received += len(data)
        if not self.ready.done():
            super().data_received(data)
            return
        if self.closed:
            return
        try:
            self.client.receive(data)
        except Http2Error as exc:
            self._settle()
            self._break(exc.reason)
            return
        self._settle()
        if not self.closed:
            self.flush()
            self._offer()

    def begin(self) -> None:
        """Take the requests that wait."""
        self.closed = False
        self._listed = not self.busy
        self._pool.joined(self)

    def _settle(self) -> None:
        """Count what has ended."""
        events, self.client.events = self.client.events, []
        for event in events:
            ask = self._asks.pop(event.stream_id)
            if isinstance(event, Answered):
                self._answered(ask, event)
            else:
                self._failed(ask, event)
        if events and not self._asks:
            self.idle_since_ns = self._heard_ns

    def _answered(self, ask: Ask, event: Answered) -> None:
        pool, now, code = self._pool, self._heard_ns, event.code
        pool.plan_ns.append(now - ask.due_ns)
        pool.ended.append(ask.number)
        pool.send_ns.append(now - ask.sent_ns)
        codes = pool.codes[ask.number]
        codes[code] = codes.get(code, 0) + 1
        if pool.recorder is not None:
            pool.recorder.answered(ask.due_ns, ask.sent_ns, now, event.size, ask.number, code)
        if pool.keeps(ask.number):
            pool.answered(ask.number, code, lambda: _answer(event.fields, event.body))

    def _failed(self, ask: Ask, event: Failed) -> None:
        if event.unserved and not ask.again and event.reason in RETRIED_REASONS:
            self._pool.returned(ask.due_ns, ask.number, Returned(ask.sent_ns, event.reason))
        else:
            self._give_up(ask, event.reason, event.size)

    def _give_up(self, ask: Ask, reason: str, size: int) -> None:
        """Count a request that will not be answered, and the time that it has taken until now."""
        pool, now = self._pool, monotonic_ns()
        pool.plan_ns.append(now - ask.due_ns)
        pool.send_ns.append(now - ask.sent_ns)
        pool.ended.append(ask.number)
        if pool.recorder is not None:
            pool.recorder.failed(reason, ask.number, now, due_ns=ask.due_ns, sent_ns=ask.sent_ns, size=size)
        pool.gave_up(ask.number, reason)

    def _offer(self) -> None:
        """Take further requests if there is room; close if there never will be."""
        if (self.client.gone or self._last) and not self._asks:
            self.close(at_once=self._silent)
        elif not self._listed and not self.busy:
            self._listed = True
            self._pool.released(self)
        else:
            self._pool.settled()

    def _break(self, reason: str) -> None:
        """The connection is over, and every request on it with it."""
        self._give_up_all(reason)
        self.close(at_once=True)

    def _give_up_all(self, reason: str) -> None:
        asks, self._asks = self._asks, {}
        for stream_id, ask in asks.items():
            self._give_up(ask, reason, self.client.received(stream_id))

    def sweep(self, too_old_ns: int, stale_ns: int) -> None:
        """Give up what was sent before `too_old_ns`; close if idle since before `stale_ns`."""
        late = [stream_id for stream_id, ask in self._asks.items() if ask.sent_ns < too_old_ns]
        for stream_id in late:
            size = self.client.received(stream_id)
            self.client.cancel(stream_id)
            self._give_up(self._asks.pop(stream_id), "timeout", size)
        if late:
            # a server that was silent all the time may be gone; requests that are under way still have their time
            self._silent = self._silent or self._heard_ns < too_old_ns
            self._last = self._last or self._silent
            self.idle_since_ns = monotonic_ns()
            self.flush()
            self._offer()
        elif not self._asks and self.idle_since_ns < stale_ns:
            self.close()

    def end(self, reason: str) -> None:
        """Give up what is under way, and close."""
        if self._asks:
            self._break(reason)
        else:
            self.close()

    def take_received(self) -> int:
        """Bytes received since the last call."""
        new, self._received = self._received, 0
        return new

    def close(self, *, at_once: bool = False) -> None:
        """Leave the pool and close; `at_once` without waiting for bytes under way."""
        if self.closed:
            return
        self.closed = True
        if at_once or self._paused:
            self.give_back()
        else:
            self.leave()
        self._pool.left(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: what is under way will not be answered."""
        super().connection_lost(exc)
        if not self.closed:
            self.closed = True
            gone = "goaway" if self.client.gone else "closed"
            self._give_up_all(gone if exc is None else "reset")
            self._pool.left(self)


def _answer(fields: Fields, raw: bytes) -> Answer | None:
    """An answer whose values are wanted."""
    headers = tuple((name.decode("utf-8", "replace"), value.decode("utf-8", "replace")) for name, value in fields)
    body = decoded(dict(headers), raw)
    return None if body is None else Answer(headers, body)
