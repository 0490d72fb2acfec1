"""What has changed since it was last received: Alertmanager repeats groups, people want each change once. Pure."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import count
from typing import TypeAlias

import msgspec

from alerts.notifications import Alert, Status

KEPT = 10_000  # alerts; one message holds some thousands at most
KEPT_BYTES = 8 << 20  # and together no more than this, as JSON
STATES: tuple[Status, ...] = ("firing", "resolved")
SEVERITIES = ("page", "ticket", "info")  # the loudest first; others are possible

_Labels: TypeAlias = frozenset[tuple[str, str]]


class Filter(msgspec.Struct, frozen=True):
    """Which alerts are wanted: of each kind any of the patterns (`*`, `?`, `[ab]`) must match; no pattern takes all."""

    alert: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    state: tuple[str, ...] = ()

    def __call__(self, alert: Alert) -> bool:
        """Whether `alert` is wanted."""
        have = (alert.name, alert.severity, alert.source, alert.status)
        wanted = (self.alert, self.severity, self.source, self.state)
        return all(
            not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)
            for value, patterns in zip(have, wanted, strict=True)
        )

    def __str__(self) -> str:
        kinds = msgspec.structs.asdict(self).items()
        return ", ".join(f"{kind} {' or '.join(patterns)}" for kind, patterns in kinds if patterns)


@dataclass(kw_only=True)
class Known:
    """An alert as it was last received."""

    alert: Alert
    changed_at: datetime  # when the change to this state was received, UTC
    told_at: datetime  # when it was last received at all, UTC
    size_bytes: int
    start: datetime  # the latest start in this state: two Prometheus may send two starts by turns
    number: int  # of its last change, among all changes


class Changes:
    """The alerts that were received, each in its last state; bounded in number and in bytes.

    Where there are too many, the alerts whose last change is longest ago are forgotten, the resolved ones first. One
    that is forgotten and received again is a change again.
    """

    def __init__(
        self, listening_since: datetime | None = None, *, kept: int = KEPT, kept_bytes: int = KEPT_BYTES
    ) -> None:
        """`listening_since`: of an alert that began before it the start may have been missed; None: of any.

        `kept`, `kept_bytes`: how many alerts, and of what size, are remembered.
        """
        self._listening_since = listening_since
        self._kept, self._kept_bytes = kept, kept_bytes
        self._known: dict[_Labels, Known] = {}
        self._by_change: dict[Status, OrderedDict[_Labels, None]] = {state: OrderedDict() for state in STATES}
        self._count = count()
        self._bytes = 0

    def take(self, alert: Alert, received_at: datetime) -> bool:
        """Remember `alert`; whether its state is another than when it was last received, or is new.

        An alert that fires since a later moment was resolved meanwhile, and is new. Other values and texts are not, nor
        is the end of one that was never received while it fired, though it began after `listening_since`: it was muted.
        """
        key = frozenset(alert.labels.items())
        before = self._known.get(key)
        if before is None:
            changed = alert.status == "firing" or self._may_have_been_told(alert)
        else:
            changed = before.alert.status != alert.status or before.start < alert.starts_at
        known = Known(
            alert=alert,
            changed_at=received_at if before is None or changed else before.changed_at,
            told_at=received_at,
            size_bytes=len(msgspec.json.encode(alert)),
            start=alert.starts_at if before is None or changed else before.start,
            number=next(self._count) if before is None or changed else before.number,
        )
        self._bytes += known.size_bytes - (before.size_bytes if before else 0)
        self._known[key] = known
        if changed or before is None:
            for order in self._by_change.values():
                order.pop(key, None)
            self._by_change[alert.status][key] = None
        self._forget(key)
        return changed

    def _may_have_been_told(self, alert: Alert) -> bool:
        return self._listening_since is None or alert.starts_at < self._listening_since

    def _forget(self, received: _Labels) -> None:
        while len(self._known) > 1 and (len(self._known) > self._kept or self._bytes > self._kept_bytes):
            oldest = (key for state in ("resolved", "firing") for key in self._by_change[state] if key != received)
            known = self._known.pop(key := next(oldest))
            del self._by_change[known.alert.status][key]
            self._bytes -= known.size_bytes

    def __iter__(self) -> Iterator[Known]:
        """Newest change first."""
        return iter(sorted(self._known.values(), key=lambda known: -known.number))

    def __len__(self) -> int:
        return len(self._known)


def loudness(severity: str) -> int:
    """The place of a severity among all, 0 for the loudest."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
