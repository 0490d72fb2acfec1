"""One colour, one meaning, on every board; names of Grafana's palette follow the theme, others are read in both."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

GOOD = "green"  # up, well, done; answers 2xx
INFO = "blue"  # different, but no worse; answers 3xx
WARNING = "orange"  # have a look; answers 4xx
BAD = "red"  # act; answers 5xx; limits
UNKNOWN = "purple"  # nobody knows whether it is up
NEUTRAL = "text"  # a figure without a verdict
RESTING = "#9fb0c0"  # neither up nor down, as it should be
ABSENT = "#808080"  # nothing is known at all
AMOUNT = "#6e9fd8"  # bars and cells that only say how much

PLANNED, SENT, LOGGED, COUNTED = "text", "#c9a400", "#14a3b8", "#d6489b"  # the measures of one traffic

WORSE, BETTER = ("#fbc4a8", "#ef8a62", "#b2182b"), ("#b8d8ea", "#67a9cf", "#2166ac")  # from a little to much
SAME = "#9a9a9a"

SHORT_TO_LONG = ("red", "orange", "yellow", "blue")  # windows of a burn rate, the most urgent first

PALETTE = frozenset(
    (
        *(GOOD, INFO, WARNING, BAD, UNKNOWN, NEUTRAL, RESTING, ABSENT, AMOUNT),
        *(PLANNED, SENT, LOGGED, COUNTED, SAME),
        *(*WORSE, *BETTER, *SHORT_TO_LONG),
    )
)

States: TypeAlias = Mapping[int, tuple[str, str]] | Mapping[str, tuple[str, str]]
"""Value of a series to (its name, its colour)."""
Steps: TypeAlias = Sequence[tuple[float | None, str]]
"""Thresholds: (from this value, this colour), ascending, the first from None."""

GOOD_BAD: States = {1: ("up", GOOD), 0: ("down", BAD)}
SEVERITIES: Mapping[int, tuple[str, str]] = {3: ("page", BAD), 2: ("ticket", WARNING), 1: ("info", INFO)}
CODE_COLOURS = {"/^2/": GOOD, "/^3/": INFO, "/^4/": WARNING, "/^5/": BAD}
