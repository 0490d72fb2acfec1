"""The stores' service with its report API on loopback, started and asked as its users do."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import ClientSession

from exporter.stores.api import api_guard, build_api
from exporter.stores.live import Live, Settings
from foundation.clock import SystemClock
from foundation.listen import serve
from foundation.web import WebPolicy

HEADER = "store_id,status,timestamp_utc\n"
POLLS = "a,active,2023-01-25 10:00:00 UTC\nb,inactive,2023-01-25 10:30:00 UTC\n"


@asynccontextmanager
async def service_on(database):
    """A function that starts a service on a free port; call it again for a restart on the same database."""
    stack = AsyncExitStack()
    task = None

    async def stop():
        nonlocal task
        await stack.aclose()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            task = None

    async def begin(*, run=True, **settings):
        nonlocal task
        await stop()
        live = Live(database, Settings(**settings), SystemClock())
        app, guard = build_api(live), api_guard(WebPolicy(), "127.0.0.1")
        guard.protect(app)
        _, port = await serve(app, ("127.0.0.1", 0), stack, problem=guard.problem)
        if run:
            task = asyncio.create_task(live.run())
        session = await stack.enter_async_context(ClientSession(f"http://127.0.0.1:{port}"))
        return live, session

    try:
        yield begin
    finally:
        await stop()


async def ask(session, method, path, **more):
    async with session.request(method, path, **more) as response:
        return response.status, await response.json()


async def finished(session, report_id):
    while True:
        status, answer = await ask(session, "GET", f"/get_report/{report_id}")
        if status != 202:
            return status, answer
        assert answer == {"status": "Running"}
