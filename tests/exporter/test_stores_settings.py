"""Hours that change, exceptions, what cannot be read, polls that say nothing. 2024-03-04 is a Monday; all is UTC."""

import json
from datetime import date

import duckdb
import pytest

from exporter.stores.engine import Policy
from exporter.stores.figures import caveats
from exporter.stores.load import Input, load
from exporter.stores.parse import parse_header
from exporter.stores.render import to_json, to_text
from exporter.stores.report import explain_store, make_report
from exporter.stores.schedules import Reading
from exporter.stores.state import Database
from foundation.errors import StoreError

NINE_TO_FIVE = [f"s,{day},09:00,17:00" for day in range(7)]
NINE_TO_NINE = [f"s,{day},09:00,21:00" for day in range(7)]
SUNDAY_NIGHT = "2024-03-11 00:00"


@pytest.fixture(scope="module")
def one_world(stores_worlds):
    return stores_worlds()


@pytest.fixture
def stores_world(one_world):
    """As in other modules, on one database, which is empty: to begin one takes longer than most tests here."""
    with one_world.database.writing() as cursor:
        for (table,) in cursor.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall():
            if table != "about":
                cursor.execute(f"DELETE FROM {table}")
    return one_world


def polls(store, first="2024-03-03", days=8, up=lambda hour: True):
    """A poll at half past of each hour."""
    day = int(first[-2:])
    return [
        f"{store},{'active' if up(hour) else 'inactive'},2024-03-{day + n:02} {hour:02}:30:00 UTC"
        for n in range(days)
        for hour in range(24)
    ]


def by_day(quantities, *names):
    return tuple(quantities[name] for name in names)


def week(world, store="s", as_of=SUNDAY_NIGHT, **policy):
    return by_day(world.report(as_of, **policy)[store], "business_week", "uptime_week", "downtime_week", "unknown_week")


def load_files(world, how, **files):
    inputs = [Input(world.write(kind, rows), f"{kind}.csv", kind) for kind, rows in files.items()]
    return load(world.database, inputs, to_us_now(world), how)


def to_us_now(world):
    return world.moment("2024-04-01")


def load_text(world, text, name="file", **how):
    path = world.folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(world.database, [Input(path, name)], to_us_now(world), Reading(**how))


ZONES = ["s,UTC"]


def test_changed_hours_never_rewrite_the_past_and_hold_from_the_day_after_the_newest_poll(stores_world):
    stores_world.load(hours=NINE_TO_FIVE, timezones=ZONES, status=polls("s", up=lambda hour: 9 <= hour < 17))
    before = stores_world.report(SUNDAY_NIGHT)
    (told,) = stores_world.load(hours=NINE_TO_NINE)
    assert "hours of 1 stores change the day after their newest poll (s from 2024-03-11 on)" in told.problems[0]
    assert stores_world.report(SUNDAY_NIGHT) == before
    assert week(stores_world) == (56, 56, 0, 0)
    assert stores_world.report("2024-03-13 00:00")["s"]["business_day"] == 12
    (told,) = stores_world.load(hours=NINE_TO_NINE)
    assert (told.new, told.problems) == (0, ())


@pytest.mark.parametrize("where", ["flag", "column"])
def test_hours_hold_from_the_date_that_the_user_or_the_file_names(stores_world, where):
    stores_world.load(hours=NINE_TO_FIVE, timezones=ZONES, status=polls("s"))
    if where == "flag":
        load_files(stores_world, Reading(valid_from=date(2024, 3, 7)), hours=NINE_TO_NINE)
    else:
        rows = "".join(f"{row},2024-03-07\n" for row in NINE_TO_NINE)
        load_text(stores_world, "store_id,day,start_time_local,end_time_local,valid_from\n" + rows)
    assert week(stores_world) == (3 * 8 + 4 * 12, 72, 0, 0)
    load_files(stores_world, Reading(valid_from="always"), hours=NINE_TO_NINE)
    assert week(stores_world) == (84, 84, 0, 0)


