"""The four notations that every flag and every key share: addresses, durations, instants, sizes. Pure.

Each function takes the text as written, or a number from YAML, and raises ValueError with a text for the
user: `invalid duration '10x': expected ..., for example ...`. Each `format_` function writes the form that the other
reads.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, NoReturn, TypedDict
from zoneinfo import ZoneInfo

from foundation.secret import shown_url

MAX_DURATION_S = 100 * 365 * 86_400.0  # a century; more is a mistake
MAX_SIZE_BYTES = 1 << 62  # fits a signed number of 64 bits

_UNITS_S = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
_EXPECTED = {
    "s": "seconds or units, for example 10, 10s or 1m30s",
    "h": "hours or units, for example 36, 36h or 1d12h",
    "d": "days or units, for example 7, 7d or 1d12h",
}
"""By the unit of a bare number."""
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_BARE = re.compile(rf"{_NUMBER}(?:[eE][+-]?[0-9]{{1,3}})?")
_UNITS = re.compile("".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS_S))

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")  # the C library reads such a name as an IPv4 address
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT = 65_535

_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_UNIX = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DURATION_PATTERN = r"^(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|(?:[0-9.]+(?:ms|[ywdhms]))+)$"
ADDRESS_PATTERN = r"^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$"
INSTANT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.,]+)? ?(?:[Zz]|UTC|[+-][0-9:]+)?$|^-?[0-9]+(?:\.[0-9]+)?$"
SIZE_PATTERN = rf"^{_NUMBER} ?[kKmMgGtT]?(?:[iI]?[bB])?$"
"""The notations as patterns for editors: they match all that the functions below accept, and little more."""

_MULTIPLES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = re.compile(rf"({_NUMBER}) ?([kmgt]?)(ib|b|)", re.IGNORECASE)


class DurationBounds(TypedDict, total=False):
    """The bounds of `duration_s`."""

    least_s: float
    most_s: float
    zero: bool
    whole: bool
    bare: Literal["s", "h", "d"]


class Address(NamedTuple):
    """Where to listen or to connect: a name, an IPv4 address, or an IPv6 address without brackets; and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """As `host_port` reads it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_port(given: str | float, *, free: bool = True) -> Address:
    """HOST:PORT, or [IPV6]:PORT, taken apart. `free`: port 0, any that is free, is allowed. Raises ValueError.

    Without a host, as in `:8090`, other programs listen on all interfaces and the rest of these on loopback: refused.
    """
    text = str(given)
    host, colon, port = text.rpartition(":")
    if "/" in text:
        _refuse_address(text, "expected HOST:PORT without a scheme or a path", "127.0.0.1:8090")
    if _PORT.fullmatch(text):
        _refuse_address(given, "expected HOST:PORT", f"127.0.0.1:{text}")
    if not colon or not _PORT.fullmatch(port):
        _refuse_address(text, "expected HOST:PORT", "127.0.0.1:8090")
    if not host:
        _refuse_address(text, "expected HOST:PORT", f"127.0.0.1:{port} for this machine only, 0.0.0.0:{port} for all")
    least = 0 if free else 1
    if not least <= int(port) <= _MAX_PORT:
        _refuse_address(text, f"expected a port from {least} to {_MAX_PORT}", f"{host}:8090")
    return Address(_host(host, text, port), int(port))


def host(given: str | float) -> str:
    """The host of an address by itself, an IPv6 address with or without brackets. Raises ValueError."""
    text = str(given)
    try:
        return text if _is_ipv6(text) else host_port(f"{text}:0").host
    except ValueError as exc:
        expected = "expected a name or an IP address, for example 127.0.0.1, or 0.0.0.0 for all interfaces"
        raise ValueError(f"invalid host {_quoted(given)}: {expected}") from exc


def port(given: str | float, *, free: bool = True) -> int:
    """The port of an address by itself. `free`: port 0, any that is free, is allowed. Raises ValueError."""
    least = 0 if free else 1
    if not _PORT.fullmatch(str(given)) or not least <= int(given) <= _MAX_PORT:
        raise ValueError(
            f"invalid port {_quoted(given)}: expected a number from {least} to {_MAX_PORT}, for example 8090"
        )
    return int(given)


def _host(host: str, text: str, port: str) -> str:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else ""
    if bare and _is_ipv6(bare):
        return bare
    if ":" in host or "[" in host or "]" in host:
        _refuse_address(
            text, "expected an IPv6 address in brackets", f"[{host}]:{port}" if _is_ipv6(host) else "[::1]:8090"
        )
    labels = host.removesuffix(".").split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        try:
            IPv4Address(host)
        except ValueError:
            _refuse_address(text, "expected four numbers from 0 to 255 in an IPv4 address", f"127.0.0.1:{port}")
    elif len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        _refuse_address(text, "expected HOST to be a name or an IP address", f"127.0.0.1:{port}")
    return host


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _refuse_address(given: object, expected: str, example: str) -> NoReturn:
    raise ValueError(f"invalid address {_quoted(given)}: {expected}, for example {example}")


def duration_s(
    given: str | float,
    *,
    least_s: float = 0.0,
    most_s: float = MAX_DURATION_S,
    zero: bool = False,
    whole: bool = False,
    bare: Literal["s", "h", "d"] = "s",
) -> float:
    """Seconds in `90`, `90s`, `1m30s`, `1.5h`: a bare number is seconds, each unit occurs once, the largest first.

    Args:
        given: what was written.
        least_s: the shortest that is allowed.
        most_s: the longest that is allowed.
        zero: whether 0 is allowed, where `least_s` is 0.
        whole: whether it must be whole seconds.
        bare: the unit of a bare number, where the name of the key or flag has another unit.

    Raises:
        ValueError: with a text for the user.
    """
    text = str(given)
    if _BARE.fullmatch(text):
        seconds = float(text) * _UNITS_S[bare]
    elif text and (match := _UNITS.fullmatch(text)):
        seconds = math.fsum(float(n) * unit for n, unit in zip(match.groups(), _UNITS_S.values(), strict=True) if n)
    else:
        raise ValueError(f"invalid duration {_quoted(given)}: expected {_EXPECTED[bare]}")
    if not least_s <= seconds <= most_s or (seconds == 0 and not zero):
        least = f"at least {format_duration(least_s)}" if least_s or zero else "more than 0"
        most = f" and at most {format_duration(most_s)}" if seconds > most_s or most_s < MAX_DURATION_S else ""
        raise ValueError(f"invalid duration {_quoted(given)}: expected {least}{most}")
    if whole and seconds != int(seconds):
        raise ValueError(f"invalid duration {_quoted(given)}: expected whole seconds, for example 10s or 1m30s")
    return seconds


def format_duration(seconds: float) -> str:
    """`1m30s` for 90.0: days, hours, minutes, seconds and milliseconds, without those that are 0."""
    parts, rest = [], round(seconds * 1000)
    for unit, millis in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, rest = divmod(rest, millis)
        parts.append(f"{number}{unit}" if number else "")
    return "".join(parts) or "0s"


def instant(given: str | float, *, zone: tzinfo | None = None, dates: bool = False) -> datetime:
    """The instant, in UTC, of RFC 3339 text (a blank is allowed instead of the `T`) or of a number of Unix seconds.

    Args:
        given: what was written.
        zone: the zone of what names none; without it, a zone must be named.
        dates: whether a date alone is allowed, which means its midnight.

    Raises:
        ValueError: with a text for the user, also for a local time that the zone skips or has twice.
    """
    try:
        first, last = _readings(str(given), zone, dates=dates)
    except (ValueError, OverflowError) as exc:
        words = f"a date and time{'' if zone else ' with its zone'}, or Unix seconds"
        raise ValueError(f"invalid time {_quoted(given)}: expected {words}, for example 2026-11-01T06:30:00Z") from exc
    if first != last:
        name = getattr(zone, "key", None) or "the zone"
        what = "skip it" if first > last else "pass it twice"
        raise ValueError(
            f"invalid time {_quoted(given)}: the clocks of {name} {what}; expected an instant with its offset, "
            f"for example {first.astimezone(zone).isoformat()}"
        )
    return first


def instant_or_word(given: str | float, words: tuple[str, ...], zone: tzinfo | None) -> datetime | str:
    """One of `words` as it is, or the instant that is meant; a date alone is allowed. Raises ValueError."""
    if given in words:
        return str(given)
    try:
        return instant(given, zone=zone, dates=True)
    except ValueError as exc:
        others = "".join(f"{word}, " for word in words)
        raise ValueError(str(exc).replace("expected ", f"expected {others}", 1)) from exc


def _readings(text: str, zone: tzinfo | None, *, dates: bool) -> tuple[datetime, datetime]:
    """Twice the same instant, unless it is a local time at which clocks change. Raises ValueError, OverflowError."""
    if _UNIX.fullmatch(text):
        micros = _micros(text.partition(".")[2])
        at = _EPOCH + timedelta(seconds=int(text.partition(".")[0]), microseconds=-micros if text[0] == "-" else micros)
        return at, at
    match = _INSTANT.fullmatch(text)
    if match is None or not (dates or match["clock"]) or not (zone or match["zone"]):
        raise ValueError("not of this grammar")
    written = datetime.fromisoformat(f"{match['day']}T{match['clock'] or '00:00'}+00:00")
    written += timedelta(microseconds=_micros(match["fraction"] or ""))
    if match["zone"]:
        return written - _offset(match["zone"]), written - _offset(match["zone"])
    first, last = (written.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, last


def _micros(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0"))


def _offset(text: str) -> timedelta:
    if text in {"Z", "z", "UTC"}:
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("not an offset")
    size = timedelta(hours=hours, minutes=minutes)
    return -size if text[0] == "-" else size


def time_zone(text: str) -> ZoneInfo:
    """The zone of that name in the IANA database. Raises ValueError."""
    try:
        return ZoneInfo("UTC" if text.lower() == "utc" else text)
    except (KeyError, OSError, ValueError) as exc:  # no such zone; a folder; a name that leaves the database
        expected = "expected UTC or a name, for example Europe/Berlin"
        raise ValueError(f"invalid time zone {_quoted(text)}: {expected}") from exc


def format_instant(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def size_bytes(given: str | float, *, least_bytes: int = 0, most_bytes: int = MAX_SIZE_BYTES) -> int:
    """Bytes in `10`, `64KiB`, `1MB`, `1.5G`: B alone after the letter counts in thousands, all else in 1024s.

    Raises:
        ValueError: with a text for the user, also for what is not a whole number of bytes.
    """
    match = _SIZE.fullmatch(str(given))
    if match is None:
        raise ValueError(f"invalid size {_quoted(given)}: expected bytes or units, for example 4096, 64KiB or 1MB")
    letter, ending = match[2].lower(), match[3].lower()
    base = 1000 if ending == "b" and letter else 1024
    exact = Decimal(match[1]) * base ** _MULTIPLES[letter]
    if exact != int(exact) or (ending == "ib" and not letter):
        raise ValueError(f"invalid size {_quoted(given)}: expected whole bytes, for example 4096, 64KiB or 1MB")
    if not least_bytes <= exact <= most_bytes:
        range_ = f"{format_size(least_bytes)} to {format_size(most_bytes)}"
        raise ValueError(f"invalid size {_quoted(given)}: expected {range_}")
    return int(exact)


def format_size(size: int) -> str:
    """`64KiB` for 65536: the largest unit of 1024s that leaves no rest."""
    for letter in "TGMK":
        unit = 1024 ** _MULTIPLES[letter.lower()]
        if size and size % unit == 0:
            return f"{size // unit}{letter}iB"
    return f"{size}B"


def _quoted(given: object) -> str:
    """What was written, in one short line: numbers bare, text in quotes."""
    text = repr(shown_url(given)) if isinstance(given, str) else str(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
