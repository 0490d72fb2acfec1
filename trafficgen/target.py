"""Reaching the target: its addresses, whether it may be loaded at all, and how a connection to it is made."""

import asyncio
import ipaddress
import itertools
import os
import socket
import ssl
import time
from collections.abc import Callable

from trafficgen.errors import UsageError
from trafficgen.pool import Dial
from trafficgen.request import Url

_RETRY_S = 0.25


async def resolve(url: Url, *, allow_public: bool) -> list[tuple[str, int]]:
    """The (address, port) pairs of the target. Raises UsageError for an unknown host, or a public one not allowed."""
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise UsageError(f"--url: no address for host {url.host!r}: {getattr(exc, 'strerror', None) or exc}") from exc
    addresses = list(dict.fromkeys((str(info[4][0]), int(info[4][1])) for info in infos))
    public = [address for address, _ in addresses if ipaddress.ip_address(address.partition("%")[0]).is_global]
    if public and not allow_public:
        raise UsageError(
            f"--url: {url.host} is {public[0]}, a public address; load only what is yours, and then say --allow-public"
        )
    return addresses


def make_dial(url: Url, addresses: list[tuple[str, int]], *, unix_socket: str | None, insecure: bool) -> Dial:
    """A function that makes one connection; several addresses are used in turn."""
    loop = asyncio.get_running_loop()
    context = tls_context(insecure=insecure) if url.tls else None
    server_name = url.host if url.tls else None
    turns = itertools.cycle(addresses)

    async def dial(factory: Callable[[], asyncio.Protocol]) -> None:
        if unix_socket is not None:
            await loop.create_unix_connection(factory, unix_socket, ssl=context, server_hostname=server_name)
        else:
            host, port = next(turns)
            await loop.create_connection(factory, host, port, ssl=context, server_hostname=server_name)

    return dial


def tls_context(*, insecure: bool) -> ssl.SSLContext:
    """Certificates are checked against the system's authorities, unless `insecure`."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def wait_reachable(dial: Dial, where: str, *, timeout_s: float, wait_s: float) -> None:
    """Make one connection and close it, trying again for `wait_s`. Raises UsageError: a wrong URL sends nothing."""
    give_up = time.monotonic() + wait_s
    while True:
        try:
            async with asyncio.timeout(timeout_s):
                await dial(Probe)
        except OSError as exc:  # TimeoutError and TLS errors are OSErrors too
            if time.monotonic() >= give_up:
                raise UsageError(f"--url: cannot connect to {where}: {_reason(exc, timeout_s)}") from exc
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _reason(exc: OSError, timeout_s: float) -> str:
    if isinstance(exc, TimeoutError) and not exc.errno:
        return f"no answer within {timeout_s:g} s"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"{exc.verify_message} (--insecure accepts any certificate)"
    return (os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror) or str(exc) or type(exc).__name__


class Probe(asyncio.Protocol):
    """A connection that says nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once."""
        transport.close()
