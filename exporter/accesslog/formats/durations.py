"""Durations of requests in log lines, as whole nanoseconds. Pure."""

import re

from foundation.errors import BadRecord

UNITS_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
MAX_DURATION_NS = 10**15  # 11 days: longer is a broken line

SPAN_NS = {
    **UNITS_NS,
    "µs": UNITS_NS["us"],
    "μs": UNITS_NS["us"],
    "m": 60 * UNITS_NS["s"],
    "h": 3600 * UNITS_NS["s"],
    "sec": UNITS_NS["s"],
    "msec": UNITS_NS["ms"],
    "usec": UNITS_NS["us"],
    "micro": UNITS_NS["us"],  # uWSGI's
}
_ONE_SPAN = "([0-9]+(?:\\.[0-9]+)?) ?(msec|usec|micro|sec|ns|us|µs|μs|ms|s|m|h)"
_SPAN = re.compile(_ONE_SPAN)
_SPANS = re.compile(f"(?:{_ONE_SPAN})+")
_LIST = re.compile(rb" ?[,:] ?")  # how nginx joins the times of several upstreams
_NUMBER = re.compile(rb"[0-9]+(?:\.[0-9]+)?")

_ENDINGS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "milli", "millis", "millisec", "millisecs", "millisecond", "milliseconds"),
    "us": ("us", "usec", "usecs", "micro", "micros", "microsec", "microsecs", "microsecond", "microseconds"),
    "ns": ("ns", "nsec", "nsecs", "nano", "nanos", "nanosec", "nanosecs", "nanosecond", "nanoseconds"),
}
UNIT_ENDINGS = {ending: unit for unit, endings in _ENDINGS.items() for ending in endings}
"""What the names of fields end in, and the unit that it means."""
_LAST_WORD = re.compile(r"[_.\- ]([A-Za-z][a-z]*|[A-Z]+)\Z|(?<=[a-z0-9])([A-Z]{2}|[A-Z][a-z]+)\Z")


def unit_of_name(name: str) -> str | None:
    """The unit that a field's name ends in: `took_ms`, `timeTakenMs`, `elapsed_seconds`; None if it ends in none."""
    match = _LAST_WORD.search(name)
    return UNIT_ENDINGS.get((match[1] or match[2]).lower()) if match else None


def duration_ns(text: bytes, unit_ns: int | None) -> int | None:
    """A duration in nanoseconds; None where there is none: `-`, empty, negative, or a bare number of unknown unit.

    A list has the steps of one request; their sum is the time taken.

    Args:
        text: a number, a number with its unit (`12.345 ms`, `1m2s`), or a list of these.
        unit_ns: the unit of a number without one; None if that is not known.

    Raises:
        BadRecord: it is not a time, or too long a one.
    """
    try:
        if unit_ns is None:
            return _without_unit(text)
        found_ns = int(float(text) * unit_ns + 0.5)
    except ValueError:
        return _not_one_number(text, unit_ns)
    except OverflowError:  # infinity
        raise BadRecord("time", f"{text!r} is not a time") from None
    return _checked(found_ns, text)


def is_number(text: bytes) -> bool:
    """Whether it is a bare number, which a unit would make a duration."""
    return _NUMBER.fullmatch(text) is not None


def is_duration(text: bytes) -> bool:
    """Whether it can be a duration: a number, one with its unit, or a list of these."""
    return text[:1].isdigit() or (text[:1] in (b"-", b".") and text[1:2].isdigit())


def _without_unit(text: bytes) -> int | None:
    float(text)  # raises ValueError for what may yet be a span or a list
    return None


def _checked(found_ns: int, text: bytes) -> int | None:
    if found_ns < 0:
        return None
    if found_ns > MAX_DURATION_NS:
        raise BadRecord("time", f"{text!r} is too long a time")
    return found_ns


def _not_one_number(text: bytes, unit_ns: int | None) -> int | None:
    if text in (b"-", b""):
        return None
    words = text.decode("utf-8", "replace")
    if _SPANS.fullmatch(words):
        try:
            total_ns = sum(int(float(number) * SPAN_NS[unit] + 0.5) for number, unit in _SPAN.findall(words))
        except OverflowError:  # infinity
            raise BadRecord("time", f"{text[:40]!r} is too long a time") from None
        return _checked(total_ns, text)
    parts = _LIST.split(text) if b"," in text or b":" in text else text.split(b" ")
    if len(parts) < 2:
        raise BadRecord("time", f"{text!r} is not a time")
    known = [one for part in parts if (one := duration_ns(part, unit_ns)) is not None]
    return _checked(sum(known), text) if known else None
