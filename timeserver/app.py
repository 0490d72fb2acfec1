"""The time server's HTTP side, on aiohttp's low-level server.

The low-level server has two seams that every request passes, those that aiohttp refuses by itself (400) included:
the request factory, where a request begins, and the access logger, where it is answered. Counting hangs on these two
and on nothing else, so no handler, error or odd method can be counted twice or missed.

The address alone decides the answer; any method gets it (a HEAD without the body, as HTTP has it), except TRACE, whose
answer with 200 would have to be the request itself. A browser gets plain text as a page.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

import yarl
from aiohttp import hdrs, web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http import RawRequestMessage
from prometheus_client import CollectorRegistry

from foundation.web import Guard
from foundation.web.headers import PAGE_CSP
from timeserver import pages
from timeserver.counters import METHODS, Counters
from timeserver.log_format import Served

LINGER_S = 5.0  # how long an unread request body may hold its connection
MALFORMED_METHOD = "UNKNOWN"  # aiohttp's name for the method of what it could not read
NO_ROUTE = "-"
TEXT = "text/plain; charset=utf-8"
_PAGE_HEADERS = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": PAGE_CSP}
_ALLOW = ", ".join(sorted(METHODS - {hdrs.METH_CONNECT, hdrs.METH_TRACE}))


class Answer(NamedTuple):
    """What a page says."""

    body: bytes
    content_type: str = TEXT
    status: int = HTTPStatus.OK


Page = Callable[["SiteRequest"], Answer]


class SiteRequest(web.BaseRequest):
    """A request that knows its route and when it began."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what aiohttp gives."""
        super().__init__(*args, **kwargs)
        self.begin_s = time.perf_counter()
        no_route = self.method in (MALFORMED_METHOD, hdrs.METH_CONNECT)
        self.route = NO_ROUTE if no_route else self.rel_url.raw_path or "/"


def make_server(counters: Counters, registry: CollectorRegistry, guard: Guard) -> web.Server:
    """The site behind `guard`, for `foundation.listen.serve`. Needs a running loop."""
    service = _service_pages(counters, registry)
    loop = asyncio.get_running_loop()

    def begin(message: RawRequestMessage, *args: Any) -> SiteRequest:
        """The request of a message; in flight from now on, unless it is for a service page."""
        if message.url is None:  # against its type, for `CONNECT` without a target
            readable = {"method": MALFORMED_METHOD, "path": "/", "url": yarl.URL("/")}  # type: ignore[unreachable]
            message = message._replace(**readable, should_close=True)
        request = SiteRequest(message, *args, loop)
        if request.route not in service:
            counters.in_flight += 1
        return request

    class EndOfRequest(AbstractAccessLogger):
        """aiohttp calls this once for each answer, also for its own."""

        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:  # noqa: ARG002
            """Count an answer, unless it is of a service page."""
            assert isinstance(request, SiteRequest)
            if request.route not in service:
                counters.in_flight -= 1
                counters.record(_served(request, response))

    return web.Server(
        _handler(_SITE | service, guard),
        request_factory=begin,
        access_log_class=EndOfRequest,
        access_log=logging.getLogger("timeserver.access"),  # aiohttp wants one; nothing is written to it
        lingering_time=LINGER_S,
    )


def _handler(
    pages_by_route: dict[str, Page], guard: Guard
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        assert isinstance(request, SiteRequest)
        if request.method == MALFORMED_METHOD:
            return guard.problem(HTTPStatus.BAD_REQUEST, "400: Bad Request")
        refusal = guard.refusal(request) or (await guard.login(request) if guard.asks_users else None)
        if refusal is not None:
            return guard.answer(refusal, request)
        if request.method == hdrs.METH_TRACE:
            response = guard.problem(HTTPStatus.METHOD_NOT_ALLOWED, "405: Method Not Allowed")
            response.headers[hdrs.ALLOW] = _ALLOW
            return response
        body, content_type, status = pages_by_route.get(request.route, _not_found)(request)
        if content_type == TEXT and pages.wants_html(request.headers.get(hdrs.ACCEPT, "")):
            page = pages.as_html(request.route, body.decode())
            response = web.Response(body=page, status=status, headers=_PAGE_HEADERS)
            guard.finish(response.headers)
            return response
        return web.Response(body=body, status=status, headers=guard.headers_for(content_type))

    return handle


def _served(request: SiteRequest, response: web.StreamResponse) -> Served:
    body = response.body if isinstance(response, web.Response) else None
    return Served(
        ip=request.remote or "-",
        method=request.method,
        target=request.raw_path if request.route != NO_ROUTE else NO_ROUTE,
        route=request.route,
        status=response.status,
        body_bytes=len(body) if isinstance(body, bytes | bytearray) and request.method != "HEAD" else 0,
        duration_s=time.perf_counter() - request.begin_s,
        end_s=time.time(),
        http_version=f"HTTP/{request.version.major}.{request.version.minor}",
        referer=request.headers.get("Referer", "-"),
        user_agent=request.headers.get("User-Agent", "-"),
    )


def _time_of_day(request: SiteRequest) -> Answer:  # noqa: ARG001
    return Answer(time.strftime("%H:%M:%S %Z\n").encode())


def _fail(request: SiteRequest) -> Answer:  # noqa: ARG001
    return Answer(b"500 Internal Server Error\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _not_found(request: SiteRequest) -> Answer:  # noqa: ARG001
    return Answer(b"404 Not Found\n", status=HTTPStatus.NOT_FOUND)


_SITE: dict[str, Page] = {"/": _time_of_day, "/fail": _fail}


def _service_pages(counters: Counters, registry: CollectorRegistry) -> dict[str, Page]:
    """The routes for those who watch; they are neither counted nor logged, or watching would be traffic."""
    return {
        "/stats": partial(_stats, counters),
        "/metrics": partial(_metrics, registry),
        "/-/healthy": lambda request: Answer(b"healthy\n"),  # noqa: ARG005
    }


def _stats(counters: Counters, request: SiteRequest) -> Answer:
    now_s = int(time.time())
    if pages.wants_json(request.headers.get("Accept", ""), request.query.get("format")):
        return Answer(pages.stats_json(counters, now_s), pages.JSON)
    return Answer(pages.stats_text(counters, now_s).encode())


def _metrics(registry: CollectorRegistry, request: SiteRequest) -> Answer:
    return Answer(*pages.metrics_page(registry, request.headers.get("Accept", "")))
