"""A record's time as text. Pure."""

from datetime import UTC, datetime
from functools import lru_cache

from exporter.releases.parse import CLOCK_LIMIT_S


@lru_cache(maxsize=10_000)  # thousands of alerts begin in the same second
def show_time(time_s: int | None) -> str | None:
    """A time as in the records: H:MM:SS of the stream, or ISO 8601, UTC."""
    if time_s is None:
        return None
    if time_s < CLOCK_LIMIT_S:
        return f"{time_s // 3600}:{time_s // 60 % 60:02}:{time_s % 60:02}"
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