def test_a_season_ends_and_what_held_before_holds_again(stores_world):
    header = "store_id,day,open,close,valid_from,valid_until\n"
    season = "".join(f"s,{day},10:00,12:00,2024-03-06,2024-03-07\n" for day in range(7))
    load_text(stores_world, header + "".join(f"{row},,\n" for row in NINE_TO_FIVE) + season)
    stores_world.load(timezones=ZONES)
    assert week(stores_world)[0] == 5 * 8 + 2 * 2


def test_dates_that_no_hours_are_given_for_are_unknown(stores_world):
    header = "store_id,day,open,close,valid_from\n"
    load_text(stores_world, header + "".join(f"{row},2024-03-07\n" for row in NINE_TO_FIVE))
    stores_world.load(timezones=ZONES, status=polls("s"))
    assert week(stores_world) == (3 * 24 + 4 * 8, 32, 0, 72)


def test_hours_that_were_not_known_are_filled_for_the_past_too(stores_world):
    stores_world.load(hours=["s,0,nine,five"], timezones=ZONES, status=polls("s"))
    assert week(stores_world) == (24, 0, 0, 24)
    (told,) = stores_world.load(hours=NINE_TO_FIVE)
    assert told.problems == ()
    assert week(stores_world) == (56, 56, 0, 0)


def test_exceptions_replace_the_hours_of_their_dates(stores_world):
    stores_world.load(hours=NINE_TO_FIVE, timezones=ZONES, status=polls("s"))
    header = "store_id,date,start_time_local,end_time_local\n"
    load_text(stores_world, header + "s,2024-03-05,,\ns,2024-03-06,9am,1pm\ns,2024-03-08,closed,closed\n")
    assert week(stores_world) == (4 * 8 + 4, 36, 0, 0)
    load_text(stores_world, "store_id,date\ns,2024-03-09\n", "holidays")
    assert week(stores_world)[0] == 3 * 8 + 4
    load_text(stores_world, header + "s,2024-03-05,09:00,21:00\n")
    assert week(stores_world)[0] == 3 * 8 + 4 + 12


def test_a_store_that_has_exceptions_alone_is_always_open_on_other_dates(stores_world):
    stores_world.load(timezones=ZONES)
    load_text(stores_world, "store_id,date,hours\ns,2024-03-05,off\ns,2024-03-06,10:00-12:00\n")
    assert week(stores_world)[0] == 5 * 24 + 2


def test_an_exception_whose_date_cannot_be_read_leaves_every_day_in_doubt(stores_world):
    stores_world.load(hours=NINE_TO_FIVE, timezones=ZONES, status=polls("s"))
    (told,) = load_text(stores_world, "store_id,date,opens,closes\ns,25.12.2024,,\n", "ex.csv")
    assert told.problems[0] == "ex.csv:2: store s: invalid date '25.12.2024': expected a date such as 2026-12-25"
    assert week(stores_world) == (168, 0, 0, 168)


def test_hours_that_cannot_be_read_leave_their_days_unknown_and_are_told_in_the_report(stores_world):
    (told, *_) = stores_world.load(
        hours=[*NINE_TO_FIVE[1:], "s,0,9ish,17:00", "t,someday,09:00,17:00"], timezones=["s,UTC", "t,UTC"],
        status=[*polls("s"), *polls("t")],
    )  # fmt: skip
    assert (told.new, told.invalid) == (6, 2)
    assert told.problems[0].startswith("hours.csv:8: store s: invalid time '9ish': expected a time such as 09:00")
    assert week(stores_world) == (24 + 48, 48, 0, 24)
    assert week(stores_world, "t") == (168, 0, 0, 168)
    made = make_report(stores_world.database, Policy(), stores_world.moment(SUNDAY_NIGHT))
    (line,) = [line for line in caveats(made) if "not known" in line]
    assert line.startswith("hours or zone of 2 of 2 stores are not known: s: hours.csv:8: invalid time '9ish'")
    assert made.fallbacks["hours_unknown"] == 2


