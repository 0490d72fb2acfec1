"""The verdict on each alarm: it counts, or something else explains it. Pure."""

from typing import TypeAlias

from exporter.releases.caveats import Reason, reasons
from exporter.releases.report import Analysis, BuildAlert

Key: TypeAlias = tuple[str, str]
"""A candidate build and a code."""

REASONS: dict[Reason, str] = {
    "bursts": "its errors come in bursts or clusters; see the verdict",
    "alike": "the codes rose by the same factor, as with more users; see the verdict",
}


def explained(analysis: Analysis) -> dict[Key, Reason]:
    """The codes whose alarms do not count, and why; those without an alarm too."""
    return {
        (build, code): reason
        for build in analysis.compared
        for code, reason in reasons(
            (one for one in analysis.unsteady if one.candidate == build), analysis.alike.get(build)
        ).items()
    }


def alarmed(analysis: Analysis) -> set[Key]:
    """The codes with an alarm by evidence, whether or not it counts."""
    return {(result.candidate_build, result.code) for result in analysis.codes if result.alarm_at is not None}


def onsets(analysis: Analysis) -> set[Key]:
    """The codes with an onset, whether or not it counts."""
    return {key_of(found) for found in analysis.alerts if found.alert.detector == "onset"}


def key_of(found: BuildAlert) -> Key:
    """The subject of an alert."""
    return found.build, found.alert.code


def divided(analysis: Analysis) -> tuple[list[BuildAlert], list[tuple[BuildAlert, Reason]]]:
    """The alerts that count, and the others with their reasons; both in their order.

    Those of mean-threshold, which are shown on request only, are unchanged: no verdict is based on them.
    """
    why = explained(analysis)
    apart = [found.alert.detector != "mean-threshold" and key_of(found) in why for found in analysis.alerts]
    pairs = list(zip(analysis.alerts, apart, strict=True))
    return [found for found, out in pairs if not out], [(found, why[key_of(found)]) for found, out in pairs if out]
