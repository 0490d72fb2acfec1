"""However many polls there are, a report is made: in portions, and within the memory that DuckDB is given."""

import pytest

from exporter.stores.engine import Policy
from exporter.stores.report import make_report, resolve_as_of, to_csv
from exporter.stores.state import Database

WEEK_US = 7 * 86_400_000_000


def fill(database, stores, polls):
    """`polls` of each store over a week, a fifth of them inactive; stores open from 9 to 17 UTC."""
    with database.writing() as cursor:
        cursor.execute(f"INSERT INTO stores SELECT n + 1, 's' || n, 'UTC' FROM range({stores}) AS r(n)")
        cursor.execute(
            "INSERT INTO hours (store, weekday, start_s, end_s) "
            f"SELECT n + 1, day, 32400, 61200 FROM range({stores}) r(n), range(7) d(day)"
        )
        cursor.execute(
            f"INSERT INTO polls SELECT n % {stores} + 1, 1700000000000000 + (n // {stores}) * ({WEEK_US} // {polls}), "
            f"CAST(hash(n) % 5 > 0 AS BIGINT), 1 FROM range({stores * polls}) AS r(n)"
        )


def report(database, **policy):
    return to_csv(make_report(database, Policy(**policy), resolve_as_of(database, "max", 0)[0]), columns="all")


@pytest.mark.slow
@pytest.mark.parametrize("portion", [1, 40, 100, 300])
def test_a_report_in_portions_is_the_report(tmp_path, portion):
    with Database(tmp_path / "s.duckdb") as database:
        fill(database, stores=9, polls=30)
        whole = report(database)
        database.portion = portion
        assert report(database) == whole
    assert whole.count("\n") == 10


@pytest.mark.slow
@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("stores", [4000, 1], ids=["many-stores", "one-store"])
def test_a_report_needs_no_more_memory_than_it_is_given(tmp_path, stores, outside):
    """Half a million polls are 60 MB and more while they are sorted; the database has 64 for everything."""
    path = tmp_path / "s.duckdb"
    with Database(path) as database:
        fill(database, stores, 480_000 // stores)
        want = report(database, use_outside_polls=outside)
    with Database(path, memory_mb=64) as database:
        assert report(database, use_outside_polls=outside) == want
    assert not list((tmp_path / "s.duckdb.tmp").glob("*"))  # nothing that went over the disk stays there
