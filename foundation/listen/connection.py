"""One accepted connection: its state, since when, and its deadline."""

import contextlib
import socket
from asyncio import BaseTransport, Transport
from collections.abc import Callable
from enum import Enum, auto
from math import inf
from typing import NamedTuple, Protocol, TypeAlias, cast

from foundation.listen.limits import Limits

SLOW_S = 5.0
"""A body or an answer that has taken this long may be cut off if others wait for a connection."""


class State(Enum):
    """The state of a connection: what it waits for."""

    HANDSHAKE = auto()
    HEADER = auto()
    AUTH = auto()
    IDLE = auto()  # nothing is owed: between two requests, or a stream of lines
    BODY = auto()
    ANSWER = auto()  # the client, which is to read it
    WORK = auto()  # us


SILENT = frozenset({State.HANDSHAKE, State.HEADER, State.AUTH, State.IDLE})


Rank: TypeAlias = tuple[int, float]
"""Sorts the connections that may be closed to admit another, the first to close first."""


class Standing(NamedTuple):
    """The state of a connection. Times are the event loop's.

    since_s: since when it has been in this state; without a byte for IDLE.
    due_s: when it is closed.
    known: it has authenticated itself, where this is not part of a request.
    """

    state: State
    since_s: float
    due_s: float = inf
    known: bool = False

    def rank(self, now_s: float) -> Rank | None:
        """Its place among those that may be closed to let another in; None if it may not.

        The oldest silent one goes first, whatever it has sent of a header; those that have shown a token go later, and
        last those that send or read slowly.
        """
        if self.state in SILENT:
            return int(self.known), self.since_s
        if self.state is not State.WORK and now_s - self.since_s >= SLOW_S:
            return 2, self.since_s
        return None


class Guarded(Protocol):
    """What a protocol must report about its connection."""

    def standing(self, now_s: float) -> Standing:
        """What the client owes; what it has not read yet is not considered."""


class Connection:
    """One accepted connection. Its protocol calls `made` and `lost`, and `moved` when the client reads on.

    Attributes:
        where: the server's address, for messages.
        peer: the client's.
        came_s: when it was accepted, on the event loop's clock.
        stalled_s: since when more waits for the client to read it than fits into the buffers; inf while none does.
        is_cut: it was closed from this side, at once.
    """

    def __init__(
        self,
        accepted: socket.socket,
        gone: Callable[["Connection"], None],
        *,
        where: str,
        peer: str,
        limits: Limits,
        now_s: float,
    ) -> None:
        """`gone` is called once it is closed, by either side."""
        self.where, self.peer, self.limits, self.came_s = where, peer, limits, now_s
        self.is_cut = False
        self.stalled_s = inf
        self._socket, self._gone = accepted, gone
        self._transport: Transport | None = None
        self._protocol: Guarded | None = None
        self._pending = 0
        self._answer_s = self._moved_s = now_s

    def made(self, transport: BaseTransport, protocol: Guarded) -> None:
        """From now on `protocol` reports for the connection."""
        self._transport, self._protocol = cast("Transport", transport), protocol
        if self.is_cut:
            self._transport.abort()

    def lost(self) -> None:
        """It is closed."""
        self._gone(self)

    @property
    def is_made(self) -> bool:
        """Whether a protocol has taken over, which will call `lost`."""
        return self._protocol is not None

    def stalled(self, now_s: float) -> None:
        """More waits for the client to read it than fits into the buffers."""
        self.stalled_s = now_s

    def moved(self, now_s: float) -> None:
        """The client read, and there is room again."""
        self.stalled_s, self._moved_s = inf, now_s

    def standing(self, now_s: float) -> Standing:
        """The state of the connection."""
        if self._transport is None or self._protocol is None:
            return Standing(State.HANDSHAKE, self.came_s, self.came_s + self.limits.handshake_s)
        pending = self._transport.get_write_buffer_size()
        if not pending:
            self._pending = 0
            return self._protocol.standing(now_s)
        if not self._pending:
            self._answer_s = self._moved_s = now_s
        elif pending < self._pending:
            self._moved_s = now_s
        self._pending = pending
        due_s = min(self._moved_s + self.limits.write_s, self._answer_s + self.limits.answer_s)
        return Standing(State.ANSWER, self._answer_s, due_s)

    def cut(self) -> None:
        """Close it at once."""
        self.is_cut = True
        if self._transport is not None:
            self._transport.abort()
        else:  # in the middle of a handshake, which fails by this
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
