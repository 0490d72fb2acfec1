"""Loading: nothing twice, nothing lost, nothing guessed, all or nothing."""

import gzip
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from exporter.stores.calendar import to_us
from exporter.stores.load import Input, load
from exporter.stores.parse import parse_header
from exporter.stores.state import Database
from foundation.errors import SourceError, StoreError

NOW_US = to_us(datetime(2023, 2, 1, tzinfo=UTC))
POLLS = [f"s{n},{'active' if n % 3 else 'inactive'},2023-01-25 0{n}:00:00 UTC" for n in range(1, 6)]


def rows(database, sql):
    with database.reading() as cursor:
        return cursor.execute(sql).fetchall()


def everything(database):
    tables = {"stores": "store_id", "hours": "ALL", "polls": "ALL", "quarantine": "ALL"}
    return {table: rows(database, f"SELECT * FROM {table} ORDER BY {by}") for table, by in tables.items()}


@pytest.mark.slow
def test_loading_twice_changes_nothing(stores_world):
    files = {
        "status": [*POLLS, "s1,maybe,2023-01-25 00:00:00 UTC"],
        "hours": ["s1,0,09:00,12:00", "s1,9,09:00,12:00"],
        "timezones": ["s1,Asia/Beirut"],
    }
    stores_world.load(**files)
    before = everything(stores_world.database)
    version = rows(stores_world.database, "SELECT data_version FROM about")
    again = stores_world.load(**files)
    assert everything(stores_world.database) == before
    assert rows(stores_world.database, "SELECT data_version FROM about") == version
    assert [(told.kind, told.new, told.duplicate, told.invalid) for told in again] == [
        ("status", 0, 5, 1),
        ("hours", 0, 1, 1),
        ("timezones", 0, 1, 0),
    ]


@pytest.mark.slow
def test_of_two_polls_at_one_instant_inactive_wins_in_one_file_and_over_two(stores_world):
    at = "2023-01-25 10:00:00"
    (told,) = stores_world.load(status=[f"a,active,{at} UTC", f"a,inactive,{at}.00 UTC", f"b,active,{at} UTC"])
    assert (told.new, told.conflict, told.duplicate) == (2, 1, 0)
    (told,) = stores_world.load(status=[f"b,inactive,{at} UTC", f"a,active,{at} UTC"])
    assert (told.new, told.conflict, told.duplicate) == (0, 2, 0)
    found = rows(stores_world.database, "SELECT store_id, up FROM polls JOIN stores USING (store) ORDER BY 1")
    assert found == [("a", 0), ("b", 0)]


STAMPS = {
    "2023-01-22 12:09:39.388884 UTC": 388884,
    "2023-01-22 12:09:39.38 UTC": 380000,
    "2023-01-22 12:09:39 UTC": 0,
    "2023-01-22T12:09:39.5Z": 500000,
    "2023-01-22T14:09:39+02:00": 0,
    "2023-01-22 12:09:39": 0,
}
BAD_POLLS = {
    "s,active,2023-02-30 12:00:00 UTC": "timestamp",
    "s,active,25.01.2023 10:00": "timestamp",
    "s,active,infinity": "timestamp",
    "s,active,1970-01-01 00:00:10 UTC": "past",
    "s,active,": "timestamp",
    "s,active,2023-02-03 12:00:00 UTC": "future",
    "s,ACTIVE?,2023-01-22 12:00:00 UTC": "status",
    ",active,2023-01-22 12:00:00 UTC": "store_id",
    "s,active": "fields",
    "s,active,2023-01-22 12:00:00 UTC,more": "fields",
    "\x00\x01garbage": "fields",
}


def test_every_spelling_of_a_time_is_read_and_every_bad_row_kept_with_its_reason_and_number(stores_world):
    good = [f"t{n},Active,{text}" for n, text in enumerate(STAMPS)]
    (told,) = stores_world.load(status=[*good, *BAD_POLLS], now=datetime(2023, 2, 1, tzinfo=UTC))
    assert (told.rows, told.new, told.invalid) == (17, 6, 11)
    assert told.problems[0].startswith(
        "status.csv:8: store s: invalid time: expected, for example, 2026-01-25 10:00:00"
    )
    base = to_us(datetime(2023, 1, 22, 12, 9, 39, tzinfo=UTC))
    found = rows(
        stores_world.database, "SELECT at_us FROM polls JOIN stores USING (store) WHERE up < 2 ORDER BY store_id"
    )
    assert [at - base for (at,) in found] == list(STAMPS.values())
    kept = rows(stores_world.database, "SELECT row, reason, content FROM quarantine ORDER BY row")
    assert [(reason, text) for _, reason, text in kept] == [(r, t) for t, r in BAD_POLLS.items()]
    assert [row for row, _, _ in kept] == list(range(8, 19))


