"""An HTTP application on a socket, where also what is not HTTP is answered in the application's own words.

aiohttp answers a request that it cannot parse (a URL of many kilobytes, a header with a NUL byte) before any middleware
sees it, and logs a traceback for it. Here it is one line in the log, and an answer like every other.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from foundation.grammar import Address
from foundation.listen.sockets import Tls, listen

log = logging.getLogger(__name__)

SHUTDOWN_S = 10.0
"""How long answers under way may take once the server stops."""

Problem: TypeAlias = Callable[[int, str], web.Response]
"""Makes the answer to a request that cannot be handled: status, and what is wrong in one line."""

_MAX_SHOWN_CHARS = 100


def plain_problem(status: int, text: str) -> web.Response:
    """The answer of a server that has no form of its own for errors."""
    return web.Response(status=status, text=f"{text}\n")


class _Connection(web.RequestHandler):
    """One connection. `handle_error` is aiohttp's own for requests that no handler could answer."""

    __slots__ = ("_problem",)

    def __init__(self, manager: web.Server, problem: Problem, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._problem = problem

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what was not a request: one line in the log and no traceback, unless the fault is ours."""
        if not isinstance(exc, HttpProcessingError):  # a bug of ours; the traceback is wanted
            super().handle_error(request, status, exc, message)
            response = self._problem(500, "Internal Server Error")
        else:
            shown = " ".join((message or "").split())[:_MAX_SHOWN_CHARS] or "Bad Request"
            log.warning("%s sent what is not an HTTP request: %s", request.remote, shown)
            response = self._problem(status, shown)
        response.force_close()
        return response


class HttpServer:
    """Makes the protocols that answer with one application."""

    def __init__(self, manager: web.Server, problem: Problem) -> None:
        self._manager = manager
        self._problem = problem
        self._settings = {**manager._kwargs, "loop": asyncio.get_running_loop()}  # noqa: SLF001, kept nowhere else

    @property
    def open(self) -> int:
        """Connections."""
        return len(self._manager.connections)

    def protocol(self) -> asyncio.BaseProtocol:
        """What handles one connection."""
        return _Connection(self._manager, self._problem, **self._settings)


async def http_server(
    app: web.Application | web.Server,
    stack: AsyncExitStack,
    *,
    problem: Problem = plain_problem,
    shutdown_s: float = SHUTDOWN_S,
    **settings: Any,
) -> HttpServer:
    """What answers with `app`, for `listen`: for an application that stands on several addresses.

    Args:
        app: The application, or aiohttp's low-level server.
        stack: Leaving it waits up to `shutdown_s` for answers under way.
        problem: Makes the answers to what is not HTTP.
        shutdown_s: See `stack`.
        settings: aiohttp's own for a connection, of an application.
    """
    if isinstance(app, web.Application):
        runner: web.BaseRunner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_s, **settings)
    else:
        runner = web.ServerRunner(app, shutdown_timeout=shutdown_s)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    assert runner.server is not None
    return HttpServer(runner.server, problem)


async def serve(
    app: web.Application | web.Server,
    address: tuple[str, int],
    stack: AsyncExitStack,
    *,
    problem: Problem = plain_problem,
    ssl_context: Tls = None,
    shutdown_s: float = SHUTDOWN_S,
    **settings: Any,
) -> Address:
    """Serve `app` on one address until the stack is left; the arguments are those of `http_server`.

    Returns:
        The address that was bound; its port matters where 0 was asked for.

    Raises:
        SourceError: the address cannot be listened on.
    """
    server = await http_server(app, stack, problem=problem, shutdown_s=shutdown_s, **settings)
    return await listen(server.protocol, address, stack, ssl_context=ssl_context)
