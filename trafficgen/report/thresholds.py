"""`--fail-if 'error_ratio>0.01'`: limits that a run must keep, each cause with its own exit code. Pure."""

import math
import operator
import re
from dataclasses import dataclass
from typing import TypeAlias

from foundation.errors import ConfigError
from trafficgen.report.report import QUANTILES, Report
from trafficgen.units import parse_duration

EXIT_CODES = {
    "error_ratio": 10,  # errors and 5xx answers, of those sent
    "dropped_ratio": 11,  # of those planned
    "rate_error": 12,  # |sent / planned - 1|
    "lateness": 13,  # seconds, by quantile, as the two below
    "latency": 14,  # from the plan
    "send_latency": 15,  # from the send
}
_OPERATORS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
_TIMES = {"lateness": "send_lateness_s", "latency": "latency_from_plan_s", "send_latency": "latency_from_send_s"}
_QUANTILE_NAMES = (*QUANTILES, "max")
_SYNTAX = re.compile(r"\s*(?P<name>[a-z_]+?)(?:_(?P<q>p\d+|max))?\s*(?P<sign>[<>]=?)\s*(?P<limit>\S+)\s*\Z")
KNOWN = (
    f"error_ratio, dropped_ratio, rate_error, and lateness, latency, send_latency with _{', _'.join(_QUANTILE_NAMES)}"
)

Failure: TypeAlias = tuple[int, str]
"""(exit code, what was exceeded)"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit; the run fails if `value sign limit` is true."""

    text: str
    name: str
    quantile: str
    sign: str
    limit: float

    def failure(self, report: Report) -> Failure | None:
        """What was exceeded, if anything."""
        value = _value(report, self.name, self.quantile)
        if not _OPERATORS[self.sign](value, self.limit):
            return None
        return EXIT_CODES[self.name], f"{self.text}: it is {value:.6g}"


def parse_threshold(text: str) -> Threshold:
    """Read one `--fail-if`. Raises ConfigError."""
    match = _SYNTAX.match(text)
    if not match or match["name"] not in EXIT_CODES:
        raise ConfigError(
            f"--fail-if: {text!r}; write a limit as in 'error_ratio>0.01' or 'latency_p99>200ms'; known: {KNOWN}"
        )
    name, quantile = match["name"], match["q"] or ""
    if (name in _TIMES) != (quantile in _QUANTILE_NAMES):
        raise ConfigError(f"--fail-if: {text!r}: quantiles go with times only; known: {KNOWN}")
    if name in _TIMES:
        limit = parse_duration(match["limit"], what=f"--fail-if: {text}", zero=True)
    else:
        limit = _number(match["limit"], text)
    return Threshold(text.strip(), name, quantile, match["sign"], limit)


def _number(digits: str, text: str) -> float:
    try:
        number = float(digits)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--fail-if: {text!r}: {digits} is not a number")
    return number


def _value(report: Report, name: str, quantile: str) -> float:
    if name in _TIMES:
        values: dict[str, float] = getattr(report, _TIMES[name])
        return values[quantile]
    if name == "error_ratio":
        failed = sum(report.errors.values()) + sum(n for code, n in report.codes.items() if code.startswith("5"))
        return failed / max(report.sent, 1)
    if name == "dropped_ratio":
        return sum(report.dropped.values()) / max(report.planned, 1)
    return abs(report.sent / max(report.planned, 1) - 1)
