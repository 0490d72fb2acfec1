"""A limit of concurrent answers, which clients that do not read cannot exhaust."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from foundation.listen.connection import Connection, State
from foundation.listen.http import HttpProtocol
from foundation.listen.table import connections

STALL_S = 1.0
"""How long an answer must have waited for its client before others may have its slot."""
WAIT_S = 5.0
"""How long a request waits for a slot."""
_LOOK_S = 0.25


class BusyError(Exception):
    """No slot became free in time."""


class Slots:
    """A maximum number of answers at a time; 0 means no limit."""

    def __init__(self, most: int) -> None:
        """`most`: answers at a time; 0 for no limit."""
        self._most = most
        self._taken: dict[int, Connection | None] = {}
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def slot(self, request: web.Request) -> AsyncIterator[None]:
        """Hold a slot. Raises BusyError."""
        if self._most and len(self._taken) >= self._most:
            await self._wait()
        self._taken[id(request)] = _connection(request)
        try:
            yield
        finally:
            del self._taken[id(request)]
            self._freed.set()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        give_up_s = loop.time() + WAIT_S
        while len(self._taken) >= self._most:
            if loop.time() >= give_up_s:
                raise BusyError
            self._cut_stalled(loop.time())
            self._freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), _LOOK_S)

    def _cut_stalled(self, now_s: float) -> None:
        """Close the connection whose answer has waited longest for its client, if it has waited long enough."""
        stalled = [one for one in self._taken.values() if one is not None and now_s - one.stalled_s >= STALL_S]
        if stalled:
            connections().close(min(stalled, key=lambda one: one.stalled_s), State.ANSWER)


def _connection(request: web.Request) -> Connection | None:
    protocol = request.protocol
    return protocol.connection if isinstance(protocol, HttpProtocol) else None
