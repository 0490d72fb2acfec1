"""`--start-at`: the moment at which several generators begin together, each by its own clock."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from foundation.errors import ConfigError
from foundation.grammar import format_duration, format_instant, instant
from foundation.terminal import printable

MAX_WAIT_S = 7 * 86_400.0
JUST_PAST_S = 3600.0  # a time of day that has passed since is that of today, not that of tomorrow
READY_S = 0.5  # before the start: time for the start to reach all workers
_LOOK_S = 30.0  # the clock may be set during the wait
_TIME_OF_DAY = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)", re.ASCII)
_EXPECTED = "expected a time of day or an instant with its zone, for example 12:00:00Z or 2026-11-01T12:00:00+01:00"


def parse_start(text: str, now_s: float) -> float:
    """Unix time of `12:00:00Z` (the next one, unless it passed in the last hour) or of an instant.

    Raises:
        ConfigError: for what is neither, lies in the past, or is more than a week ahead.
    """
    now = datetime.fromtimestamp(now_s, UTC)
    try:
        match = _TIME_OF_DAY.fullmatch(text)
        start = _next(match[1], match[2], now) if match else instant(text)
    except (ValueError, OverflowError) as exc:
        raise ConfigError(f"--start-at: {printable(text)!r}: {_EXPECTED}") from exc
    start_s = start.timestamp()
    if start_s <= now_s:
        soon = format_instant((now + timedelta(minutes=1)).replace(microsecond=0))
        raise ConfigError(
            f"--start-at: {text}: {format_instant(start)} was {format_duration(now_s - start_s)} ago; "
            f"expected a time to come, for example {soon}"
        )
    if start_s > now_s + MAX_WAIT_S:
        raise ConfigError(
            f"--start-at: {text}: more than {format_duration(MAX_WAIT_S)} ahead; expected an earlier time"
        )
    return start_s


def _next(clock: str, zone: str, now: datetime) -> datetime:
    """The first such time of day after an hour ago. Raises ValueError."""
    earliest = now - timedelta(seconds=JUST_PAST_S)
    for days in (-1, 0, 1, 2):  # the date at the offset may differ from that in UTC
        found = instant(f"{(now + timedelta(days=days)).date()}T{clock}{zone}")
        if found > earliest:
            return found
    raise ValueError("no such time")


def describe_start(start_s: float, now_s: float) -> str:
    """What is said before the wait."""
    left = format_duration(max(0.0, start_s - now_s))
    return (
        f"starts at {format_instant(datetime.fromtimestamp(start_s, UTC))}, in {left}, by "
        "this machine's clock; clocks of other machines are not compared with it"
    )


async def wait_for_start(
    start_s: float,
    *,
    wall: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Return half a second before Unix time `start_s`. Raises ConfigError when it is past, or nearly."""
    while (left := start_s - wall()) > READY_S:
        await sleep(min(left - READY_S, _LOOK_S))
    if left < READY_S / 2:
        raise ConfigError(
            f"--start-at: the target was reached too late for {format_instant(datetime.fromtimestamp(start_s, UTC))}: "
            "nothing was sent; expected a later time"
        )
