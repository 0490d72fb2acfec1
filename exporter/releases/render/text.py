"""An analysis as text: the alerts first and the verdict last, where a terminal shows it."""

from collections.abc import Iterator

from exporter.releases.caveats import Reason
from exporter.releases.notes import MOST_NAMED, remarks
from exporter.releases.report import Analysis, BuildAlert, Report
from exporter.releases.standing import REASONS, divided, explained
from exporter.releases.times import show_time
from exporter.releases.verdict import decide

_TITLES = {
    "mean-threshold": "Mean Threshold Exceeded",
    "evidence": "Evidence Threshold Reached",
    "onset": "Onset Detected",
}


def alert_text(found: BuildAlert, reason: Reason | None = None) -> str:
    """One alert, in the form that task 004 prints; with a reason, one that the verdict does not count."""
    alert = found.alert
    fields = {
        "Start Timestamp": show_time(alert.start_s),
        "Stop Timestamp": show_time(alert.stop_s) or "active",
        "Error Code": f"Error_Code_{alert.code}",
        "Value": repr(alert.value),
        "Threshold": repr(alert.threshold),
    }
    if reason is not None:
        fields["Reason"] = REASONS[reason]
    kind = "Alert" if reason is None else "Not counted"
    lines = [f"{kind}: {_TITLES[alert.detector]}", *(f"    {key + ':':<17}{value}" for key, value in fields.items())]
    return "\n".join(lines)


def as_text(report: Report) -> str:
    """The alerts that count, those that do not, the table of codes, the verdict."""
    counted, others = divided(report.analysis)
    parts = [alert_text(found) for found in counted]
    parts += [alert_text(found, reason) for found, reason in others]
    parts.append(code_table(report.analysis))
    parts.append("\n".join(verdict(report)))
    return "\n\n".join(parts) + "\n"


def code_table(analysis: Analysis) -> str:
    """A line for each code, the one with the most evidence first; an alarm that does not count is in brackets."""
    reasons = explained(analysis)
    wide = max([10, *(len(r.code) for r in analysis.codes)])
    head = f"{'code':>{wide}} {'build':>18} {'baseline':>9} {'candidate':>9} {'ratio':>8} {'95 % interval':>19}"
    rows = [head + f" {'q':>9} {'evidence':>9} {'alarm':>9}"]
    for r in sorted(analysis.codes, key=lambda r: -r.log_evidence):
        interval = f"{r.rate_ratio_low:.2f} - {'inf' if r.rate_ratio_high is None else f'{r.rate_ratio_high:.2f}'}"
        ratio = (
            "inf" if r.rate_ratio is None and r.candidate else "-" if r.rate_ratio is None else f"{r.rate_ratio:.3f}"
        )
        alarm = show_time(r.alarm_at) or "-"
        if r.alarm_at is not None and (r.candidate_build, r.code) in reasons:
            alarm = f"({alarm})"
        rows.append(
            f"{r.code:>{wide}} {r.candidate_build:>18} {r.baseline:>9} {r.candidate:>9} {ratio:>8} {interval:>19}"
            f" {r.q_value:>9.2g} {r.evidence:>9.2g} {alarm:>9}"
        )
    return "\n".join(rows)


def facts(report: Report) -> Iterator[str]:
    """The input and the comparison; a line each."""
    given, analysis = report.given, report.analysis
    yield f"baseline {analysis.baseline}; " + ", ".join(f"{b}: {n} records" for b, n in analysis.builds.items())
    for reason, count in sorted(given.failed.items()):
        yield f"set aside: {count} lines ({reason})"
    yield from remarks(given)
    for build, bins in analysis.compared.items():
        if bins < analysis.bins:
            yield f"{build} and the baseline both sent records in {bins} of {analysis.bins} bins; those are compared"
    for build, users in analysis.users.items():
        if users.least is not None:
            yield f"{build} had {users.least:.3g} to {users.most:.3g} users per user of the baseline"
    if windows := sum(found.alert.detector == "mean-threshold" for found in analysis.alerts):
        yield f"{windows} windows of mean-threshold were above its threshold, as with equal builds: none is counted"
    for gap in analysis.silent[:MOST_NAMED]:
        who = gap.build if gap.code is None else f"code {gap.code} of {gap.build}"
        stretch = f"from {show_time(gap.start_s)} to {show_time(gap.stop_s)}"
        yield f"{who} sent nothing {stretch}, where about {gap.expected:.0f} errors were expected"
    if len(analysis.silent) > MOST_NAMED:
        yield f"{len(analysis.silent) - MOST_NAMED} more silences"


def verdict(report: Report) -> Iterator[str]:
    """The facts, the verdict and its notes; a line each."""
    yield from facts(report)
    decided = decide(report)
    yield decided.text
    yield from (f"- {note}" for note in decided.notes)
