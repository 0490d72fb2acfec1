"""Syslog messages as datagrams, by UDP or a local socket: each is one message.

Messages without room in the kernel are lost, and counted by it. A local socket loses none: there the sender waits or
gets an error.
"""

import asyncio
import errno
import logging
import socket
import struct
import time
from pathlib import Path

from exporter.sources.intake import Intake
from exporter.sources.pump import Pump
from exporter.sources.received import Dropped
from exporter.sources.syslog.frames import one_line
from exporter.sources.syslog.localsocket import LocalSocket, bind_path
from exporter.sources.syslog.settings import Listen
from foundation.errors import SourceError, in_words

log = logging.getLogger(__name__)

KERNEL = "kernel"
"""Why a datagram was dropped: the socket's receive buffer was full."""

_AT_ONCE = 512  # datagrams read between two checks for room in the queue
_DRAIN_S = 1.0  # time limit for reading the rest from the kernel at the end
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")
_DROPS = 8
_WRAP = 1 << 32


class Datagrams:
    """The receiver of one address."""

    def __init__(self, settings: Listen) -> None:
        """Opens nothing."""
        self._settings = settings
        self._endpoint = settings.endpoint()
        self.name = f"syslog {self._endpoint}"
        self.dropped = Dropped(*([KERNEL] if self._endpoint.scheme == "udp" else []))
        self._local: LocalSocket | None = None
        self._socket: socket.socket | None = None
        self._pump: Pump | None = None
        self._kernel_drops = 0
        self._intake: Intake | None = None

    @property
    def is_open(self) -> bool:
        """Whether messages are received."""
        return self._pump is not None and not self._pump.has_failed

    @property
    def files(self) -> int:
        """Descriptors held."""
        return 3 if self._pump is not None else 0

    @property
    def address(self) -> tuple[str, int] | str:
        """What was bound."""
        assert self._socket is not None
        name = self._socket.getsockname()
        return name if isinstance(name, str) else name[:2]

    async def open(self, intake: Intake) -> None:
        """Listen. Raises SourceError."""
        self._intake = intake
        if self._endpoint.address is None:
            self._local = bind_path(
                socket.SOCK_DGRAM,
                Path(self._endpoint.path),
                mode=int(self._settings.mode, 8),
                group=self._settings.group,
            )
            self._socket = self._local.opened
        else:
            self._socket = await self._bind(*self._endpoint.address)
        self._size_buffer(self._socket)
        self._kernel_drops = _drops(self._socket) or 0
        if not self._endpoint.is_local:
            log.warning("%s: other machines can reach it and add lines", self.name)
        self._pump = Pump(self._socket.fileno(), intake, self._read)

    async def _bind(self, host: str, port: int) -> socket.socket:
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, where = infos[0]
            opened = socket.socket(family, kind, protocol)
            try:
                opened.setblocking(False)
                opened.bind(where)
            except BaseException:
                opened.close()
                raise
        except OSError as exc:
            why = "the port is taken; choose another one" if exc.errno == errno.EADDRINUSE else in_words(exc)
            raise SourceError(f"cannot listen on {self._endpoint}: {why}") from exc
        return opened

    def _size_buffer(self, opened: socket.socket) -> None:
        wanted = self._settings.receive_buffer_bytes
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        given = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # it counts its own records of them too
        if given < wanted:
            log.warning(
                "%s: the kernel buffers %d bytes of messages, but %d were requested; allow more with "
                "`sysctl -w net.core.rmem_max=%d`, or ask for less with receive_buffer_bytes",
                *(self.name, given, wanted, wanted),
            )

    def _read(self) -> bool:
        """Read the available messages."""
        assert self._socket is not None
        assert self._intake is not None
        limit = self._settings.message_bytes
        lines: list[bytes] = []
        try:
            for _ in range(_AT_ONCE):
                message = self._socket.recv(limit + 1)
                if len(message) > limit:  # the kernel has discarded the rest
                    self.dropped.too_long_lines += 1
                    self.dropped.too_long_bytes += len(message)
                else:
                    lines.append(one_line(message))
        except (BlockingIOError, InterruptedError):
            pass
        self._intake.put(b"".join(lines))
        return True

    def look(self) -> None:
        """Ask the kernel what it dropped."""
        if self._socket is None or KERNEL not in self.dropped.messages:
            return
        drops = _drops(self._socket)
        if drops is not None:
            self.dropped.messages[KERNEL] += (drops - self._kernel_drops) % _WRAP
            self._kernel_drops = drops

    async def drain(self) -> None:
        """Read the messages in the kernel, for at most a second."""
        if self._pump is None or self._socket is None:
            return
        await asyncio.to_thread(self._pump.stop)
        await asyncio.to_thread(self._read_all)

    def _read_all(self) -> None:
        assert self._socket is not None
        until_s = time.monotonic() + _DRAIN_S
        while time.monotonic() < until_s and _has_more(self._socket):
            self._read()

    async def close(self) -> None:
        """Stop listening."""
        if self._pump is not None:
            await asyncio.to_thread(self._pump.stop)
            self._pump = None
        self.look()
        if self._local is not None:
            self._local.close()
        elif self._socket is not None:
            self._socket.close()
        self._local = self._socket = None


def _drops(opened: socket.socket) -> int | None:
    """Datagrams that the socket had no room for since it was opened, modulo 2**32; None if unknown."""
    try:
        return int(_MEMINFO.unpack(opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_DROPS])
    except (OSError, struct.error):
        return None


def _has_more(opened: socket.socket) -> bool:
    try:
        opened.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    return True