@pytest.mark.slow
def test_bytes_that_are_no_text_and_endless_lines_are_kept_apart(stores_world):
    path = stores_world.folder / "polls.csv"
    path.write_bytes(
        b"\xef\xbb\xbfstore_id,status,timestamp_utc\r\n"
        b's1,"active",2023-01-25 10:00:00 UTC\r\n\r\n'
        b"\xff\xfe,active,2023-01-25 10:00:00 UTC\r\n" + b"x" * 200_000 + b"\r\ns2,inactive,2023-01-25 10:00:00 UTC"
    )
    (told,) = load(stores_world.database, [Input(path, "polls.csv")], NOW_US)
    assert (told.new, told.invalid) == (2, 2)


@pytest.mark.slow
def test_both_editions_and_gzip_hold_the_same(stores_world, tmp_path):
    stores_world.load(hours=["a,0,09:00:00,12:00:00"])
    newer = tmp_path / "newer.csv.gz"
    newer.write_bytes(gzip.compress(b"store_id,dayOfWeek,start_time_local,end_time_local\na,0,09:00:00,12:00:00\n"))
    (told,) = load(stores_world.database, [Input(newer, "newer")], NOW_US)
    assert (told.kind, told.new, told.duplicate) == ("hours", 0, 1)


@pytest.mark.slow
def test_new_hours_of_a_store_replace_its_old_ones_and_nobody_elses(stores_world):
    stores_world.load(hours=["a,0,09:00,12:00", "a,1,09:00,12:00", "b,0,09:00,12:00"])
    (told,) = stores_world.load(hours=["a,0,10:00,12:00"])
    assert told.new == 1
    found = rows(
        stores_world.database, "SELECT store_id, weekday, start_s FROM hours JOIN stores USING (store) ORDER BY 1"
    )
    assert found == [("a", 0, 36000), ("b", 0, 32400)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b,c\n", "line 1: no header"),
        (b"", "empty: expected a header"),
        (gzip.compress(b"store_id,status,timestamp_utc\n" + os.urandom(9000))[:-600], "polls.csv"),
    ],
    ids=["other-columns", "empty", "broken-off"],
)
def test_a_load_that_fails_leaves_the_database_as_it_was(stores_world, content, why):
    stores_world.load(status=POLLS)
    before = everything(stores_world.database)
    bad = stores_world.folder / "bad.csv"
    bad.write_bytes(content)
    good = stores_world.write("timezones", ["s1,Asia/Beirut"])
    with pytest.raises(SourceError, match=why):
        load(stores_world.database, [Input(good, "good.csv"), Input(bad, "polls.csv")], NOW_US)
    assert everything(stores_world.database) == before


def test_a_header_says_the_kind_in_any_order_and_case():
    found = parse_header(b"\xef\xbb\xbfTimestamp_UTC, status ,STORE_ID,more\r\n")
    assert found == ("status", {"store_id": 3, "status": 2, "timestamp_utc": 1}, 4)


def test_what_is_no_database_is_refused_by_name(tmp_path):
    (tmp_path / "text.duckdb").write_text("hello " * 5000)
    with pytest.raises(StoreError, match=r"text.duckdb: no database"):
        Database(tmp_path / "text.duckdb")


def test_a_database_of_something_else_is_left_as_it_was(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(path) as other:
        other.execute("CREATE TABLE theirs (n BIGINT)")
    path.chmod(0o644)
    with pytest.raises(StoreError, match=r"other.duckdb: not a database of Tidewatch"):
        Database(path)
    with duckdb.connect(path) as other:
        assert other.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("theirs",)]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_database_of_another_version_is_left_as_it_was(tmp_path):
    path = tmp_path / "later.duckdb"
    with duckdb.connect(path) as later:
        later.execute("CREATE TABLE about AS SELECT 99 AS schema_version, 0 AS data_version")
    with pytest.raises(StoreError, match=r"another version of Tidewatch \(schema 99\)"):
        Database(path)
    with duckdb.connect(path) as later:
        assert later.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("about",)]


def test_closing_stops_what_other_threads_ask(tmp_path):
    """A report of minutes does not hold up the end of a process."""
    database = Database(tmp_path / "s.duckdb")
    asked = threading.Event()

    def ask():
        with database.reading() as cursor:
            for _ in range(3):  # one statement after the other
                asked.set()
                cursor.execute("SELECT sum(hash(n)) FROM range(1000000000000) AS r(n)").fetchall()

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask)
        asked.wait()
        database.close()
        with pytest.raises(StoreError, match="INTERRUPT"):
            answer.result()


