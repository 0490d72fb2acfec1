"""The pages that may be fetched: patterns of addresses, and clients' addresses. Pure: no name is looked up.

A pattern is taken apart when the configuration is read, an address when it comes, and part is compared with part:

    SCHEME://HOST[:PORT]/PATH[?QUERY]

No `*` reaches beyond its part: in an address it is one of four numbers, in a name it stays between two dots. Addresses
that are special to the machine that connects (itself, its links, groups) are allowed only by patterns that name them.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

import msgspec
import yarl

from exporter.sources.address import check_url
from foundation.grammar import host_port
from foundation.keys import WRITTEN
from foundation.loopback import LOOPBACK_NAMES
from foundation.secret import shown_url

IPAddress = IPv4Address | IPv6Address

_EXAMPLES = (
    "http://*.example.com:8080/stats, http://192.0.2.*/*, http://192.0.2.0/24:9100/* or http://[2001:db8::]/32/*"
)
_PATTERN = re.compile(
    r"(?P<scheme>https?|\*)://"
    r"(?:(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.*]+)(?=[/:]))(?:/(?P<bits>[0-9]{1,3})(?=[:/?]|$))?+"
    r"|(?![0-9.*]+[/:])(?P<name>[^/?#@:\[\]\s]+))"
    r"(?::(?P<port>[0-9]{1,5}|\*))?"
    r"(?P<path>/[^?#\s\\]*)(?:\?(?P<query>[^#\s\\]*))?"
)
_LABEL = re.compile(r"[a-z0-9_*-]{1,63}")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")  # the C library reads a name that ends in one as an address
_OCTET = re.compile(r"0|[1-9][0-9]{0,2}")
_TARGET = re.compile(
    r"https?://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?#].*)?", re.IGNORECASE
)
_ODD_SEGMENT = re.compile(r"/\.\.?;")  # some servers read `..;` as `..`
_ESCAPED = re.compile(r"%(?:[01][0-9A-F]|7F|25|2F|5C)")
"""A control character, `%`, `/` or a backslash that is encoded in a path; servers decode these differently."""

_SPECIAL: tuple[IPv4Network | IPv6Network, ...] = (
    *map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
    *map(IPv6Network, ("::/128", "::1/128", "fe80::/10", "ff00::/8")),
    IPv4Network("100.100.100.200/32"),  # where clouds that use no link-local address for it keep their metadata
    IPv6Network("fd00:ec2::254/128"),
)
_LOOPBACK: tuple[IPv4Network | IPv6Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_EMBEDDING = (  # networks whose addresses hold one of IPv4, and how many bits follow it
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)


class Addresses(NamedTuple):
    """All addresses of a version that are `value` where `mask` has ones."""

    version: int
    value: int
    mask: int

    def allow(self, address: IPAddress) -> bool:
        """Whether these addresses include one, and name it where it is special: that is, include none but such."""
        if address.version != self.version or int(address) & self.mask != self.value:
            return False
        kind = type(address)
        last = self.value | (self.mask ^ ((1 << address.max_prefixlen) - 1))
        special = _special(address)
        return special is None or special == _special(kind(self.value)) == _special(kind(last))


class Pattern(NamedTuple):
    """One pattern, taken apart. Either `labels` or `addresses` say which hosts it allows."""

    scheme: str  # http, https, or * for both
    labels: tuple[str, ...]
    addresses: Addresses | None
    port: str  # a number, * for any, or empty for the scheme's own
    path: str
    query: str | None  # None: there must be none

    def allows(self, url: yarl.URL) -> bool:
        """Whether an address that `parse_target` made matches."""
        return (
            self.scheme in (url.scheme, "*")
            and self._allows_host(url.raw_host or "")
            and (self.port in (str(url.port), "*") if self.port else url.is_default_port())
            and _glob(self.path, url.raw_path)
            and len(_ESCAPED.findall(self.path)) == len(_ESCAPED.findall(url.raw_path))  # a * stands for none of them
            and _glob(self.query or "", url.raw_query_string)
        )

    def _allows_host(self, host: str) -> bool:
        address = _address(host)
        if address is not None or self.addresses is not None:
            return address is not None and self.addresses is not None and self.addresses.allow(address)
        labels = host.split(".")
        return len(labels) == len(self.labels) and all(map(_glob, self.labels, labels))

    @property
    def names_loopback(self) -> bool:
        """Whether this is a pattern of this machine's name for itself."""
        return ".".join(self.labels) in LOOPBACK_NAMES


def parse_pattern(given: str | float) -> Pattern:
    """Take a pattern apart. Raises ValueError with what would be right."""
    text = str(given)
    shown = repr(shown_url(text))
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid pattern {shown}: expected SCHEME://HOST[:PORT]/PATH, for example {_EXAMPLES}")
    if match["port"] not in (None, "*") and not 1 <= int(match["port"]) <= 65_535:
        raise ValueError(f"invalid pattern {shown}: expected a port from 1 to 65535, or * for any")
    try:
        addresses = _addresses(match)
        labels = _labels(match["name"]) if match["name"] else ()
    except ValueError as exc:
        raise ValueError(f"invalid pattern {shown}: {exc}") from exc
    page = yarl.URL(f"http://a{match['path']}?{match['query'] or ''}")  # in the spelling that targets have
    port = str(int(match["port"])) if (match["port"] or "*") != "*" else match["port"] or ""
    query = None if match["query"] is None else page.raw_query_string
    return Pattern(
        scheme=match["scheme"], labels=labels, addresses=addresses, port=port, path=page.raw_path, query=query
    )


