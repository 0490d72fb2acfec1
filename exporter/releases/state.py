"""The state of a running comparison, and its limits. Pure.

All that must outlive a restart is in `StreamState`.
"""

from typing import Annotated

import msgspec

from exporter.releases.compare.detectors import Alert, DetectorState
from exporter.releases.compare.presence import Presence
from exporter.releases.compare.remembered import Bin
from exporter.releases.compare.silence import Listening
from foundation.keys import duration

OTHER_BUILD = "other"
OTHER_CODE = ""  # impossible in a record


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The limits of a stream.

    lateness_s: how late a record may come, by the newest record's time, and still count.
    retired_s: a build that has been gone for this long is not compared; if it was the baseline, the next version is.
    max_builds: builds; a new one takes the place of the one that retired first.
    max_codes: codes; others become `other`.
    """

    lateness_s: Annotated[int, duration(zero=True, whole=True)] = 30
    retired_s: Annotated[int, duration(whole=True)] = 3600
    max_builds: Annotated[int, msgspec.Meta(ge=2)] = 20
    max_codes: Annotated[int, msgspec.Meta(ge=1)] = 200


class StreamState(msgspec.Struct, kw_only=True):
    """Everything that outlives a restart.

    totals: build -> code -> accepted records. open: second -> build -> code -> count, of bins that are not closed.
    asked_to_s: the end of the answers of a Prometheus.
    last_record_s: when the last record came in, by the receiver's clock.
    began_s: end of the first bin. closed_to_s: start of the first open one. due_s: end of the last that is due.
    newest_s: the newest record's time; first_s, last_s: the first and the newest by build, 0 for one that is named.
    transitions: (build, code, detector, active or inactive) -> how often.
    codes: in the order in which they were first seen. detectors: build -> states, as `settings.DETECTORS` stand.
    windows: build -> counts of the last bins by code, newest last, two rows a bin: the candidate's, the baseline's;
    bins that are not compared are empty. users: build -> users per user of the baseline in these bins, where they vary.
    weighed: build -> sums of `compare.weighed`, likewise.
    unknown: build -> bins not compared because of unknown users.
    listening, presence: by build. history: start of a bin -> candidate -> what is remembered of it, oldest first.
    retired: builds that have been gone for long, in that order.
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
    history: dict[int, dict[str, Bin]] = {}
    retired: list[str] = []
    transitions: dict[tuple[str, str, str, str], int] = {}
    alerts: list[tuple[str, Alert]] = []
