"""A report of a range: its figures by store and group, in every format, and what stands beside them."""

import csv
import io
import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_reports import MONTH, WORLD, a_report

from exporter.stores.figures import (
    caveats,
    defaults,
    group_table,
    keys_of,
    of_group,
    records,
    require_judged,
    store_table,
    with_labels,
)
from exporter.stores.formats import FORMATS, body, encode
from foundation.errors import ConfigError, NothingJudgedError


def test_percentages_are_of_business_time_and_say_what_they_rest_on():
    rows = {row["store_id"]: row for row in records(store_table(WORLD))}
    names = ("uptime", "downtime", "unknown", "assumed", "coverage", "availability")
    assert {store: [row[f"{name}_percent"] for name in names] + [row["note"]] for store, row in rows.items()} == {
        "a": [90, 10, 0, 0, 100, 90, ""],
        "=b": [30, 0, 70, 30, 0, 100, "low coverage"],
        "c": [0, 0, 100, 0, 0, None, "nothing known"],
        "d": [None, None, None, None, None, None, "no business time"],
    }
    assert (rows["a"]["from"], rows["a"]["to"]) == ("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")


def test_a_group_is_the_sum_of_its_stores():
    world = with_labels(WORLD, "region", {"a": "north", "=b": "north", "c": "south"})
    found = {row["region"]: row for row in records(group_table(world, "region"))}
    assert list(found) == ["(none)", "north", "south"]
    north = found["north"]
    assert (north["stores"], north["stores_judged"], north["business_hours"]) == (2, 2, 200)
    assert (north["uptime_percent"], north["availability_percent"]) == (60, round(100 * 120 / 130, 3))
    assert (found["south"]["stores"], found["south"]["stores_judged"]) == (1, 0)
    assert keys_of(world, "timezone") == ["Europe/Berlin"] * 4
    with pytest.raises(ConfigError, match="no store has a label 'area': expected one of timezone, region"):
        keys_of(world, "area")


def test_a_report_of_one_group_is_of_its_stores_alone():
    world = with_labels(WORLD, "region", {"a": "north", "=b": "north", "c": "south"})
    north = of_group(world, "region", "north")
    assert [row["store_id"] for row in records(store_table(north))] == ["a", "=b"]
    (of_all,) = (row for row in records(group_table(world, "region")) if row["region"] == "north")
    assert list(records(group_table(north, "region"))) == [of_all]
    assert list(defaults(north)) == ["1 of 2 stores have no hours, and count as always open"]
    assert [row["store_id"] for row in records(store_table(of_group(world, "region", "(none)")))] == ["d"]
    with pytest.raises(ConfigError, match="no store is in the group 'west' of region"):
        of_group(world, "region", "west")


parts = st.tuples(*[st.integers(0, 10**9)] * 3)


@given(st.lists(parts, min_size=1, max_size=5))
def test_what_is_rounded_still_adds_up(stores):
    seconds = [
        (str(n), up / 3600, down / 3600, 0, (up + down + rest) / 3600) for n, (up, down, rest) in enumerate(stores)
    ]
    for row in records(store_table(a_report(seconds))):
        for unit, whole in (("hours", row["business_hours"]), ("percent", 100 if row["business_hours"] else None)):
            told = [row[f"{part}_{unit}"] for part in ("uptime", "downtime", "unknown")]
            assert whole is None or sum(told) == pytest.approx(whole, abs=1e-6)
            assert all(number is None or number >= 0 for number in told)


def test_every_format_has_the_same_rows(tmp_path):
    bodies = {form: body(WORLD, form) for form in FORMATS}
    want = list(records(store_table(WORLD)))
    assert json.loads(bodies["json"])["rows"] == want
    assert [json.loads(line) for line in bodies["ndjson"].splitlines()] == want
    (tmp_path / "t.parquet").write_bytes(bodies["parquet"])
    found = duckdb.sql(f"SELECT * FROM '{tmp_path}/t.parquet'")
    got = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    assert [{k: None if str(v) == "nan" else v for k, v in row.items()} for row in got] == want
    rows = list(csv.DictReader(io.StringIO(bodies["csv"].decode())))
    assert [row["store_id"] for row in rows] == ["a", "'=b", "c", "d"]
    assert [row["uptime_percent"] for row in rows] == ["90.000", "30.000", "0.000", ""]
    assert encode(store_table(WORLD), "csv", {}, raw=True).decode().splitlines()[2].startswith('"=b"')


def test_json_says_what_the_rows_are_of():
    told = json.loads(body(WORLD, "json"))
    del told["rows"], told["caveats"], told["policy"]
    assert told == {
        "as_of": "2026-11-20T12:00:00Z",
        "range": "2026-10 in the zone of each store",
        "stores": 4,
        "stores_judged": 2,
        "availability_percent": round(100 * 120 / 130, 3),
        "coverage_percent": round(100 * 100 / 300, 3),
    }


def test_what_is_assumed_or_unknown_is_said():
    shares = "10.0 % assumed from polls more than 90 minutes away and 56.7 % unknown"
    (found,) = caveats(WORLD)
    assert found == f"low coverage: of the business time of 2026-10 in the zone of each store, {shares}"
    assert list(caveats(a_report([("a", 90, 10, 0, 100)]))) == []


@pytest.mark.parametrize(("bad", "told"), [(10, 0), (11, 1)], ids=["one per cent", "more"])
def test_a_share_of_rows_set_aside_above_one_per_cent_stands_beside_the_verdict(bad, told):
    found = list(caveats(a_report([("a", 90, 10, 0, 100)], loaded={"status": (1000, bad)})))
    assert found == ["11 of 1000 rows of status (1.1 %) could not be read and were set aside: see `quarantine`"][:told]


def test_defaults_that_stand_in_are_counted():
    found = defaults(a_report([("a", 1, 0, 0, 1)], fallbacks={"hours_missing": 1, "timezone_missing": 1}))
    assert [text.partition(" stores ")[0] for text in found] == ["1 of 1", "1 of 1"]


@pytest.mark.parametrize("within", [None, MONTH], ids=["windows", "range"])
@pytest.mark.parametrize("stores", [[], [("c", 0, 0, 0, 100)], [("d", 0, 0, 0, 0)]], ids=["none", "unknown", "closed"])
def test_no_verdict_comes_out_of_nothing(within, stores):
    with pytest.raises(NothingJudgedError, match="nothing was judged"):
        require_judged(a_report(stores, within=within))
    require_judged(a_report([("a", 1, 0, 0, 1)], within=within))
