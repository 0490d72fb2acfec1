"""The durations in an alert's texts, when those of its expression have changed. Pure."""

import re
from collections.abc import Iterator, Mapping

_UNITS_S = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905, read as a row
_HALVES = {30: "half a minute", 1800: "half an hour"}


def reworded(text: str, changes: Mapping[float, float]) -> str:
    """`text` with each duration of `changes` (old seconds to new seconds) in the words of the new one, in one pass."""
    patterns = [(re.compile(pattern), words(new_s)) for old_s, new_s in changes.items() for pattern in _patterns(old_s)]
    found = [(match.start(), -match.end(), new) for pattern, new in patterns for match in pattern.finditer(text)]
    pieces, end = [], 0
    for start, negative_stop, new in sorted(found):
        if start >= end:
            pieces += [text[end:start], new]
            end = -negative_stop
    return "".join([*pieces, text[end:]])


def words(seconds: float) -> str:
    """`4 minutes` for 240: the largest unit of which it is a whole number, else seconds."""
    unit, size = next(((unit, size) for unit, size in _UNITS_S.items() if seconds % size == 0), ("second", 1))
    number = seconds / size
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def _patterns(seconds: float) -> Iterator[str]:
    """How a text may say a duration: `10 minutes`, `ten minutes`, `a minute`, `one minute`, (the last) `minute`."""
    if seconds in _HALVES:
        yield rf"\b{_HALVES[int(seconds)]}\b"
    for unit, size in _UNITS_S.items():
        number = seconds / size
        if number == 1:
            yield rf"(?<!per )(?<!every )(?<!half an )(?<!half a )\b(?:(?:an?|one|1) )?{unit}\b"
        elif number == int(number):
            spelled = f"|{_NUMBERS[int(number)]}" if number < len(_NUMBERS) else ""
            yield rf"\b(?:{number:g}{spelled}) {unit}s\b"
