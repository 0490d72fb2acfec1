"""Polls out of Uptime Kuma and Prometheus."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from exporter.sources.prometheus import Server
from exporter.stores.imports import as_input
from exporter.stores.imports.kuma import KumaPolls
from exporter.stores.imports.prometheus import PrometheusPolls
from exporter.stores.load import load
from foundation.errors import ConfigError, SourceError

HEARTBEAT = "id INTEGER PRIMARY KEY, important BOOLEAN, monitor_id INTEGER, status SMALLINT, msg TEXT, time DATETIME, "
SCHEMAS = {
    "version 1": f"CREATE TABLE heartbeat ({HEARTBEAT} ping INTEGER, duration INTEGER)",
    "version 2": f"CREATE TABLE heartbeat ({HEARTBEAT} ping REAL, duration INTEGER, down_count INTEGER, "
    "end_time DATETIME, retries INTEGER, response TEXT)",
}
BEATS = [
    (1, 1, "2026-10-01 08:00:00.123"),
    (1, 0, "2026-10-01 08:01:00"),
    (2, 3, 1790841600000),
    (2, 2, "2026-10-01 08:02"),
]
WANT = [
    ("Shop, north", "active", "2026-10-01 08:00:00.123"),
    ("Shop, north", "inactive", "2026-10-01 08:01:00"),
    ("Café", "maintenance", "2026-10-01 08:00:00.000000"),
    ("Café", "pending", "2026-10-01 08:02"),
]


def make_kuma(path, schema, names=("Shop, north", "Café")):
    db = sqlite3.connect(path)
    db.execute(schema)
    db.execute("CREATE TABLE monitor (id INTEGER PRIMARY KEY, name VARCHAR(150), active BOOLEAN, interval INTEGER)")
    db.executemany("INSERT INTO monitor (id, name) VALUES (?, ?)", list(enumerate(names, 1)))
    db.executemany("INSERT INTO heartbeat (monitor_id, status, time) VALUES (?, ?, ?)", BEATS)
    db.commit()
    db.close()
    return path


@pytest.mark.parametrize("version", SCHEMAS)
def test_the_heartbeats_of_a_kuma_database_are_polls(tmp_path, version):
    path = make_kuma(tmp_path / "a #?.db", SCHEMAS[version])
    assert list(KumaPolls(path).read()) == WANT
    assert [poll.store_id for poll in KumaPolls(path, "id").read()] == ["1", "1", "2", "2"]


def test_what_kuma_wrote_a_moment_ago_is_read_too(tmp_path):
    path = make_kuma(tmp_path / "kuma.db", SCHEMAS["version 2"])
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO heartbeat (monitor_id, status, time) VALUES (9, 1, '2026-10-01 09:00:00')")
    writer.commit()
    assert list(KumaPolls(path).read())[-1] == ("9", "active", "2026-10-01 09:00:00")
    writer.close()


def test_of_a_database_that_keeps_only_changes_of_what_is_older_than_a_day_people_are_told(tmp_path):
    path = make_kuma(tmp_path / "kuma.db", SCHEMAS["version 2"])
    assert KumaPolls(path).caveat() is None
    with sqlite3.connect(path) as db:
        insert = "INSERT INTO heartbeat (important, monitor_id, status, time) VALUES (?, 1, 1, ?)"
        db.execute("UPDATE heartbeat SET important = 0")
        db.executemany(insert, [(1, "2026-09-20 08:00:00.1"), (1, "2026-09-21 08:00:00")])
        db.commit()
        assert "heartbeats until 2026-09-21 08:00:00 UTC are changes of state only" in str(KumaPolls(path).caveat())
        db.execute("UPDATE heartbeat SET important = 1")
        db.commit()
        assert KumaPolls(path).caveat() is None  # all of them are changes, so none is known to be absent
        db.execute(insert, (0, "2026-09-20 08:01:00"))
    db.close()
    assert KumaPolls(path).caveat() is None
    (tmp_path / "kuma.json").write_text("{}")
    assert KumaPolls(tmp_path / "kuma.json").caveat() is None


def test_two_monitors_of_one_name_are_not_one_store(tmp_path):
    path = make_kuma(tmp_path / "kuma.db", SCHEMAS["version 1"], ("Shop", "Shop"))
    with pytest.raises(ConfigError, match="two monitors are named 'Shop'; --kuma-store id"):
        list(KumaPolls(path).read())


def test_json_with_heartbeats_is_read(tmp_path):
    path = tmp_path / "kuma.json"
    monitors = [{"id": 1, "name": "Shop, north"}, {"id": 2, "name": "Café"}]
    beats = {str(m): [{"status": s, "time": t} for at, s, t in BEATS if at == m] for m in (1, 2)}
    for told in ({"monitorList": monitors}, {"publicGroupList": [{"monitorList": monitors}]}):
        path.write_text(json.dumps({"heartbeatList": beats} | told))
        assert list(KumaPolls(path).read()) == WANT


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"version": "1.23", "monitorList": [{"id": 1, "name": "a"}]}', "a backup of Uptime Kuma has only monitors"),
        (b"[]", "no heartbeats in it"),
        (b"store_id,status", "neither SQLite nor JSON"),
        (b"", "neither SQLite nor JSON"),
        (b"SQLite format 3\x00" + b"x" * 100, "file is not a database|malformed|not Uptime"),
    ],
)
def test_what_is_not_kumas_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        list(KumaPolls(path).read())


def test_another_sqlite_database_is_refused(tmp_path):
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE heartbeat (id INTEGER, time TEXT)").connection.close()
    with pytest.raises(SourceError, match="table heartbeat has no column important, monitor_id, status"):
        list(KumaPolls(tmp_path / "other.db").read())
    with pytest.raises(SourceError, match="No such file"):
        list(KumaPolls(tmp_path / "no.db").read())


# Prometheus.

START = datetime(2026, 10, 1, tzinfo=UTC)


def success(*series):
    result = [{"metric": metric, "values": values} for metric, values in series]
    return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


def polls(url, hours=1, step_s=600.0):
    return PrometheusPolls(Server(url, "secret"), "probe_success", START, START + timedelta(hours=hours), step_s)


def test_each_step_before_the_end_is_a_poll(prometheus_api):
    url, answers, asked = prometheus_api
    values = [[START.timestamp() + n, value] for n, value in ((0, "1"), (60.5, "0"), (120, "NaN"), (180, "0.5"))]
    answers.append(success(({"instance": "a"}, values), ({"instance": "b"}, values[:1])))
    found = list(polls(url).read())
    assert [poll.status for poll in found if poll.store_id == "a"] == ["active", "inactive", "unknown", "0.5"]
    assert found[1].timestamp_utc == "2026-10-01 00:01:00.500000"
    (_, form, login) = asked[0]
    start_s = START.timestamp()
    assert (float(form["start"]), float(form["end"]), form["step"]) == (start_s, start_s + 3000, "600.000")
    assert login == "Bearer secret"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (success(), "no series of 'probe_success' has a value"),
        (success(({"job": "x"}, [[0, "1"]])), "no label 'instance'; it has job"),
        (success(({"instance": "a"}, [[0, "1"]]), ({"instance": "a", "job": "y"}, [[0, "0"]])), "expected one each"),
    ],
)
def test_series_that_are_not_one_for_each_store_are_refused(prometheus_api, answer, words):
    url, answers, _ = prometheus_api
    answers.append(answer)
    with pytest.raises(SourceError, match=f"^{url}/: .*{words}"):
        list(polls(f"{url}/").read())


def test_a_range_that_ends_before_it_begins_is_refused_before_anyone_is_asked(prometheus_api):
    url, _, asked = prometheus_api
    with pytest.raises(ConfigError):
        list(polls(url, hours=0).read())
    assert asked == []


@pytest.mark.slow
@pytest.mark.parametrize("names", [("Shop, north", "Café"), ('The "Inn", west', "a,b;c\td"), ("=1+1, x", "'quoted'")])
def test_what_is_imported_is_loaded_whatever_its_name(stores_world, tmp_path, names):
    with as_input(KumaPolls(make_kuma(tmp_path / "kuma.db", SCHEMAS["version 2"], names))) as given:
        (told,) = load(stores_world.database, [given], stores_world.moment("2026-11-01"))
    assert (told.rows, told.new, told.kind, told.problems) == (4, 4, "status", ())
    report = stores_world.report("2026-10-01T08:01:00", interpolation="previous")
    assert len(report) == 2
    with stores_world.database.reading() as cursor:
        ids = {row[0] for row in cursor.execute("SELECT store_id FROM stores").fetchall()}
    assert ids == {" ".join(name.split()) for name in names}
