"""Faults that somebody has planned, as the receiver's page announces them. Pure, but for reading the file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from foundation.config import read_text
from foundation.errors import BadRecord, ConfigError
from foundation.jsonread import read_json

MAX_TIME_S = 1 << 35  # a thousand years: datetime takes it

Time = Annotated[float, msgspec.Meta(ge=0, le=MAX_TIME_S)]
Length = Annotated[float, msgspec.Meta(gt=0, le=MAX_TIME_S)]


class Planned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault that begins at `begin`, Unix time, and again `every_s` after that; None: once."""

    what: str
    alert: str
    begin: Time
    for_s: Length
    every_s: Length | None = None


class Next(NamedTuple):
    """A fault's next, present or last time, in UTC; `state` is to come, now or over."""

    planned: Planned
    begin: datetime
    end: datetime
    state: str


def read_planned(path: Path) -> list[Planned]:
    """The faults of a JSON file, a list. Raises ConfigError."""
    try:
        return read_json(read_text(path, "is this a plan?"), list[Planned])
    except ConfigError as exc:
        raise type(exc)(f"--planned: {exc}") from exc
    except BadRecord as exc:
        raise ConfigError(f"--planned: {path}: {exc}") from exc


def next_times(planned: list[Planned], now: datetime) -> list[Next]:
    """When each comes next, the soonest first, those that are over last."""
    return sorted((_next(one, now.timestamp()) for one in planned), key=lambda one: (one.state == "over", one.begin))


def _next(planned: Planned, now_s: float) -> Next:
    begin_s, every_s = planned.begin, planned.every_s
    if every_s is not None and now_s >= begin_s + planned.for_s:
        begin_s += (now_s - begin_s) // every_s * every_s
        if now_s >= begin_s + planned.for_s:
            begin_s += every_s
    end_s = begin_s + planned.for_s
    state = "to come" if now_s < begin_s else "now" if now_s < end_s else "over"
    return Next(planned, datetime.fromtimestamp(begin_s, UTC), datetime.fromtimestamp(end_s, UTC), state)
