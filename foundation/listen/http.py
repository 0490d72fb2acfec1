"""An HTTP application on a socket; data that is not HTTP also gets the application's answer.

aiohttp answers a request that it cannot parse (a URL of many kilobytes, a header with a NUL byte) before any middleware
sees it, and logs a traceback for it. Here it is a line in the log, and an answer like every other.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from math import inf
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from foundation.grammar import Address
from foundation.listen.connection import Connection, Standing, State
from foundation.listen.limits import Limits
from foundation.listen.sockets import Tls, listen
from foundation.listen.table import connections
from foundation.terminal import printable

SHUTDOWN_S = 10.0
"""How long current answers may take once the server stops."""

Problem: TypeAlias = Callable[[int, str], web.Response]
"""Makes the answer to a request that cannot be handled: status, and what is wrong in one line."""

_MAX_SHOWN_CHARS = 100
_FRAME_BYTES = 1 << 20
"""What may come around a body's chunks (sizes, extensions, trailers), beside eight bytes for each of its own."""
_CLIENTS_FAULT = (HttpProcessingError, web.RequestPayloadError, web.PayloadAccessError, ConnectionError)


def plain_problem(status: int, text: str) -> web.Response:
    """The answer of a server that has no form of its own for errors."""
    return web.Response(status=status, text=f"{text}\n")


class HttpProtocol(web.RequestHandler):
    """HTTP on one connection.

    What aiohttp keeps to itself and is read here: the number of requests, those that wait, and the one in hand.
    """

    __slots__ = ("_asked_s", "_body", "_body_bytes", "_header_s", "_heard_s", "_problem", "connection")

    def __init__(self, manager: web.Server, problem: Problem, connection: Connection, **settings: Any) -> None:
        """`problem`: makes the answer to what is not a request. `connection`: as the table of connections has it."""
        super().__init__(manager, **settings)
        self._problem = problem
        self.connection = connection
        self._heard_s = self._asked_s = self._header_s = connection.came_s
        self._body_bytes = 0
        self._body: StreamReader = EMPTY_PAYLOAD

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.connection.made(transport, self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        super().connection_lost(exc)
        self.connection.lost()

    def data_received(self, data: bytes) -> None:
        """Process data, and note its time."""
        before = self._request_count
        super().data_received(data)
        if not data:  # aiohttp goes on with what it has
            return
        if self._request_count != before and not self._body.is_eof():
            self._messages.pop()  # the parser's error, which aiohttp takes for a request after this one
            self._request_count = before
            self._give_body_up("the body is not in chunks as HTTP/1.1 has them")
        elif self._request_count != before:
            self._body = self._messages[-1][1]
        elif not self._body.is_eof() and self._body_bytes > 8 * self._body.total_bytes + _FRAME_BYTES:
            self._give_body_up("too much comes around the chunks of the body")
        self._heard_s = now_s = self._loop.time()
        if self._request_count != before:
            self._asked_s, self._header_s, self._body_bytes = now_s, inf, 0
        elif self._request_in_progress:
            self._body_bytes += len(data)
        elif self._header_s == inf:
            self._header_s = now_s

    def _give_body_up(self, why: str) -> None:
        """Report at once to the reader of the body that it never ends, and read nothing more."""
        self._body.set_exception(web.RequestPayloadError(why))
        self._body.feed_eof()
        self.close()

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self.connection.stalled(self._loop.time())

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self.connection.moved(self._loop.time())

    def standing(self, now_s: float) -> Standing:
        """Whether the client owes a header or a body, or we an answer."""
        limits = self.connection.limits
        if self._request_in_progress or self._messages:
            self._heard_s = now_s  # while we are at work nobody expects a word
            request = self._current_request
            if request is None or request.content.is_eof() or self._reading_paused:
                return Standing(State.WORK, now_s)
            body_s = limits.body_s + self._body_bytes / limits.body_bytes_per_s
            return Standing(State.BODY, self._asked_s, self._asked_s + body_s)
        if self._header_s < inf:
            return Standing(State.HEADER, self._header_s, self._header_s + limits.header_s)
        return Standing(State.IDLE, self._heard_s, self._heard_s + limits.idle_s)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that no handler could answer."""
        self.log_exception("error in the answer to a request", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is already sent, and cannot be withdrawn")
        if isinstance(exc, _CLIENTS_FAULT):
            status = 400 if status == HTTPStatus.INTERNAL_SERVER_ERROR else status
            response = self._problem(status, _short(message or exc))
        else:
            response = self._problem(status, HTTPStatus(status).phrase)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """One line per minute for clients' faults, and one traceback per minute for each internal fault."""
        exc, complaints = kw.get("exc_info"), connections().complaints
        if isinstance(exc, _CLIENTS_FAULT):
            kind = f"{self.connection.where}: not a whole HTTP request: refused"
            complaints.add(kind, f"from {self.connection.peer}: {_short(exc)}")
        elif not self._is_of_a_client_that_went(exc):
            complaints.add(f"{self.connection.where}: {args[0]}", type(exc).__name__, exc_info=exc)

    def _is_of_a_client_that_went(self, exc: BaseException | None) -> bool:
        """Whether asyncio found the connection closing when it was to send a file."""
        closing = self.transport is None or self.transport.is_closing()
        return closing and isinstance(exc, RuntimeError) and str(exc) == "Transport is closing"


def _short(what: object) -> str:
    return printable(" ".join(str(what).split()))[:_MAX_SHOWN_CHARS] or "Bad Request"


class HttpServer:
    """Creates the protocols for one application."""

    def __init__(self, manager: web.Server, problem: Problem) -> None:
        """`manager`: of the application. `problem`: makes the answer to what is not a request. Needs a loop."""
        self._manager = manager
        self._problem = problem
        kept = manager._kwargs  # noqa: SLF001, kept nowhere else
        # What is packed is for `foundation.web.bodies` to unpack: aiohttp would do so on the event loop.
        self._settings = {**kept, "auto_decompress": False, "loop": asyncio.get_running_loop()}

    def protocol(self, connection: Connection) -> HttpProtocol:
        """The handler of one connection."""
        return HttpProtocol(self._manager, self._problem, connection, **self._settings)


async def http_server(
    app: web.Application | web.Server,
    stack: AsyncExitStack,
    *,
    problem: Problem = plain_problem,
    shutdown_s: float = SHUTDOWN_S,
    **settings: Any,
) -> HttpServer:
    """What answers with `app`, for `listen`: for an application that listens on several addresses.

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
    limits: Limits | None = None,
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
    return await listen(server.protocol, address, stack, ssl_context=ssl_context, limits=limits)