@pytest.mark.e2e
def test_a_second_process_on_one_database_says_so_and_ends(stores_world):
    path = stores_world.folder / "stores.duckdb"
    done = subprocess.run(
        ["exporter", "stores", "report", "--database", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    assert done.stderr.startswith(f"exporter: {path}: in use by process {os.getpid()}")
    assert done.stderr.count("\n") == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from exporter.stores import load as loading
from exporter.stores.state import Database
kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
setattr(loading.schedules, sys.argv[3], kill)
with Database(Path(sys.argv[1])) as database:
    loading.load(database, [loading.Input(Path(sys.argv[2]), "polls")], 2_000_000_000_000_000)
"""


@pytest.mark.e2e
def test_kill_9_in_the_middle_of_a_load_leaves_the_database_as_it_was(stores_world):
    stores_world.load(status=POLLS)
    before = everything(stores_world.database)
    stores_world.database.close()
    database = stores_world.folder / "stores.duckdb"
    more = stores_world.write("status", [f"n{n},active,2023-01-26 10:00:00 UTC" for n in range(20_000)], "more.csv")
    done = subprocess.run([sys.executable, "-c", KILLED, database, more, "finish"], check=False)
    assert done.returncode == -signal.SIGKILL
    with Database(database) as opened:
        assert everything(opened) == before
        (told,) = load(opened, [Input(more, "more")], NOW_US)
        assert told.new == 20_000


SHARED = Path(os.environ.get("TIDEWATCH_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared"))
REAL = SHARED / "data" / "002-store-monitoring"


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the public store files are not beside the repository")
def test_the_public_files_are_read_whole(stores_world):
    files = {"status": "store_status", "hours": "menu_hours", "timezones": "timezones"}
    inputs = [Input(REAL / f"{name}.csv", name, kind) for kind, name in files.items()]
    found = load(stores_world.database, inputs, NOW_US)
    assert [(told.kind, told.new, told.invalid, told.conflict) for told in found] == [
        ("status", 9_999, 0, 0),
        ("hours", 86_198, 0, 0),
        ("timezones", 13_559, 0, 0),
    ]
    no_hours = "FROM stores ANTI JOIN hours USING (store) WHERE timezone IS NOT NULL"
    no_zone = "FROM (SELECT DISTINCT store FROM hours) JOIN stores USING (store) WHERE timezone IS NULL"
    some_days = "FROM (SELECT store FROM hours GROUP BY store HAVING count(DISTINCT weekday) < 7)"
    split = "FROM (SELECT store, weekday FROM hours GROUP BY ALL HAVING count(*) > 1)"
    counts = [
        rows(stores_world.database, f"SELECT count(*) {what}")[0][0] for what in (no_hours, no_zone, some_days, split)
    ]
    assert counts == [2_468, 25, 2_066, 11_674]
    newest = rows(stores_world.database, "SELECT max(at_us) FROM polls")[0][0]
    report = stores_world.report(datetime.fromtimestamp(newest / 1e6, UTC).isoformat())
    assert len(report) == rows(stores_world.database, "SELECT count(*) FROM stores")[0][0]
    for row in report.values():
        for window in ("hour", "day", "week"):
            parts = sum(row[f"{part}_{window}"] for part in ("uptime", "downtime", "unknown"))
            assert parts == pytest.approx(row[f"business_{window}"], abs=1e-6)


@pytest.mark.parametrize("kind", [duckdb.FatalException, duckdb.InternalException])
def test_a_database_that_duckdb_gave_up_is_opened_again(tmp_path, caplog, kind):
    database = Database(tmp_path / "s.duckdb")
    with database.writing() as cursor:
        cursor.execute("INSERT INTO stores VALUES (1, 'kept', 'UTC')")
    given_up = database._db
    with pytest.raises(StoreError, match="fsync failed"), database.writing():
        raise kind("fsync failed")
    with database.reading() as cursor:
        assert cursor.execute("SELECT store_id FROM stores").fetchall() == [("kept",)]
    with pytest.raises(duckdb.ConnectionException):
        given_up.execute("SELECT 1")
    assert "opened again" in caplog.text
    database.close()


def test_a_database_is_opened_again_once_all_have_let_go_of_it(tmp_path):
    database = Database(tmp_path / "s.duckdb")
    with database.reading():
        with pytest.raises(StoreError, match="disk"), database.writing():
            raise duckdb.FatalException("disk")
        with pytest.raises(StoreError, match="once all other users have closed"), database.reading():
            pass
    with database.reading() as cursor:
        assert cursor.execute("SELECT * FROM stores").fetchall() == []
    database.close()


def test_a_question_that_is_wrong_gives_up_nothing(tmp_path):
    database = Database(tmp_path / "s.duckdb")
    opened = database._db
    with pytest.raises(StoreError), database.reading() as cursor:
        cursor.execute("SELECT nothing")
    with database.reading():
        assert database._db is opened
    database.close()
