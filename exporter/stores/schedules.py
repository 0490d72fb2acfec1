"""Hours, exceptions and zones of stores, from readings to the database.

The hours that a load gives for a store are its hours from one date on. A change never rewrites the past: from which
date hours hold, the file or the user says; where neither does, changed hours hold from the day after the store's newest
poll.
"""

from datetime import date, timedelta
from typing import Literal, NamedTuple, TypeAlias

import duckdb

from exporter.stores.calendar import from_us
from exporter.stores.openings import WeekStart
from exporter.stores.state import FOREVER, one
from exporter.stores.zones import NO_NAME, find_zone
from foundation.terminal import printable

ValidFrom: TypeAlias = date | Literal["always"] | None


class Reading(NamedTuple):
    """The user's answers where rows of files leave something open.

    week_starts: the day that the lowest number of a day means; None: 0 is Monday.
    valid_from: the date from which hours hold; "always" for all time; None: see the module.
    """

    week_starts: WeekStart | None = None
    valid_from: ValidFrom = None


_SAYS = "weekday, start_s, end_s, spec, doubt"
_NEW_HOURS = """CREATE OR REPLACE TEMP TABLE new_hours (
    store BIGINT, weekday BIGINT, start_s BIGINT, end_s BIGINT, from_day BIGINT, until_day BIGINT, spec VARCHAR,
    doubt BIGINT, why VARCHAR, fresh BOOLEAN
)"""
_NEW_EXCEPTIONS = """CREATE OR REPLACE TEMP TABLE new_exceptions (
    store BIGINT, day BIGINT, start_s BIGINT, end_s BIGINT, doubt BIGINT, why VARCHAR
)"""


def begin(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the tables in which a load's hours and exceptions wait until all its files are read."""
    cursor.execute(_NEW_HOURS)
    cursor.execute(_NEW_EXCEPTIONS)


def take_hours(cursor: duckdb.DuckDBPyConnection, name: str) -> int:
    """Put the hours of `staged` aside; how many good rows say something new."""
    found = """
        SELECT s.store, t.row, r.weekday, r.start_s, r.end_s, r.from_day, r.until_day, r.spec, r.doubt, t.reason,
            CASE WHEN r.doubt = 1 THEN $name || ':' || t.row || ': ' || r.why END AS why
        FROM staged t JOIN stores s USING (store_id)
        JOIN readings r USING (day, start_time_local, end_time_local, opening_hours, valid_from, valid_until)
        WHERE t.named AND t.reason IS DISTINCT FROM 'fields'
        UNION ALL
        SELECT s.store, t.row, d.day, 0, 86400, NULL, NULL, NULL, 1, t.reason,
            $name || ':' || t.row || ': ' || t.content
        FROM staged t JOIN stores s USING (store_id) CROSS JOIN range(7) AS d(day)
        WHERE t.named AND t.reason = 'fields'"""
    same = (
        "h.store = f.store AND h.weekday IS NOT DISTINCT FROM f.weekday AND h.start_s IS NOT DISTINCT FROM f.start_s "
        "AND h.end_s IS NOT DISTINCT FROM f.end_s AND h.spec IS NOT DISTINCT FROM f.spec AND h.doubt = f.doubt "
        "AND (f.from_day IS NULL OR h.from_day IS NOT DISTINCT FROM f.from_day)"
    )
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE found AS
        SELECT f.*, NOT EXISTS (SELECT * FROM hours h WHERE {same})
            AND NOT EXISTS (SELECT * FROM new_hours h WHERE {same}) AS fresh
        FROM ({found}) AS f
        """,  # noqa: S608, our own names
        {"name": name},
    )
    cursor.execute(
        f"INSERT INTO new_hours SELECT store, weekday, start_s, end_s, from_day, COALESCE(until_day, {FOREVER}), spec, "  # noqa: S608
        "doubt, why, fresh FROM found"
    )
    first = "SELECT min(row) AS row FROM found WHERE fresh AND reason IS NULL GROUP BY store, from_day, " + _SAYS  # noqa: S608
    return int(one(cursor, f"SELECT count(DISTINCT row) FROM ({first})")[0])  # noqa: S608


def take_exceptions(cursor: duckdb.DuckDBPyConnection, name: str) -> int:
    """Put the exceptions of `staged` aside; how many good rows say something new."""
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE found AS
        SELECT s.store, t.row, r.on_day AS day, r.start_s, r.end_s, r.doubt, t.reason,
            CASE WHEN r.doubt = 1 THEN $name || ':' || t.row || ': ' || COALESCE(r.why, 'unknown') END AS why
        FROM staged t JOIN stores s USING (store_id)
        JOIN readings r USING (date, start_time_local, end_time_local, opening_hours)
        WHERE t.named AND t.reason IS DISTINCT FROM 'fields'
        UNION ALL
        SELECT s.store, t.row, NULL, 0, 86400, 1, t.reason, $name || ':' || t.row || ': ' || t.content
        FROM staged t JOIN stores s USING (store_id) WHERE t.named AND t.reason = 'fields'
        """,
        {"name": name},
    )
    cursor.execute("INSERT INTO new_exceptions SELECT store, day, start_s, end_s, doubt, why FROM found")
    return int(
        one(
            cursor,
            "SELECT count(DISTINCT row) FROM (SELECT min(row) AS row FROM found f WHERE reason IS NULL AND NOT EXISTS ("
            "SELECT * FROM exceptions e WHERE e.store = f.store AND e.day = f.day AND e.doubt = f.doubt "
            "AND e.start_s IS NOT DISTINCT FROM f.start_s AND e.end_s IS NOT DISTINCT FROM f.end_s"
            ") GROUP BY store, day, start_s, end_s)",
        )[0]
    )


