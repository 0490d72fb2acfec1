"""Blocks of log lines to columns, most of them by their layout, the others by `parse`. Pure."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.hosting.layouts import Block, Layouts
from exporter.hosting.parse import (
    MAX_LINE_BYTES,
    REASONS,
    Created,
    Deleted,
    Event,
    Heartbeat,
    Route,
    Times,
    parse_block,
    parse_line,
)
from foundation.errors import BadRecord

Ints = npt.NDArray[np.int64]
NAMES: dict[type[Event], str] = {Heartbeat: "heartbeats", Route: "routes", Created: "creates", Deleted: "deletes"}
_COLUMNS: dict[str, dict[str, Any]] = {
    "heartbeats": {"server_id": np.int64, "workload": np.float64},
    "routes": {"account_id": np.int64, "server_id": np.int64},
    "creates": {"account_id": np.int64, "account_name": np.object_},
    "deletes": {"account_id": np.int64},
}


class Events(NamedTuple):
    """Events of one kind in a block; arrays of one length.

    lines: their places in the block.
    time_s: Unix seconds; gap_s: how much later their text means another instant, 0
    for most. columns: the rest of an event, by name.
    """

    lines: Ints
    time_s: Ints
    gap_s: Ints
    columns: dict[str, npt.NDArray[Any]]

    def some(self, which: npt.NDArray[np.bool_]) -> "Events":
        """Those of them."""
        columns = {name: column[which] for name, column in self.columns.items()}
        return Events(self.lines[which], self.time_s[which], self.gap_s[which], columns)


class BadLine(NamedTuple):
    """A line that is not an event, by its place in the block."""

    place: int
    text: bytes
    why: BadRecord


class Parsed(NamedTuple):
    """The content of a block: the number of lines, the events by their table, and the lines that are not events."""

    block: Block
    lines: int
    tables: dict[str, list[Events]]
    bad: list[BadLine]


def parse_lines(text: bytes, layouts: Layouts, times: Times) -> Parsed:
    """Read whole lines. The result does not depend on `layouts`, which learns the lines' layout."""
    block = Block(text)
    times.make_room(len(block.ends))
    found, left = layouts.read(block, times)
    tables: dict[str, list[Events]] = {name: [] for name in NAMES.values()}
    for one in found:
        columns = one.columns
        time_s, gap_s = columns.pop("time_s"), columns.pop("gap_s")
        tables[NAMES[one.kind]].append(Events(one.lines, time_s, gap_s, columns))
    bad = list[BadLine]()
    if len(left):
        _read_left(block, left, times, tables, bad)
    return Parsed(block, len(block.ends), tables, bad)


def columns_of(
    places: Sequence[int] | Ints, events: Sequence[Event], times_s: Sequence[int], times: Times
) -> dict[str, Events]:
    """Events as columns, by their table; they were just read with `times`, which had room for them."""
    found = dict[str, Events]()
    for kind, name in NAMES.items():
        rows = [row for row, event in enumerate(events) if type(event) is kind]
        if rows:
            mine = [events[row] for row in rows]
            found[name] = Events(
                np.asarray(places, np.int64)[rows],
                np.fromiter((times_s[row] for row in rows), np.int64, len(rows)),
                np.fromiter((times.twins.get(event.time, 0) for event in mine), np.int64, len(rows)),
                {
                    column: np.fromiter(map(attrgetter(column), mine), dtype, len(rows))
                    for column, dtype in _COLUMNS[name].items()
                },
            )
    return found


def _read_left(block: Block, left: Ints, times: Times, tables: dict[str, list[Events]], bad: list[BadLine]) -> None:
    """The lines with another layout: all at once, or one by one if one is bad."""
    too_long = block.ends[left] - block.starts[left] > MAX_LINE_BYTES
    why = BadRecord("too_long", REASONS["too_long"])
    bad += [BadLine(place, block.line(place), why) for place in left[too_long].tolist()]
    left = left[~too_long]
    places: list[int] = left.tolist()
    all_left = len(left) == len(block.ends)
    together = block.text if all_left else b"".join(block.line(place) + b"\n" for place in places)
    parsed = parse_block(together, times) if places else ([], [])
    if parsed is None:
        kept = list[int]()
        parsed = [], []
        for place in places:
            line = block.line(place)
            try:
                event, time_s = parse_line(line, times)
            except BadRecord as exc:
                bad.append(BadLine(place, line, exc))
            else:
                kept.append(place)
                parsed[0].append(event)
                parsed[1].append(time_s)
        places = kept
    bad.sort(key=lambda one: one.place)
    for name, events in columns_of(places, *parsed, times).items():
        tables[name].append(events)
