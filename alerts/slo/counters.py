"""Counters as queries name them: `sum by (source) (rate(metric{code="500"}[5m]))` to metric, matchers and kept labels.

Pure. Only what has one meaning as a count of events is read; everything else is refused with what would be right.
"""

import json
import re
from typing import NamedTuple

from alerts.re2 import check_regex

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_TEXT = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"
_MATCHER = re.compile(rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_TEXT})\s*(,|\Z)")
_SELECTOR = re.compile(rf"({_NAME})\s*(?:\{{((?:[^{{}}\"']|{_TEXT})*)\}})?\s*(?:\[[^\[\]]*\])?")
_RATE = re.compile(r"(?:rate|increase|irate)\s*\((.*)\)", re.DOTALL)
_LABELS = r"by\s*\(([a-zA-Z0-9_,\s]*)\)"
_SUM = re.compile(rf"sum\s*(?:{_LABELS})?\s*\((.*)\)", re.DOTALL)
_SUM_THEN_BY = re.compile(rf"sum\s*\((.*)\)\s*{_LABELS}", re.DOTALL)
EXPECTED = (
    'expected a counter, for example http_requests_total{code="500"} or sum by (source) (rate(http_requests_total[5m]))'
)


class Matcher(NamedTuple):
    """One condition on a label; `op` is =, !=, =~ or !~, `value` without quotes and escapes."""

    label: str
    op: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.op}{json.dumps(self.value, ensure_ascii=False)}"


class Counter(NamedTuple):
    """The series of one metric; as text a PromQL selector."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        return self.metric + (f"{{{', '.join(map(str, self.matchers))}}}" if self.matchers else "")

    def where(self, *matchers: Matcher) -> "Counter":
        """The same with more conditions."""
        return self._replace(matchers=(*self.matchers, *matchers))


class Sum(NamedTuple):
    """A sum of counters over all labels but `by`."""

    counter: Counter
    by: tuple[str, ...]


def parse_counter(text: str) -> Counter:
    """A selector alone. Raises ValueError."""
    match = _SELECTOR.fullmatch(text.strip())
    if not match or "[" in text.rpartition("}")[2]:
        raise ValueError(
            f'invalid counter {_short(text)}: expected a metric and its labels, for example errors_total{{code="500"}}'
        )
    return Counter(match[1], _matchers(match[2] or "", text))


def parse_sum(text: str) -> Sum:
    """A selector, or the sum of its rate or increase over any range. Raises ValueError."""
    inner = text.strip()
    by: tuple[str, ...] = ()
    if match := _SUM_THEN_BY.fullmatch(inner):
        by, inner = _names(match[2]), match[1].strip()
    elif match := _SUM.fullmatch(inner):
        by, inner = _names(match[1]), match[2].strip()
    if rate := _RATE.fullmatch(inner):
        inner = rate[1].strip()
    selector = _SELECTOR.fullmatch(inner)
    if not selector:
        raise ValueError(f"invalid query {_short(text)}: {EXPECTED}")
    return Sum(Counter(selector[1], _matchers(selector[2] or "", text)), by)


def parse_quotient(text: str) -> tuple[Sum, Sum]:
    """The dividend and the divisor of a quotient of two sums of counters. Raises ValueError."""
    parts = _split_at_slash(text)
    if len(parts) != 2:
        raise ValueError(
            f"invalid ratio {_short(text)}: a ratio without its counts can't be weighted by requests; "
            "expected a quotient of two counters, or good and total"
        )
    return parse_sum(parts[0]), parse_sum(parts[1])


def _split_at_slash(text: str) -> list[str]:
    """The parts between the slashes that are not in quotes."""
    parts, start = [], 0
    for found in re.finditer(rf"{_TEXT}|/", text):
        if found[0] == "/":
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _names(labels: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (labels or "").split(",") if name.strip())


def _matchers(text: str, whole: str) -> tuple[Matcher, ...]:
    found, place = [], 0
    while text[place:].strip():
        match = _MATCHER.match(text, place)
        if not match:
            raise ValueError(f'invalid labels in {_short(whole)}: expected for example {{code=~"5..", job="site"}}')
        matcher = Matcher(match[1], match[2], _unquoted(match[3], whole))
        if "~" in matcher.op:
            check_regex(matcher.value)
        found.append(matcher)
        place = match.end()
    return tuple(found)


def _unquoted(text: str, whole: str) -> str:
    """A PromQL string without its quotes; of escapes those that JSON has, too."""
    inner = text[1:-1]
    if text[0] == "'":
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError as exc:
        raise ValueError(f"invalid text {text} in {_short(whole)}: expected \\\\ for a backslash") from exc


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."
