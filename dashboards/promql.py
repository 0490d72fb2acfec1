"""Variables of a board to PromQL that Prometheus reads, with Grafana's rules. Pure: no I/O, no clock."""

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


def span(end_s: float, range_s: int, points: int, scrape_interval_s: float) -> Span:
    """The range that ends at `end_s`, in at most `points` steps, none shorter than a scrape."""
    wanted = max(range_s / max(min(points, MAX_POINTS), 2), scrape_interval_s, 1)
    step_s = next((step for step in _STEPS_S if step >= wanted), -(-int(wanted) // 86400) * 86400)
    end = int(end_s) // step_s * step_s
    return Span(end - range_s // step_s * step_s, end, step_s)


_STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


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
