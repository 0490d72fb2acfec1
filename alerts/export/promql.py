"""PromQL with other selectors and durations, and all else as it was written. Pure.

An expression is taken apart into tokens, not parsed: what is not a selector, a range or an offset is copied, so that
nothing can be lost or regrouped. It must be valid, as every file of rules in this package is tested to be.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from foundation.grammar import duration_s, format_duration

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<range>\[[^\]]*\])
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+\b)
    |(?P<number>\d*\.?\d+(?:[eE][+-]?\d+)?)
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<sign>=~|!~|!=|==|>=|<=|.)""",
    re.VERBOSE | re.DOTALL,
)
_BEFORE_LABELS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_NO_METRICS = {
    *("and", "or", "unless", "offset", "bool", "atan2", "inf", "nan", "start", "end"),
    *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values"),
    *("bottomk", "topk", "quantile", "limitk", "limit_ratio"),
}


class Matcher(NamedTuple):
    """One condition on a label; `value` is the text between the quotation marks, escapes included."""

    label: str
    op: str
    value: str


class Selector(NamedTuple):
    """What an expression reads: the samples of a range, or the last one."""

    metric: str
    matchers: tuple[Matcher, ...]
    over_range: bool


class _Token(NamedTuple):
    kind: str
    text: str


def rewritten(
    expr: str, *, matchers: Callable[[Selector], Iterable[Matcher]], duration: Callable[[float], float]
) -> str:
    """`expr` with the matchers that `matchers` gives to each selector, and ranges and offsets through `duration`."""
    return "".join(_pieces(_tokens(expr), matchers, duration))


def selectors(expr: str) -> list[Selector]:
    """Each selector of `expr`, in the order of the text."""
    found: list[Selector] = []

    def note(selector: Selector) -> Iterable[Matcher]:
        """Keep a selector in `found`; its matchers stay as they are."""
        found.append(selector)
        return selector.matchers

    rewritten(expr, matchers=note, duration=lambda seconds: seconds)
    return found


def _tokens(expr: str) -> list[_Token]:
    return [_Token(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(expr)]


def _pieces(
    tokens: list[_Token], matchers: Callable[[Selector], Iterable[Matcher]], duration: Callable[[float], float]
) -> Iterator[str]:
    place, before = 0, ""
    while place < len(tokens):
        kind, text = tokens[place]
        place += 1
        if kind == "name" and text in _BEFORE_LABELS and _next(tokens, place) == "(":
            end = _after(tokens, place, ")")
            yield text + "".join(token.text for token in tokens[place:end])
            place = end
        elif text == "{" or (kind == "name" and text not in _NO_METRICS and _next(tokens, place) != "("):
            metric, start = ("", place - 1) if text == "{" else (text, place)
            braced = _next(tokens, start) == "{"
            end = _after(tokens, start, "}") if braced else start
            asked = tuple(_matchers(tokens[start:end]))
            wanted = tuple(matchers(Selector(metric, asked, _next(tokens, end)[:1] == "[")))
            # As it was written where nothing changes.
            yield metric + ("".join(t.text for t in tokens[start:end]) if wanted == asked else _braces(wanted))
            place = end
        elif kind == "range":
            yield f"[{_changed(text[1:-1], duration)}]"
        elif kind == "duration" and before in {"offset", "-"}:
            yield _changed(text, duration)
        else:
            yield text
        before = text if kind != "space" else before


def _changed(text: str, duration: Callable[[float], float]) -> str:
    """A duration through `duration`; a subquery's range and step are of evaluations, not of scrapes, and stay."""
    if ":" in text:
        return text
    old_s = duration_s(text.strip())
    new_s = duration(old_s)
    return text if new_s == old_s else format_duration(new_s)


def _matchers(tokens: list[_Token]) -> Iterator[Matcher]:
    """The matchers of `{...}`, or of nothing."""
    words = [token.text for token in tokens if token.kind != "space" and token.text not in {"{", "}", ","}]
    for label, op, value in zip(words[::3], words[1::3], words[2::3], strict=True):
        yield Matcher(label, op, value[1:-1])


def _braces(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ", ".join(f'{label}{op}"{value}"' for label, op, value in matchers) + "}" if matchers else ""


def _next(tokens: list[_Token], place: int) -> str:
    """The text of the next token that is not space."""
    return next((token.text for token in tokens[place:] if token.kind != "space"), "")


def _after(tokens: list[_Token], place: int, closing: str) -> int:
    """The place behind the next `closing`."""
    return next(n for n in range(place, len(tokens)) if tokens[n].text == closing) + 1
