"""The same statements on Spark give the same report, row by row."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from exporter.stores.calendar import to_us
from exporter.stores.engine import Policy
from exporter.stores.report import make_report, to_csv
from exporter.stores.spark import make_report as make_report_on_spark

pytest.importorskip("pyspark", reason="pyspark is not installed: pip install '.[spark]' in a clone")

AS_OF = datetime(2024, 3, 13, 15, 30, tzinfo=UTC)  # some days after Chicago's clocks changed
ZONES = ["America/Chicago", "Europe/Berlin", "Asia/Kolkata", "Mars/Olympus"]
HOURS = ["00:00:00,23:59:59", "09:00:00,17:00:00", "18:00:00,02:30:00", "02:15:00,02:45:00"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark.*", "ignore::ResourceWarning")
@pytest.mark.parametrize(
    "policy",
    [Policy(), Policy("previous", "calendar"), Policy(use_outside_polls=True)],
    ids=lambda policy: policy.text(),
)
def test_spark_and_duckdb_make_the_same_report(stores_world, policy):
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
    got = make_report_on_spark(stores_world.database, policy, to_us(AS_OF))
    assert to_csv(got, columns="all") == to_csv(want, columns="all")
    assert {name: values.tolist() for name, values in got.rows.items()} == {
        name: values.tolist() for name, values in want.rows.items()
    }
    assert got.fallbacks == want.fallbacks
