"""Syslog messages over connections, by TCP or a local socket.

A connection is not read while the queue is full, so its sender waits in its own socket. A message that its sender never
finished is dropped: half a line may look like a whole one.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
from contextlib import AsyncExitStack
from math import inf
from pathlib import Path
from typing import cast

import msgspec

from exporter.sources.intake import Intake
from exporter.sources.pump import waiting_bytes
from exporter.sources.received import Dropped
from exporter.sources.syslog.frames import Frames, FramingError
from exporter.sources.syslog.localsocket import bind_path
from exporter.sources.syslog.settings import Listen
from foundation.errors import SourceError
from foundation.grammar import Address
from foundation.listen import BACKLOG, Connection, Limits, Standing, State, connections, listen, listen_on

log = logging.getLogger(__name__)

INCOMPLETE = "incomplete"
"""Why a message was dropped: its connection ended before it did."""
FRAMING = "framing"
"""Why a connection was closed: a message did not begin where it must. Later data of it is lost."""

READ_BYTES = 64 << 10


class Streams:
    """The receiver of one address."""

    def __init__(self, settings: Listen, limits: Limits | None = None) -> None:
        """Opens nothing. limits: `body_s` is how long a message may take."""
        self.settings = settings
        idle_s = settings.idle_timeout_s
        self._limits = msgspec.structs.replace(limits or Limits(), idle_s=inf if idle_s is None else idle_s)
        self._endpoint = settings.endpoint()
        self.name = f"syslog {self._endpoint}"
        self.dropped = Dropped(INCOMPLETE, FRAMING)
        self.intake: Intake | None = None
        self.senders: dict[Sender, None] = {}
        self.address: Address | str = ""
        self._stack: AsyncExitStack | None = None

    @property
    def is_open(self) -> bool:
        """Whether senders can connect."""
        return self._stack is not None

    @property
    def files(self) -> int:
        """Descriptors held."""
        return len(self.senders) + self.is_open

    async def open(self, intake: Intake) -> None:
        """Listen. Raises SourceError."""
        self.intake = intake
        intake.when_room(self._go_on)
        async with AsyncExitStack() as stack:
            if self._endpoint.address is None:
                self._listen_at_path(stack)
            else:
                await self._listen_at(self._endpoint.address, stack)
            self._stack = stack.pop_all()

    def _listen_at_path(self, stack: AsyncExitStack) -> None:
        self.address = path = self._endpoint.path
        mode = int(self.settings.mode, 8)
        bound = bind_path(socket.SOCK_STREAM, Path(path), mode=mode, group=self.settings.group)
        stack.callback(bound.close)
        bound.opened.listen(BACKLOG)
        listen_on(self._new_sender, bound.opened, path, stack, limits=self._limits)

    async def _listen_at(self, address: Address, stack: AsyncExitStack) -> None:
        try:
            self.address = await listen(self._new_sender, address, stack, limits=self._limits)
        except SourceError as exc:
            is_taken = isinstance(exc.__cause__, OSError) and exc.__cause__.errno == errno.EADDRINUSE
            raise SourceError(f"{exc}; choose another one" if is_taken else str(exc)) from exc
        if not self._endpoint.is_local:
            log.warning("%s: other machines can reach it and add lines", self.name)

    def _new_sender(self, connection: Connection) -> asyncio.BaseProtocol:
        return Sender(self, connection)

    def came(self, sender: "Sender") -> None:
        """Add a connection; if there are too many, close one that has sent nothing yet, or else this one."""
        self.senders[sender] = None
        if len(self.senders) > self.settings.max_connections:
            silent = next((one for one in self.senders if not one.has_sent), sender)
            del self.senders[silent]  # closing takes a moment
            connections().close(silent.connection, None)

    def put(self, lines: bytes) -> None:
        """Queue the data of one connection; if that is too much, pause all."""
        assert self.intake is not None
        self.intake.put(lines)
        if self.intake.is_full:
            for sender in self.senders:
                sender.pause()

    def _go_on(self) -> None:
        for sender in self.senders:
            sender.resume()

    def look(self) -> None:
        """All is up to date."""

    async def drain(self) -> None:
        """Read the rest of each connection, and close them."""
        for sender in list(self.senders):
            sender.drain()

    async def close(self) -> None:
        """Stop listening."""
        for sender in list(self.senders):
            sender.drain()
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = None


class Sender(asyncio.BufferedProtocol):
    """One connection.

    has_sent: it has sent a whole message.
    """

    def __init__(self, server: Streams, connection: Connection) -> None:
        """`server`: where messages go. `connection`: as the table of connections has it."""
        self.connection = connection
        self.has_sent = False
        self._server = server
        self._frames = Frames(server.settings.message_bytes)
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._heard_s = self._begun_s = connection.came_s
        self._is_paused = self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        self._transport = cast("asyncio.Transport", transport)
        opened = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the end of a local peer is always noticed
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.connection.made(transport, self)
        self._server.came(self)
        if self._server.intake is not None and self._server.intake.is_full:
            self.pause()

    def standing(self, now_s: float) -> Standing:
        """A sender may be silent for any time between two messages, but not inside one."""
        if self._is_paused or self._is_over:
            return Standing(State.WORK, now_s)
        limits = self.connection.limits
        if self._frames.is_inside:
            return Standing(State.BODY, self._begun_s, self._begun_s + limits.body_s)
        return Standing(State.IDLE, self._heard_s, self._heard_s + limits.idle_s, known=self.has_sent)

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002, one size for all
        """Room for what comes."""
        if not self._buffer:
            self._buffer = bytearray(READ_BYTES)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Process the data."""
        data = bytes(memoryview(self._buffer)[:nbytes])
        self._heard_s = asyncio.get_running_loop().time()
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self._is_over:
            return
        was_inside = self._frames.is_inside
        try:
            lines = self._frames.feed(data)
        except FramingError as exc:
            lines = self._frames.take()
            self._end(FRAMING)
            where = self.connection
            connections().complaints.add(f"{where.where}: {exc}: closed", f"from {where.peer}")
        self._add_too_long()
        if lines:
            self.has_sent = True
            self._server.put(lines)
        if lines or not was_inside:
            self._begun_s = self._heard_s
        if not self._frames.is_inside:
            self._buffer = bytearray()  # many may be connected and silent

    def _add_too_long(self) -> None:
        frames, dropped = self._frames, self._server.dropped
        dropped.too_long_lines += frames.too_long
        dropped.too_long_bytes += frames.too_long_bytes
        frames.too_long = frames.too_long_bytes = 0

    def _end(self, reason: str | None) -> None:
        """Ignore further data of it."""
        if self._is_over:
            return
        self._is_over = True
        if reason is not None:
            self._server.dropped.messages[reason] += 1
        if self._transport is not None:
            self._transport.abort()

    def eof_received(self) -> bool:
        """The sender has ended; what it did not finish is dropped."""
        self._end(INCOMPLETE if self._frames.is_inside else None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, what was whole is counted either way
        """Forget the connection."""
        self._end(INCOMPLETE if self._frames.is_inside else None)
        self._server.senders.pop(self, None)
        self.connection.lost()

    def pause(self) -> None:
        """Stop reading."""
        if not self._is_paused and not self._is_over and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Continue reading."""
        if self._is_paused:
            self._is_paused = False
            if not self._is_over and self._transport is not None:
                self._transport.resume_reading()

    def drain(self) -> None:
        """Read the rest from the kernel, and end."""
        if self._is_over or self._transport is None:
            return
        self.pause()
        fd = self._transport.get_extra_info("socket").fileno()
        left = waiting_bytes(fd)
        with contextlib.suppress(BlockingIOError, InterruptedError, OSError):
            while left > 0 and not self._is_over and (data := os.read(fd, min(left, READ_BYTES))):
                left -= len(data)
                self._take(data)
        self._end(INCOMPLETE if self._frames.is_inside else None)
