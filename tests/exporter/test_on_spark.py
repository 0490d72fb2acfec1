"""Every system gives on a Spark cluster what it gives on DuckDB, row by row.

The cluster is a master and two workers, each a process of its own on loopback.
"""

import random
from datetime import UTC, datetime, timedelta
from shutil import which

import numpy as np
import pytest
from hosting_tables import engine_over, read_tables
from spark_cluster import PACKAGES, QUICK_JVM, environment, standalone

from exporter.hosting.cycle import Step, account_cycle, choose_window
from exporter.hosting.extent import find_extent
from exporter.releases.bulk.reading import Reading
from exporter.stores.calendar import to_us
from exporter.stores.engine import Policy
from exporter.stores.report import make_report, to_csv
from trafficgen.feeds.hosting import write_at_once
from trafficgen.feeds.hosting_world import Settings, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # six Java processes start
    pytest.mark.skipif(which("java") is None, reason="Java 17 is not installed"),
    pytest.mark.skipif(not PACKAGES.is_dir(), reason="PySpark is not in .tidewatch/spark: `make spark` installs it"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark.*", "ignore::ResourceWarning"),
]
BAD = b'{"event": "heartbeat"\n\n\xff\xfe\n{"event": "heartbeat", "serverId": 1, "workload": -1, "time": "x"}\n'
AS_OF = datetime(2024, 3, 13, 15, 30, tzinfo=UTC)  # some days after Chicago's clocks changed
ZONES = ["America/Chicago", "Europe/Berlin", "Asia/Kolkata"]
HOURS = ["00:00:00,23:59:59", "09:00:00,17:00:00", "18:00:00,02:30:00", "02:15:00,02:45:00"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A standalone cluster, by its URL; this process is ready to be its driver."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PACKAGES))
        for name, value in environment().items():
            patch.setenv(name, value)
        with standalone(tmp_path_factory.mktemp("spark")) as (url, _):
            yield url


@pytest.fixture(scope="module")
def session(cluster):
    """A session of the cluster, with both of its workers."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": QUICK_JVM,
        "spark.executor.extraJavaOptions": QUICK_JVM,
        "spark.executor.memory": "500m",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",  # compiling costs more than these few rows
        "spark.sql.codegen.wholeStage": "false",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master(cluster)
    for key, value in settings.items():
        builder = builder.config(key, value)
    made = builder.getOrCreate()
    yield made
    made.stop()


def test_hosting_has_the_same_rows(tmp_path, session):
    from exporter.hosting import spark

    write_at_once(World(Settings(start_s=1455494400, minutes=300, accounts=20)), tmp_path, shuffle=True)
    with (tmp_path / "logs.json").open("ab") as file:
        file.write(BAD)
    path = str(tmp_path / "logs.json")
    kept, (tables, log) = [], read_tables(path)
    engine, spark_log = spark.load([path], UTC, kept.append, session)
    with engine_over(tables) as duck:
        window = choose_window(find_extent(duck.extent()), Step.SECOND, UTC)
        ours = account_cycle(duck, window)
    assert choose_window(find_extent(engine.extent()), Step.SECOND, UTC) == window
    assert (spark_log.lines, spark_log.set_aside) == (log.lines, log.set_aside)
    assert sorted(bad.reason for bad in kept) == ["bad_workload", "blank", "not_json", "not_json"]
    theirs = account_cycle(engine, window)
    for name, want in ours._asdict().items():
        got = getattr(theirs, name)
        if isinstance(want, dict) and name in {"segments", "choices"}:
            assert all(np.array_equal(got[column], want[column]) for column in want), name
        else:
            assert got == want, name
    assert len(ours.segments["server_id"]) > 50


def test_stores_have_the_same_report(stores_world, session):
    from exporter.stores.spark import make_report as make_report_on_spark

    policy = Policy("previous", "calendar", use_outside_polls=True)
    draw = random.Random(4)
    names = [f"s{n}" for n in range(12)]
    words = ["active", "active", "inactive"]
    status = [
        f"{name},{draw.choice(words)},{AS_OF - timedelta(seconds=draw.randrange(10 * 86_400)):%F %T} UTC"
        for name in names[1:]
        for _ in range(60)
    ]
    stores_world.load(
        status=status,
        hours=[f"{name},{day},{draw.choice(HOURS)}" for name in names[3:] for day in range(draw.randrange(1, 8))],
        timezones=[f"{name},{draw.choice(ZONES)}" for name in names[2:]],
        now=AS_OF,
    )
    want = make_report(stores_world.database, policy, to_us(AS_OF))
    got = make_report_on_spark(stores_world.database, policy, to_us(AS_OF), session=session)
    assert to_csv(got, columns="all") == to_csv(want, columns="all")
    assert {name: values.tolist() for name, values in got.rows.items()} == {
        name: values.tolist() for name, values in want.rows.items()
    }
    assert got.fallbacks == want.fallbacks


def test_releases_have_the_same_counts(tmp_path, session):
    from exporter.releases import spark

    draw = random.Random(7)
    codes, reading, paths = ["E_TIMEOUT", "3", "-2147467259"], Reading(), []
    for file in range(3):
        builds = [f"2.0.{file}", "2.0.0-rc.1"]
        lines = ["Timestamp\tBuild\tError"]
        lines += [f"0:{draw.randrange(60):02}:07\t{draw.choice(builds)}\t{draw.choice(codes)}" for _ in range(3000)]
        lines += ["no record", "0:99:00\t1\t2"] * file
        path = tmp_path / f"errors-{file}.tsv"
        path.write_text("\n".join(lines) + "\n")
        reading.begin()
        reading.add(path.read_bytes())
        paths.append(str(path))
    want, got = reading.end(), spark.load(paths, session)
    assert (got.table.builds, got.table.codes) == (want.table.builds, want.table.codes)
    assert got.table.records == 9000
    for column in ("second", "build", "code", "count"):
        assert np.array_equal(getattr(got.table, column), getattr(want.table, column)), column
    assert got.failed == want.failed
    assert {bad.line for bad in got.set_aside} == {bad.line for bad in want.set_aside} == {"no record", "0:99:00\t1\t2"}
