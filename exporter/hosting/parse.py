"""Manager and server log lines to events. Pure: no I/O, no clock.

A line is one JSON object; other keys are ignored. Times may have no zone, so a reader of times (`Times`) needs the zone
in which they were written.
"""

import re
from collections.abc import Sequence
from datetime import UTC, timezone
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, ClassVar, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from exporter.tables import read_instant
from foundation.errors import BadRecord
from foundation.jsonread import JSON_ERRORS, why_not_json

MAX_LINE_BYTES = 1 << 20  # an event has some 100 bytes; a longer line is not an event
MAX_TIME_S = 253_370_764_800  # the year 9999; a cycle must end before it
MINUTE_S = 60  # a server logs at every exact minute, and the workload holds until the next
ALLOWED_PER_MILLE = 1  # promised: "less than 0.1 %" of the billing cycle
DOWN_ABOVE = 1.0  # "if the workload is above 1.0": 1.0 itself is up

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Workload = Annotated[float, msgspec.Meta(ge=0)]
Time: TypeAlias = str | int | float
"""A time as logged: a text, or a Unix time."""


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
    doubt: ClassVar[int] = 0  # see `sql/05_segments.sql`


class Created(msgspec.Struct, frozen=True, gc=False, tag="createAccount", tag_field="event", rename="camel"):
    """The account exists from `time` on."""

    account_id: Id
    account_name: str
    time: Time


class Deleted(msgspec.Struct, frozen=True, gc=False, tag="deleteAccount", tag_field="event", rename="camel"):
    """The account does not exist from `time` on."""

    account_id: Id
    time: Time


Event: TypeAlias = Heartbeat | Route | Created | Deleted
KINDS: dict[str, type[Event]] = {
    "heartbeat": Heartbeat,
    "route": Route,
    "createAccount": Created,
    "deleteAccount": Deleted,
}
COLUMNS = ("event", "time", "serverId", "accountId", "accountName", "workload")
"""The keys of all events, as the columns of a table."""
REASONS = {
    "blank": "an empty line",
    "too_long": f"longer than {MAX_LINE_BYTES >> 20} MiB",
    "not_json": "not one whole JSON value",
    "not_object": "not a JSON object",
    "unknown_event": f"unknown event: expected one of {', '.join(KINDS)}",
    "missing_key": "a key is missing",
    "bad_value": "a value of the wrong type or out of range",
    "bad_workload": "its workload is not a number of at least 0",
    "bad_row": "a row of a table that cannot be read",
    "bad_time": "its time is not an instant: expected ISO 8601 or Unix time, for example 2026-11-01T06:30:00Z",
}
"""Reasons for setting lines aside: the label and its meaning."""

_QUICK = re.compile(r"(\d{4}-\d\d-\d\d[ T](?:[01]\d|2[0-3])):([0-5]\d):([0-5]\d)(Z?)", re.ASCII)
_DATE = re.compile(r"\d{4}([-/]?)\d\d\1\d\d", re.ASCII)
_MAX_CACHED_TIMES = 1 << 20
_events = msgspec.json.Decoder(Event)


class Times(dict[Time, int]):
    """Times as logged to Unix seconds, remembered: the servers of a minute share its text.

    They are what `exporter.tables.read_instant` reads, but for a date alone, which names no second; parts of a second
    are dropped. Texts that name no zone are read in `zone`. Where its clocks go back, the texts of an hour mean two
    instants: the earlier is used, and `twins` has the distance to the other, by text. A time that clocks skip is read
    as if they had not been moved yet. Indexing raises BadRecord (`bad_time`).
    """

    def __init__(self, zone: ZoneInfo | timezone = UTC) -> None:
        super().__init__()
        self.zone = zone
        self.twins: dict[Time, int] = {}
        self.is_utc = str(zone) == "UTC"
        self._begun: dict[str, tuple[int, int]] = {}  # hours of UTC, minutes elsewhere, for clocks move between two

    def __missing__(self, given: Time) -> int:
        """Read a time not met before."""
        self.make_room(1)
        if isinstance(given, str) and (match := _QUICK.fullmatch(given)):
            seconds, shift_s = self._quick(*match.groups())
        else:
            seconds, shift_s = self._read(given if isinstance(given, str) else format(Decimal(given), "f"))
        if not 0 <= seconds < MAX_TIME_S:
            raise BadRecord("bad_time", f"{given!r} is not between 1970 and 9998")
        if shift_s > 0:
            self.twins[given] = shift_s
        self[given] = seconds
        return seconds

    def make_room(self, times: int) -> None:
        """Forget all, `twins` too, if this number more would be too many."""
        if len(self) + times > _MAX_CACHED_TIMES:
            self.clear()
            self.twins.clear()
            self._begun.clear()

    def _quick(self, hour: str, minute: str, second: str, utc: str) -> tuple[int, int]:
        """As `_read`, of the form of the task, which nearly all lines have: one reading an hour or a minute."""
        if utc or self.is_utc:
            begin, past_s = hour + utc, 60 * int(minute) + int(second)
        else:
            begin, past_s = f"{hour}:{minute}", int(second)
        if begin not in self._begun:
            self._begun[begin] = self._read(begin)
        begun_s, shift_s = self._begun[begin]
        return begun_s + past_s, shift_s

    def _read(self, text: str) -> tuple[int, int]:
        """The Unix second, and how much later the clocks show the same time again."""
        try:
            if _DATE.fullmatch(text.strip()):
                raise BadRecord("time", f"invalid time {text!r}: a date alone; expected a time of day")  # noqa: TRY301, as any other
            found = read_instant(text, self.zone)
        except BadRecord as exc:
            raise BadRecord("bad_time", str(exc)) from exc
        return found.us // 1_000_000, found.shift_us // 1_000_000


def parse_line(line: bytes, times: Times) -> tuple[Event, int]:
    """Read one log line: the event and its Unix time in seconds. Raises BadRecord with one of REASONS."""
    try:
        event = _events.decode(line)
    except JSON_ERRORS as exc:
        raise _explain(line, why_not_json(exc)) from exc
    return event, times[event.time]


def parse_row(cells: Sequence[str], times: Times) -> tuple[Event, int]:
    """Read a row of a table, its cells in the order of COLUMNS, "" where there is none. Raises BadRecord."""
    tree = {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell or name == "accountName"}
    try:
        event = msgspec.convert(tree, Event, strict=False)
    except msgspec.ValidationError as exc:
        raise _why(tree, why_not_json(exc)) from exc
    if isinstance(event, Heartbeat) and not isfinite(event.workload):
        raise BadRecord("bad_workload", REASONS["bad_workload"])
    return event, times[event.time]


def parse_block(block: bytes, times: Times) -> tuple[list[Event], list[int]] | None:
    """Read many whole lines at once: events and their Unix times, in order.

    Ten times faster than line by line. Returns None if any line is bad or unusual: then use `parse_line`.
    """
    lines = block.count(b"\n")
    if block.count(b"}\n") != lines or block.count(b"\n{") != lines - 1:
        return None
    try:
        events = _events.decode_lines(block)
        if len(events) == lines:
            return events, list(map(times.__getitem__, [event.time for event in events]))
    except (*JSON_ERRORS, BadRecord):
        pass
    return None


def _explain(line: bytes, message: str) -> BadRecord:
    """Why the line is not an event, found by reading it again without a schema."""
    if not line.strip():
        return BadRecord("blank", REASONS["blank"])
    try:
        tree: Any = msgspec.json.decode(line)
    except msgspec.ValidationError:  # a number that no double holds
        return _bad_value(message)
    except JSON_ERRORS:
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
