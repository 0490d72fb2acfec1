"""The check's result: rows that hold or do not, and the table of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from foundation.terminal import printable

Codes: TypeAlias = Mapping[int, int]
"""Requests by status code; a code that is absent was seen 0 times."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that should hold, as it was expected and as it came."""

    name: str
    expected: str
    got: str
    holds: bool


def count_row(name: str, expected: int, got: int) -> Row:
    """A count that should be equal to the last one."""
    return Row(name, f"{expected:,}", f"{got:,}" + _difference(got - expected), expected == got)


def codes_row(name: str, expected: Codes, got: Codes) -> Row:
    """Counts by code that should be equal to the last one, code by code."""
    codes = sorted({code for counts in (expected, got) for code, count in counts.items() if count})
    holds = all(expected.get(code, 0) == got.get(code, 0) for code in codes)
    difference = sum(got.values()) - sum(expected.values())
    return Row(name, _by_code(expected, codes), _by_code(got, codes) + _difference(difference), holds)


def _by_code(counts: Codes, codes: Iterable[int]) -> str:
    return f"{sum(counts.values()):,} ({', '.join(f'{code}: {counts.get(code, 0):,}' for code in codes)})"


def _difference(difference: int) -> str:
    return f" [{difference:+,}]" if difference else ""


def render(rows: Iterable[Row]) -> str:
    """The table; a row that does not hold is marked at both ends."""
    cells = [(*map(printable, (r.name, r.expected, r.got)), "ok" if r.holds else "DIFFERS") for r in rows]
    head = ("what", "expected", "got", "")
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(3)]
    rule = "-" * (sum(widths) + 15)
    lines = [_line(" ", head, widths), rule]
    lines += [_line(" " if cell[3] == "ok" else ">", cell, widths) for cell in cells]
    return "\n".join([*lines, rule])


def _line(mark: str, cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([mark, *padded, cells[3]]).rstrip()


def verdict(rows: Iterable[Row]) -> str:
    """One closing line."""
    bad = [printable(row.name) for row in rows if not row.holds]
    return f"FAILED: {', '.join(bad)}" if bad else "All checks passed."
