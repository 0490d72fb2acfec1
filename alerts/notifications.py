"""Alertmanager's webhook messages, and the bounded memory of the last ones as they came.

Pure: no I/O, the time is an argument.

The message is version 4 of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Fields that are
not needed here are ignored, so that newer versions can add some.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

from foundation.errors import BadRecord
from foundation.jsonread import read_json
from foundation.terminal import printable

KEPT = 200  # notifications in /notifications
KEPT_BYTES = 4 << 20  # and together no more than this, as they came

Status = Literal["firing", "resolved"]
ZonedTime: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class BadNotification(ValueError):  # noqa: N818, a notification that is bad, not an error of ours
    """The body is not a webhook message; the text says why."""


class Alert(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One alert as Alertmanager sends it; times in UTC, `ends_at` is of year 1 or in the future while it fires.

    A time without a zone, or of no year of UTC from 1 to 9999, is refused: nothing could be reckoned with it.
    """

    status: Status
    starts_at: ZonedTime
    ends_at: ZonedTime
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    fingerprint: str = ""
    generator_url: str = msgspec.field(default="", name="generatorURL")

    def __post_init__(self) -> None:
        for name in ("starts_at", "ends_at"):
            try:
                msgspec.structs.force_setattr(self, name, getattr(self, name).astimezone(UTC))
            except OverflowError:
                raise ValueError("a time outside of the years 1 to 9999 of UTC") from None

    @property
    def name(self) -> str:
        """What the alert is called."""
        return self.labels.get("alertname", "?")

    @property
    def severity(self) -> str:
        """How loud it is; `?` where nothing says so."""
        return self.labels.get("severity", "?")

    @property
    def source(self) -> str:
        """Whose alert it is: the source, or else the job; empty where neither is named."""
        return self.labels.get("source") or self.labels.get("job", "")

    @property
    def summary(self) -> str:
        """What happened, with the value."""
        return self.annotations.get("summary", "(no summary)")


class Notification(msgspec.Struct, frozen=True):
    """One message of Alertmanager: the alerts of one group."""

    status: Status
    alerts: list[Alert]
    receiver: str = ""
    received_at: datetime | None = None  # set here, whatever the message says


def parse_notification(body: bytes, now: datetime) -> Notification:
    """Read a webhook's body, received at `now` (UTC). Raises BadNotification."""
    try:
        message = read_json(body, Notification)
    except BadRecord as exc:
        raise BadNotification(str(exc)) from exc
    return msgspec.structs.replace(message, received_at=now)


def line(alert: Alert) -> str:
    """One line for the terminal: state, severity, alert, source, summary, since when. Never more than one line."""
    words = (
        f"{alert.status.upper():8}",
        f"{alert.severity:6}",
        alert.name,
        f"[{alert.source or '-'}]",
        f"{alert.summary},",
        f"since {alert.starts_at:%Y-%m-%d %H:%M:%S} UTC",
        *([f"until {alert.ends_at:%Y-%m-%d %H:%M:%S} UTC"] if alert.status == "resolved" else []),
    )
    return printable(" ".join(words))


class Recent:
    """The last notifications, oldest first, bounded in number and in bytes."""

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        """`kept`, `kept_bytes`: how many notifications, and of what size, are remembered."""
        self._kept, self._kept_bytes = kept, kept_bytes
        self._items: deque[tuple[Notification, int]] = deque()
        self._bytes = 0

    def add(self, notification: Notification, size: int) -> None:
        """Keep `notification`, whose body had `size` bytes; the oldest give way, the newest always stays."""
        self._items.append((notification, size))
        self._bytes += size
        while len(self._items) > 1 and (len(self._items) > self._kept or self._bytes > self._kept_bytes):
            self._bytes -= self._items.popleft()[1]

    def __iter__(self) -> Iterator[Notification]:
        return (notification for notification, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)
