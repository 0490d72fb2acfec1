"""Records over TCP: lines, read from all connections in turn.

A connection is read again only after its data has been counted, so a sender that is too fast waits in its own socket,
and many senders together block the event loop no longer than one does. The acknowledgement is one line of JSON at the
end: once the sender has ended its side or sent the line `END`, or the exporter stops, and all that was counted is on
disk.
"""

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from exporter.keeper import Ended
from exporter.releases.parse import LineSplitter, is_header
from foundation.errors import StoreError
from foundation.listen import Connection, Standing, State

READ_BYTES = 64 << 10
"""Size of one read from a connection: the maximum that one may have waiting here."""
PIECE_LINES = 1000
"""Lines counted at a time, in a few milliseconds even if each is bad in another way."""
END = b"END"
"""The line that ends a connection's records if the sender cannot close its side alone, as with TLS."""
LINGER_S = 1.0
"""How long a sender may take to read its acknowledgement after the connection is closed here."""


class Sink(Protocol):
    """The receiver of lines."""

    def take_lines(self, lines: list[bytes]) -> tuple[int, int]:
        """Count lines; (taken, late). Bad ones are counted by reason."""

    async def room(self, records: int) -> None:
        """Wait, after this number of records, until more may come."""

    async def synced(self) -> None:
        """Wait until all counted records are safe from a power cut. Raises StoreError, Ended if they never will be."""


class Receipt(msgspec.Struct):
    """The result of one connection's lines, without blank ones and a header. Names are those of HTTP's answer."""

    taken: int = 0
    late: int = 0
    refused_count: int = 0


