"""A receiver for tests: keeps what it was sent, and answers as told."""

import asyncio
import math
from contextlib import asynccontextmanager

import cramjam
from aiohttp import web
from prompb import WriteRequest


class Receiving:
    """A server of one path. Each request is answered by the next of `answers`, later ones with 204.

    An answer is (status, headers, body), or a function that gets the request and gives a response or fails.
    """

    def __init__(self):
        self.requests = []  # (headers, body), those too that were not taken
        self.taken = []  # bodies that were answered with a 2xx
        self.answers = []
        self.came = asyncio.Condition()
        self.address = ""

    async def handle(self, request):
        body = await request.read()
        self.requests.append((request.headers.copy(), body))
        answer = self.answers.pop(0) if self.answers else (204, {}, b"")
        try:
            if callable(answer):
                return await answer(request)
            status, headers, content = answer
            if status < 300:
                self.taken.append(body)
            return web.Response(status=status, headers=headers, body=content)
        finally:
            async with self.came:
                self.came.notify_all()

    async def until(self, good):
        """Wait until `good()`, which is asked after each request."""
        async with asyncio.timeout(30), self.came:
            await self.came.wait_for(good)


@asynccontextmanager
async def receiving(ssl_context=None, port=0):
    """A receiver on loopback."""
    server = Receiving()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/write", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=ssl_context)
    await site.start()
    host, bound = runner.addresses[0][:2]
    server.address = f"http{'s' if ssl_context else ''}://{host}:{bound}/write"
    try:
        yield server
    finally:
        await runner.cleanup()


async def until(good):
    """Wait until `good()`, of what no request tells."""
    async with asyncio.timeout(30):
        while not good():  # noqa: ASYNC110, the counters under test are no events
            await asyncio.sleep(0.01)


def read(bodies):
    """(name, value, time) of the samples of each body; the value of the end of a series is None."""
    found = []
    for body in bodies:
        request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
        rows = []
        for series in request.timeseries:
            labels = {label.name: label.value for label in series.labels}
            value = series.samples[0].value
            rows.append((labels["__name__"], None if math.isnan(value) else value, series.samples[0].timestamp))
        found.append(rows)
    return found


def jobs(bodies):
    """The jobs of the series in all bodies."""
    requests = [WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body))) for body in bodies]
    return {
        label.value
        for request in requests
        for series in request.timeseries
        for label in series.labels
        if label.name == "job"
    }
