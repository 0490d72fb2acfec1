"""The same SQL on Spark gives the same rows."""

import os
import sys
from datetime import UTC

import numpy as np
import pytest

from exporter.hosting.bulk import read_logs
from exporter.hosting.cycle import Step, account_cycle, choose_window
from exporter.hosting.engine import DuckEngine
from exporter.hosting.extent import find_extent
from exporter.hosting.parse import Times
from trafficgen.feeds.hosting import write_at_once
from trafficgen.feeds.hosting_world import Settings, World

pytest.importorskip("pyspark", reason="pyspark is not installed: pip install '.[spark]' in a clone")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BAD = b'{"event": "heartbeat"\n\n\xff\xfe\n{"event": "heartbeat", "serverId": 1, "workload": -1, "time": "x"}\n'


@pytest.fixture(scope="module")
def session():
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[2]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    made = builder.getOrCreate()
    yield made
    made.stop()


@pytest.mark.parametrize("step", Step)
def test_duckdb_and_spark_give_the_same_rows(tmp_path, session, step):
    from exporter.hosting import spark

    write_at_once(World(Settings(start_s=1455494400, minutes=700, accounts=20)), tmp_path, shuffle=True)
    with (tmp_path / "logs.json").open("ab") as file:
        file.write(BAD)
    path = str(tmp_path / "logs.json")
    kept, log = [], read_logs([path], Times())
    engine, spark_log = spark.load([path], UTC, kept.append, session)
    duck = DuckEngine(log.tables)
    window = choose_window(find_extent(duck.extent()), step, UTC)
    assert choose_window(find_extent(engine.extent()), step, UTC) == window
    assert (spark_log.lines, spark_log.set_aside) == (log.lines, log.set_aside)
    assert sorted(bad.reason for bad in kept) == ["bad_workload", "blank", "not_json", "not_json"]
    ours, theirs = account_cycle(duck, window), account_cycle(engine, window)
    for name, want in ours._asdict().items():
        got = getattr(theirs, name)
        if isinstance(want, dict) and name in {"segments", "choices"}:
            assert all(np.array_equal(got[column], want[column]) for column in want), name
        else:
            assert got == want, name
    assert len(ours.segments["server_id"]) > 100
