"""Durations as people write them: `90`, `90s`, `1m30s`, `1.5h`. Pure."""

import math
import re

from foundation.errors import ConfigError

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h|d)")
MAX_DURATION_S = 366 * 86400.0  # longer than any run; keeps nanoseconds far from 64 bits


def parse_duration(text: str, *, what: str = "duration", zero: bool = False) -> float:
    """Seconds told by `text`, a bare number being seconds. Raises ConfigError unless above 0 (`zero`: or 0)."""
    seconds = _seconds(text.strip())
    if seconds is None or not 0 <= seconds <= MAX_DURATION_S or (seconds == 0 and not zero):
        raise ConfigError(
            f"{what}: {text!r} is not a duration; write seconds, or 90s, 1m30s, 2h (above 0, at most a year)"
        )
    return seconds


def _seconds(text: str) -> float | None:
    try:
        bare = float(text)
    except ValueError:
        pass
    else:
        return bare if math.isfinite(bare) else None
    parts = list(_PART.finditer(text))
    if not parts or "".join(p[0] for p in parts) != text:
        return None
    return sum(float(p[1]) * _UNITS_S[p[2]] for p in parts)


def format_duration(seconds: float) -> str:
    """`1m30s` for 90.0: whole units where there are any, at most milliseconds."""
    millis = round(seconds * 1000)
    whole, millis = divmod(millis, 1000)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    text = "".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (secs, "s")) if n)
    return text + (f"{millis}ms" if millis else "") or "0s"
