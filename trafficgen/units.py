"""What flags and small languages share: durations, at most a year long; the highest rate; patterns without secrets."""

from typing import NamedTuple

from foundation.errors import ConfigError
from foundation.grammar import duration_s
from foundation.secret import shown_url

MAX_DURATION_S = 366 * 86400.0  # longer than any run; keeps nanoseconds far from 64 bits
CONNECTIONS = 256  # at most, where the system allows as many open files
MAX_GRAIN_S = 0.01  # a tenth of the lateness that is reported as the generator's own fault
STREAMS = 100  # requests under way on one connection at once, over HTTP/2
MAX_RATE_PER_S = 10_000_000.0  # more than any machine sends


class MetricsAt(NamedTuple):
    """Where the metrics are served."""

    address: tuple[str, int]
    or_free_port: bool  # nobody asked for this one: where it is taken, another will do


def parse_duration(text: str, *, what: str = "duration", zero: bool = False) -> float:
    """Seconds in `text`, a bare number being seconds. Raises ConfigError unless above 0 (`zero`: or 0)."""
    try:
        return duration_s(text.strip(), zero=zero, most_s=MAX_DURATION_S)
    except ValueError as exc:
        raise ConfigError(f"{what}: {exc}") from exc


def shown_pattern(text: str) -> str:
    """A pattern as it may be shown: without the user and the password of a URL in it."""
    name, colon, rest = text.partition(":")
    return f"{name}{colon}{shown_url(rest)}" if name == "like" else shown_url(text)
