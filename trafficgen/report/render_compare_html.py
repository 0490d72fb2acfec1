"""A comparison as values for its page, `templates/compare.html`: both runs side by side on axes they share. Pure.

The page shows what the reports have, in which secrets are left out already; nothing else of the runs is known here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from foundation.page import render
from foundation.secret import shown_url
from trafficgen.report.chart import Chart
from trafficgen.report.compare import Comparison
from trafficgen.report.over_time import answers_over_time, highest_rate_per_s, latency_axis, latency_over_time
from trafficgen.report.render_compare import COLUMNS, row
from trafficgen.report.render_html import clock
from trafficgen.report.render_text import TARGET_COLUMNS, summary, target_row, times
from trafficgen.report.report import Report
from trafficgen.report.verdict import describe

NAMES = ("before", "after")
_VERDICTS = ("worse", "better", "no significant difference", "not judged")  # what needs to be seen comes first


class Pair(NamedTuple):
    """A chart of both runs. None: nothing was measured that it could show."""

    name: str
    runs: list[tuple[str, Chart | None]]  # by the name that the section has for a screen reader


class Fact(NamedTuple):
    """What both runs are, in words: the values of each."""

    name: str
    runs: list[list[str]]

    @property
    def differs(self) -> bool:
        """Whether it is another one after the change."""
        return self.runs[0] != self.runs[1]


def render_comparison_html(found: Comparison, before: Report, after: Report) -> str:
    """The page. `found` is the comparison of `before` with `after`."""
    runs = (before, after)
    return render(
        "trafficgen.report",
        "compare.html",
        found=found,
        names=NAMES,
        verdicts=[(verdict, names) for verdict in _VERDICTS if (names := _with_verdict(found, verdict))],
        columns=COLUMNS,
        figures=[(one.verdict, row(one)) for one in found.figures],
        facts=_facts(runs),
        pairs=list(_pairs(runs)),
        target_columns=TARGET_COLUMNS,
        targets=list(_targets(runs)),
    )


def _with_verdict(found: Comparison, verdict: str) -> list[str]:
    return [one.figure for one in found.figures if one.verdict == verdict]


def _facts(runs: tuple[Report, Report]) -> list[Fact]:
    """Rows by name, in the order of the first run, then what only the second one has."""
    listed = [_facts_of(report) for report in runs]
    names = dict.fromkeys(name for facts in listed for name in facts)
    return [Fact(name, [facts.get(name, ["-"]) for facts in listed]) for name in names]


def _facts_of(report: Report) -> dict[str, list[str]]:
    """When, by which command, which plan, and what became of it. Times are in the other tables."""
    rows = [
        ("URL", shown_url(report.url)),
        *clock(report),
        ("command", report.command or "-"),
        ("plan", report.plan or "-"),
        ("version", report.version),
        *(row for row in summary(report) if row[0] not in times(report)),
        *(("expected", describe(verdict)) for verdict in report.expectations),
        *(("FAILED", text) for text in report.failed),
    ]
    facts: dict[str, list[str]] = {}
    for name, value in rows:
        facts.setdefault(name, []).append(value)
    return facts


def _pairs(runs: tuple[Report, Report]) -> Iterator[Pair]:
    """The charts over time: latencies on one axis, answers on one rate."""
    axis, top_per_s = latency_axis(*runs), highest_rate_per_s(*runs)
    widths = [f"{report.over_time.width_s:,} s" for report in runs]
    each = widths[0] if widths[0] == widths[1] else f"{widths[0]} (before) or {widths[1]} (after)"
    yield Pair(
        f"Latency from the plan, of what ended in each {each}",
        [(f"Latency {name}", latency_over_time(one, axis)) for name, one in zip(NAMES, runs, strict=True)],
    )
    yield Pair(
        f"Answers and failures in each {each}",
        [(f"Answers {name}", answers_over_time(one, top_per_s)) for name, one in zip(NAMES, runs, strict=True)],
    )


def _targets(runs: tuple[Report, Report]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """(target, its cells of both runs), the most requested one first. Both runs have the same targets."""
    others = {one.target: one for one in runs[1].by_target}
    for one in sorted(runs[0].by_target, key=lambda one: -one.requests):
        name, *cells = target_row(one)
        yield name, [tuple(cells), target_row(others[one.target])[1:]]
