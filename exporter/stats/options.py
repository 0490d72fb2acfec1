"""What the flags of `collector` and `plot` accept."""

import math
import re
from datetime import UTC, datetime, tzinfo

import click

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhd]))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhd])")
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
MAX_DURATION_S = 100 * 366 * 86400.0  # a century; more is a mistake


def parse_duration(text: str) -> float:
    """`90`, `90s`, `1m30s`, `500ms`, `1h` to seconds, above 0. Raises ValueError."""
    if _PLAIN.fullmatch(text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        seconds = math.fsum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    else:
        raise ValueError(f"{text!r} is no length of time; 90, 90s, 1m30s and 500ms are")
    if not 0 < seconds <= MAX_DURATION_S:
        raise ValueError(f"{text!r} must be more than nothing and at most a century")
    return seconds


def parse_time(text: str, zone: tzinfo) -> float:
    """Unix seconds, or an ISO 8601 time (in `zone` where it names none), to Unix seconds. Raises ValueError."""
    if re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"{text!r} is no time; 1795328999 and 2026-11-22T06:30 are") from exc


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A length of time, in seconds."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Text to seconds; a number stands for itself."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


def parse_columns(text: str) -> tuple[str, ...]:
    """`time,200,404,500` to names. Raises ValueError when one is empty or twice, or `time` is not there."""
    names = tuple(name.strip() for name in text.split(","))
    if "time" not in names or len(names) < 2:
        raise ValueError(f"{text!r} must name time and at least one series, as time,200,404,500 does")
    if any(not name or re.search(r"\s", name) for name in names):
        raise ValueError(f"{text!r} has a name that is empty or has a blank in it")
    if len(set(names)) < len(names):
        raise ValueError(f"{text!r} names a column twice")
    return names


class Columns(click.ParamType):  # type: ignore[type-arg]
    """Names of columns, in order."""

    name = "NAMES"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Text to names."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_columns(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