def take_zones(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int, bool]:
    """Give stores the zones of `staged`, the last one of each: (good rows that are new, that conflict, any change).

    A zone that is not known is kept as it was written: its store has one, and it is not the default.
    """
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT store_id,
            arg_max(CASE WHEN timezone_str = '' OR reason = 'fields' THEN $empty ELSE timezone_str END, row)
                AS timezone,
            arg_max(reason IS NULL, row) AS good,
            greatest(count(DISTINCT timezone_str) FILTER (reason IS NULL) - 1, 0) AS conflicts
        FROM staged WHERE named GROUP BY store_id
        """,
        {"empty": NO_NAME},
    )
    differ = "FROM incoming JOIN stores USING (store_id) WHERE stores.timezone IS DISTINCT FROM incoming.timezone"
    new, changed = one(cursor, f"SELECT count(*) FILTER (good), count(*) {differ}")
    (conflict,) = one(cursor, "SELECT COALESCE(sum(conflicts), 0) FROM incoming")
    cursor.execute(
        "UPDATE stores SET timezone = incoming.timezone FROM incoming WHERE stores.store_id = incoming.store_id"
    )
    return new, int(conflict), bool(changed)


def finish(cursor: duckdb.DuckDBPyConnection, valid_from: ValidFrom) -> tuple[bool, list[str]]:
    """Give the stores their new hours and exceptions: whether that changed anything, and what to say about it."""
    notes = [*_date_hours(cursor, valid_from), *_doubts(cursor)]
    changed = _replace_hours(cursor)
    return _replace_exceptions(cursor) or changed, notes


def _date_hours(cursor: duckdb.DuckDBPyConnection, valid_from: ValidFrom) -> list[str]:
    """Give each new row its first day; returns the message about days that no row names."""
    if isinstance(valid_from, date):
        cursor.execute("UPDATE new_hours SET from_day = ? WHERE from_day IS NULL", [valid_from.toordinal()])
    cursor.execute(
        "UPDATE new_hours SET from_day = 0 WHERE from_day IS NULL "
        "AND (? OR store IN (SELECT store FROM new_hours WHERE from_day IS NOT NULL))",
        [valid_from == "always"],
    )
    # The hours that held last, and whether the new ones say the same.
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE last_hours AS
        SELECT store, from_day, {_SAYS} FROM hours JOIN (
            SELECT store, max(from_day) AS from_day FROM hours
            WHERE store IN (SELECT store FROM new_hours WHERE from_day IS NULL) GROUP BY store
        ) USING (store, from_day);
        CREATE OR REPLACE TEMP TABLE differ AS
        SELECT DISTINCT store FROM (
            (SELECT store, {_SAYS} FROM last_hours EXCEPT SELECT store, {_SAYS} FROM new_hours WHERE from_day IS NULL)
            UNION ALL
            (SELECT store, {_SAYS} FROM new_hours WHERE from_day IS NULL EXCEPT SELECT store, {_SAYS} FROM last_hours)
        );
        CREATE OR REPLACE TEMP TABLE begins (store BIGINT, from_day BIGINT);
        INSERT INTO begins SELECT DISTINCT store, from_day FROM last_hours ANTI JOIN differ USING (store)
        """  # noqa: S608, our own names
    )
    changed = cursor.execute(
        """
        SELECT store, store_id, timezone, max(at_us) FROM differ JOIN stores USING (store) JOIN polls USING (store)
        WHERE store IN (SELECT store FROM last_hours WHERE doubt = 0) GROUP BY ALL ORDER BY store_id
        """
    ).fetchall()
    days = [(store, _day_after(zone, newest_us)) for store, _, zone, newest_us in changed]
    if days:
        values = ", ".join(f"({store}, {day.toordinal()})" for store, day in days)
        cursor.execute(f"INSERT INTO begins VALUES {values}")  # noqa: S608, numbers
    cursor.execute(
        "UPDATE new_hours SET from_day = begins.from_day FROM begins "
        "WHERE new_hours.store = begins.store AND new_hours.from_day IS NULL"
    )
    cursor.execute("UPDATE new_hours SET from_day = 0 WHERE from_day IS NULL")
    if not days:
        return []
    example = f"{printable(changed[0][1])} from {days[0][1]} on"
    told = f"hours of {len(days)} stores change the day after their newest poll ({example}), the past stays as it was"
    return [f"{told}; name another day by --valid-from DATE, or restate the past by --valid-from always"]


