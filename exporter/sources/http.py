"""One page over HTTP: bounded in time and size, without redirects; every fault is a SourceError with its reason."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.sources.address import MAX_PAGE_BYTES, user_agent
from foundation.authorities import authorities
from foundation.errors import SourceError, in_words

LOOKUPS = 4
"""Names that are looked up at a time; others wait, within the time limit of their request."""

BESIDE_BYTES = 1 << 14
"""A body from this size on, some milliseconds of work, is read beside the event loop."""

T = TypeVar("T")

_READERS = ThreadPoolExecutor(2, thread_name_prefix="bodies")  # not those that read logs: a scrape waits for these
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Page(NamedTuple):
    """An answer with status 200."""

    body: bytes
    content_type: str


_AGENT = user_agent()  # now, as later there may be no descriptor left to look it up


def new_session(reachable: Callable[[str], bool] | None = None) -> aiohttp.ClientSession:
    """A session for `fetch`: no cookies, no proxies from the environment. The caller closes it.

    Args:
        reachable: Whether an IP address may be connected to. It is called for each address just before the connection,
            whatever its name.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=_Names(),
            ssl=authorities(),
            socket_factory=_sockets_to(reachable) if reachable else None,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": _AGENT},
        raise_for_status=False,
    )


class _Names(AbstractResolver):
    """Looks names up in separate threads, so that slow lookups do not block the threads of commits."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of a host, looked up in the resolver's own threads. Raises OSError."""
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(hostname=host, host=_host(address), port=port, family=kind, proto=protocol, flags=_NUMERIC)
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """End the threads; none of them is waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _host(address: tuple[Any, ...]) -> str:
    """The address; link-local ones with their zone."""
    return f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0])


def _sockets_to(reachable: Callable[[str], bool]) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    def new_socket(info: aiohttp.AddrInfoType) -> socket.socket:
        """A socket for an address. Raises OSError if it is not allowed."""
        family, kind, protocol, _, address = info
        if not reachable(str(address[0])):
            raise OSError(f"the name resolves to {address[0]}, which is not an allowed address")
        return socket.socket(family, kind, protocol)

    return new_socket


async def fetch(
    session: aiohttp.ClientSession,
    url: str | yarl.URL,
    *,
    timeout_s: float,
    max_bytes: int = MAX_PAGE_BYTES,
    headers: dict[str, str] | None = None,
) -> Page:
    """GET `url`.

    Raises SourceError for anything but a whole 200 answer of at most `max_bytes` within `timeout_s`; with the reason;
    the caller adds the place.
    """
    try:
        async with asyncio.timeout(timeout_s):
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise SourceError(f"answered {response.status} instead of 200")
                body = await read_bounded(response.content, max_bytes)
                if body is None:
                    raise SourceError(f"the page is larger than {max_bytes} bytes")
                return Page(body, response.content_type)
    except TimeoutError as exc:
        raise SourceError(f"no whole answer within {timeout_s:.3g} s") from exc
    except (aiohttp.ClientError, OSError, ValueError) as exc:  # ValueError: what aiohttp makes of some broken answers
        raise SourceError(trouble(exc)) from exc


async def made_of(body: bytes, read: Callable[[bytes], T]) -> T:
    """The result of `read` for a body; for a large one in a thread, because a megabyte takes 80 ms."""
    if len(body) < BESIDE_BYTES:
        return read(body)
    return await asyncio.get_running_loop().run_in_executor(_READERS, read, body)


def trouble(exc: Exception) -> str:
    """The fault of a request, in words without the address."""
    cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    if isinstance(cause, ssl.SSLCertVerificationError):  # its number is not a system's errno, but would be read as one
        return f"the certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        return in_words(cause)
    return " ".join(str(cause).split()) or type(exc).__name__


async def read_bounded(stream: aiohttp.StreamReader, max_bytes: int) -> bytes | None:
    """A whole body; None where it is larger."""
    chunks, size = [], 0
    async for chunk in stream.iter_any():
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
