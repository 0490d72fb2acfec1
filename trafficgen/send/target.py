"""Reaching the target: its addresses, whether it may be loaded at all, and how a connection to it is made."""

import asyncio
import contextlib
import errno
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from foundation.errors import ConfigError, InputError
from foundation.secret import warn_if_others_read
from trafficgen.config import HttpProtocol, Reach
from trafficgen.meter.shares import Shares
from trafficgen.send.addresses import Address, Addresses, Waiting, race
from trafficgen.send.request import Url

P = TypeVar("P", bound=asyncio.Protocol)

OWN_LIMITS = {
    errno.EMFILE: "no_descriptor",
    errno.ENFILE: "no_descriptor",
    errno.EADDRNOTAVAIL: "no_port",
    errno.ENOBUFS: "no_buffer",
    errno.ENOMEM: "no_buffer",
}
"""Failures of a connect that are limits of this process or machine, not the target's: as reasons for a drop."""

BY_NAME = Reach()
_RETRY_S = 0.25
_RESOLVE_AGAIN_S = 30.0  # getaddrinfo gives no time to live; balancers move within a minute


class NotHttp2Error(ConnectionError):
    """A server that does not speak HTTP/2."""


class Target:
    """Where connections go. `await resolve()` before the first `dial`."""

    def __init__(
        self,
        url: Url,
        *,
        unix_socket: str | None,
        insecure: bool,
        allow_public: bool,
        reach: Reach = BY_NAME,
        shares: Shares | None = None,
        protocol: HttpProtocol = "http/1.1",
    ) -> None:
        """`shares` counts what each address gets. Raises ConfigError for files of `reach` that can't be used."""
        check_protocol(protocol, url)
        self._url, self._unix_socket, self._allow_public = url, unix_socket, allow_public
        self._host, self._port = reach.connect_to or (url.host, url.port)
        self._given = reach.addresses
        for flag, given in (("cacert", reach.cacert), ("cert", reach.cert), ("sni", reach.sni)):
            if given and not url.tls:
                raise ConfigError(f"--{flag}: for https only, and the URL is http")
        self._context = tls_context(insecure=insecure, reach=reach) if url.tls else None
        if self._context and protocol == "h2":
            self._context.set_alpn_protocols(["h2"])  # that alone: a server that lacks it says so
        self._name = (reach.sni or url.host) if self._context else None
        self._addresses, self._shares = Addresses(), shares or Shares()
        self._resolved_s = 0.0

    def __str__(self) -> str:
        authority = self._url.authority
        return self._unix_socket or (authority if self._host == self._url.host else f"{authority} at {self._host}")

    async def resolve(self) -> None:
        """Look the host up. Raises ConfigError for an unknown host, or for one that is public and not allowed."""
        if self._unix_socket is not None:
            return
        look_up = asyncio.get_running_loop().getaddrinfo
        try:
            hosts = self._given or (self._host,)
            found = [await look_up(host, self._port, type=socket.SOCK_STREAM) for host in hosts]
        except (OSError, UnicodeError) as exc:
            why = getattr(exc, "strerror", None) or exc
            raise InputError(f"--url: no address for host {self._host!r}: {why}") from exc
        infos = [info for infos in found for info in infos]
        addresses = [Address(family, tuple(where)) for family, _, _, _, where in infos]
        public = [a.host for a in addresses if ipaddress.ip_address(a.host.partition("%")[0]).is_global]
        if public and not self._allow_public:
            raise ConfigError(
                f"--url: {self._host} is {public[0]}, a public address; "
                "load only what is yours, and then add --allow-public"
            )
        self._addresses.learn(addresses)
        for address in addresses:
            self._shares.add(address.host)
        self._resolved_s = time.monotonic()

    async def dial(self, factory: Callable[[], asyncio.Protocol]) -> None:
        """Make one connection; several addresses take turns, and those that fail cost nothing while one does not.

        Raises OSError: of several failures the one that is the target's.
        """
        if self._unix_socket is not None:
            await asyncio.get_running_loop().create_unix_connection(
                factory, self._unix_socket, ssl=self._context, server_hostname=self._name
            )
            return
        if time.monotonic() > self._resolved_s + _RESOLVE_AGAIN_S:
            await self._resolve_again()
        addresses = self._addresses.in_turn()
        if len(addresses) > 1:
            (await self._race(addresses)).hand_over(factory())
            return
        try:
            await self._connect(addresses[0], factory)
        except OSError as exc:
            if exc.errno not in OWN_LIMITS:
                self._shares.add(addresses[0].host, failed=1)
            raise

    async def _connect(self, address: Address, factory: Callable[[], P]) -> P:
        _, protocol = await asyncio.get_running_loop().create_connection(
            factory, address.host, self._port, ssl=self._context, server_hostname=self._name
        )
        return protocol

    async def _race(self, addresses: list[Address]) -> Waiting:
        """A connection to one of `addresses`. Raises OSError."""
        ran = await race(addresses, lambda address: self._connect(address, Waiting))
        for address in (*ran.failures, *ran.overtaken):
            self._addresses.failed(address)
        for address in ran.failures:
            self._shares.add(address.host, failed=1)
        if ran.held is None or ran.winner is None:
            failures = list(ran.failures.values())
            raise next((exc for exc in failures if exc.errno not in OWN_LIMITS), failures[0])
        self._addresses.worked(ran.winner)
        return ran.held

    async def _resolve_again(self) -> None:
        """Follow a host that moves; what was known stays where the new answer is none, or not allowed."""
        self._resolved_s = time.monotonic()
        with contextlib.suppress(ConfigError):
            await self.resolve()


