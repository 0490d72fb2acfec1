"""Files of other versions, of something else, or damaged: each is refused or set aside, and nothing is overwritten."""

import errno
import sqlite3
from contextlib import closing

import pytest
from checkpointing import FixedClock, everything, opened

from exporter.checkpoint import Changes, Checkpoint, Incomplete
from exporter.statefile import Unavailable
from foundation.errors import StoreError


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(state_path):
    with opened(state_path) as store:
        store.commit_now("site", Changes({"k": b"v"}))
    with closing(sqlite3.connect(state_path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = state_path.read_bytes()
    with pytest.raises(StoreError, match="newer version of Tidewatch wrote it") as caught, opened(state_path):
        pass
    assert not isinstance(caught.value, Unavailable)
    assert "\n" not in str(caught.value)
    assert state_path.read_bytes() == before
    assert not list(state_path.parent.glob("*damaged*"))


FIRST_LAYOUT = """
CREATE TABLE state (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID;
CREATE TABLE about (key TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;
INSERT INTO about VALUES ('created', 5.0);
INSERT INTO state VALUES ('site', 'tail', x'31');
"""


def test_the_first_layout_which_had_no_number_is_read_on(state_path):
    state_path.parent.mkdir()
    with closing(sqlite3.connect(state_path)) as db:
        db.executescript(FIRST_LAYOUT)
    with opened(state_path) as store:
        assert store.load("site") == {"tail": b"1"}
        assert store.problems == {}
        assert store._db.execute("PRAGMA user_version").fetchone() == (2,)
        assert store._db.execute("SELECT value FROM about").fetchall() == [(5.0,)]


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_something_else_is_set_aside(state_path, version, caplog):
    state_path.parent.mkdir()
    with closing(sqlite3.connect(state_path)) as db:
        db.executescript(f"CREATE TABLE state (mood TEXT); PRAGMA user_version = {version}")
    with opened(state_path) as store:
        assert store.load("site") == {}
        assert store.problems == {"damaged": 1}
    assert "not a state file of Tidewatch" in caplog.text


@pytest.mark.parametrize(
    "junk", [b"", b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5_000], ids=["empty", "text", "header"]
)
def test_a_damaged_file_is_set_aside_and_told(state_path, junk, caplog):
    state_path.parent.mkdir()
    state_path.write_bytes(junk)
    with opened(state_path, wall_s=1_234.0) as store:
        assert store.load("site") == {}
        assert store.problems == {"damaged": 1}
        assert state_path.with_name("checkpoint.db.damaged-1234").read_bytes() == junk
        assert "kept as" in caplog.text


def test_what_was_set_aside_earlier_is_never_overwritten(state_path):
    state_path.parent.mkdir()
    for junk in (b"one" * 999, b"two" * 999, b"three" * 999):  # at the same time: the clock was set back
        state_path.write_bytes(junk)
        with opened(state_path):
            pass
    assert [file.read_bytes()[:3] for file in sorted(state_path.parent.glob("*.damaged-1000*"))] == [
        b"one",
        b"two",
        b"thr",
    ]


def test_damage_in_the_middle_is_found_at_the_start(state_path):
    with opened(state_path) as store:
        store.commit_now("site", Changes({f"key{i}": bytes(500) for i in range(100)}))
    with state_path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * 20_000)
    with opened(state_path) as store:
        assert store.problems == {"damaged": 1}
        store.commit_now("site", Changes({"key": b"anew"}))
        assert store.load("site") == {"key": b"anew"}


def test_values_set_aside_are_kept_with_time_and_reason(state_path):
    with opened(state_path) as store:
        store.commit_now("site", everything(bad="?", good="1"))
        store.commit_now("other", everything(bad="of another"))
        store._clock.wall_s = 1_111.0
        store.commit_now("site", Changes({"bad": b"anew"}, set_aside={"bad": "no number", "never": "was there"}))
        assert store.load("site") == {"bad": b"anew", "good": b"1"}
        assert store.load("other") == {"bad": b"of another"}
        aside = store._db.execute("SELECT * FROM set_aside").fetchall()
    assert aside == [("site", "bad", b"?", 1_111.0, "no number")]


def test_a_key_that_is_no_text_can_be_read_and_set_aside(state_path):
    with opened(state_path) as store:
        store.commit_now("site", Changes({"good": b"1"}))
        store._db.execute("INSERT INTO state VALUES ('site', CAST(x'62ff64' AS TEXT), 'text')")
        found = store.load("site")
        (bad,) = found.keys() - {"good"}
        assert found == {"good": b"1", bad: b"text"}
        store.commit_now("site", Changes({}, set_aside={bad: "no text"}))
        assert store.load("site") == {"good": b"1"}
        assert store._db.execute("SELECT CAST(key AS BLOB), value FROM set_aside").fetchall() == [(b"b\xffd", "text")]


def test_only_the_newest_of_many_values_set_aside_are_kept(state_path, monkeypatch):
    monkeypatch.setattr("exporter.checkpoint._MOST_ASIDE", 3)
    with opened(state_path) as store:
        for number in range(5):
            store.commit_now("site", everything(bad=str(number)))
            store.commit_now("site", Changes({}, set_aside={"bad": "?"}))
        assert store._db.execute("SELECT value FROM set_aside").fetchall() == [(b"2",), (b"3",), (b"4",)]


def test_damage_while_running_begins_anew_and_asks_every_source_for_everything(state_path):
    with opened(state_path) as store:
        store.commit_now("site", Changes({f"key{i}": bytes(2_000) for i in range(100)}))
        store.commit_now("other", everything(tail="1"))
        store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store._db.execute("PRAGMA cache_size = 0")
        with state_path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * 200_000)
        with pytest.raises(Unavailable) as caught:
            store.commit_now("site", Changes({"key50": b"x"}))
        assert caught.value.reason == "damaged"
        assert store.problems == {"damaged": 1}
        for scope in ("site", "other"):
            with pytest.raises(Incomplete):
                store.commit_now(scope, Changes({"key50": b"x"}))
            store.commit_now(scope, everything(key50="x"))
            assert store.load(scope) == {"key50": b"x"}
        with closing(sqlite3.connect(state_path)) as db:
            assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_damage_that_cannot_even_be_renamed_is_trouble_that_may_pass(state_path, monkeypatch):
    with opened(state_path) as store:
        store.commit_now("site", everything(tail="1"))

    def refuse(_path, _target):
        raise OSError(errno.EIO, "")

    state_path.write_bytes(b"no database" * 1000)
    with Checkpoint(state_path, FixedClock()) as store:
        with monkeypatch.context() as broken:
            broken.setattr("pathlib.Path.rename", refuse)
            with pytest.raises(Unavailable, match="Input/output error"):
                store.load("site")
        assert store.load("site") == {}
