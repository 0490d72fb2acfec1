"""The durations of flags and small languages: the common grammar, at most a year long. Pure."""

from foundation.errors import ConfigError
from foundation.grammar import duration_s

MAX_DURATION_S = 366 * 86400.0  # longer than any run; keeps nanoseconds far from 64 bits


def parse_duration(text: str, *, what: str = "duration", zero: bool = False) -> float:
    """Seconds in `text`, a bare number being seconds. Raises ConfigError unless above 0 (`zero`: or 0)."""
    try:
        return duration_s(text.strip(), zero=zero, most_s=MAX_DURATION_S)
    except ValueError as exc:
        raise ConfigError(f"{what}: {exc}") from exc
