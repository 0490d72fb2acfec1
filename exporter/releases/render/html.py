"""An analysis as one HTML file: the verdict first, then its basis."""

import base64
import math

from exporter.releases.caveats import Reason
from exporter.releases.render.text import alert_text, code_table, facts
from exporter.releases.report import CodeResult, Report
from exporter.releases.standing import REASONS, Key, divided, explained
from exporter.releases.times import show_time
from exporter.releases.verdict import Verdict, decide
from foundation.page import render

MOST_ROWS = 50


def as_html(report: Report, picture: bytes) -> str:
    """One self-contained page. `picture` is the heatmap, PNG; empty if there is nothing to draw."""
    analysis, decided = report.analysis, decide(report)
    counted, others = divided(analysis)
    reasons = explained(analysis)
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
        worse=[_alarm(code) for code in alarmed if _key(code) not in reasons][:MOST_ROWS],
        not_counted=[_alarm(code, reasons[_key(code)]) for code in alarmed if _key(code) in reasons][:MOST_ROWS],
        new=[
            (str(n.code), n.build, str(n.errors), show_time(n.first_s), odds(results[n.build, n.code].log_evidence))
            for n in analysis.new[:MOST_ROWS]
        ],
        picture=base64.b64encode(picture).decode(),
        facts=list(facts(report)),
        codes=code_table(analysis),
        alerts=[alert_text(found) for found in counted if found.alert.detector != "mean-threshold"],
        other_alerts=[alert_text(found, reason) for found, reason in others],
    )


def _mood(verdict: Verdict) -> str:
    if verdict.worse:
        return "bad-news"
    return "doubt" if verdict.doubtful or verdict.alike or not verdict.judged else "good-news"


def odds(log_e: float) -> str:
    """The certainty of evidence, in words."""
    for least, words in ((math.log(1e6), "practically certain"), (math.log(1e3), "very sure"), (math.log(20), "sure")):
        if log_e >= least:
            return words
    return "weak" if log_e > math.log(3) else "no evidence"


def chance(q: float) -> str:
    """What a q-value means, in words: the share of such codes that would be chance."""
    for most, words in ((0.001, "fewer than 1 in 1,000"), (0.01, "fewer than 1 in 100"), (0.05, "fewer than 1 in 20")):
        if q < most:
            return words
    return "may well be chance"


def _key(code: CodeResult) -> Key:
    return code.candidate_build, code.code


def _alarm(code: CodeResult, reason: Reason | None = None) -> tuple[str, ...]:
    times = "new" if code.rate_ratio is None else f"{code.rate_ratio:.2f}"
    since = show_time(code.alarm_at) or ""
    least = f"{code.rate_ratio_low:.2f}"
    sure = (odds(code.log_evidence), chance(code.q_value)) if reason is None else (REASONS[reason],)
    return code.code, code.candidate_build, times, least, since, *sure
