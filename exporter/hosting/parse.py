"""Manager and server log lines to events. Pure: no I/O, no clock.

A line is one JSON object; keys that the task doesn't name are let be. Times may carry no zone, so a reader of
times (`Times`) is told which one they were written in.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timezone
from decimal import Decimal
from math import floor, isfinite
from typing import Annotated, Any, ClassVar, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from foundation.errors import BadRecord

MAX_LINE_BYTES = 1 << 20  # an event has some 100 bytes; whatever is longer is no event
MAX_TIME_S = 253_370_764_800  # the year 9999; a cycle has to end before time does
MINUTE_S = 60  # a server logs at every exact minute, and the workload holds until the next
ALLOWED_PER_MILLE = 1  # promised: "less than 0.1 %" of the billing cycle
DOWN_ABOVE = 1.0  # "if the workload is above 1.0": 1.0 itself is up

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Workload = Annotated[float, msgspec.Meta(ge=0)]
Time: TypeAlias = str | int | float
"""As logged: a text, or a Unix time."""


class Heartbeat(msgspec.Struct, frozen=True, gc=False, tag="heartbeat", tag_field="event", rename="camel"):
    """A server's workload (share of its capacity) for the minute that starts at `time`."""

    server_id: Id
    workload: Workload
    time: Time


class Route(msgspec.Struct, frozen=True, gc=False, tag="route", tag_field="event", rename="camel"):
    """From `time` on the server answers for the account."""

    account_id: Id
    server_id: Id
    time: Time
    doubt: ClassVar[int] = 0  # see `sql/4_segments.sql`


class Created(msgspec.Struct, frozen=True, gc=False, tag="createAccount", tag_field="event", rename="camel"):
    """The account exists from `time` on."""

    account_id: Id
    account_name: str
    time: Time


class Deleted(msgspec.Struct, frozen=True, gc=False, tag="deleteAccount", tag_field="event", rename="camel"):
    """The account is gone from `time` on."""

    account_id: Id
    time: Time


