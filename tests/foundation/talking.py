"""A server on a real socket, whose clock is moved by hand, and its clients; what the tests of listening share."""

import asyncio

import pytest
from aiohttp import web

from foundation.listen import BusyError, Slots, connections, serve

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
BIG = b"x" * (32 << 20)  # more than all buffers of a connection hold


class Server:
    """An application with a page of each kind, and the clients that talk to it in bytes."""

    def __init__(self, stack):
        self.stack = stack
        self.table = connections()
        self.table.limit = 3
        self.release = asyncio.Event()
        self.working = asyncio.Event()
        self.slots = Slots(2)

    async def start(self, **settings):
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/", self.page)
        app.router.add_post("/", self.take)
        app.router.add_get("/work", self.work)
        app.router.add_post("/work", self.work)
        app.router.add_get("/big", self.big)
        app.router.add_get("/slot", self.slot)
        app.router.add_get("/bug", self.bug)
        app.router.add_get("/broken", self.broken)
        app.router.add_get("/gone", self.gone)
        self.address = await serve(app, ("127.0.0.1", 0), self.stack, **settings)

    async def page(self, _):
        return web.Response(text="page")

    async def take(self, request):
        return web.Response(text=str(len(await request.read())))

    async def work(self, _):
        self.working.set()
        await self.release.wait()
        return web.Response(text="done")

    async def big(self, _):
        return web.Response(body=BIG)

    async def slot(self, request):
        try:
            async with self.slots.slot(request):
                response = web.StreamResponse()
                await response.prepare(request)
                await response.write(BIG if "big" in request.query else b"small")
                return response
        except BusyError:
            return web.Response(status=503)

    async def bug(self, _):
        raise ValueError("a bug")

    async def broken(self, _):
        raise web.RequestPayloadError("the body is not what it says")

    async def gone(self, request):
        """What asyncio makes of a file for a client that has just gone."""
        response = web.StreamResponse()
        await response.prepare(request)
        request.transport.close()
        raise RuntimeError("Transport is closing")

    async def client(self, sent=b"", *, reads=True):
        """A connection that the server has accepted, and whose first bytes it has read."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: Client(reads=reads), *self.address)
        self.stack.callback(client.transport.abort)
        await client.say(sent)
        return client

    def after(self, seconds):
        """As if so much time had passed since now."""
        self.table.sweep(asyncio.get_running_loop().time() + seconds)

    def protocol(self):
        """What speaks with the only client."""
        (connection,) = self.table.open
        return connection._protocol

    def standing(self):
        """How the only client stands now."""
        return self.protocol().standing(asyncio.get_running_loop().time())

    async def ask(self, path="/"):
        """The status of one request on a connection of its own, and its body."""
        client = await self.client(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        await client.closed.wait()
        head, _, body = bytes(client.received).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()


class Client(asyncio.Protocol):
    """What the server sends, and whether it has closed the connection."""

    def __init__(self, *, reads):
        self.received = bytearray()
        self.closed = asyncio.Event()
        self._reads = reads

    def connection_made(self, transport):
        self.transport = transport
        if not self._reads:
            transport.pause_reading()

    def data_received(self, data):
        self.received += data

    def connection_lost(self, exc):
        self.closed.set()

    async def say(self, data):
        """Send; wait until the server has taken it."""
        self.transport.write(data)
        while self.transport.get_write_buffer_size():  # noqa: ASYNC110, nothing else says it
            await asyncio.sleep(0)
        await settle()

    async def is_open(self):
        self.transport.resume_reading()
        await settle()
        return not self.closed.is_set()


async def until(what, is_so):
    """Wait until it is so; `what`, for the case that it never is."""
    try:
        async with asyncio.timeout(20):
            while not is_so():
                await settle()
    except TimeoutError:
        pytest.fail(f"not within 20 s: {what}")


async def settle():
    """Let everything happen that is on its way within this process: the kernel hands over at once on loopback."""
    for _ in range(20):
        await asyncio.sleep(0)
