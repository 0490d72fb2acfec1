"""An analysis as JSON."""

from typing import Any

import msgspec

from exporter.releases.render.text import show_time
from exporter.releases.report import BuildAlert, CodeResult, Report, Silence
from foundation.jsontext import json_text


def as_json(report: Report) -> bytes:
    """The report as JSON, indented; times as the records have them."""
    given, settings, analysis, _ = report
    tree: dict[str, Any] = {
        "baseline": analysis.baseline,
        "builds": analysis.builds,
        "codes": [_code(result) for result in analysis.codes],
        "alerts": [_alert(found) for found in analysis.alerts],
        "silences": [_silence(gap) for gap in analysis.silent],
        "bins": {"all": analysis.bins, "compared": analysis.compared},
        "settings": settings,
        "input": {
            "records": given.table.records,
            "failed": dict(given.failed),
            "set_aside": given.set_aside,
            "seconds": given.table.seconds,
        },
    }
    return json_text(tree, indent=2).encode() + b"\n"


def _code(result: CodeResult) -> dict[str, Any]:
    return {**msgspec.structs.asdict(result), "alarm_at": show_time(result.alarm_at)}


def _silence(gap: Silence) -> dict[str, Any]:
    return {"build": gap.build, "start": show_time(gap.start_s), "stop": show_time(gap.stop_s)}


class _Alert(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An alert as JSON has it."""

    code: int
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
