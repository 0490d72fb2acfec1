"""An analysis as one HTML file: the verdict first, then what it rests on, for who decides about the release."""

import base64

from exporter.releases.render.text import alert_text, code_table, facts
from exporter.releases.report import CodeResult, Report
from exporter.releases.times import show_time
from exporter.releases.verdict import Verdict, chance, decide, odds
from foundation.page import render

MOST_ROWS = 50


def as_html(report: Report, picture: bytes) -> str:
    """One self-contained page. `picture` is the heatmap, PNG; empty where there is nothing to draw."""
    analysis, decided = report.analysis, decide(report)
    shown = [f for f in analysis.alerts if f.alert.detector != "mean-threshold"]
    candidates = [build for build in analysis.builds if build != analysis.baseline]
    results = {(code.candidate_build, code.code): code for code in analysis.codes}
    alarmed = [code for code in sorted(results.values(), key=lambda r: -r.log_evidence) if code.alarm_at is not None]
    return render(
        "exporter.releases",
        "report.html",
        title=f"Release {', '.join(candidates)} against {analysis.baseline}" if candidates else "Release report",
        verdict=decided,
        headline=decided.text[:1].upper() + decided.text[1:],
        mood=_mood(decided),
        worse=[_alarm(code, decided) for code in alarmed[:MOST_ROWS]],
        new=[
            (str(n.code), n.build, str(n.errors), show_time(n.first_s), odds(results[n.build, n.code].log_evidence))
            for n in analysis.new[:MOST_ROWS]
        ],
        picture=base64.b64encode(picture).decode(),
        facts=list(facts(report)),
        codes=code_table(analysis),
        alerts=[alert_text(found) for found in shown],
        left_out=len(analysis.alerts) - len(shown),
    )


def _mood(verdict: Verdict) -> str:
    if verdict.worse:
        return "bad-news"
    return "doubt" if verdict.doubtful or verdict.alike or not verdict.judged else "good-news"


def _alarm(code: CodeResult, verdict: Verdict) -> tuple[str, ...]:
    times = "new" if code.rate_ratio is None else f"{code.rate_ratio:.2f}"
    since = show_time(code.alarm_at) or ""
    least = f"{code.rate_ratio_low:.2f}"
    if code.code in verdict.doubtful:
        sure = ("in doubt: bursts", "not to be trusted")
    elif code.code in verdict.alike:
        sure = ("rose as the others", "not to be trusted")
    else:
        sure = (odds(code.log_evidence), chance(code.q_value))
    return str(code.code), code.candidate_build, times, least, since, *sure
