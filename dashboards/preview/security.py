"""Who may ask the page what. The page is for people at this machine: it answers to local names, and sends no one away.

A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding) and then read what we answer: such a request
carries that name as its Host, and is refused.
"""

import re
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@]+)(?::\d{1,5})?\Z")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def host_name(header: str) -> str:
    """The name in a Host header, without port, in lower case; empty for what is none."""
    match = _HOST.match(header)
    return match[1].lower() if match else ""


def guard(app: web.Application, allowed: Iterable[str]) -> None:
    """Refuse requests under other names than `allowed` and the local ones, and give each answer its headers."""
    names = {*LOCAL_NAMES, *(name.lower() for name in allowed)}

    @web.middleware
    async def only_known_names(request: web.Request, handler: Handler) -> web.StreamResponse:
        if host_name(request.headers.get("Host", "")) not in names:
            return web.Response(status=421, text="not served under this name; --allow-host adds one\n")
        return await handler(request)

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)

    app.middlewares.append(only_known_names)
    app.on_response_prepare.append(add_headers)
