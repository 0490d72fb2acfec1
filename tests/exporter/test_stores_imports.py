"""Polls out of Uptime Kuma and Prometheus."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
import requests

from exporter.stores.imports import as_input
from exporter.stores.imports import prometheus as module
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
        assert "heartbeats until 2026-09-21 08:00:00 UTC are changes of state alone" in str(KumaPolls(path).caveat())
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
        (b'{"version": "1.23", "monitorList": [{"id": 1, "name": "a"}]}', "backup holds monitors alone"),
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


class Answers:
    """What a Prometheus would answer, in the place of requests' session: `series` by store, a value a step."""

    def __init__(self, answer):
        self.answer, self.asked, self.headers = answer, [], {}

    def __call__(self):
        return self

    def post(self, url, *, data, **_):
        self.asked.append((url, data))
        found = self.answer(data)
        status, body = found if isinstance(found, tuple) else (200, found)
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status_code = status
        return self

    def iter_content(self, _):
        return iter([self.body])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def close(self):
        pass


def success(*series, **more):
    result = [{"metric": metric, "values": values} for metric, values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}} | more


@pytest.fixture
def answering(monkeypatch):
    def begin(answer):
        answers = Answers(answer)
        monkeypatch.setattr(requests, "Session", answers)
        return answers

    return begin


def polls(hours=1, **more):
    given = {"url": "http://user:pw@prom/base/", "query": "probe_success", "start": START, "step_s": 600.0}
    return PrometheusPolls(**given | {"end": START + timedelta(hours=hours)} | more)


def every_step(data):
    start, end, step = (float(data[name]) for name in ("start", "end", "step"))
    values = [[start + n * step, "1"] for n in range(int((end - start) / step) + 1)]
    return success(({"instance": "a"}, values), ({"instance": "b"}, values[:1]))


def test_each_value_is_a_poll_and_each_step_is_asked_for_once(answering, monkeypatch):
    answers = answering(every_step)
    found = list(polls(token="secret").read())
    want = [f"2026-10-01 00:{minute}0:00.000000" for minute in range(6)]
    assert [poll.timestamp_utc for poll in found if poll.store_id == "a"] == want
    assert answers.asked[0][0] == "http://user:pw@prom/base/api/v1/query_range"
    assert answers.headers["Authorization"] == "Bearer secret"
    monkeypatch.setattr(module, "MAX_STEPS", 4)
    assert [poll for poll in polls().read() if poll.store_id == "a"] == [poll for poll in found if poll.store_id == "a"]
    assert len(answers.asked) == 3


def test_an_answer_that_is_too_large_is_asked_for_in_halves(answering, monkeypatch):
    answers = answering(every_step)
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 260)
    assert len([poll for poll in polls().read() if poll.store_id == "a"]) == 6
    assert len(answers.asked) > 2
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(SourceError, match="for one step"):
        list(polls().read())


def test_values_that_are_neither_keep_their_text(answering):
    answering(lambda _: success(({"instance": "a"}, [[0, "1"], [60.5, "0"], [120, "NaN"], [180, "0.5"]])))
    assert [poll.status for poll in polls().read()] == ["active", "inactive", "unknown", "0.5"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {"status": "error", "error": "1:5: parse error"}), "answered 400: 1:5: parse error"),
        ((401, b"<h1>who?</h1>"), "answered 401: <h1>who[?]"),
        ((302, b""), "answered 302: no reason"),
        (b"<html>", "not an answer of Prometheus"),
        (success(), "no series of 'probe_success' has a value"),
        (success(({"job": "x"}, [[0, "1"]])), "no label 'instance'; it has job"),
        (success(({"instance": "a"}, [[0, "1"]]), ({"instance": "a", "job": "y"}, [[0, "0"]])), "expected one each"),
        (success(({"instance": "a"}, [[0, "1"]]), warnings=["partial response"]), "part of an answer: partial"),
    ],
)
def test_what_is_no_whole_answer_is_refused_without_the_password(answering, answer, words):
    answering(lambda _: answer)
    with pytest.raises(SourceError, match=words) as caught:
        list(polls().read())
    assert str(caught.value).startswith("http://prom/base/: ")


def test_a_range_that_cannot_be_is_refused_before_anyone_is_asked(answering):
    answers = answering(every_step)
    for wrong in ({"hours": 0}, {"hours": 10**7, "step_s": 1.0}):
        with pytest.raises(ConfigError):
            list(polls(**wrong).read())
    assert answers.asked == []


def test_nobody_there_is_said_in_words():
    with pytest.raises(SourceError, match=r"^http://127[.]0[.]0[.]1:1: Connection refused$"):
        list(polls(url="http://127.0.0.1:1").read())


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
