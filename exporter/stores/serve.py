"""`exporter stores serve`: one database's service as a separate process, with metrics and health beside the API."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from exporter.catalogue import Family
from exporter.statefile import keep_files_private
from exporter.stores.api import api_guard, build_api
from exporter.stores.live import Live, Settings
from exporter.stores.state import Database
from exporter.web.exposition import OPENMETRICS, Renderer, negotiate
from exporter.web.policy import families as web_families
from foundation.clock import SystemClock
from foundation.errors import ungrouped
from foundation.signals import stop_on_signals
from foundation.web import WebPolicy

log = logging.getLogger(__name__)

SWITCH_S = 0.001
"""How long Python code of a report may run while a request waits; the default is 5 ms a turn."""


def serve(path: Path, settings: Settings, address: tuple[str, int], policy: WebPolicy) -> None:
    """Run until a signal; the second one ends at once. Raises TidewatchError."""
    keep_files_private()
    sys.setswitchinterval(SWITCH_S)
    with ungrouped():
        asyncio.run(_serve(path, settings, address, policy))


async def _serve(path: Path, settings: Settings, address: tuple[str, int], policy: WebPolicy) -> None:
    stop = stop_on_signals(log.info)
    async with AsyncExitStack() as stack:
        database = Database(path)
        stack.callback(database.close)
        live = Live(database, settings, SystemClock())
        stack.enter_context(policy)
        app = build_api(live)
        _add_metrics(app, lambda: [*live.collect(), *web_families(policy)])
        guard = api_guard(policy, address[0])
        guard.protect(app)
        bound = await guard.serve(app, address, stack)
        log.info("listening on %s://%s", policy.scheme, bound)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(live.run())
            await stop.wait()
            work.cancel()


def _add_metrics(app: web.Application, collect: Callable[[], Iterable[Family]]) -> None:
    renderer = Renderer()

    async def metrics(request: web.Request) -> web.Response:
        """The metrics page, in the format that the client accepts."""
        kind = negotiate(request.headers.get("Accept", ""))
        pieces = []
        for piece in renderer.render(collect(), openmetrics=kind == OPENMETRICS):
            pieces.append(piece)
            await asyncio.sleep(0)  # let other requests run
        if kind == OPENMETRICS:
            pieces.append("# EOF\n")
        return web.Response(body="".join(pieces).encode(), headers={"Content-Type": kind})

    async def healthy(_: web.Request) -> web.Response:
        """`ok`, while the process answers."""
        return web.Response(text="ok\n")

    app.router.add_get("/metrics", metrics)
    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", healthy)
