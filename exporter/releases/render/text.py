"""An analysis as text: the alerts first and the verdict last, where a terminal shows it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from exporter.releases.parse import CLOCK_LIMIT_S
from exporter.releases.report import Analysis, BuildAlert, Report

_TITLES = {
    "mean-threshold": "Mean Threshold Exceeded",
    "evidence": "Evidence Threshold Reached",
    "onset": "Onset Detected",
}


@lru_cache(maxsize=10_000)  # thousands of alerts begin in the same second
def show_time(time_s: int | None) -> str | None:
    """A time as the records have it: H:MM:SS of the stream, or ISO 8601, UTC."""
    if time_s is None:
        return None
    if time_s < CLOCK_LIMIT_S:
        return f"{time_s // 3600}:{time_s // 60 % 60:02}:{time_s % 60:02}"
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def alert_text(found: BuildAlert) -> str:
    """One alert, in the form that task 004 prints."""
    alert = found.alert
    fields = {
        "Start Timestamp": show_time(alert.start_s),
        "Stop Timestamp": show_time(alert.stop_s) or "active",
        "Error Code": f"Error_Code_{alert.code}",
        "Value": repr(alert.value),
        "Threshold": repr(alert.threshold),
    }
    lines = [f"Alert: {_TITLES[alert.detector]}", *(f"    {key + ':':<17}{value}" for key, value in fields.items())]
    return "\n".join(lines)


def as_text(report: Report) -> str:
    """Alerts, then the table of codes, then the verdict."""
    parts = [alert_text(found) for found in report.analysis.alerts]
    parts.append(code_table(report.analysis))
    parts.append("\n".join(verdict(report)))
    return "\n\n".join(parts) + "\n"


def code_table(analysis: Analysis) -> str:
    """A line for each code, the one with the most evidence first."""
    head = f"{'code':>10} {'build':>18} {'baseline':>9} {'candidate':>9} {'ratio':>8} {'95 % interval':>19}"
    rows = [head + f" {'q':>9} {'evidence':>9} {'alarm':>9}"]
    for r in sorted(analysis.codes, key=lambda r: -r.log_evidence):
        interval = f"{r.rate_ratio_low:.2f} - {'inf' if r.rate_ratio_high is None else f'{r.rate_ratio_high:.2f}'}"
        ratio = (
            "inf" if r.rate_ratio is None and r.candidate else "-" if r.rate_ratio is None else f"{r.rate_ratio:.3f}"
        )
        rows.append(
            f"{r.code:>10} {r.candidate_build:>18} {r.baseline:>9} {r.candidate:>9} {ratio:>8} {interval:>19}"
            f" {r.q_value:>9.2g} {r.evidence:>9.2g} {show_time(r.alarm_at) or '-':>9}"
        )
    return "\n".join(rows)


def verdict(report: Report) -> Iterator[str]:
    """What was read, what was compared, and what is proven; a line each."""
    given, settings, analysis, _ = report
    yield f"baseline {analysis.baseline}; " + ", ".join(f"{b}: {n} records" for b, n in analysis.builds.items())
    for reason, count in sorted(given.failed.items()):
        yield f"set aside: {count} lines ({reason})"
    for build, bins in analysis.compared.items():
        if bins < analysis.bins:
            yield f"{build} and the baseline were there together in {bins} of {analysis.bins} bins; those are compared"
    for gap in analysis.silent:
        stretch = f"from {show_time(gap.start_s)} to {show_time(gap.stop_s)}"
        yield f"{gap.build} sent nothing {stretch} while the baseline did"
    if len(analysis.builds) < 2:
        yield "nothing was compared: that takes two builds or more"
        return
    worse = sorted({f.alert.code for f in analysis.alerts if f.alert.detector == "evidence"})
    if worse:
        yield f"worse than the baseline (at most {settings.alpha:.0%} chance of any false alarm): codes {_list(worse)}"
    elif any(f.alert.detector == "onset" for f in analysis.alerts):
        yield "no code is worse over the whole input; onsets were seen, see above"
    else:
        yield "no code is shown to be worse than the baseline"


def _list(codes: Sequence[int]) -> str:
    return ", ".join(map(str, codes))
