"""The verdict of a report in words: which codes are worse, how certain that is, and what to do. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from exporter.releases.notes import aside, named, notes
from exporter.releases.parse import code_key
from exporter.releases.report import Analysis, Report
from exporter.releases.standing import Key, alarmed, explained, onsets


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """judged: whether there was anything to compare. notes: limits of the verdict, the most important first."""

    judged: bool
    text: str
    action: str
    worse: list[str] = []
    doubtful: list[str] = []
    alike: list[str] = []
    notes: list[str] = []


class _Alarms(NamedTuple):
    """Codes with an alarm by evidence or an onset.

    worse: by evidence that counts. onsets: of other codes, that count.
    """

    worse: set[Key]
    doubtful: set[Key]
    alike: set[Key]
    onsets: set[Key]


def decide(report: Report) -> Verdict:
    """The verdict on a whole input."""
    if why := why_nothing(report):
        return Verdict(
            judged=False,
            text=f"nothing was judged: {why}",
            action="Decide nothing by this report.",
            notes=list(aside(report.given)),
        )
    alarms = _alarms(report.analysis)
    return Verdict(
        judged=True,
        text=_headline(report, alarms),
        action=_action(alarms),
        worse=_codes(alarms.worse),
        doubtful=_codes(alarms.doubtful),
        alike=_codes(alarms.alike),
        notes=list(notes(report, worse=alarms.worse, alike={build for build, _ in alarms.alike})),
    )


def why_nothing(report: Report) -> str:
    """Why there is no verdict; empty where there is one."""
    analysis = report.analysis
    if not report.given.table.records:
        return "no records"
    if len(analysis.builds) < 2:
        return "cannot compare one build; expected two or more builds in the input"
    if not any(analysis.compared.values()):
        return f"no build shares a bin of {report.settings.bin_s} s with the baseline {analysis.baseline}"
    return ""


def _alarms(analysis: Analysis) -> _Alarms:
    reasons, by_evidence = explained(analysis), alarmed(analysis)
    found = by_evidence | onsets(analysis)
    doubtful, alike = ({key for key in found if reasons.get(key) == reason} for reason in ("bursts", "alike"))
    counted = found - doubtful - alike
    return _Alarms(counted & by_evidence, doubtful, alike, counted - by_evidence)


def _headline(report: Report, alarms: _Alarms) -> str:
    parts = []
    if alarms.worse:
        codes = ", ".join(_codes(alarms.worse))
        parts.append(
            f"worse than the baseline (at most {report.settings.alpha:.0%} chance of any false alarm): codes {codes}"
        )
    elif alarms.doubtful or alarms.alike:
        parts.append("no code is clearly worse than the baseline")
    if alarms.doubtful:
        parts.append(f"in doubt, as their errors come in bursts: codes {named(_codes(alarms.doubtful))}")
    for build in sorted({build for build, _ in alarms.alike}):
        rise = report.analysis.alike[build]
        who = "all codes" if not (rise.more or rise.less) else f"{len(rise.codes)} codes"
        parts.append(f"{who} of {build} rose by the same factor, {rise.factor:.2f}, as with more users of this build")
    if parts:
        return "; ".join(parts)
    if alarms.onsets:
        return f"no code is worse over the whole input; onsets were seen of codes {named(_codes(alarms.onsets))}"
    return "no code is shown to be worse than the baseline"


def _action(alarms: _Alarms) -> str:
    if alarms.worse:
        builds = named(sorted({build for build, _ in alarms.worse}))
        return f"Stop the rollout of {builds}, or roll it back, and look at these codes first."
    if alarms.doubtful:
        return "Find out who sent the burst before you decide: one client that keeps retrying looks like this."
    if alarms.alike:
        return "Name the users of each build (--exposure shares.csv) and compare again before you decide."
    if alarms.onsets:
        return "Look at what changed at the times of the onsets; over the whole input no code is worse."
    return "These errors give no reason to stop the rollout."


def _codes(keys: Iterable[Key]) -> list[str]:
    return sorted({code for _, code in keys}, key=code_key)
