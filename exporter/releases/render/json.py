"""An analysis as JSON."""

import math
from typing import Any

import msgspec

from exporter.releases.caveats import NewCode, Reason, Silence, Unsteady
from exporter.releases.report import BuildAlert, CodeResult, Report
from exporter.releases.standing import divided, explained
from exporter.releases.times import show_time
from exporter.releases.verdict import decide
from foundation.jsontext import json_text


def as_json(report: Report) -> bytes:
    """The report as JSON, indented; times as the records have them."""
    given, settings, analysis, _ = report
    counted, others = divided(analysis)
    reasons = explained(analysis)
    tree: dict[str, Any] = {
        "baseline": analysis.baseline,
        "builds": analysis.builds,
        "codes": [_code(result, reasons.get((result.candidate_build, result.code))) for result in analysis.codes],
        "alerts": [_alert(found) for found in counted],
        "alerts_not_counted": [{**msgspec.structs.asdict(_alert(found)), "reason": reason} for found, reason in others],
        "verdict": decide(report),
        "new_codes": [_new(code) for code in analysis.new],
        "overdispersed": [_unsteady(one) for one in analysis.unsteady],
        "alike": [
            {"build": build, **rise._asdict(), "high": _finite(rise.high)} for build, rise in analysis.alike.items()
        ],
        "silences": [_silence(gap) for gap in analysis.silent],
        "bins": {"all": analysis.bins, "compared": analysis.compared},
        "exposure": {"named": report.exposure.named, "users": {b: u._asdict() for b, u in analysis.users.items()}},
        "settings": settings,
        "input": {
            "records": given.table.records,
            "failed": dict(given.failed),
            "set_aside": given.set_aside,
            "seconds": given.table.seconds,
            "midnights": given.midnights,
            "years": sorted(given.years),
            "outlying": given.far and {"records": given.far.records, "first": show_time(given.far.first_s)},
        },
    }
    return json_text(tree, indent=2).encode() + b"\n"


def _code(result: CodeResult, reason: Reason | None) -> dict[str, Any]:
    """`reason`: why an alarm of the code does not count."""
    why = reason if result.alarm_at is not None else None
    return {**msgspec.structs.asdict(result), "alarm_at": show_time(result.alarm_at), "alarm_not_counted": why}


def _silence(gap: Silence) -> dict[str, Any]:
    times = {"start": show_time(gap.start_s), "stop": show_time(gap.stop_s)}
    return {"build": gap.build, "code": gap.code, **times, "expected": gap.expected}


def _new(code: NewCode) -> dict[str, Any]:
    return {"build": code.build, "code": code.code, "errors": code.errors, "first": show_time(code.first_s)}


def _unsteady(one: Unsteady) -> dict[str, Any]:
    left = one.left._asdict()
    return {**msgspec.structs.asdict(one), "burst_s": show_time(one.burst_s), "left": left}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


class _Alert(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An alert as JSON has it."""

    code: str
    detector: str
    build: str
    start: str | None
    stop: str | None
    value: float
    threshold: float
    evidence: str


def _alert(found: BuildAlert) -> _Alert:
    alert = found.alert
    return _Alert(
        code=alert.code,
        detector=alert.detector,
        build=found.build,
        start=show_time(alert.start_s),
        stop=show_time(alert.stop_s),
        value=alert.value,
        threshold=alert.threshold,
        evidence=alert.evidence,
    )
