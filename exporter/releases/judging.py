"""The verdict on a running stream's alerts: each counts, or something else explains it, as in a report. Pure.

`caveats` use the kept bins, for the codes that have an alert.
"""

from typing import Literal, NamedTuple, TypeAlias

from exporter.releases.caveats import Reason, Unsteady, beginning, common_rise, reasons, unsteady
from exporter.releases.compare.alike import Alike
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.series import Series
from exporter.releases.stream import Stream

Explained: TypeAlias = Reason | Literal["undecided"]

EXPLAINED: tuple[Explained, ...] = ("bursts", "alike", "undecided")


class Judged(NamedTuple):
    """The state of a candidate's alerts.

    unsteady: its codes with an alert whose errors come in bursts or clusters.
    alike: its common rise, if there is an
    alert and the users were not given. explained: the codes whose alerts do not count, and why; `undecided`: based on
    errors that began in the last two minutes, possibly a burst.
    """

    unsteady: list[Unsteady]
    alike: Alike[str] | None
    explained: dict[str, Explained]


def judge(stream: Stream, build: str) -> Judged:
    """The state of a candidate's alerts at the last closed bin."""
    _, evidence, onset = stream.detectors(build)
    assert isinstance(evidence, Evidence)
    active = evidence.active.keys() | onset.active.keys()
    if not active:
        return Judged([], None, {})
    series, settings = stream.remembered(build), stream.settings
    places = [place for place, code in enumerate(stream.codes()) if code in active]
    older = {place: _older(evidence, series, place) for place in places}
    found = list(unsteady(series, evidence.threshold, older))
    named = stream.shares is not None or settings.exposure is not None
    alike = None if named else common_rise(series, settings.alpha)
    explained: dict[str, Explained] = {code: why for code, why in reasons(found, alike).items() if code in active}
    for place, code in ((place, series.codes[place]) for place in places):
        if code not in explained and beginning(series, place, evidence.threshold, older[place]):
            explained[code] = "undecided"
    return Judged(found, alike, explained)


def _older(evidence: Evidence, series: Series, place: int) -> Pair[int]:
    """Errors of a code that are in its evidence and no longer in the kept bins."""
    since = evidence.since(place) if place < evidence.totals.shape[1] else Pair(0, 0)
    kept = (int(series.by_bin(place, candidate=candidate).sum()) for candidate in (False, True))
    return Pair(*(max(0, known - count) for known, count in zip(since, kept, strict=True)))
