"""The host name and the origin of requests. Pure.

A page elsewhere can point its own name at this machine (DNS rebinding) and then read what is answered: its requests
carry that name as Host. It can also send requests under the right name without reading the answer (cross-site
request forgery): browsers say so in Sec-Fetch-Site or Origin. Programs send neither, and are not held up.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from foundation.loopback import LOOPBACK_NAMES

READING = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
"""What a page may send to another site without asking it first."""

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@\s]+)(?::(\d{1,5})?)?")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MAX_KNOWN = 100


def split_host(header: str) -> tuple[str, str] | None:
    """(name or address, port) of a Host header in lower case, the port empty where none is named; None for garbage."""
    match = _HOST.fullmatch(header)
    return (match[1].lower().removesuffix("."), match[2] or "") if match else None


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which no name server can point elsewhere."""
    try:
        ipaddress.ip_address(host[1:-1] if host.startswith("[") else host)
    except ValueError:
        return False
    return True


def check_allowed_host(name: str) -> None:
    """Refuse texts other than a name, `*.name` for all names under one, or `*` for any. Raises ValueError."""
    bare = name.lower().removeprefix("*.")
    if name != "*" and not is_address(bare) and not _NAME.fullmatch(bare):
        raise ValueError(
            f"invalid host {name!r}: expected a name without a port, for example exporter, *.example.com, or * for any"
        )


class Hosts:
    """The names that a server answers to: those of loopback, this machine's, and those that are allowed."""

    def __init__(self, allowed: Iterable[str], machine: str | None = None) -> None:
        """`allowed`: names, `*.name` for all names under one, `*` for any. `machine`: the machine's own name."""
        names = {name.lower() for name in (*allowed, machine or socket.gethostname())}
        self._any = "*" in names
        self._endings = tuple(name[1:] for name in names if name.startswith("*."))
        self._names = LOOPBACK_NAMES | names
        self._known: set[str] = set()

    def __contains__(self, header: str) -> bool:
        """Whether a Host header names this server. An IP address does: only a name can be pointed elsewhere."""
        if header in self._known:
            return True
        found = split_host(header)
        if found is None or not self._names_us(found[0]):
            return False
        if len(self._known) < _MAX_KNOWN:
            self._known.add(header)
        return True

    def _names_us(self, host: str) -> bool:
        return self._any or host in self._names or host.endswith(self._endings) or is_address(host)


def from_elsewhere(headers: Mapping[str, str], host: str) -> bool:
    """Whether a browser sends a request because of a page of another site than `host`.

    Sec-Fetch-Site decides where there is one, for the browser compares before a proxy rewrites the Host. Older
    browsers, and pages from insecure addresses, are told by Origin, which requests that change something carry, or by
    Referer.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site.lower() not in {"same-origin", "none"}
    origin = headers.get("Origin") or headers.get("Referer")
    return origin is not None and not _same_host(origin, host)


def is_embedded(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site loads this as a part of itself; following a link is not that."""
    site = headers.get("Sec-Fetch-Site")
    if site is None or site.lower() != "cross-site":
        return False
    return headers.get("Sec-Fetch-Mode") != "navigate" or headers.get("Sec-Fetch-Dest") in {"object", "embed"}


def _same_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        default = _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):  # `null`, and what is not a web page
        return False
    ours, theirs = split_host(host), split_host(parts.netloc)
    if ours is None or theirs is None:
        return False
    return (ours[0], ours[1] or default) == (theirs[0], theirs[1] or default)
