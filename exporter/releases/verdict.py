"""What a report says in the end, in words: which codes are worse, how sure that is, and what to do. Pure."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from exporter.releases.caveats import Unsteady
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import log_evidence
from exporter.releases.parse import code_key
from exporter.releases.report import CodeResult, Report
from exporter.releases.times import show_time

MOST_ASIDE = 0.01
"""Of the lines; a larger share that could not be read stands beside the verdict."""
LEAST_COVERED = 0.8  # of the bins
MOST_NAMED = 8
"""Notes of a kind, and codes in a note; the others are counted."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """judged: whether there was anything to compare. notes: what stands beside the text, the gravest first."""

    judged: bool
    text: str
    action: str
    worse: list[Any] = []
    doubtful: list[Any] = []
    alike: list[Any] = []
    notes: list[str] = []


def decide(report: Report) -> Verdict:
    """The verdict on a whole input."""
    if why := why_nothing(report):
        return Verdict(
            judged=False,
            text=f"nothing was judged: {why}",
            action="Decide nothing by this report.",
            notes=list(_aside(report)),
        )
    alarmed = {(f.build, f.alert.code) for f in report.analysis.alerts if f.alert.detector == "evidence"}
    risen = {
        (build, code) for build, alike in report.analysis.alike.items() for code in _names(report, alike.codes)
    } & alarmed
    doubtful = {(u.candidate, u.code) for u in report.analysis.unsteady if not u.holds} & alarmed - risen
    worse = alarmed - risen - doubtful
    return Verdict(
        judged=True,
        text=_headline(report, worse=worse, doubtful=doubtful, risen=risen),
        action=_action(report, worse=worse, doubtful=doubtful, risen=risen),
        worse=_codes(worse),
        doubtful=_codes(doubtful),
        alike=_codes(risen),
        notes=[
            *_aside(report),
            *_order(report),
            *_storms(report),
            *_rises(report, risen),
            *_users(report),
            *_thin(report),
        ],
    )


def why_nothing(report: Report) -> str:
    """Why there is no verdict; empty where there is one."""
    analysis = report.analysis
    if not report.given.table.records:
        return "no records"
    if len(analysis.builds) < 2:
        return "one build alone cannot be compared; the input needs two or more"
    if not any(analysis.compared.values()):
        return f"no build shares a bin of {report.settings.bin_s} s with the baseline {analysis.baseline}"
    return ""


def named(codes: Sequence[Any]) -> str:
    """Codes in a row; those past `MOST_NAMED` are counted."""
    more = f" and {len(codes) - MOST_NAMED} more" if len(codes) > MOST_NAMED else ""
    return ", ".join(map(str, codes[:MOST_NAMED])) + more


def odds(log_e: float) -> str:
    """How sure evidence is, in words."""
    for least, words in ((math.log(1e6), "practically certain"), (math.log(1e3), "very sure"), (math.log(20), "sure")):
        if log_e >= least:
            return words
    return "weak" if log_e > math.log(3) else "no evidence"


def chance(q: float) -> str:
    """What a q-value means, in words: of codes that look like this, how many would be chance."""
    for most, words in ((0.001, "fewer than 1 in 1,000"), (0.01, "fewer than 1 in 100"), (0.05, "fewer than 1 in 20")):
        if q < most:
            return words
    return "may well be chance"


def _order(report: Report) -> Iterator[str]:
    if report.analysis.unordered:
        yield (
            f"The names of the builds are no versions: the baseline {report.analysis.baseline} is the one that was seen"
            " first; --baseline names another."
        )


def _headline(report: Report, *, worse: set[Any], doubtful: set[Any], risen: set[Any]) -> str:
    alpha = report.settings.alpha
    parts = []
    if worse:
        codes = ", ".join(map(str, _codes(worse)))
        parts.append(f"worse than the baseline (at most {alpha:.0%} chance of any false alarm): codes {codes}")
    elif doubtful or risen:
        parts.append("no code is surely worse than the baseline")
    if doubtful:
        parts.append(f"in doubt, as their errors come in bursts: codes {named(_codes(doubtful))}")
    for build, alike in report.analysis.alike.items():
        if any(one == build for one, _ in risen):
            who = "all codes" if not (alike.more or alike.less) else f"{len(alike.codes)} codes"
            parts.append(f"{who} of {build} rose alike, {alike.factor:.2f} times: as more users of it would make them")
    if parts:
        return "; ".join(parts)
    if any(f.alert.detector == "onset" for f in report.analysis.alerts):
        return "no code is worse over the whole input; onsets were seen, see above"
    return "no code is shown to be worse than the baseline"


def _action(report: Report, *, worse: set[Any], doubtful: set[Any], risen: set[Any]) -> str:
    builds = named(sorted({build for build, _ in worse}))
    if worse:
        return f"Stop the rollout of {builds}, or roll it back, and look at these codes first."
    if doubtful:
        return "Find out who sent the burst before you decide: one client that tries again and again looks like this."
    if risen:
        return "Name the users of each build (--exposure shares.csv) and compare again before you decide."
    if any(f.alert.detector == "onset" for f in report.analysis.alerts):
        return "Look at what changed at the times of the onsets; over the whole input no code is worse."
    return "Nothing in these errors speaks against going on."


def _codes(pairs: set[Any]) -> list[str]:
    return sorted({code for _, code in pairs}, key=code_key)


def _names(report: Report, places: Sequence[int]) -> list[Any]:
    return [report.given.table.codes[place] for place in places]


def _aside(report: Report) -> Iterator[str]:
    failed, records = sum(report.given.failed.values()), report.given.table.records
    if failed > MOST_ASIDE * (failed + records):
        yield f"{failed / (failed + records):.1%} of the lines ({failed} of {failed + records}) could not be read"


def _storms(report: Report) -> Iterator[str]:
    """The codes that come in bursts, those that alarm first."""
    alarmed = {(f.build, f.alert.code) for f in report.analysis.alerts if f.alert.detector == "evidence"}
    found = sorted(report.analysis.unsteady, key=lambda u: ((u.candidate, u.code) not in alarmed, -u.dispersion))
    for one in found[:MOST_NAMED]:
        yield _storm(one, alarmed=(one.candidate, one.code) in alarmed)
    if len(found) > MOST_NAMED:
        yield f"{len(found) - MOST_NAMED} more codes come in bursts or clumps"


def _storm(one: Unsteady, *, alarmed: bool) -> str:
    if one.in_burst:
        others = f" (and {one.bursts - 1} more bursts)" if one.bursts > 1 else ""
        how = (
            f"{one.in_burst} of the {one.errors} came within {one.lasted_s} s, from {show_time(one.burst_s)} on{others}"
        )
        without = "with each burst as one error"
    else:
        how = f"they come in clumps of about {one.dispersion:.0f}"
        without = "counted by clump"
    means = "it is worse also so" if one.holds else "it is not shown to be worse"
    warning = (
        "so its evidence, p and q are not to be trusted" if alarmed or not one.holds else "so p and q are not exact"
    )
    left = Pair(*(f"{side:.0f}" for side in one.left))
    return (
        f"code {one.code}: the errors of {one.of} are overdispersed ({one.dispersion:.0f} times the variance of chance)"
        f": {how}, {warning}; {without}, {left.candidate} against {left.baseline}, {means}"
    )


def _rises(report: Report, risen: set[Any]) -> Iterator[str]:
    if report.exposure.named:
        return
    for build, alike in report.analysis.alike.items():
        if not any(one == build for one, _ in risen):
            continue
        yield (
            f"codes {named(_names(report, alike.codes))} of {build} rose by the same factor, {alike.factor:.2f} "
            f"(95 %: {alike.low:.2f} to {alike.high:.2f}), which is what more users look like; "
            f"--exposure shares.csv gives a verdict by user"
        )
        if alike.more:
            yield f"codes {named(_names(report, alike.more))} of {build} rose more than the others"
        if alike.less:
            yield f"codes {named(_names(report, alike.less))} of {build} rose less than the others"
    if len(report.given.table.codes) == 1 and any(f.alert.detector == "evidence" for f in report.analysis.alerts):
        yield "there is one code only, and more users of a build look the same: --exposure shares.csv gives a verdict"


def _users(report: Report) -> Iterator[str]:
    for build, users in report.analysis.users.items():
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
    """Whether all of a code's errors, were they the candidate's, would be enough."""
    everything = Pair([0], [code.baseline + code.candidate])
    watched = len(report.given.table.codes) * max(1, len(report.analysis.compared))
    return bool(
        log_evidence(everything, exposure=report.settings.exposure)[0] >= math.log(watched / report.settings.alpha)
    )
