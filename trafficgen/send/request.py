"""What goes over the wire: each target's request, encoded once. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias
from urllib.parse import urlsplit

from foundation.errors import ConfigError
from foundation.secret import shown_url

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
USER_AGENT = "tidewatch-trafficgen"


@dataclass(frozen=True, slots=True)
class Url:
    """Where requests go."""

    host: str
    port: int
    path: str  # with the query
    tls: bool

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What two URLs of one server have in common."""
        return self.tls, self.host, self.port

    @property
    def authority(self) -> str:
        """`host` or `host:port` as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def parse_url(text: str) -> Url:
    """Read an http or https URL. Raises ConfigError."""
    wanted, shown = "write http://host:port/path or https://...", shown_url(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ConfigError(f"--url: {shown!r} has no port or address that can be read; {wanted}") from exc
    if parts.scheme not in {"http", "https"}:
        raise ConfigError(f"--url: {shown!r} is not an http or https URL; {wanted}")
    if not host or not all("!" <= c <= "~" for c in parts.netloc):
        raise ConfigError(f"--url: {shown!r} has no host; {wanted}")
    if parts.username is not None:
        raise ConfigError("--url: credentials don't belong in a URL; give --header 'Authorization: ...'")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not all("!" <= c <= "~" for c in path):
        raise ConfigError(f"--url: {shown!r}: the path must be percent-encoded ASCII")
    tls = parts.scheme == "https"
    return Url(host, port if port is not None else (443 if tls else 80), path, tls)


class Message(NamedTuple):
    """A request over HTTP/2, ready to be written to any stream."""

    block: bytes  # the header block
    body: bytes
    head_only: bool  # its answer has no body: a HEAD


Wire: TypeAlias = bytes | Message
"""A request as a connection of the run's protocol writes it."""


class Encode(Protocol):
    """Makes a request."""

    def __call__(
        self,
        url: Url,
        path: str,
        *,
        method: str = ...,
        headers: Mapping[str, str] = ...,
        body: bytes = ...,
        keepalive: bool = ...,
    ) -> Wire:
        """One request, complete. Raises ConfigError for what cannot be sent."""


def encode(
    url: Url,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] = _NO_HEADERS,
    body: bytes = b"",
    keepalive: bool = True,
) -> bytes:
    """One request of HTTP/1.1, complete; text as UTF-8, bytes of the command line that are none as they are.

    Raises ConfigError for what would break the framing, or cannot be sent unchanged.
    """
    fields = request_fields(url, method=method, headers=headers, body=body, keepalive=keepalive)
    lines = [f"{name}: {value}" for name, value in fields]
    return to_bytes("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])) + body


def request_fields(
    url: Url, *, method: str, headers: Mapping[str, str], body: bytes, keepalive: bool
) -> list[tuple[str, str]]:
    """The headers of a request, those given and those that every one has. Raises ConfigError."""
    if not _TOKEN.match(method):
        raise ConfigError(f"--method: {method!r} is not a method; write GET, HEAD, POST, ...")
    fields = {"Host": url.authority, "User-Agent": USER_AGENT, "Accept": "*/*"}
    if body or method in {"POST", "PUT", "PATCH"}:
        fields["Content-Length"] = str(len(body))
    if not keepalive:
        fields["Connection"] = "close"
    own = {name.lower() for name in headers}
    for name in own & {"content-length", "transfer-encoding", "connection"}:
        raise ConfigError(f"--header: {name} is set by trafficgen itself (--body, --no-keepalive)")
    for name, value in headers.items():
        if not _TOKEN.match(name) or any(c in value for c in "\r\n\0"):
            raise ConfigError(f"--header: {name!r} is not a header; write 'Name: value'")
    return [*((n, v) for n, v in fields.items() if n.lower() not in own), *headers.items()]


def to_bytes(text: str) -> bytes:
    """Text as UTF-8, bytes of the command line that are none as they are. Raises ConfigError."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        bad = exc.object[exc.start : exc.end]
        raise ConfigError(f"a request cannot be sent as UTF-8: {bad!r} is half a character") from exc
