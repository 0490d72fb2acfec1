"""The JSON reports of the parts of one plan as one report: counts and histograms are added up. Pure.

What cannot be parts of one plan is refused: another seed, plan, number of parts or version, and the same part twice.
"""

from itertools import pairwise
from typing import NamedTuple

import msgspec
from msgspec import structs

from foundation.errors import ConfigError, TidewatchError
from foundation.jsonread import JSON_ERRORS, why_not_json
from foundation.terminal import printable
from foundation.version import VERSION
from trafficgen.meter.meter import Meter
from trafficgen.meter.stored import StoredTarget, restored_meter
from trafficgen.report.render_text import part_names
from trafficgen.report.report import PartSummary, Report, make_report

_OF_COUNTS = (
    "planned",
    "sent",
    "answered",
    "dropped",
    "no_answer",
    "codes",
    "by_target",
    "addresses",
    "sessions",
    "session_failures",
    "send_lateness_s",
    "latency_from_plan_s",
    "latency_from_send_s",
    "over_time",
    "late",
    "own_fault",
    "received_bytes",
    "connects",
    "retried",
)
"""Figures of a report that are made of its counts alone."""
_ASKED = "expected the file of trafficgen --part K/N --report json --output FILE"


class MissingPartsError(TidewatchError):
    """Parts lack, and nobody said that they may."""

    exit_code = 6


class PartReport(NamedTuple):
    """The report of a part, and the name of its file."""

    name: str
    report: Report
    meter: Meter


class _Head(msgspec.Struct):
    """What says whether the rest can be read."""

    version: str
    part: int
    parts: int


def read_part(name: str, content: bytes) -> PartReport:
    """The report of a part. Raises ConfigError for what is none, is damaged, or is of another version."""
    if not content.strip():
        raise ConfigError(f"{name}: an empty file: {_ASKED}")
    try:
        head = msgspec.json.decode(content, type=_Head)
        if head.version != VERSION:
            raise ConfigError(
                f"{name}: of version {printable(head.version)}; expected {VERSION}: merge with the version that sent it"
            )
        report = msgspec.json.decode(content, type=Report)
    except JSON_ERRORS as exc:
        raise ConfigError(f"{name}: not a report of a part ({printable(why_not_json(exc))}): {_ASKED}") from exc
    if report.meter is None or not 1 <= report.part <= report.parts:
        raise ConfigError(f"{name}: not of a part, but of a whole run: {_ASKED}")
    try:
        meter = restored_meter(report.meter)
    except ValueError as exc:
        raise ConfigError(f"{name}: damaged: {printable(exc)}: {_ASKED}") from exc
    _check_counts(name, report, meter)
    return PartReport(name, report, meter)


def _check_counts(name: str, report: Report, meter: Meter) -> None:
    """Refuse a report whose figures its counts do not give. Raises ConfigError."""
    again = make_report(
        meter, url="", seed=0, seconds=report.seconds, plan_s=report.plan_seconds, started_at=report.started_at
    )
    for figure in _OF_COUNTS:
        if getattr(report, figure) != getattr(again, figure):
            raise ConfigError(f"{name}: damaged: {figure} differs from the counts in meter: {_ASKED}")


def merged_report(parts: list[PartReport], *, allow_missing: bool = False) -> tuple[Report, Meter]:
    """The report and the counts of all parts together. Raises ConfigError, and MissingPartsError if not allowed."""
    parts = sorted(parts, key=lambda part: part.report.part)
    _check(parts)
    first = parts[0].report
    missing = sorted(set(range(1, first.parts + 1)) - {part.report.part for part in parts})
    if missing and not allow_missing:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingPartsError(
            f"{part_names(missing)} of {first.parts} {verb} missing; give all reports, or --allow-missing"
        )
    total = parts[0].meter
    for part in parts[1:]:
        total.merge(part.meter)
    reports = [part.report for part in parts]
    starts = [report.started_at for report in reports]
    whole = make_report(
        total,
        url=", ".join(dict.fromkeys(report.url for report in reports)),
        seed=first.seed,
        seconds=max(report.seconds for report in reports),
        plan_s=first.plan_seconds,
        started_at=min(starts),
        protocol=first.protocol,
        stopped_early=any(report.stopped_early for report in reports),
    )
    return structs.replace(
        whole,
        version=first.version,
        plan=first.plan,
        command=first.command,  # has its --part
        start_at=first.start_at,
        replayed=first.replayed,
        merged=[_summary(report) for report in reports],
        missing=missing,
        start_skew_s=round(max(starts) - min(starts), 3),
    ), total


def _check(parts: list[PartReport]) -> None:
    """Refuse what is not of one plan. Raises ConfigError."""
    first = parts[0]
    names = [(target.target, target.expected) for target in _targets(first)]
    for before, part in pairwise(parts):
        for what, mine, its in (
            ("seed", part.report.seed, first.report.seed),
            ("number of parts", part.report.parts, first.report.parts),
            ("plan", part.report.plan, first.report.plan),
            ("protocol", part.report.protocol, first.report.protocol),
            ("--start-at", part.report.start_at, first.report.start_at),
            ("list of targets", [(target.target, target.expected) for target in _targets(part)], names),
            ("list of sessions", list(part.meter.sessions), list(first.meter.sessions)),
        ):
            if mine != its:
                shown = f" ({mine}, not {its})" if isinstance(mine, int | str) else ""
                raise ConfigError(
                    f"{part.name}: its {what} differs from that of {first.name}{shown}: expected parts of one plan, "
                    "with the same flags and files"
                )
        if part.report.part == before.report.part:
            raise ConfigError(
                f"{part.name}: part {part.report.part} is a duplicate, first in {before.name}; give each part once"
            )


def _targets(part: PartReport) -> list[StoredTarget]:
    return part.report.meter.targets if part.report.meter else []


def _summary(report: Report) -> PartSummary:
    return PartSummary(**{name: getattr(report, name) for name in PartSummary.__struct_fields__})