class LineServer:
    """Receives lines from many connections, one after the other. With a token set, each begins with `AUTH <token>`.

    connections: those that are open.
    """

    def __init__(self, sink: Sink, token: str | None, needs_user: Callable[[], bool] = lambda: False) -> None:
        """`needs_user`: whether senders must be users of the web configuration, which lines cannot show."""
        self._sink = sink
        self._token = token
        self._needs_user = needs_user
        self._came: asyncio.Queue[tuple[LineProtocol, bytes | None]] = asyncio.Queue()
        """At most one piece of each connection, and its end."""
        self.connections: set[LineProtocol] = set()

    @property
    def needs_token(self) -> bool:
        """Whether each connection must begin with the token."""
        return self._token is not None

    def protocol(self, connection: Connection) -> asyncio.BaseProtocol:
        """The handler of a new connection."""
        return LineProtocol(self, connection)

    def came(self, connection: "LineProtocol", data: bytes | None) -> None:
        """A connection sent `data`, or ended its side: None. It is not read again before its turn."""
        self._came.put_nowait((connection, data))

    async def run(self) -> None:
        """Count the data of connections, in turn, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                connection, data = await self._came.get()
                taken = await self._take_in_pieces(connection, data)
                if data is None or connection.ended:
                    group.create_task(self._acknowledge(connection))
                else:
                    await self._sink.room(taken)
                    connection.resume()

    async def drain(self, within_s: float) -> None:
        """Stop reading, count the rest, acknowledge it, close. Only after `run` has been cancelled."""
        for connection in self.connections:
            connection.pause()
        while not self._came.empty():
            connection, data = self._came.get_nowait()
            self._count(connection, self._lines(connection, data))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*map(self._acknowledge, list(self.connections))), within_s)
        for connection in list(self.connections):
            connection.abort()

    async def _take_in_pieces(self, connection: "LineProtocol", data: bytes | None) -> int:
        """Count data, with the event loop free in between: bad lines take many times as long as good ones."""
        lines = self._lines(connection, data)
        at = 0
        try:
            for at in range(0, len(lines), PIECE_LINES):
                if at:
                    await asyncio.sleep(0)
                self._count(connection, lines[at : at + PIECE_LINES])
        except asyncio.CancelledError:
            self._count(connection, lines[at:])
            raise
        return len(lines)

    def _lines(self, connection: "LineProtocol", data: bytes | None) -> list[bytes]:
        """The lines to count in the data."""
        lines = connection.lines(data)
        if self._token is None and self._needs_user():
            connection.close()
            return []
        if self._token is not None and lines and not connection.known:
            scheme, _, given = lines.pop(0).partition(b" ")
            if scheme != b"AUTH" or not hmac.compare_digest(given.strip(), self._token.encode()):
                connection.close()
                return []
            connection.known = connection.fresh = True
        if connection.fresh and lines:
            connection.fresh = False
            if is_header(lines[0]):
                del lines[0]
        if END in lines:
            del lines[lines.index(END) :]
            connection.ended = True
        return lines

    def _count(self, connection: "LineProtocol", lines: list[bytes]) -> None:
        taken, late = self._sink.take_lines(lines)
        connection.receipt.taken += taken
        connection.receipt.late += late
        connection.receipt.refused_count += len(lines) - taken - late

    async def _acknowledge(self, connection: "LineProtocol") -> None:
        """Report the counts, once they are on disk; never, while nothing can be written or when they are lost."""
        while not connection.gone.is_set():
            try:
                await self._sink.synced()
            except Ended:
                connection.abort()
                return
            except StoreError:
                continue  # it is tried again in a second
            connection.finish(msgspec.json.encode(connection.receipt) + b"\n")
            try:
                await asyncio.wait_for(connection.gone.wait(), LINGER_S)
            except TimeoutError:
                connection.abort()
            return


class LineProtocol(asyncio.BufferedProtocol):
    """One connection: its data is passed on, and reading pauses until it is resumed."""

    def __init__(self, server: LineServer, connection: Connection) -> None:
        """`server`: where lines go. `connection`: as the table of connections has it."""
        self._server = server
        self._connection = connection
        self._heard_s = connection.came_s
        self._waits_for_us = False
        self._splitter = LineSplitter()
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.ended = self._finished = False
        self.known = self.fresh = False  # it has shown the token; and sent no line since
        self.receipt = Receipt()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is equivalent, but not a subclass
        self._server.connections.add(self)
        opened = transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # or a dead machine's would stay for ever
        self._connection.made(transport, self)

    def standing(self, now_s: float) -> Standing:
        """A sender may be silent for any time, once it has shown the token."""
        if self._waits_for_us or self._finished or self.ended:
            return Standing(State.WORK, now_s)
        if self._server.needs_token and not self.known:
            came_s = self._connection.came_s
            return Standing(State.AUTH, came_s, came_s + self._connection.limits.auth_s)
        return Standing(State.IDLE, self._heard_s, known=self.known)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002, one size for all
        """The buffer for the next data."""
        self._buffer = bytearray(READ_BYTES)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on the data."""
        if self._finished:
            return
        self._heard_s = asyncio.get_running_loop().time()
        self.pause()
        self._server.came(self, bytes(memoryview(self._buffer)[:nbytes]))

    def eof_received(self) -> bool:
        """The sender closed its side; ours stays open for the acknowledgement, except with TLS, which closes both."""
        self.ended = True
        if not self._finished:
            self._server.came(self, None)
        elif self._transport is not None:
            self._transport.close()
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, what was read is counted either way
        """Remove the connection."""
        self._server.connections.discard(self)
        self._connection.lost()
        self.gone.set()

    def lines(self, data: bytes | None) -> list[bytes]:
        """The lines that `data` completes; for None, a last one without an end."""
        return self._splitter.end() if data is None else self._splitter.feed(data)

    def pause(self) -> None:
        """Stop reading."""
        self._waits_for_us = True
        self._if_open(lambda transport: transport.pause_reading())

    def resume(self) -> None:
        """Continue reading."""
        self._waits_for_us = False
        self._if_open(lambda transport: transport.resume_reading())

    def finish(self, last_words: bytes) -> None:
        """Send this and nothing more; further data is discarded, so that the sender can read."""
        if self._finished:
            return
        self._finished = True

        def end(transport: asyncio.Transport) -> None:
            """Send the last answer and close the sending side; close if the peer has ended."""
            transport.write(last_words)
            if self.ended or not transport.can_write_eof():
                transport.close()
            else:
                with contextlib.suppress(OSError):  # it is closed, and the loop has not noticed yet
                    transport.write_eof()
                transport.resume_reading()

        self._if_open(end)

    def close(self) -> None:
        """End the connection."""
        self._if_open(lambda transport: transport.close())

    def abort(self) -> None:
        """End the connection at once."""
        self._if_open(lambda transport: transport.abort())

    def _if_open(self, act: Callable[[asyncio.Transport], None]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            act(self._transport)
