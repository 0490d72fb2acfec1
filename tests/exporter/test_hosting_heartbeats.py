"""Heartbeats in arrays, a few servers at a time, come to what the SQL makes of them."""

import errno
import os

import duckdb
import numpy as np
import pytest
from hosting_tables import Gathered, engine_over
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hosting import scratch
from exporter.hosting.cycle import account_cycle
from exporter.hosting.engine import EXTENT, statements
from exporter.hosting.heartbeats import Heartbeats
from exporter.hosting.rows import TABLES
from exporter.hosting.scratch import Scratch, scratch_folder
from exporter.hosting.window import Window
from foundation.errors import StoreError

BASE = 1_455_926_400
IDS = (1, 2, 3, -4, 1 << 40)  # one and two meet in a group with others only by chance

times = st.one_of(
    st.integers(0, 9).map(lambda minute: BASE + 60 * minute), st.integers(0, 600).map(lambda second: BASE + second)
)
loads = st.sampled_from([0.2, 0.9, 1.0, 1.5, -1.0, -2.0])
heartbeats = st.lists(st.tuples(st.sampled_from(IDS), times, loads), max_size=40)
routes = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from((*IDS, 9)), times, st.sampled_from([0, 0, 1, 2])), max_size=8
)
windows = st.builds(
    lambda start, length, tail, begin, heartbeat_s, overload: Window(
        BASE + 60 * start,
        BASE + 60 * (start + length),
        BASE + 60 * (start + min(length, tail)),
        1,
        since_s=BASE + 60 * (start + begin),
        heartbeat_s=heartbeat_s,
        overload=overload,
    ),
    st.integers(-1, 6),
    st.integers(1, 8),
    st.integers(0, 8),
    st.sampled_from([0, 0, 1, 4]),
    st.sampled_from([60, 60, 120, 7]),
    st.sampled_from([1.0, 1.0, 0.5]),
)


class SqlEngine:
    """All of `sql/` in DuckDB, as Spark runs it."""

    def __init__(self, tables):
        self._db = duckdb.connect(config={"threads": 1})
        kinds = {np.int64: "BIGINT", np.float64: "DOUBLE", np.object_: "VARCHAR"}
        for name, columns in TABLES.items():
            typed = ", ".join(f"{column} {kinds[kind]}" for column, kind in columns.items())
            self._db.execute(f"CREATE TABLE {name} ({typed})")
            rows = list(zip(*(tables[name][column] for column in columns), strict=True))
            if rows:
                self._db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)

    def extent(self):
        return self._db.execute(EXTENT).fetchall()

    def run(self, window):
        for name, select in statements(window):
            self._db.execute(f"CREATE TEMP TABLE {name} AS {select}")

    def rows(self, table, columns, order):
        return self._db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}").fetchall()

    def arrays(self, table, columns, order):
        return self._db.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}").fetchnumpy()


@pytest.mark.timeout(300)  # some seconds on a quiet machine
@settings(max_examples=20)
@given(
    heartbeats=heartbeats,
    routes=routes,
    window=windows,
    waiting=st.sampled_from([1, 7, 1 << 20]),
)
def test_arrays_and_sql_agree(heartbeats, routes, window, waiting):
    tables = Gathered()
    for name, names, rows in (
        ("heartbeats", ("server_id", "time_s", "workload"), heartbeats),
        ("routes", ("account_id", "server_id", "time_s", "doubt"), routes),
        ("creates", ("account_id", "account_name", "time_s"), [(1, "Ann", BASE)]),
    ):
        tables[name] = {column: [row[i] for row in rows] for i, column in enumerate(names)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "WAITING_ROWS", waiting)
        sql = SqlEngine(tables)
        with engine_over(tables) as ours:
            assert sorted(ours.extent()) == sorted(sql.extent())
            found, want = account_cycle(ours, window), account_cycle(sql, window)
    assert sorted(found.outages) == sorted(want.outages)
    for name in ("segments", "choices"):
        got, wanted = getattr(found, name), getattr(want, name)
        assert {column: values.tolist() for column, values in got.items()} == {
            column: np.asarray(values).tolist() for column, values in wanted.items()
        }
    assert found._replace(outages=0, segments=0, choices=0) == want._replace(outages=0, segments=0, choices=0)


def test_many_servers_keep_their_own(monkeypatch):
    monkeypatch.setattr(scratch, "WAITING_ROWS", 500)
    ids = np.arange(70_000, 71_000)  # more than there are groups, and beyond the table of small ids
    kept = Heartbeats()
    for minute in range(3):
        kept.add(ids, np.full(1000, BASE + 60 * minute), np.where(ids == 70_777, 2.0, 0.5))
    folded = kept.fold(Window(BASE, BASE + 180, BASE + 180, 1, since_s=BASE), np.array([BASE + 60]), map)
    assert {name: column.tolist() for name, column in folded.outages.items()} == {
        "server_id": [70_777],
        "start_s": [BASE],
        "end_s": [BASE + 180],
        "cause": [0],
    }
    assert (sorted(folded.cadence["server_id"].tolist()), set(folded.cadence["gap_s"].tolist())) == (ids.tolist(), {60})
    assert folded.cadence["n"].tolist() == [2] * 1000
    assert (sorted(folded.minutes["server_id"].tolist()), len(kept.servers())) == (ids.tolist(), 1000)
    kept.close()


def test_a_full_disk_is_one_line_that_says_where(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(scratch.os, "pwrite", full)
    monkeypatch.setattr(scratch, "WAITING_ROWS", 3)
    waiting = Scratch({"time_s": np.int64})
    with pytest.raises(
        StoreError, match=f"^{tmp_path}: No space left on device; set TMPDIR to a folder with more room$"
    ):
        waiting.add(np.zeros(3, np.uint8), {"time_s": np.arange(3)})
    waiting.close()
    assert list(tmp_path.iterdir()) == []


def test_few_rows_need_no_disk(monkeypatch):
    def nowhere():
        raise FileNotFoundError

    monkeypatch.setattr(scratch.tempfile, "gettempdir", nowhere)
    monkeypatch.setenv("TMPDIR", "/nowhere")
    with engine_over(Gathered()) as engine:
        rows = {"server_id": np.array([1, 1]), "time_s": np.array([BASE, BASE + 120]), "workload": np.array([0.5, 0.5])}
        engine.take("heartbeats", rows)
        found = account_cycle(engine, Window(BASE, BASE + 180, BASE + 180, 1, since_s=BASE))
    assert found.outages == [(1, BASE + 60, BASE + 120, "silent")]


def test_without_tmpdir_the_folder_for_large_files_is_used(monkeypatch, tmp_path):
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(scratch, "_LARGE_FILES", tmp_path)
    assert scratch_folder() == tmp_path