def test_days_from_1_to_7_are_in_doubt_until_someone_says_where_the_week_starts(stores_world):
    numbered = "store_id,day,open,close\n" + "".join(
        f"s,{n},09:00,{'17:00' if n < 6 else '12:00'}\n" for n in range(1, 8)
    )
    stores_world.load(timezones=ZONES, status=polls("s"))
    (told,) = load_text(stores_world, numbered)
    assert "days 1 to 7: name --week-starts monday or sunday" in told.problems[0]
    assert week(stores_world) == (168, 0, 0, 168)
    load_text(stores_world, numbered, week_starts="monday")
    assert week(stores_world) == (46, 46, 0, 0)
    assert stores_world.report("2024-03-05 00:00")["s"]["business_day"] == 8


def test_numbers_without_a_monday_are_told(stores_world):
    rows = "".join(f"s,{n},09:00,17:00\n" for n in range(1, 7))
    (told,) = load_text(stores_world, "store_id,day,open,close\n" + rows)
    assert "no row names day 0, which is Monday" in told.problems[0]


def test_opening_hours_and_names_of_days(stores_world):
    load_text(stores_world, 'store_id,opening_hours\ns,"Mo-Fr 09:00-12:00,13:00-17:00; Sa 10:00-12:00; PH off"\n')
    load_text(stores_world, "store_id,day,hours\nt,Mon-Fri,9:00 AM - 5:00 PM\nt,Saturday,closed\n", "t")
    stores_world.load(timezones=["s,UTC", "t,UTC"], status=[*polls("s"), *polls("t")])
    assert (week(stores_world)[0], week(stores_world, "t")[0]) == (37, 40)


def test_a_store_that_is_closed_on_every_day_is_not_always_open(stores_world):
    stores_world.load(hours=["s,0,closed,closed"], timezones=ZONES, status=polls("s"))
    assert week(stores_world) == (0, 0, 0, 0)


@pytest.mark.parametrize(("interpolation", "want"), [("previous", (3, 2)), ("next", (2, 2)), ("nearest", (3, 2))])
def test_a_poll_that_says_nothing_makes_its_time_unknown(stores_world, interpolation, want):
    words = ["active", "UP", "Maintenance", "pending", "1", "online"]
    rows = [f"s,{word},2024-03-04 {hour:02}:00:00 UTC" for hour, word in enumerate(words)]
    (told,) = stores_world.load(status=rows)
    assert (told.new, told.invalid) == (6, 0)
    row = stores_world.report("2024-03-04 05:00", interpolation=interpolation)["s"]
    # The 19 hours before the first poll are as it says.
    assert (row["uptime_day"] - 19, row["unknown_day"]) == (want[0] if interpolation != "next" else 3, want[1])


def test_an_unknown_word_is_a_bad_row_and_never_up(stores_world):
    rows = [f"s,{word},2024-03-04 {hour:02}:00:00 UTC" for hour, word in enumerate(["up", "sleeping", "up"])]
    (told,) = stores_world.load(status=rows)
    assert (told.new, told.invalid) == (2, 1)
    assert "status.csv:3: store s: unknown status" in told.problems[0]
    row = stores_world.report("2024-03-04 02:00", interpolation="previous")["s"]
    assert (row["unknown_day"], row["uptime_hour"]) == (1, 0)
    (again,) = stores_world.load(status=rows)
    assert (again.new, again.duplicate, again.invalid) == (0, 2, 1)


def test_of_polls_at_one_instant_inactive_wins_then_unknown(stores_world):
    at = "2024-03-04 00:00:00 UTC"
    stores_world.load(status=[f"a,up,{at}", f"a,paused,{at}", f"b,paused,{at}", f"b,down,{at}"])
    with stores_world.database.reading() as cursor:
        found = cursor.execute("SELECT store_id, up FROM polls JOIN stores USING (store) ORDER BY 1").fetchall()
    assert found == [("a", 2), ("b", 0)]


