"""What becomes of each alarm: it counts, or something else explains it. Pure."""

from typing import Literal, TypeAlias

from exporter.releases.report import Analysis, BuildAlert

Key: TypeAlias = tuple[str, str]
"""A candidate build and a code."""
Reason: TypeAlias = Literal["bursts", "alike"]

REASONS: dict[Reason, str] = {
    "bursts": "its errors come in bursts or clumps, see the verdict",
    "alike": "the codes rose alike, as more users would make them, see the verdict",
}


def explained(analysis: Analysis) -> dict[Key, Reason]:
    """The codes whose alarms do not count, and why; those without an alarm too."""
    bursts: dict[Key, Reason] = {(one.candidate, one.code): "bursts" for one in analysis.unsteady if not one.holds}
    alike: dict[Key, Reason] = {(build, code): "alike" for build, rise in analysis.alike.items() for code in rise.codes}
    return bursts | alike


def alarmed(analysis: Analysis) -> set[Key]:
    """The codes with an alarm by evidence, whether or not it counts."""
    return {(result.candidate_build, result.code) for result in analysis.codes if result.alarm_at is not None}


def onsets(analysis: Analysis) -> set[Key]:
    """The codes with an onset, whether or not it counts."""
    return {key_of(found) for found in analysis.alerts if found.alert.detector == "onset"}


def key_of(found: BuildAlert) -> Key:
    """Whom an alert is about."""
    return found.build, found.alert.code


def divided(analysis: Analysis) -> tuple[list[BuildAlert], list[tuple[BuildAlert, Reason]]]:
    """The alerts that count, and the others with their reasons; both in their order.

    Those of mean-threshold, which are shown on request only, are as the rule gives them: no verdict rests on them.
    """
    why = explained(analysis)
    apart = [found.alert.detector != "mean-threshold" and key_of(found) in why for found in analysis.alerts]
    pairs = list(zip(analysis.alerts, apart, strict=True))
    return [found for found, out in pairs if not out], [(found, why[key_of(found)]) for found, out in pairs if out]
