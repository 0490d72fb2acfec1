"""A small HTTP server that answers as a test wants, and counts."""

import asyncio
from collections import Counter

import pytest

from trafficgen.send import engine, pool, worker


class Site:
    """Answers by path: /fail 500, /missing 404, all else 200.

    `script` holds functions of (reader, writer) for other paths; the connection goes on if they return True.
    """

    def __init__(self):
        self.requests = Counter()
        self.script = {}
        self.connections = 0
        self._wanted, self._enough = 0, asyncio.Event()

    async def at_least(self, requests):
        """Wait for so many requests."""
        self._wanted = requests
        if self.requests.total() < requests:
            await asyncio.wait_for(self._enough.wait(), 30)

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                self.requests[path] += 1
                if self.requests.total() == self._wanted:
                    self._enough.set()
                if path in self.script:
                    if await self.script[path](reader, writer):
                        continue
                    return
                code = {"/fail": 500, "/missing": 404}.get(path, 200)
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nok\n" % code)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def site(monkeypatch):
    """A server of our own, and a generator that may be as late as a crowded machine makes it."""
    for module in (engine, pool, worker):
        monkeypatch.setattr(module, "BACKLOG_NS", 60_000_000_000)
    handler = Site()
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    handler.server = server
    handler.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield handler
    server.close()
