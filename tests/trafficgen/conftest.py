"""A small HTTP server that answers as a test wants, and counts; and one of HTTP/2."""

import asyncio
import json
from collections import Counter

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from trafficgen.send import engine, pool, worker


class Site:
    """Answers by path: /fail 500, /missing 404, all else 200.

    `script` holds functions of (reader, writer) for other paths; the connection goes on if they return True.
    """

    server: asyncio.Server
    url: str

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
async def started():
    """Starts the pool of a bench, and gives the bench; all pools are closed at the end."""
    async with asyncio.TaskGroup() as tasks:

        def start(bench):
            bench.pool.start(tasks)
            benches.append(bench)
            return bench

        benches = []
        yield start
        for bench in benches:
            bench.pool.close()


@pytest.fixture
def unhurried(monkeypatch):
    """A generator that may be as late as a crowded machine makes it."""
    for module in (engine, pool, worker):
        monkeypatch.setattr(module, "BACKLOG_NS", 60_000_000_000)


@pytest.fixture
async def site(unhurried):
    """A server of our own."""
    handler = Site()
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    handler.server = server
    handler.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield handler
    server.close()


class Http2Server(asyncio.Protocol):
    """Answers each request by its path once it is whole; `asked` has headers and body of all of them."""

    def __init__(self, asked):
        self.h2, self.asked, self.bodies = H2Connection(H2Configuration(client_side=False)), asked, {}

    def connection_made(self, transport):
        self.transport = transport
        self.h2.initiate_connection()
        self.transport.write(self.h2.data_to_send())

    def data_received(self, data):
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                names = [(name.decode(), value.decode()) for name, value in event.headers]
                self.bodies[event.stream_id] = names, b""
            elif isinstance(event, DataReceived):
                names, body = self.bodies[event.stream_id]
                self.bodies[event.stream_id] = names, body + event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                names, body = self.bodies.pop(event.stream_id)
                self.asked.append((dict(names), body))
                self.answer(event.stream_id, dict(names))
        self.transport.write(self.h2.data_to_send())

    def answer(self, stream_id, asked):
        path = asked[":path"]
        code = 404 if path.startswith("/users/") else 201 if path == "/orders" else 200
        fields, body = [(":status", str(code))], b"ok\n"
        if path == "/login":
            body = json.dumps({"token": "a b"}).encode()
            fields += [("x-next", "n1"), ("set-cookie", "sid=7; Path=/")]
        fields.append(("content-length", str(len(body))))
        head = asked[":method"] == "HEAD"
        self.h2.send_headers(stream_id, fields, end_stream=head)
        if not head:
            self.h2.send_data(stream_id, body, end_stream=True)


@pytest.fixture
async def serve_http2(unhurried):
    """Starts a server of HTTP/2 on a loopback address: its port, and what it is asked."""
    started = []

    async def serve(ssl=None):
        asked = []
        loop = asyncio.get_running_loop()
        started.append(await loop.create_server(lambda: Http2Server(asked), "127.0.0.1", 0, ssl=ssl))
        return started[-1].sockets[0].getsockname()[1], asked

    yield serve
    for server in started:
        server.close()