def test_explain_names_periods_exceptions_and_why_hours_are_unknown(stores_world):
    stores_world.load(
        hours=[*NINE_TO_FIVE[1:], "s,0,9ish,17:00"], timezones=ZONES, status=["s,paused,2024-03-10 10:00:00"]
    )
    load_text(stores_world, "store_id,date\ns,2024-03-09\n", "holidays")
    found = explain_store(stores_world.database, Policy(), stores_world.moment(SUNDAY_NIGHT), "s")
    told = to_json("s", found)
    assert told["exceptions"] == [{"date": "2024-03-09", "closed": True}]
    assert told["hours"][0]["unknown"].startswith("hours.csv:8: invalid time")
    assert told["polls"][-1]["status"] == "unknown"
    lines = list(to_text("s", found))
    assert "  2024-03-09 closed" in lines
    assert any(line.startswith("  Monday     unknown (hours.csv:8: invalid time") for line in lines)
    json.dumps(told)


STATUS = [("s,1", "up", "2024-03-04T00:00:00Z"), ("t", "down", "2024-03-04T01:00:00+01:00")]

OBJECTS = [{"store_id": s, "status": w, "timestamp_utc": t} for s, w, t in STATUS]


def as_csv(separator, rows=STATUS):
    lines = [
        separator.join(("Status", "store_id", "timestamp_utc")),
        *(separator.join((w, f'"{s}"', t)) for s, w, t in rows),
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


@pytest.mark.parametrize(
    "content",
    [
        as_csv(","), as_csv(";"), as_csv("\t"), as_csv("|"), b"\xef\xbb\xbf" + as_csv(","),
        as_csv(";").decode().encode("utf-16"),
        "\n".join(map(json.dumps, OBJECTS)).encode(),
        json.dumps(OBJECTS).encode(),
        as_csv(",", [("s,1", "1", "1709510400"), ("t", "0", "1709510400000")]),
        as_csv(";", [("s,1", "true", "1709510400000000"), ("t", "false", "20240304T000000Z")]),
    ],
    ids=["comma", "semicolon", "tab", "bar", "bom", "utf-16", "ndjson", "json", "epoch", "epoch-us"],
)  # fmt: skip
def test_files_are_files(stores_world, content):
    (told,) = load_text(stores_world, content)
    assert (told.kind, told.rows, told.new, told.problems) == ("status", 2, 2, ())
    with stores_world.database.reading() as cursor:
        found = cursor.execute("SELECT store_id, up, at_us FROM polls JOIN stores USING (store) ORDER BY 1").fetchall()
    assert found == [("s,1", 1, stores_world.moment("2024-03-04")), ("t", 0, stores_world.moment("2024-03-04"))]


def test_parquet_is_a_file(stores_world):
    path = stores_world.folder / "p.parquet"
    row = "SELECT 's' AS store_id, 'up' AS status, TIMESTAMPTZ '2024-03-04 00:00:00+00' AS timestamp_utc"
    duckdb.sql(row).write_parquet(str(path))
    (told,) = load_text(stores_world, path.read_bytes(), "q")
    assert (told.new, told.invalid) == (1, 0)


def test_a_row_that_cannot_be_taken_apart_keeps_its_number_in_every_form(stores_world):
    (told,) = load_text(stores_world, "store_id;status;timestamp_utc\ns;up\ns;up;2024-03-04 00:00:00 UTC\n", "f")
    assert (told.new, told.invalid) == (1, 1)
    assert told.problems[0].startswith("f:2: expected as many fields as the header has")


@pytest.mark.parametrize(
    "text",
    [
        "store_id;opening_hours\ns;Mo-Fr 09:00-17:00; Sa off\n",
        "store_id,day,open,close\ns,0,09:00\n",
        "store_id,day,open,close\ns,0,09:00,17:00,18:00\n",
        "store_id,timezone\ns,America,Chicago\n",
        "store_id|date\ns|2024-03-08|closed\n",
    ],
)
def test_a_row_of_settings_with_other_fields_than_the_header_still_names_its_store(stores_world, text):
    stores_world.load(status=polls("s"))
    (told,) = load_text(stores_world, text)
    assert (told.new, told.invalid) == (0, 1)
    assert week(stores_world) == (168, 0, 0, 168)


def test_dates_beside_other_columns_are_not_taken_for_closed_days():
    assert parse_header(b"store_id,date\n").kind == "exceptions"
    assert parse_header(b"store_id,date,revenue\n") is None


OLD = {
    1: """
CREATE TABLE about (schema_version BIGINT, data_version BIGINT);
CREATE TABLE stores (store BIGINT, store_id VARCHAR, timezone VARCHAR);
CREATE TABLE hours (store BIGINT, weekday BIGINT, start_s BIGINT, end_s BIGINT);
CREATE TABLE polls (store BIGINT, at_us BIGINT, up BIGINT, ingest BIGINT);
INSERT INTO about VALUES (1, 7);
INSERT INTO stores VALUES (1, 's', 'UTC');
INSERT INTO hours SELECT 1, day, 32400, 61200 FROM range(7) AS r(day);
INSERT INTO polls VALUES (1, 1709510400000000, 1, 1);
""",
    2: """
CREATE TABLE about (schema_version BIGINT, data_version BIGINT);
CREATE TABLE stores (store BIGINT, store_id VARCHAR, timezone VARCHAR);
CREATE TABLE hours (
    store BIGINT, weekday BIGINT, start_s BIGINT, end_s BIGINT,
    from_day BIGINT DEFAULT 0, until_day BIGINT DEFAULT 3652060, spec VARCHAR, doubt BIGINT DEFAULT 0, why VARCHAR
);
CREATE TABLE exceptions (store BIGINT, day BIGINT, start_s BIGINT, end_s BIGINT, doubt BIGINT DEFAULT 0, why VARCHAR);
CREATE TABLE polls (store BIGINT, at_us BIGINT, up BIGINT, ingest BIGINT);
CREATE TABLE quarantine (
    ingest BIGINT, kind VARCHAR, name VARCHAR, row BIGINT, reason VARCHAR, content VARCHAR
);
INSERT INTO about VALUES (2, 7);
INSERT INTO stores VALUES (1, 's', 'UTC');
INSERT INTO hours (store, weekday, start_s, end_s) SELECT 1, day, 32400, 61200 FROM range(7) AS r(day);
INSERT INTO polls VALUES (1, 1709510400000000, 1, 1);
INSERT INTO quarantine VALUES (1, 'status', 'f', 2, 'timestamp', 'x');
""",
}


@pytest.mark.parametrize("version", OLD)
def test_a_database_of_a_version_before_is_brought_up_to_date_without_loss(tmp_path, version):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(path) as old:
        old.execute(OLD[version])
        tables = [row[0] for row in old.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        before = {name: old.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    for _ in range(2):
        with Database(path) as database:
            rows = make_report(database, Policy(), 1709510400000000 + 7 * 86_400_000_000).rows
            assert int(rows["business_week"][0]) == 56 * 3600 * 1_000_000
    label = Input(tmp_path / "labels.csv", "labels.csv", "labels")
    label.path.write_text("store_id,region\ns,north\n")
    with Database(path) as database:
        assert [told.new for told in load(database, [label], 1709510400000000)] == [1]
    with duckdb.connect(path) as new:
        assert new.execute("SELECT schema_version, data_version FROM about").fetchone() == (3, 8)
        for name in set(before) - {"about"}:
            assert [row[: len(before[name][0])] for row in new.execute(f"SELECT * FROM {name}").fetchall()] == before[
                name
            ]
    with duckdb.connect(path) as newer:
        newer.execute("UPDATE about SET schema_version = 4")
    with pytest.raises(StoreError, match=r"another version of Tidewatch \(schema 4\)"):
        Database(path)
