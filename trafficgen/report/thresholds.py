"""`--fail-if 'error_ratio>0.01'`: limits that a run must keep, each cause with its own exit code. Pure."""

import math
import operator
import re
from dataclasses import dataclass
from typing import TypeAlias

from foundation.errors import ConfigError
from trafficgen.report.render_text import describe_lateness
from trafficgen.report.report import STATISTICS, Report, Times
from trafficgen.units import parse_duration

EXIT_CODES = {
    "error_ratio": 10,  # no answer, or a code that is not expected, of those sent
    "dropped_ratio": 11,  # of those planned
    "rate_error": 12,  # |sent / planned - 1|
    "lateness": 13,  # seconds, by quantile or as mean, as the two below
    "latency": 14,  # from the plan
    "send_latency": 15,  # from the send
    "http_5xx_ratio": 16,  # of those answered, as the next
    "http_4xx_ratio": 17,
    "no_answer_ratio": 18,  # of those sent
}
_OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
TIMES = {"lateness": "send_lateness_s", "latency": "latency_from_plan_s", "send_latency": "latency_from_send_s"}
_UNMEASURED = {
    "lateness": "sent",
    "latency": "planned",
    "send_latency": "sent",
    "error_ratio": "sent",
    "no_answer_ratio": "sent",
    "http_5xx_ratio": "answered",
    "http_4xx_ratio": "answered",
    "dropped_ratio": "planned",
    "rate_error": "planned",
}
_SYNTAX = re.compile(r"\s*(?P<name>[a-z0-9_]+?)(?:_(?P<q>p\d+|max|mean))?\s*(?P<sign>[<>]=?)\s*(?P<limit>\S+)\s*\Z")
KNOWN = (
    f"{', '.join(name for name in EXIT_CODES if name not in TIMES)}, "
    f"and {', '.join(TIMES)} with _{', _'.join(STATISTICS)}"
)

Failure: TypeAlias = tuple[int, str]
"""(exit code, what was exceeded)"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit; the run fails if `value sign limit` is true, and if there is no value, as nothing was measured."""

    text: str
    name: str
    statistic: str
    sign: str
    limit: float

    def failure(self, report: Report) -> Failure | None:
        """What was exceeded, if anything."""
        value = _value(report, self.name, self.statistic)
        if value is None:
            return EXIT_CODES[self.name], f"{self.text}: nothing was measured: no request was {_UNMEASURED[self.name]}"
        if not _OPERATORS[self.sign](value, self.limit):
            return None
        more = f"; {describe_lateness(report)}" if self.name == "lateness" else ""
        return EXIT_CODES[self.name], f"{self.text}: it is {value:.6g}{more}"


def parse_threshold(text: str) -> Threshold:
    """Read one `--fail-if`. Raises ConfigError."""
    match = _SYNTAX.match(text)
    if not match or match["name"] not in EXIT_CODES:
        raise ConfigError(
            f"--fail-if: {text!r}; write a limit as in 'error_ratio>0.01' or 'latency_p99>200ms'; known: {KNOWN}"
        )
    name, statistic = match["name"], match["q"] or ""
    if (name in TIMES) != (statistic in STATISTICS):
        raise ConfigError(f"--fail-if: {text!r}: quantiles and means go with times only; known: {KNOWN}")
    if name in TIMES:
        limit = parse_duration(match["limit"], what=f"--fail-if: {text}", zero=True)
    else:
        limit = _number(match["limit"], text)
    return Threshold(text.strip(), name, statistic, match["sign"], limit)


def _number(digits: str, text: str) -> float:
    try:
        number = float(digits)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--fail-if: {text!r}: {digits} is not a number")
    return number


def _value(report: Report, name: str, statistic: str) -> float | None:
    if name in TIMES:
        times: Times = getattr(report, TIMES[name])
        return times[statistic]
    return report.ratios[name]
