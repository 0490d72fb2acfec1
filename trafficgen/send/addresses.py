"""The addresses of a host: in which order they are tried, and the first that answers (RFC 8305, Happy Eyeballs).

Those that answer take turns, so that each gets its share of the connections; one that failed, or was overtaken, comes
last until the host is looked up again. The race is our own, as libraries give one error for all of its attempts, and
whose fault a failure is depends on each.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, zip_longest
from typing import NamedTuple, TypeAlias, cast

ATTEMPT_DELAY_S = 0.25  # RFC 8305, section 5


class Address(NamedTuple):
    """An address as the system takes it."""

    family: int
    where: tuple[str | bytes | int, ...]  # host, port, and for IPv6 flow and scope

    @property
    def host(self) -> str:
        """As people write it."""
        return str(self.where[0])


class Waiting(asyncio.Protocol):
    """Holds a connection until the race is over.

    A race of sockets would be simpler, but uvloop closes one that it was given twice if its protocol closes it at once.
    """

    def __init__(self) -> None:
        self._received = b""
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold it."""
        self._transport = cast("asyncio.Transport", transport)

    def abort(self) -> None:
        """Nobody wants it."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """A server that speaks first."""
        self._received += data

    def connection_lost(self, _exc: Exception | None) -> None:
        """A server that hangs up at once."""
        self._lost = True

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Let `protocol` have the connection, as if it had been there from the start. Raises ConnectionResetError."""
        if self._lost:
            raise ConnectionResetError(errno.ECONNRESET, "closed at once")
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._received:
            protocol.data_received(self._received)


Connect: TypeAlias = Callable[[Address], Awaitable[Waiting]]


class Addresses:
    """What is known of a host's addresses."""

    def __init__(self) -> None:
        self._good: deque[Address] = deque()
        self._bad: list[Address] = []

    def learn(self, found: Iterable[Address]) -> None:
        """Start again with these, families alternating from that of the first (RFC 8305, section 4)."""
        addresses = list(dict.fromkeys(found))
        first = [address for address in addresses if address.family == addresses[0].family]
        others = [address for address in addresses if address.family != addresses[0].family]
        pairs = chain.from_iterable(zip_longest(first, others))
        self._good, self._bad = deque(address for address in pairs if address is not None), []

    def in_turn(self) -> list[Address]:
        """All, in the order in which the next connection tries them."""
        order = [*self._good, *self._bad]
        self._good.rotate(-1)
        return order

    def worked(self, address: Address) -> None:
        """A connection was made."""
        if address in self._bad:
            self._bad.remove(address)
            self._good.append(address)

    def failed(self, address: Address) -> None:
        """A connection was not made, or another address was faster by far."""
        if address in self._good:
            self._good.remove(address)
            self._bad.append(address)


class Race(NamedTuple):
    """How a race went: `held` is connected to `winner`; both are None if nobody won."""

    held: Waiting | None
    winner: Address | None
    failures: dict[Address, OSError]
    overtaken: list[Address]  # still without an answer when the winner had one


async def race(addresses: Iterable[Address], connect: Connect, *, delay_s: float = ATTEMPT_DELAY_S) -> Race:
    """Connect to the first address that answers; each is tried `delay_s` after the one before, or once that failed."""
    waiting, failures = deque(addresses), dict[Address, OSError]()
    attempts: dict[asyncio.Future[Waiting], Address] = {}
    won: tuple[Waiting, Address] | None = None
    try:
        while won is None and (waiting or attempts):
            if waiting:
                address = waiting.popleft()
                attempts[asyncio.ensure_future(connect(address))] = address
            done, _ = await asyncio.wait(
                attempts, timeout=delay_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                exc = task.exception()
                if isinstance(exc, OSError):
                    failures[attempts.pop(task)] = exc
                elif exc is not None:
                    raise exc
                elif won is None:
                    won = task.result(), attempts.pop(task)
    finally:
        for task in attempts:
            task.cancel()
        for lost in await asyncio.gather(*attempts, return_exceptions=True):
            if not isinstance(lost, BaseException):  # it came a moment too late
                lost.abort()
    made, winner = won or (None, None)
    return Race(made, winner, failures, list(attempts.values()))
