"""An application on a socket, where also what is no HTTP is answered in the application's own words.

aiohttp answers a request that it cannot parse (a URL of many kilobytes, a header with a NUL byte) before any middleware
sees it, and logs a traceback for it. Here it is one line in the log, and an answer like every other.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from foundation.errors import SourceError, in_words

log = logging.getLogger(__name__)

Problem: TypeAlias = Callable[[int, str], web.Response]
"""Makes the answer to a request that cannot be handled: status, and what is wrong in one line."""

_MAX_TOLD_CHARS = 100


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
        """The answer to what was no request; one line in the log instead of a traceback, unless the fault is ours."""
        if not isinstance(exc, HttpProcessingError):  # a bug of ours; the traceback is wanted
            super().handle_error(request, status, exc, message)
            response = self._problem(500, "Internal Server Error")
        else:
            told = " ".join((message or "").split())[:_MAX_TOLD_CHARS] or "Bad Request"
            log.warning("%s sent what is no HTTP request: %s", request.remote, told)
            response = self._problem(status, told)
        response.force_close()
        return response


async def listen(
    app: web.Application,
    address: tuple[str, int],
    stack: AsyncExitStack,
    problem: Problem,
    ssl_context: ssl.SSLContext | None = None,
) -> int:
    """Serve `app` until the stack is left, which waits up to ten seconds for answers under way.

    Returns:
        The port, which matters where 0 was asked for.

    Raises:
        SourceError: the address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=10.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None
    return await bind(
        lambda: _Connection(manager, problem, loop=loop, access_log=None), address, stack, ssl_context=ssl_context
    )


async def bind(
    protocol: Callable[[], asyncio.BaseProtocol],
    address: tuple[str, int],
    stack: AsyncExitStack,
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> int:
    """Accept connections, each spoken to with a `protocol`, until the stack is left.

    Returns:
        The port, which matters where 0 was asked for.

    Raises:
        SourceError: the address cannot be listened on.
    """
    try:
        server = await asyncio.get_running_loop().create_server(protocol, *address, ssl=ssl_context)
    except OSError as exc:
        raise SourceError(f"{address[0]}:{address[1]}: cannot listen: {in_words(exc)}") from exc
    stack.callback(server.close)
    port: int = server.sockets[0].getsockname()[1]
    return port
