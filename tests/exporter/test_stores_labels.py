"""Labels of stores: their files, the database, and what is made by group."""

import json

import pytest
from click.testing import CliRunner

from exporter.stores.cli import stores
from exporter.stores.engine import Policy
from exporter.stores.figures import ZONES, group_table, store_table
from exporter.stores.labels import _OWN, read_labels
from exporter.stores.load import Input, load
from exporter.stores.ranges import Wanted, find_range
from exporter.stores.report import make_report
from foundation.errors import SourceError

POLLS = [f"{store},{word},2024-03-04 00:00:00 UTC" for store, word in (("a", "up"), ("b", "down"), ("c", "up"))]


def put(world, text, name="labels.csv", kind=None):
    (world.folder / name).write_text(text)
    (told,) = load(world.database, [Input(world.folder / name, name, kind)], world.moment("2024-04-01"))
    return told


def labels(world):
    report = make_report(world.database, Policy(), world.moment("2024-03-04"))
    return report.data_version, {name: values.tolist() for name, values in report.labels.items()}


def test_labels_are_found_by_their_columns_whatever_the_order_and_separator(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text('Region;store_id;Size class\n"north; far";a;3\nsouth;b;2\nsouth;b;2\n')
    rows, found = read_labels(path, "x")
    assert (rows, found) == (3, {"region": {"a": "north; far", "b": "south"}, "size_class": {"a": "3", "b": "2"}})
    assert read_labels(path, "x", "region")[1] == {"region": found["region"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("store_id,region\na,n\na,s\n", "x: row 3: store 'a' has two values of region"),
        ("store_id,region\na,n,x\n", "x: row 2: 3 fields; expected 2"),
        ("store_id,region\n,n\n", "x: row 2: no store_id"),
        ("store_id\na\n", "x: no column but store_id"),
        ("store_id,timezone\na,UTC\n", "x: line 1: invalid label 'timezone'"),
        ("store_id,Uptime hours\na,1\n", "x: line 1: invalid label 'uptime_hours'"),
        ("region,size\na,1\n", "store_id"),
        ("store_id,n\n" + "".join(f"{n},{n}\n" for n in range(10_001)), "more than 10000 values"),
    ],
)
def test_labels_that_leave_a_store_in_doubt_are_refused(tmp_path, text, words):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=words):
        read_labels(path, "x")


def test_no_label_has_the_name_of_a_column_of_a_report(stores_world):
    stores_world.load(status=POLLS)
    put(stores_world, "store_id,region\na,north\n")
    as_of_us = stores_world.moment("2024-03-04")
    report = make_report(stores_world.database, Policy(), as_of_us, find_range(Wanted(last="1d"), as_of_us))
    for column in [*store_table(report), *group_table(report, ZONES)]:
        assert column.name == "region" or _OWN.fullmatch(column.name), column.name


def test_labels_are_kept_changed_and_taken_away(stores_world):
    stores_world.load(status=POLLS)
    told = put(stores_world, "store_id,region,brand\na,north,x\nb,north,\nc,south,x\n")
    assert told.text() == "labels.csv: labels: 3 rows, 3 new"
    version, found = labels(stores_world)
    assert found == {"brand": ["x", "", "x"], "region": ["north", "north", "south"]}
    assert (
        put(stores_world, "store_id,region\na,north\nb,north\n").text()
        == "labels.csv: labels: 2 rows, 0 new, 2 duplicate"
    )
    assert labels(stores_world) == (version, found)
    assert put(stores_world, "store_id,region\na,west\nb,\n").new == 2
    again, found = labels(stores_world)
    assert found == {"brand": ["x", "", "x"], "region": ["west", "", "south"]}
    assert again > version
    put(stores_world, "store_id,brand\na,\nc,\n", kind="labels")
    assert list(labels(stores_world)[1]) == ["region"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("store_id,area\na,n\n", None), ("store_id,day,area\na,0,n\n", None), ("store_id,area\na\n", "labels")],
)
def test_what_is_not_known_to_be_labels_or_cannot_be_read_is_not_taken(stores_world, text, kind):
    stores_world.load(status=POLLS)
    with pytest.raises(SourceError):
        put(stores_world, text, kind=kind)
    assert labels(stores_world)[1] == {}


def test_other_files_with_a_region_are_what_they_were(stores_world):
    assert put(stores_world, "store_id,status,timestamp_utc,region\na,up,2024-03-04 00:00:00,n\n").kind == "status"
    assert put(stores_world, "store_id,timezone_str,region\na,UTC,n\n").kind == "timezones"
    assert put(stores_world, "store_id,group\na,n\n").kind == "labels"


@pytest.mark.slow
def test_reports_are_grouped_by_what_the_database_keeps(tmp_path):
    def run(*args):
        return CliRunner().invoke(stores, [*args, "--database", str(tmp_path / "x.duckdb")])

    (tmp_path / "polls.csv").write_text("store_id,status,timestamp_utc\n" + "\n".join(POLLS) + "\n")
    (tmp_path / "labels.csv").write_text("store_id,area\na,n\nb,n\n")
    assert run("load", "--status", f"{tmp_path}/polls.csv", "--labels", f"{tmp_path}/labels.csv").exit_code == 0
    asked = ["report", "--last", "1d", "--format", "json", "--group-by"]
    rows = json.loads(run(*asked, "area").stdout)["rows"]
    assert [(row["area"], row["stores"], row["uptime_percent"]) for row in rows] == [("(none)", 1, 100), ("n", 2, 50)]
    refused = run(*asked, "region").exception
    assert "no store has a label 'region': expected one of timezone, area" in str(refused)
    done = run("report", "--last", "1d", "--group-by", "area", "--pages", f"{tmp_path}/pages")
    assert "3 stores, 3 of them with a page; 2 groups, 2 of them with a page" in done.stderr
    assert "area n</h1>" in (tmp_path / "pages" / "group-1.html").read_text()
    assert "area n" in (tmp_path / "pages" / "store-1.html").read_text()