def _day_after(zone: str | None, newest_us: int) -> date:
    return from_us(newest_us).astimezone(find_zone(zone)[0]).date() + timedelta(days=1)


def _doubts(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """The unknown hours and zones because of unreadable rows."""
    count, example = one(
        cursor,
        "SELECT count(DISTINCT store), min(store_id) FROM (SELECT store, doubt FROM new_hours UNION ALL "
        "SELECT store, doubt FROM new_exceptions) JOIN stores USING (store) WHERE doubt = 1",
    )
    if not count:
        return []
    return [f"hours of {count} stores are not known, on some days or all ({printable(example)}): that time is unknown"]


def _replace_hours(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Put `new_hours` beside the hours that they do not replace: those from other days, unless they hold always."""
    always = f"SELECT store FROM new_hours WHERE from_day = 0 AND until_day = {FOREVER}"  # noqa: S608
    columns = f"store, from_day, until_day, {_SAYS}"
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE next_hours AS
        SELECT {columns}, why FROM hours
        WHERE store IN (SELECT store FROM new_hours) AND store NOT IN ({always})
            AND NOT EXISTS (SELECT * FROM new_hours n WHERE n.store = hours.store AND n.from_day = hours.from_day)
        UNION ALL
        SELECT {columns}, min(why) AS why FROM new_hours GROUP BY ALL
        """  # noqa: S608, our own names
    )
    old = f"SELECT {columns} FROM hours WHERE store IN (SELECT store FROM new_hours)"  # noqa: S608
    new = f"SELECT {columns} FROM next_hours"  # noqa: S608
    if not _differ(cursor, old, new):
        return False
    cursor.execute("DELETE FROM hours WHERE store IN (SELECT store FROM new_hours)")
    cursor.execute("INSERT INTO hours BY NAME SELECT * FROM next_hours")
    return True


def _replace_exceptions(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Give each date of `new_exceptions` its rows alone; dates that could not be read are those of the last load."""
    columns = "store, day, start_s, end_s, doubt"
    gone = (
        "EXISTS (SELECT * FROM new_exceptions n WHERE n.store = exceptions.store "
        "AND (exceptions.day IS NULL OR n.day = exceptions.day))"
    )
    old, new = f"SELECT {columns} FROM exceptions WHERE {gone}", f"SELECT {columns} FROM new_exceptions"  # noqa: S608
    if not _differ(cursor, old, new):
        return False
    cursor.execute(f"DELETE FROM exceptions WHERE {gone}")  # noqa: S608, our own names
    cursor.execute(f"INSERT INTO exceptions BY NAME SELECT {columns}, min(why) AS why FROM new_exceptions GROUP BY ALL")  # noqa: S608
    return True


def _differ(cursor: duckdb.DuckDBPyConnection, old: str, new: str) -> bool:
    return bool(one(cursor, f"SELECT EXISTS ((({old}) EXCEPT ({new})) UNION ALL (({new}) EXCEPT ({old})))")[0])
