"""Whether the time of a report comes from a few polls far from all others.

One poll whose year is wrong moves the newest poll's time for every store, and all of them are unknown there. Which
polls are right is unknown: reports with such a time have a note.
"""

from typing import NamedTuple

import duckdb

from exporter.stores.calendar import DAY_US
from exporter.stores.state import one

GAP_US = 30 * DAY_US
"""So long without any poll before the newest ones sets them apart, while they are few."""
FEW, FEW_OF = 2, 1000  # at most two polls, or one of a thousand


class Apart(NamedTuple):
    """Polls far after all others: how many, the first of them, a store of theirs, and the newest of the others."""

    polls: int
    first_us: int
    store_id: str
    others_us: int


def find_apart(cursor: duckdb.DuckDBPyConnection, as_of_us: int) -> Apart | None:
    """The polls that stand apart up to a report's moment; None where there are none."""
    newest = usual_newest_us(cursor)
    if newest is None or newest >= as_of_us:
        return None
    number, first, store_id = one(
        cursor,
        "SELECT count(*), min(at_us), min_by(store_id, at_us) FROM polls JOIN stores USING (store) "
        "WHERE at_us > ? AND at_us <= ?",
        [newest, as_of_us],
    )
    return Apart(number, first, store_id, newest) if number else None


def usual_newest_us(cursor: duckdb.DuckDBPyConnection) -> int | None:
    """The time of the newest poll that does not stand apart; None without polls."""
    newest, polls = one(cursor, "SELECT max(at_us), count(*) FROM polls")
    while newest is not None:
        found: int = newest
        first, number = one(
            cursor, "SELECT min(at_us), count(*) FROM polls WHERE at_us > ? AND at_us <= ?", [found - GAP_US, found]
        )
        (newest,) = one(cursor, "SELECT max(at_us) FROM polls WHERE at_us < ?", [first])
        polls -= number
        if newest is None or first - newest < GAP_US or not _few(number, polls):
            return found
    return None


def _few(number: int, others: int) -> bool:
    return number < others and number <= max(FEW, others // FEW_OF)
