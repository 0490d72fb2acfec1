"""`exporter stores` as its users type it: results on stdout, and one line that helps where it cannot be done."""

import gzip
import os

import pytest

from exporter.cli import main

STATUS = "store_id,status,timestamp_utc\na,active,2023-01-23 10:14:00.5 UTC\na,inactive,2023-01-23T11:15:00Z\n"
HOURS = "store_id,day,start_time_local,end_time_local\na,0,09:00:00,12:00:00\n"
NEWER_HOURS = "store_id,dayOfWeek,start_time_local,end_time_local\nb,0,09:00:00,12:00:00\na,0,09:00:00,12:00:00\n"
ZONES = "store_id,timezone_str\na,UTC\n"


@pytest.fixture
def stores(monkeypatch, capsys, tmp_path):
    """Run a command in a folder with files of all kinds; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "status.csv.gz").write_bytes(gzip.compress(STATUS.encode()))
    for name, text in (("hours", HOURS), ("newer", NEWER_HOURS), ("zones", ZONES)):
        (tmp_path / f"{name}.csv").write_text(text)

    def run(*args):
        monkeypatch.setattr("sys.argv", ["exporter", "stores", *args])
        try:
            main()
            code = 0
        except SystemExit as exc:
            code = exc.code or 0
        return code, *capsys.readouterr()

    umask = os.umask(0o022)
    yield run
    os.umask(umask)


@pytest.fixture
def loaded(stores):
    files = ("--status", "status.csv.gz", "--hours", "hours.csv", "--hours", "newer.csv", "--timezones", "zones.csv")
    code, out, err = stores("load", *files)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "zones.csv: timezones: 1 rows, 1 new",
        "hours.csv: hours: 1 rows, 1 new",
        "newer.csv: hours: 2 rows, 1 new, 1 duplicate",
        "status.csv.gz: status: 2 rows, 2 new",
    ]
    return stores


@pytest.mark.slow
def test_load_takes_each_kind_more_than_once_and_twice_changes_nothing(loaded):
    code, out, _ = loaded("load", "--hours", "newer.csv", "--status", "status.csv.gz")
    assert (code, out) == (
        0, "newer.csv: hours: 2 rows, 0 new, 2 duplicate\nstatus.csv.gz: status: 2 rows, 0 new, 2 duplicate\n"
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_pipe_is_loaded_as_a_file_is(stores, pack):
    out, into = os.pipe()
    os.write(into, pack(STATUS.encode()))
    os.close(into)
    try:
        assert stores("load", "--status", f"/dev/fd/{out}") == (0, f"/dev/fd/{out}: status: 2 rows, 2 new\n", "")
    finally:
        os.close(out)


@pytest.mark.slow
def test_what_load_makes_is_private_whatever_the_umask(stores, tmp_path):
    os.umask(0)
    assert stores("load", "--hours", "hours.csv", "--database", "new/s.duckdb")[0] == 0
    made = [tmp_path / "new", *(tmp_path / "new").iterdir()]
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in made} == {"new": "0o0", "s.duckdb": "0o0"}


@pytest.mark.slow
def test_report_prints_the_csv_with_the_columns_that_are_asked_for(loaded, tmp_path):
    code, out, err = loaded("report", "--as-of", "2023-01-23 12:00")
    lines = out.splitlines()
    low = "low coverage: of the business time of the last week, 50.0 % unknown\n"
    assert (code, err, lines[1]) == (0, low, "a,0.00,1.7417,1.7417,60.00,1.2583,1.2583")  # until 10:44:30.25
    assert loaded("report", "--as-of", "2023-01-23T13:00+01:00")[1] == out
    assert loaded("report", "--as-of", "max")[1].splitlines()[1] == "a,29.50,1.7417,1.7417,30.50,0.5083,0.5083"
    typo = loaded("report", "--official-typo")[1]
    assert "update_last_week(in hours)" in typo.splitlines()[0]
    everything = loaded("report", "--columns", "all")[1].splitlines()[0].split(",")
    units = {"hour": "(in minutes)", "day": "(in hours)", "week": "(in hours)"}
    parts = ("uptime", "downtime", "unknown", "assumed", "business")
    assert everything == ["store_id", *(f"{part}_last_{window}{units[window]}" for part in parts for window in units)]
    assert loaded("report", "--as-of", "2023-01-23 12:00", "--output", "out.csv") == (0, "", low)
    assert (tmp_path / "out.csv").read_text() == out


@pytest.mark.slow
def test_report_is_of_any_range_and_of_nothing_ends_with_4(loaded):
    code, out, err = loaded("report", "--month", "2023-01", "--as-of", "2023-01-31")
    assert (code, err) == (
        0, "low coverage: of the business time of 2023-01 in the zone of each store, 90.0 % unknown\n"
    )  # fmt: skip
    assert out.splitlines()[1].split(",")[:6] == [
        "a",
        "UTC",
        "2023-01-01T00:00:00Z",
        "2023-01-31T00:00:00Z",
        "15.0000",
        "1.7417",
    ]
    code, out, err = loaded(
        "report", "--from", "2022-01-01", "--to", "2022-01-02", "--tz", "Asia/Kolkata", "--format", "json"
    )
    assert (code, '"range":"2022-01-01 to 2022-01-02 in Asia/Kolkata"' in out) == (4, True)
    assert "nothing was judged: no poll covers any business time of 2 stores" in err
    assert (
        loaded("report", "--explain", "a", "--last", "2d")[1]
        .splitlines()[-4]
        .startswith("the last 2d: business 8100 s, up")
    )


@pytest.mark.slow
def test_explain_tells_the_polls_behind_the_numbers(loaded):
    _, out, _ = loaded("report", "--as-of", "2023-01-23 12:00", "--explain", "a")
    assert (
        "2023-01-23T10:44:30.250000Z - 2023-01-23T12:00:00Z  down observed, by the poll of 2023-01-23T11:15:00Z" in out
    )
    assert "last week: business 10800 s, up 6270.25 s, down 4529.75 s, assumed 0 s, unknown 0 s" in out
    assert out.splitlines()[-1] == "2 polls in these windows, 0 of them outside business hours and no evidence"
    _, out, _ = loaded("report", "--explain", "b", "--use-outside-polls")
    assert "zone America/Chicago (timezone missing: '')" in out
    assert "polls outside hours count" in out.splitlines()[0]


@pytest.mark.parametrize(
    ("args", "want", "code"),
    [
        (["load"], "nothing to load; expected --status, --hours, --exceptions, --timezones or --labels", 2),
        (["load", "--status", "no.csv"], "no.csv: No such file or directory", 3),
        (["load", "--status", "zones.csv"], "zones.csv: line 1: a file of timezones, given as one of status", 3),
        (["report"], "stores.duckdb: no such database; `exporter stores load` makes one", 3),
        (["report", "--as-of", "noon"], "invalid time 'noon': expected now, max, a date and time", 2),
        (["report", "--as-of", "0001-01-01"], "expected the years 1970 to 9998", 2),
        (["report", "--as-of", "9999-12-31T23:59:59"], "expected the years 1970 to 9998", 2),
        (["load", "--status", "status.csv.gz", "--database", "zones.csv"], "zones.csv: no database;", 5),
        (["report", "--interpolation", "linear"], "'linear' is not one of 'nearest', 'previous', 'next'", 2),
        (["serve", "--refresh", "0s"], "invalid duration '0s': expected more than 0", 2),
        (["serve", "--port", "70000"], "invalid port '70000': expected a number", 2),
    ],
    ids=[
        "nothing",
        "no-file",
        "other-kind",
        "no-database",
        "as-of",
        "as-of-year-1",
        "as-of-year-9999",
        "csv-as-database",
        "interpolation",
        "refresh",
        "port",
    ],
)
def test_what_cannot_be_is_one_line_and_begins_no_database(stores, tmp_path, args, want, code):
    got, out, err = stores(*args)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert err.startswith("exporter: ")
    assert want in err
    assert not (tmp_path / ".tidewatch").exists()


@pytest.mark.slow
def test_a_store_that_nothing_names_and_a_disk_that_is_full_are_told(loaded):
    code, _, err = loaded("report", "--explain", "zzz")
    assert (code, err) == (2, "exporter: 'zzz': no file that was loaded names this store\n")
    code, _, err = loaded("report", "--output", "/dev/full")
    assert (code, err) == (5, "exporter: /dev/full: No space left on device\n")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--from-prometheus", "http://127.0.0.1:9090"), "--from-prometheus needs --query"),
        (("--query", "probe_success"), "--query, --from, --to and --token-file need --from-prometheus"),
        (
            ("--from-prometheus", "http://127.0.0.1:9", "--from-kuma", "hours.csv"),
            "expected one of --from-kuma and --from-prometheus",
        ),
        (
            ("--from-prometheus", "http://127.0.0.1:9", "--query", "up", "--from", "2024-03-01", "--to", "2024-03-02"),
            "http://127.0.0.1:9: ",
        ),
    ],
    ids=["alone", "no-server", "both", "nobody-answers"],
)
def test_polls_from_a_prometheus_are_asked_for_by_all_that_they_need(stores, given, says):
    code, out, err = stores("load", *given)
    assert (code, out) == (3 if says.startswith("http") else 2, "")
    assert says in err
    assert len(err.splitlines()) == 1