PATTERN = msgspec.Meta(
    extra={"grammar": "pattern", "words": "a pattern of addresses", "read": parse_pattern},
    extra_json_schema={WRITTEN: {"type": "string", "pattern": r"^(?:https?|\*)://"}},
)
"""The mark of a key that holds a Pattern."""


def _addresses(match: re.Match[str]) -> Addresses | None:
    """The addresses of a host that is not a name. Raises ValueError."""
    if match["v4"] and "*" in match["v4"]:
        return _octets(match["v4"], match["bits"])
    written = match["v4"] or match["v6"]
    return _network(written, match["bits"]) if written else None


def _octets(written: str, bits: str | None) -> Addresses:
    """`192.0.2.*`. Text with fewer numbers, such as `10.*`, could also mean names."""
    parts = written.split(".")
    right = all(part == "*" or (_OCTET.fullmatch(part) and int(part) < 256) for part in parts)
    if not right or len(parts) != 4 or bits:
        example = ".".join([*parts, "*", "*", "*"][:4]) if right and not bits else "192.0.2.*"
        raise ValueError(
            f"expected four numbers, each of them whole or *, for example {example}; or a network, for example "
            f"192.0.2.0/24; or names, for example *.example.com"
        )
    value = bytes(0 if part == "*" else int(part) for part in parts)
    mask = bytes(0 if part == "*" else 255 for part in parts)
    return Addresses(4, int.from_bytes(value), int.from_bytes(mask))


def _network(written: str, bits: str | None) -> Addresses:
    """`192.0.2.7`, `192.0.2.0/24`, and the same of IPv6."""
    low = _address(written)
    if low is None or int(bits or 0) > low.max_prefixlen:
        raise ValueError("expected an address or a network, for example 192.0.2.7, 192.0.2.0/24 or [2001:db8::]/32")
    if isinstance(low, IPv6Address) and low.ipv4_mapped:
        raise ValueError(f"expected the address as {low.ipv4_mapped}")
    ones = (1 << low.max_prefixlen) - 1
    mask = ones if bits is None else ones ^ (ones >> int(bits))
    if int(low) & ~mask:
        bare, first = (f"[{at}]" if ":" in str(at) else str(at) for at in (low, type(low)(int(low) & mask)))
        raise ValueError(f"expected the network {first}/{bits}; a path after an address needs a port, {bare}:80/{bits}")
    return Addresses(low.version, int(low), mask)


def _labels(name: str) -> tuple[str, ...]:
    """The labels of a name. Raises ValueError."""
    labels = tuple(name.lower().split("."))
    if not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(
            "expected a name of letters, digits, - and _ without a dot at its end, for example web.example.com; "
            "one of other letters as xn--..."
        )
    if not labels[-1].strip("*") or _NUMERIC_LABEL.fullmatch(labels[-1].replace("*", "0")):
        raise ValueError("expected a name whose last label is neither * nor a number, for example *.example.com")
    return labels


def parse_target(text: str) -> yarl.URL:
    """A target as it will be asked, without `..` in its path. Raises ValueError.

    There is one spelling of an address: no other one is taken, or what is compared could differ from what is asked.
    """
    check_url(text)
    match = _TARGET.fullmatch(text)
    shown = repr(shown_url(text))
    if match is None or not text.isprintable() or " " in text or "\\" in text or match["host"].endswith("."):
        raise ValueError(
            f"invalid URL {shown}: expected a name or an address in its usual form, and no blanks, backslashes or "
            f"control characters, for example http://127.0.0.1:8080/stats"
        )
    host_port(f"{match['host']}:{match['port'] or 80}", free=False)
    url = yarl.URL(text).with_fragment(None)
    address = _address(url.raw_host or "")
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        raise ValueError(f"invalid URL {shown}: expected the address as {address.ipv4_mapped}")
    if _ODD_SEGMENT.search(url.raw_path):
        raise ValueError(f"invalid URL {shown}: expected a path without `..;`")
    return url


def allowed(url: yarl.URL, patterns: Iterable[Pattern | str]) -> bool:
    """Whether an address matches a pattern, or the text of one. Text that is not a pattern allows nothing."""
    return any(pattern.allows(url) for pattern in map(_taken_apart, patterns) if pattern is not None)


def reachable(url: yarl.URL, resolved: str, patterns: Iterable[Pattern]) -> bool:
    """Whether the host of an allowed `url` may be looked for at the address `resolved`.

    A special address must be named by a pattern that allows it in place of the host, or the host be a loopback name.
    """
    address = ip_address(resolved.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    special = _special(address)
    if special is None:
        return True
    own = special in _LOOPBACK and any(pattern.names_loopback and pattern.allows(url) for pattern in patterns)
    return own or allowed(url.with_host(str(address)), patterns)


def _taken_apart(pattern: Pattern | str) -> Pattern | None:
    try:
        return parse_pattern(pattern) if isinstance(pattern, str) else pattern
    except ValueError:
        return None


def _address(host: str) -> IPAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _special(address: IPAddress) -> IPv4Network | IPv6Network | None:
    """The network of special addresses that one is in, also where it is one of IPv6 that holds one of IPv4."""
    for network in _SPECIAL:
        if address in network:
            return network
    if isinstance(address, IPv6Address):
        for embedding, shift in _EMBEDDING:
            if address in embedding:
                return _special(IPv4Address(int(address) >> shift & 0xFFFF_FFFF))
    return None


def _glob(pattern: str, text: str) -> bool:
    """Whether `text` is `pattern` with something in place of each `*`. A client's text cannot make this slow."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == first
    last = middle.pop()
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