Event: TypeAlias = Heartbeat | Route | Created | Deleted
KINDS: dict[str, type[Event]] = {
    "heartbeat": Heartbeat,
    "route": Route,
    "createAccount": Created,
    "deleteAccount": Deleted,
}
_EXPECTED_TIME = "expected yyyy-MM-dd HH:mm:ss, ISO 8601 or a Unix time, for example 2026-11-01T06:30:00Z"
COLUMNS = ("event", "time", "serverId", "accountId", "accountName", "workload")
"""The keys of all events, as the columns of a table."""
REASONS = {
    "blank": "an empty line",
    "too_long": f"longer than {MAX_LINE_BYTES >> 20} MiB",
    "not_json": "not one whole JSON value",
    "not_object": "not a JSON object",
    "unknown_event": f"its event is none of {', '.join(KINDS)}",
    "missing_key": "a key is missing",
    "bad_value": "a value of the wrong type or out of range",
    "bad_workload": "its workload is not a number from 0 on",
    "bad_row": "a row of a table that cannot be read",
    "bad_time": f"its time is none: {_EXPECTED_TIME}",
}
"""Why lines are set aside: the word for counting and what it means."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d (?:[01]\d|2[0-3])):([0-5]\d):([0-5]\d)", re.ASCII)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d*)?|\d{12,13}|\d{15,16}|\d{18,19}", re.ASCII)
_WITH_ZONE = re.compile(r"(?:Z|[+-]\d\d(?::?\d\d)?)$", re.ASCII)
_UNITS = (10**11, 1), (10**14, 10**3), (10**17, 10**6), (10**20, 10**9)
"""Epochs below the first number are in units of which a second has the second number."""
_LEAST_EPOCH = 10**8  # 1973: below it a number is more likely no time at all
_MAX_CACHED_TIMES = 1 << 20
_events = msgspec.json.Decoder(Event)


class Times(dict[Time, int]):
    """Times as logged to Unix seconds, remembered: the servers of a minute share its text.

    A text is `yyyy-MM-dd HH:mm:ss` or another form of ISO 8601, or an epoch in seconds, ms, us or ns, which may be a
    number too; parts of a second are dropped. Texts that name no zone are read in `zone`. Where its clocks go back an
    hour's texts stand for two: the earlier is taken, and `twins` has how much later the other is, by text. A time that
    clocks skipped is read as if they had not been moved yet. Indexing raises BadRecord (`bad_time`).
    """

    def __init__(self, zone: ZoneInfo | timezone = UTC) -> None:
        super().__init__()
        self.zone = zone
        self.twins: dict[Time, int] = {}
        self._hours: dict[str, int] | None = {} if str(zone) == "UTC" else None  # elsewhere hours may be odd

    def __missing__(self, given: Time) -> int:
        """Read a time not met before."""
        match = _TIME.fullmatch(given) if isinstance(given, str) else None
        if match is None:
            seconds = self._other(given)
        elif self._hours is None:
            seconds = self._unix(given, datetime.fromisoformat)
        else:
            hour, minute, second = match.groups()
            if hour not in self._hours:
                self._hours[hour] = self._unix(f"{hour}:00:00", datetime.fromisoformat)
            seconds = self._hours[hour] + 60 * int(minute) + int(second)
        if not 0 <= seconds < MAX_TIME_S:
            raise BadRecord("bad_time", f"{given!r} is not between 1970 and 9998")
        if len(self) >= _MAX_CACHED_TIMES:
            self.clear()
        self[given] = seconds
        return seconds

    def _other(self, given: Time) -> int:
        if not isinstance(given, str):
            return _epoch(given, given)
        text = given.strip()
        if _EPOCH.fullmatch(text):
            return _epoch(Decimal(text), given)
        return self._unix(given, _iso)

    def _unix(self, given: Time, read: Callable[[str], datetime]) -> int:
        try:
            moment = read(str(given))
            if moment.tzinfo is None:
                first, second = (moment.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1))
                if second > first:
                    self.twins[given] = int(second - first)
                return floor(first)
            return floor(moment.timestamp())
        except (ValueError, OverflowError) as exc:
            raise BadRecord("bad_time", f"{str(given)[:40]!r} is not a time: {_EXPECTED_TIME}") from exc


def _iso(text: str) -> datetime:
    """Read a form of ISO 8601, with `UTC` for Z and blanks before an offset. Raises ValueError."""
    text = text.strip().upper()
    text = text.removesuffix("UTC") + "Z" if text.endswith("UTC") else text
    zone = _WITH_ZONE.search(text, 11)
    if zone is not None:
        text = text[: zone.start()].rstrip() + zone.group()
    if not text.isascii() or not ("T" in text or " " in text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _epoch(number: float | Decimal, given: Time) -> int:
    per_s = next((per_s for below, per_s in _UNITS if _LEAST_EPOCH <= number < below), None)
    if per_s is None:
        raise BadRecord("bad_time", f"{given!r} is not a time: {_EXPECTED_TIME}")
    return int(number // per_s)


def parse_line(line: bytes, times: Times) -> tuple[Event, int]:
    """Read one log line: the event and its Unix time in seconds. Raises BadRecord with one of REASONS."""
    try:
        event = _events.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _explain(line, str(exc)) from exc
    return event, times[event.time]


def parse_row(cells: Sequence[str], times: Times) -> tuple[Event, int]:
    """Read a row of a table, its cells in the order of COLUMNS, "" where there is none. Raises BadRecord."""
    tree = {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell or name == "accountName"}
    try:
        event = msgspec.convert(tree, Event, strict=False)
    except msgspec.ValidationError as exc:
        raise _why(tree, str(exc)) from exc
    if isinstance(event, Heartbeat) and not isfinite(event.workload):
        raise BadRecord("bad_workload", REASONS["bad_workload"])
    return event, times[event.time]


def parse_block(block: bytes, times: Times) -> tuple[list[Event], list[int]] | None:
    """Read many whole lines at once: events and their Unix times, in order.

    Ten times quicker than line by line. Returns None if any line is bad or oddly laid out: then `parse_line` tells.
    """
    lines = block.count(b"\n")
    if block.count(b"}\n") != lines or block.count(b"\n{") != lines - 1:
        return None
    try:
        events = _events.decode_lines(block)
        if len(events) == lines:
            return events, list(map(times.__getitem__, [event.time for event in events]))
    except (msgspec.DecodeError, UnicodeDecodeError, BadRecord, RecursionError):
        pass
    return None


def _explain(line: bytes, message: str) -> BadRecord:
    """Why the line is no event, found by reading it again without expecting anything."""
    if not line.strip():
        return BadRecord("blank", REASONS["blank"])
    try:
        tree: Any = msgspec.json.decode(line)
    except msgspec.ValidationError:  # a number that no double holds
        return _bad_value(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BadRecord("not_json", f"not one whole JSON value ({message})")
    if not isinstance(tree, dict):
        return BadRecord("not_object", REASONS["not_object"])
    return _why(tree, message)


def _why(tree: dict[str, Any], message: str) -> BadRecord:
    name = tree.get("event")
    if not isinstance(name, str) or name not in KINDS:
        return BadRecord("unknown_event", REASONS["unknown_event"])
    for field in msgspec.structs.fields(KINDS[name]):
        if field.encode_name not in tree:
            return BadRecord("missing_key", f"{name} without {field.encode_name}")
    return _bad_value(message)


def _bad_value(message: str) -> BadRecord:
    reason = "bad_workload" if "$.workload" in message else "bad_time" if "$.time" in message else "bad_value"
    return BadRecord(reason, message[:1].lower() + message[1:])
