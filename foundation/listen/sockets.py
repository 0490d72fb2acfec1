"""Listening sockets, and the connections that come from them.

asyncio's own servers accept all connections, and log a traceback and pause for a second each time that no descriptor is
left. Here a connection is accepted if there is room, if necessary in place of the oldest silent one.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

from foundation.errors import SourceError, in_words
from foundation.grammar import Address
from foundation.listen.connection import Connection
from foundation.listen.limits import Limits, highest_file
from foundation.listen.table import connections

Tls: TypeAlias = ssl.SSLContext | Callable[[], ssl.SSLContext | None] | None
"""How connections are encrypted: a context, or a function that returns the current one; None: not at all."""

Protocols: TypeAlias = Callable[[Connection], asyncio.BaseProtocol]
"""Makes the protocol of a new connection, which calls its `made` and `lost`, and is a `Guarded`."""

BACKLOG = 1024
"""Connections that the kernel queues while the process is busy; it may have a lower limit (net.core.somaxconn)."""
AT_ONCE = 1 / 32
"""Share of the limit that one listener accepts before the event loop goes on with others. What a newcomer has sent is
thus read before so many others have come that it is the one silent longest."""
REST_S = 0.05
"""How long no connection is accepted if there is no room."""


async def listen(
    protocols: Protocols,
    address: tuple[str, int],
    stack: AsyncExitStack,
    *,
    ssl_context: Tls = None,
    limits: Limits | None = None,
) -> Address:
    """Accept connections, each handled by one of `protocols`, until the stack is left.

    Returns:
        The address that was bound; its port matters where 0 was asked for.

    Raises:
        SourceError: the address cannot be listened on.
    """
    sockets = await _bind(Address(*address), stack)
    bound = Address(*sockets[0].getsockname()[:2])
    _start(_Listener(protocols, str(bound), ssl_context, limits or Limits()), sockets, stack)
    return bound


def listen_on(
    protocols: Protocols,
    listening: socket.socket,
    where: str,
    stack: AsyncExitStack,
    *,
    ssl_context: Tls = None,
    limits: Limits | None = None,
) -> None:
    """Accept connections of a socket that listens already, such as one at a path, until the stack is left.

    Args:
        protocols: make the protocol of a new connection.
        listening: does not block; the caller that made it closes it.
        where: what the server is called in metrics and messages.
        stack: ends it.
        ssl_context: where connections are encrypted.
        limits: how long the clients may take.
    """
    _start(_Listener(protocols, where, ssl_context, limits or Limits()), [listening], stack)


def _start(listener: "_Listener", sockets: list[socket.socket], stack: AsyncExitStack) -> None:
    stack.callback(listener.close)
    for each in sockets:
        listener.start(each)


class _Listener:
    """Accepts the connections of one address, which may be several sockets (a name with IPv4 and IPv6 addresses)."""

    def __init__(self, protocols: Protocols, where: str, tls: Tls, limits: Limits) -> None:
        self._protocols, self._where, self._tls, self._limits = protocols, where, tls, limits
        self._table = connections()
        self._highest_file = highest_file()
        self._loop = asyncio.get_running_loop()
        self._sockets: list[socket.socket] = []
        self._resting: dict[socket.socket, asyncio.TimerHandle] = {}
        self._connecting: set[asyncio.Task[None]] = set()

    def start(self, listening: socket.socket) -> None:
        """Accept the connections of a socket."""
        self._sockets.append(listening)
        self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Stop accepting; open connections stay open."""
        for listening in self._sockets:
            self._loop.remove_reader(listening)
        for timer in self._resting.values():
            timer.cancel()
        for task in self._connecting:
            task.cancel()
        self._table.complaints.close()

    def _accept(self, listening: socket.socket) -> None:
        """Accept the waiting connections."""
        for _ in range(max(1, int(self._table.limit * AT_ONCE))):
            if not self._table.admits(self._where):
                self._rest(listening, "too many connections, all of them in use")
                return
            try:
                accepted, peer = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:  # it has gone already
                continue
            except OSError as exc:  # no descriptor or no memory left, as a rule
                self._table.evict()
                self._rest(listening, in_words(exc))
                return
            if accepted.fileno() >= self._highest_file and not self._table.evict():
                accepted.close()
                self._rest(listening, "the process has opened nearly all the files that it may")
                return
            self._table.make_room()
            self._begin(accepted, _shown(peer))

    def _rest(self, listening: socket.socket, why: str) -> None:
        """Accept nothing for a moment. Waiting connections stay in the kernel."""
        self._table.complaints.add(f"{self._where}: new connections wait: {why}", f"trying again after {REST_S:g} s")
        self._loop.remove_reader(listening)
        self._resting[listening] = self._loop.call_later(REST_S, self._go_on, listening)

    def _go_on(self, listening: socket.socket) -> None:
        del self._resting[listening]
        self._loop.add_reader(listening, self._accept, listening)

    def _begin(self, accepted: socket.socket, peer: str) -> None:
        accepted.setblocking(False)
        connection = Connection(
            accepted, self._table.remove, where=self._where, peer=peer, limits=self._limits, now_s=self._loop.time()
        )
        self._table.add(connection)
        task = self._loop.create_task(self._connect(connection, accepted))
        self._connecting.add(task)
        task.add_done_callback(lambda done: self._connected(done, connection, accepted))

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        """Up to where the protocol takes over, the TLS handshake included."""
        try:
            context = self._tls() if callable(self._tls) else self._tls
            await self._loop.connect_accepted_socket(
                lambda: self._protocols(connection),
                accepted,
                ssl=context,
                ssl_handshake_timeout=2 * self._limits.handshake_s if context else None,  # it is cut before
            )
        except OSError as exc:  # ssl.SSLError is one
            if not connection.is_cut:
                why = exc.reason if isinstance(exc, ssl.SSLError) else in_words(exc)
                self._table.complaints.add(
                    f"{self._where}: TLS handshake failed: closed", f"from {connection.peer}: {why}"
                )

    def _connected(self, task: asyncio.Task[None], connection: Connection, accepted: socket.socket) -> None:
        self._connecting.discard(task)
        if not connection.is_made:
            self._table.remove(connection)
            accepted.close()


async def _bind(address: Address, stack: AsyncExitStack) -> list[socket.socket]:
    """Sockets that listen at every address that the name has; an empty name means all addresses. Raises SourceError."""
    loop, sockets = asyncio.get_running_loop(), []
    host, port = address
    try:
        infos = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, where in dict.fromkeys(infos):
            try:
                each = socket.socket(family, kind, protocol)
            except OSError:  # the machine has no IPv6, say
                continue
            stack.callback(each.close)
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
            each.bind((where[0], port, *where[2:]))
            each.listen(BACKLOG)
            port = each.getsockname()[1]
            sockets.append(each)
    except OSError as exc:
        why = "the port is taken" if exc.errno == errno.EADDRINUSE else in_words(exc)
        raise SourceError(f"cannot listen on {address}: {why}") from exc
    if not sockets:
        raise SourceError(f"cannot listen on {address}: no such kind of address on this machine")
    return sockets


def _shown(peer: object) -> str:
    """The client's host."""
    return str(peer[0]) if isinstance(peer, tuple) else "a local client"
