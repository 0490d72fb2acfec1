"""Notes beside a verdict, in words; a line each, the most important first. Pure."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from exporter.releases.bulk.reading import Input
from exporter.releases.caveats import Unsteady
from exporter.releases.compare.alike import LEAST_CODES, LEAST_ERRORS, Alike
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import log_evidence
from exporter.releases.judging import Judged
from exporter.releases.parse import CLOCK_LIMIT_S
from exporter.releases.report import Analysis, CodeResult, Report
from exporter.releases.standing import Key, alarmed, onsets
from exporter.releases.times import show_time

MOST_ASIDE = 0.01
"""Of the lines; a larger share that could not be read is shown beside the verdict."""
LEAST_COVERED = 0.8  # of the bins
MOST_NAMED = 8
"""Notes of a kind, and codes in a note; the others are counted."""


def notes(report: Report, *, worse: set[Key], alike: set[str]) -> Iterator[str]:
    """All of them. worse: codes whose alarm counts. alike: builds with alarms that a common rise explains."""
    analysis = report.analysis
    yield from aside(report.given)
    yield from _order(report)
    yield from _storms(analysis)
    for build in sorted(alike):
        yield from rise_of(build, analysis.alike[build])
    if not report.exposure.named:
        for build in sorted({build for build, _ in worse}):
            yield from _few_codes(build, analysis)
    yield from _users(analysis)
    yield from _thin(report)


def named(codes: Sequence[str]) -> str:
    """Codes in a row; those past `MOST_NAMED` are counted."""
    more = f" and {len(codes) - MOST_NAMED} more" if len(codes) > MOST_NAMED else ""
    return ", ".join(codes[:MOST_NAMED]) + more


def aside(given: Input) -> Iterator[str]:
    """Of the input, judged or not."""
    failed, records = sum(given.failed.values()), given.table.records
    if failed > MOST_ASIDE * (failed + records):
        yield f"{failed / (failed + records):.1%} of the lines ({failed} of {failed + records}) could not be read"


def remarks(given: Input) -> Iterator[str]:
    """Notes on the times; a line each."""
    if far := given.far:
        first, last = map(show_time, far.others)
        yield (
            f"set apart: {far.records} records, the first of {show_time(far.first_s)}, far from all others "
            f"({first} to {last}); was a clock wrong?"
        )
    seconds = given.table.second
    if len(seconds) and seconds[0] < CLOCK_LIMIT_S <= seconds[-1]:
        yield "some records have times of day, others dates: they are not compared with each other"
    if given.years:
        yield f"times without a year were read as of {' and '.join(map(str, sorted(given.years)))}, and as UTC"
    if given.hole:
        first, last = map(show_time, given.hole)
        yield (
            f"clock times are not in order, and none is from {first} to {last}: they were read as one day; if they go"
            " over midnight, sort the records by time, the oldest first (`tac` where the newest is first)"
        )
    if given.midnights:
        yield (
            f"clock times fell by hours, and were read as {given.midnights} more days (24:00:00 and on); "
            f"if the input is files of one day, joined, use --one-day"
        )


def _order(report: Report) -> Iterator[str]:
    if not report.analysis.unordered:
        return
    table, baseline = report.given.table, report.analysis.baseline
    first = table.second[np.unique(table.build, return_index=True)[1]] - table.second[0]
    if (first < report.settings.bin_s).sum() > 1:
        yield (
            f"The names of the builds have no order, and more than one was there from the start: whether {baseline} is"
            " the older one is not known; --baseline names it."
        )
    else:
        yield (
            f"The names of the builds have no order: the baseline {baseline} is the one that was seen first; --baseline"
            " names another."
        )


def _storms(analysis: Analysis) -> Iterator[str]:
    """The codes that come in bursts, those that alarm first."""
    alarms = alarmed(analysis) | onsets(analysis)
    found = sorted(analysis.unsteady, key=lambda one: ((one.candidate, one.code) not in alarms, -one.dispersion))
    for one in found[:MOST_NAMED]:
        yield storm(one, alarms=(one.candidate, one.code) in alarms)
    if len(found) > MOST_NAMED:
        yield f"{len(found) - MOST_NAMED} more codes come in bursts or clusters"


def storm(one: Unsteady, *, alarms: bool) -> str:
    """How the errors of a code are distributed, and its remaining evidence. alarms: whether the code has an alarm."""
    if one.in_burst:
        others = f" (and {one.bursts - 1} more bursts)" if one.bursts > 1 else ""
        how = (
            f"{one.in_burst} of the {one.errors} came within {one.lasted_s} s, from {show_time(one.burst_s)} on{others}"
        )
        without = "with each burst as one error"
    else:
        how = f"they come in clusters of about {one.dispersion:.0f}"
        without = "with each cluster as one error"
    means = "it is still worse" if one.holds else "it is not shown to be worse"
    warning = "so its evidence, p and q are unreliable" if alarms or not one.holds else "so p and q are not exact"
    left = Pair(*(f"{side:.0f}" for side in one.left))
    return (
        f"code {one.code}: the errors of {one.of} are overdispersed ({one.dispersion:.0f} times the variance of chance)"
        f": {how}, {warning}; {without}, {left.candidate} against {left.baseline}, {means}"
    )


def rise_of(build: str, rise: Alike[str]) -> Iterator[str]:
    """The codes of a build that rose alike, and those that did not."""
    yield (
        f"codes {named(rise.codes)} of {build} rose by the same factor, {rise.factor:.2f} (95 %: {rise.low:.2f} to "
        f"{rise.high:.2f}), which is what more users look like; --exposure shares.csv gives a verdict by user"
    )
    if rise.more:
        yield f"codes {named(rise.more)} of {build} rose more than the others"
    if rise.less:
        yield f"codes {named(rise.less)} of {build} rose less than the others"


def words(judged: Judged, build: str, code: str) -> str:
    """Why an alert of a running stream does not count, in the words of a report; empty if it counts."""
    match judged.explained.get(code):
        case "bursts":
            return next(storm(one, alarms=True) for one in judged.unsteady if one.code == code)
        case "alike":
            assert judged.alike is not None
            return "; ".join(rise_of(build, judged.alike))
        case "undecided":
            return "its errors began in the last bins: a burst, or a lasting change"
    return ""


def _few_codes(build: str, analysis: Analysis) -> Iterator[str]:
    """Whether too few codes have errors to see a common rise, which more users would make."""
    enough = [
        result.code
        for result in analysis.codes
        if result.candidate_build == build and result.baseline + result.candidate >= LEAST_ERRORS
    ]
    if len(enough) < LEAST_CODES:
        who = f"code {enough[0]} alone has" if len(enough) == 1 else f"only {len(enough)} codes have"
        yield (
            f"{who} {LEAST_ERRORS} errors or more of {build} and the baseline: too few to see whether all codes rose "
            f"alike, and more users of {build} look the same; --exposure shares.csv gives a verdict by user"
        )


def _users(analysis: Analysis) -> Iterator[str]:
    for build, users in analysis.users.items():
        if users.unknown_bins:
            yield (
                f"{users.unknown_bins} bins of {build} are not compared, as the users are unknown there, or one of the "
                f"two builds has none"
            )


def _thin(report: Report) -> Iterator[str]:
    analysis = report.analysis
    for build, bins in analysis.compared.items():
        if bins < LEAST_COVERED * analysis.bins:
            yield f"only {bins / max(1, analysis.bins):.0%} of the time is compared for {build}"
        mine = [code for code in analysis.codes if code.candidate_build == build]
        if mine and not any(_could_alarm(code, report) for code in mine):
            yield f"{build} and the baseline have too few errors for any code to be shown worse, however bad it is"


def _could_alarm(code: CodeResult, report: Report) -> bool:
    """Whether all of a code's errors would be enough if they were the candidate's."""
    everything = Pair([0], [code.baseline + code.candidate])
    watched = len(report.given.table.codes) * max(1, len(report.analysis.compared))
    return bool(
        log_evidence(everything, exposure=report.settings.users)[0] >= math.log(watched / report.settings.alpha)
    )