def check_protocol(protocol: HttpProtocol, url: Url) -> None:
    """Raises ConfigError for a protocol that the URL's scheme does not have."""
    if protocol == "h2" and not url.tls:
        raise ConfigError("--http2: HTTP/2 over TLS, and the URL is http: write https://..., or --h2c")
    if protocol == "h2c" and url.tls:
        raise ConfigError("--h2c: HTTP/2 without TLS, and the URL is https: write http://..., or --http2")


def tls_context(*, insecure: bool, reach: Reach = BY_NAME) -> ssl.SSLContext:
    """Certificates are checked against the system's authorities or those given, unless `insecure`.

    Raises ConfigError for files that can't be used.
    """
    context = _trusting(reach.cacert)
    if reach.cert:
        own = reach.key or reach.cert
        warn_if_others_read(own)
        try:
            context.load_cert_chain(reach.cert, reach.key, password=_no_password)
        except (OSError, ValueError) as exc:
            flags = f"--cert {reach.cert}" + (f" --key {reach.key}" if reach.key else "")
            raise ConfigError(f"{flags}: not a certificate and its key in PEM: {_why(exc)}") from exc
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as exc:
        raise ConfigError(f"--cacert: {authorities}: not certificates in PEM: {_why(exc)}") from exc


def _no_password() -> str:
    """Instead of asking on the terminal, once for each worker."""
    raise ValueError("the key is encrypted; decrypt it first")


def _why(exc: Exception) -> str:
    return (getattr(exc, "reason", None) or getattr(exc, "strerror", None) or str(exc)).replace("_", " ").lower()


async def wait_reachable(
    target: Target, *, timeout_s: float, wait_s: float, probe: Callable[[Target], Awaitable[None]] | None = None
) -> None:
    """Make one connection and close it, trying again for `wait_s`. Raises ConfigError: a wrong URL sends nothing.

    `probe` makes another kind of connection.
    """
    await target.resolve()
    give_up = time.monotonic() + wait_s
    while True:
        try:
            async with asyncio.timeout(timeout_s):
                await (probe(target) if probe else target.dial(Probe))
        except OSError as exc:  # TimeoutError and TLS errors are OSErrors too
            if time.monotonic() >= give_up:
                raise InputError(f"--url: cannot connect to {target}: {_reason(exc, timeout_s)}") from exc
            await asyncio.sleep(_RETRY_S)
        else:
            return


def _reason(exc: OSError, timeout_s: float) -> str:
    if isinstance(exc, TimeoutError) and not exc.errno:
        return f"no answer within {timeout_s:g} s"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"{exc.verify_message} (--insecure accepts any certificate)"
    if isinstance(exc, ssl.SSLError):
        return tls_words(exc)
    return (os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror) or str(exc) or type(exc).__name__


def tls_words(exc: ssl.SSLError) -> str:
    """What went wrong, without OpenSSL's places: its number is none of the system's."""
    return re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$", "", exc.strerror or str(exc)).replace("_", " ").lower()


class Probe(asyncio.Protocol):
    """A connection that says nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once."""
        transport.close()
