"""Stores: how long loads and reports take beside a loop over stores, and how far interpolations are from the truth.

The loop is how reports of this kind are usually written: a query for each segment of business hours of each store, with
an index to help (SQLite, in memory), and each state carried to the next poll. It does the last week alone.

    python tests/bench/bench_stores.py [--stores 2000] [--hours 136]
"""

import argparse
import csv
import random
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from exporter.stores.database import Database, one
from exporter.stores.load import Input, load
from exporter.stores.report import make_report, to_csv
from exporter.stores.sweep import Policy
from trafficgen.feeds.stores import write_all
from trafficgen.feeds.stores_world import HOUR_S, World, business, down_s

INTERPOLATIONS = ("nearest", "previous", "next")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took, on the clock and on the processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"  {what:<48}{time.perf_counter() - wall:8.2f} s {time.process_time() - cpu:8.2f} s of CPU")


def speed(count: int, hours: int, folder: Path) -> None:
    """Load and report, beside the loop."""
    start_s = int(time.time()) // HOUR_S * HOUR_S - hours * HOUR_S
    world = World(1, count, start_s)
    polls = write_all(folder, world, hours)
    print(f"{count} stores, {polls} polls of {hours} hours")
    files = [Input(folder / f"{name}.csv", name) for name in ("timezones", "menu_hours", "store_status")]
    with Database(folder / "stores.duckdb") as database:
        with timed("load the CSV files"):
            load(database, files, time.time_ns() // 1000)
        with database.reading() as cursor:
            (as_of_us,) = one(cursor, "SELECT max(at_us) FROM polls")
        with timed("report"):
            to_csv(make_report(database, Policy(), as_of_us))
        more = World(2, 100, start_s)
        write_all(folder / "more", more, 1)
        with timed("100 stores updated, and the next report"):
            load(database, [Input(folder / "more" / "store_status.csv", "more")], time.time_ns() // 1000)
            to_csv(make_report(database, Policy(), as_of_us))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {'memory at most, this feed included':<48}{peak:8.0f} MiB")
    sample = random.Random(1).sample(world.stores, min(500, count))
    peer = peer_database(folder / "store_status.csv")
    with timed(f"a query a segment for {len(sample)} of the stores"):
        for store in sample:
            for opened, closes in business(store, start_s, as_of_us // 1_000_000):
                carried_down_s(peer, store.store_id, opened, closes)


def peer_database(path: Path) -> sqlite3.Connection:
    """The polls in SQLite, with an index."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE polls (store_id TEXT, at TEXT, status TEXT)")
    with path.open(newline="") as file:
        rows = ((r["store_id"], r["timestamp_utc"], r["status"]) for r in csv.DictReader(file))
        database.executemany("INSERT INTO polls VALUES (?, ?, ?)", rows)
    database.execute("CREATE INDEX by_store ON polls (store_id, at)")
    return database


def carried_down_s(database: sqlite3.Connection, store_id: str, opened: int, closes: int) -> float:
    """Seconds down in a segment, each state carried to the next poll."""
    bounds = [f"{datetime.fromtimestamp(edge, UTC):%Y-%m-%d %H:%M:%S}" for edge in (opened, closes)]
    found = database.execute(
        "SELECT at, status FROM polls WHERE store_id = ? AND at >= ? AND at < ? ORDER BY at", [store_id, *bounds]
    )
    down, at, up = 0.0, float(opened), True
    for text, status in found:
        time_s = datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC).timestamp()
        down += 0.0 if up else time_s - at
        at, up = time_s, status == "active"
    return down + (0.0 if up else closes - at)


def accuracy(count: int, folder: Path) -> None:
    """The error of each interpolation in downtime, over stores, against the feed's truth."""
    start_s = 1_706_745_600  # 2024-02-01
    end_s = start_s + 14 * 86_400
    world = World(7, count, start_s)
    write_all(folder / "truth", world, 14 * 24)
    files = [Input(folder / "truth" / f"{n}.csv", n) for n in ("timezones", "menu_hours", "store_status")]
    print(f"downtime against the truth, {count} stores, hourly polls, 10 % lost, outages of 2 hours in the mean")
    print(f"  {'interpolation':<16}{'last day, RMSE':>16}{'bias':>8}{'last week, RMSE':>18}{'bias':>8}   minutes")
    with Database(folder / "truth.duckdb") as database:
        load(database, files, time.time_ns() // 1000)
        for interpolation in INTERPOLATIONS:
            rows = make_report(database, Policy(interpolation), end_s * 1_000_000).rows
            told = {store: n for n, store in enumerate(rows["store_id"].tolist())}
            line = f"  {interpolation:<16}"
            for window, days, width in (("day", 1, 16), ("week", 7, 18)):
                true = np.array([down_s(store, end_s - days * 86_400, end_s)[0] for store in world.stores])
                got = np.array([rows[f"down_{window}"][told[s.store_id]] for s in world.stores]) / 1e6
                error = (got - true) / 60
                line += f"{np.sqrt(np.mean(error**2)):>{width}.1f}{np.mean(error):>8.1f}"
            print(line)


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stores", type=int, default=2000)
    parser.add_argument("--hours", type=int, default=136)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        accuracy(400, Path(folder))
        speed(options.stores, options.hours, Path(folder))


if __name__ == "__main__":
    main()
