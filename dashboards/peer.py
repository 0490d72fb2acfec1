"""One request to a peer's HTTP API: bounded in time and size, no redirect followed, failures in words."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp

from foundation.errors import SourceError
from foundation.secret import shown_url

TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 32 << 20  # a panel of 10,000 series over 1500 points is a mistake of the panel


class Answer(NamedTuple):
    """What a peer answered."""

    status: int
    body: bytes
    location: str  # of a redirect; else empty


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    peer: str,
    shown: str,
    timeout_s: float = TIMEOUT_S,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    json: Any = None,
) -> Answer:
    """Ask once. Raises SourceError where no whole answer came.

    Args:
        session: what asks.
        method: of HTTP.
        url: without the parameters.
        peer: what stands there, for messages ("Prometheus").
        shown: its address, for messages.
        timeout_s: for the whole of it.
        params: of the URL.
        data: a form.
        json: a body in JSON.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with session.request(
            method, url, params=params, data=data, json=json, timeout=timeout, allow_redirects=False
        ) as response:
            return Answer(response.status, await _bounded(response), response.headers.get("Location", ""))
    except TimeoutError as exc:
        raise SourceError(f"{peer} at {shown} did not answer within {timeout_s:g} s") from exc
    except aiohttp.ClientError as exc:
        raise SourceError(f"{peer} cannot be reached at {shown}: {shown_url(_reason(exc))}") from exc


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise SourceError(f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB: too many series")
    return bytes(body)


def _reason(exc: aiohttp.ClientError) -> str:
    """The system's own words where there are any: aiohttp repeats the address around them."""
    inner = getattr(exc, "os_error", None)
    return (os.strerror(inner.errno) if inner and inner.errno else "") or str(exc) or type(exc).__name__
