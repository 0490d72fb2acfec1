"""What a running comparison remembers, and what it may ask of the process. Pure.

All that must outlive a restart is in `StreamState`.
"""

from typing import Annotated

import msgspec

from exporter.releases.compare.detectors import Alert, DetectorState
from exporter.releases.compare.presence import Presence
from exporter.releases.compare.silence import Listening
from foundation.keys import duration

OTHER_BUILD = "other"
OTHER_CODE = ""  # no record can have it


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a stream may ask of the process."""

    lateness_s: Annotated[int, duration(zero=True, whole=True)] = 30
    retired_s: Annotated[int, duration(whole=True)] = 3600
    """A build that has gone for so long is compared no more; if it was the baseline, the next version is."""
    max_builds: Annotated[int, msgspec.Meta(ge=2)] = 20
    max_codes: Annotated[int, msgspec.Meta(ge=1)] = 200


class StreamState(msgspec.Struct, kw_only=True):
    """Everything that outlives a restart.

    totals: build -> code -> accepted records. open: second -> build -> code -> count, of bins that are not closed.
    asked_to_s: the end of what a Prometheus was asked for and has answered.
    last_record_s: when the last record came in, by the receiver's clock.
    began_s: end of the first bin. closed_to_s: start of the first open one. due_s: end of the last that is due.
    newest_s: the newest record's time; first_s, last_s: the first and the newest by build, 0 for one that is named.
    transitions: (build, code, detector, active or inactive) -> how often.
    codes: in the order in which they were first seen. detectors: build -> states, as `settings.DETECTORS` stand.
    windows: build -> counts of the last bins by code, newest last, two rows a bin: the candidate's, the baseline's;
    bins that are not compared are empty. users: build -> users for one of the baseline in these bins, where they vary.
    weighed: build -> sums of `compare.weighed`, likewise. unknown: build -> bins not compared as nobody knew the users.
    listening, presence: by build.
    retired: builds that have gone for long, in that order.
    """

    totals: dict[str, dict[str, int]] = {}
    open: dict[int, dict[str, dict[str, int]]] = {}
    began_s: int | None = None
    closed_to_s: int | None = None
    due_s: int | None = None
    newest_s: int | None = None
    first_s: dict[str, int] = {}
    last_s: dict[str, int] = {}
    last_record_s: float = 0.0
    asked_to_s: float | None = None
    accepted: int = 0
    late: int = 0
    folded: dict[str, int] = {}
    baseline: str | None = None
    codes: list[str] = []
    detectors: dict[str, list[DetectorState]] = {}
    windows: dict[str, list[list[int]]] = {}
    users: dict[str, list[float]] = {}
    weighed: dict[str, list[list[float]]] = {}
    unknown: dict[str, int] = {}
    listening: dict[str, Listening] = {}
    presence: dict[str, Presence] = {}
    retired: list[str] = []
    transitions: dict[tuple[str, str, str, str], int] = {}
    alerts: list[tuple[str, Alert]] = []
