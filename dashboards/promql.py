"""Variables of a board to PromQL that Prometheus reads, with Grafana's rules. Pure: no I/O, no clock."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dashboards.model import Variable

ALL_CHOICE = "$__all"  # Grafana's own name for the choice "All"
MAX_POINTS = 1500  # more than a screen has columns; Prometheus refuses above 11,000
_USE = re.compile(r"\$(?:(?P<plain>[^\W\d]\w*)|\{(?P<braced>[^\W\d]\w*)(?::\w+)?\})")  # $1 is label_replace's
_PLAIN = re.compile(r"[\w./-]*\Z", re.ASCII)  # characters that mean themselves in a string and in a regex but for "."


class Span(NamedTuple):
    """A time range as it is asked: Unix seconds, aligned to the step, both ends part of it."""

    start_s: int
    end_s: int
    step_s: int

    @property
    def points(self) -> int:
        """How many instants the range has."""
        return (self.end_s - self.start_s) // self.step_s + 1


def span(end_s: float, range_s: int, points: int, scrape_interval_s: float, least_s: float = 0) -> Span:
    """The range that ends at `end_s`, in steps as Grafana's Prometheus data source takes them.

    The range over `points` is rounded to the nearest step of a list, so there may be more points than `points`.

    Args:
        end_s: Unix seconds.
        range_s: How far back the range goes.
        points: A panel's `maxDataPoints`, or its width in pixels; at most MAX_POINTS are asked for.
        scrape_interval_s: No step is shorter.
        least_s: The panel's own shortest step ("Min interval").
    """
    least = max(math.ceil(scrape_interval_s), math.ceil(least_s), 1)
    step_s = max(_rounded_s(range_s / max(min(points, MAX_POINTS), 2)), least)
    while range_s / step_s > MAX_POINTS:
        step_s = next(step for step, _ in _STEPS_S if step > step_s)
    end = int(end_s) // step_s * step_s
    return Span(end - range_s // step_s * step_s, end, step_s)


def step_s(range_s: float, points: int, least_s: float) -> float:
    """The step that Grafana's page computes for a panel of this many points, at least `least_s`."""
    return max(_rounded_s(range_s / max(points, 1)), least_s)


def _rounded_s(wanted_s: float) -> int:
    return next((step for step, up_to in _STEPS_S if wanted_s <= up_to), _YEAR_S)


_HOUR_S, _DAY_S = 3600, 86400
_YEAR_S = 365 * _DAY_S
# Grafana's steps, each with the longest wanted one that is rounded to it.
_STEPS_S = (
    *((1, 1.5), (2, 3.5), (5, 7.5), (10, 12.5), (15, 17.5), (20, 25), (30, 45)),
    *((60, 90), (120, 210), (300, 450), (600, 750), (900, 1050), (1200, 1500), (1800, 2700)),
    *((_HOUR_S, 5400), (2 * _HOUR_S, 9000), (3 * _HOUR_S, 16200), (6 * _HOUR_S, 32400), (12 * _HOUR_S, _DAY_S)),
    *((_DAY_S, 7 * _DAY_S), (7 * _DAY_S, 21 * _DAY_S), (30 * _DAY_S, 42 * _DAY_S)),
)


def rate_interval_s(step_s: float, scrape_interval_s: float) -> int:
    """Grafana's `$__rate_interval`: long enough to hold four scrapes, and to leave no sample between two steps out."""
    return int(max(step_s + scrape_interval_s, 4 * scrape_interval_s))


def built_in(asked: Span, scrape_interval_s: float) -> dict[str, str]:
    """Grafana's own variables for this range."""
    return {
        "__rate_interval": f"{rate_interval_s(asked.step_s, scrape_interval_s)}s",
        "__interval": f"{asked.step_s}s",
        "__interval_ms": str(asked.step_s * 1000),
        "__range": f"{asked.end_s - asked.start_s}s",
        "__range_s": str(asked.end_s - asked.start_s),
        "__range_ms": str((asked.end_s - asked.start_s) * 1000),
    }


def substitute(expr: str, values: Mapping[str, str]) -> str:
    """`expr` with `$name`, `${name}` and `${name:format}` replaced; raises KeyError for a name without value."""
    return _USE.sub(lambda use: values[use["plain"] or use["braced"]], expr)


def as_text(variable: Variable, chosen: Sequence[str]) -> str:
    """What the choice becomes in a query: a value as it is, several as an alternation, All as the variable says.

    Values of labels are quoted for the inside of a regex in double quotes, as Grafana does for variables that may
    hold several; a variable that holds one fixed value (a window) goes in as it is.
    """
    if variable.include_all and ALL_CHOICE in chosen:
        return variable.all_value
    if not (variable.multi or variable.include_all):
        return chosen[0] if chosen else ""
    quoted = [_in_quoted_regex(value) for value in chosen]
    return quoted[0] if len(quoted) == 1 else f"({'|'.join(quoted)})"


def _in_quoted_regex(value: str) -> str:
    if _PLAIN.match(value):
        return value.replace(".", "\\\\.")
    regex = re.sub(r"[\\^$*+?.()|\[\]{}/-]", lambda special: "\\" + special[0], value)
    return regex.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
