"""Stores: how long loads and reports take beside a loop over stores, and how far interpolations are from the truth.

Loads, reports and the server are measured as the commands that people run, each with its start and its memory. The loop
is how reports of this kind are usually written: a query for each segment of business hours of each store, with an index
to help (SQLite, in memory), and each state carried to the next poll. It does the last week alone.

    python tests/bench/bench_stores.py                                # 2,000 stores, a week, and the accuracy
    python tests/bench/bench_stores.py --stores 14000 --hours 151     # 1.9 million polls
    python tests/bench/bench_stores.py --stores 160000 --hours 139    # 20 million, all of them in the last week
    python tests/bench/bench_stores.py --stores 14000 --hours 1590    # 20 million, of two months

The last two take some minutes to draw; `--folder` keeps what was drawn for the next time.
"""

import argparse
import csv
import http.client
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from exporter.stores.engine import Policy
from exporter.stores.load import Input, load
from exporter.stores.report import make_report
from exporter.stores.state import Database
from trafficgen.feeds.stores import write_all
from trafficgen.feeds.stores_world import HOUR_S, World, business, down_s

INTERPOLATIONS = ("nearest", "previous", "next")
PEER_POLLS = 5_000_000  # the peer holds all of them in memory


def show(what: str, wall_s: float, peak_kib: int) -> None:
    """One row of the table."""
    print(f"  {what:<52}{wall_s:8.2f} s {peak_kib / 1024:8.0f} MiB", flush=True)


def command(what: str, *words: str | Path) -> None:
    """Run an `exporter stores` command; how long it took, and the most memory it held."""
    began = time.perf_counter()
    process = subprocess.Popen(["exporter", "stores", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (what, process.returncode)
    show(what, time.perf_counter() - began, used.ru_maxrss)


def speed(count: int, hours: int, folder: Path) -> None:
    """Load, report and serve, beside the loop."""
    world, polls = feed(count, hours, folder)
    print(f"{count} stores, {polls} polls of {hours} hours; load average {os.getloadavg()[0]:.1f}")
    database = ("--database", folder / "stores.duckdb")
    files = {"timezones": "timezones", "hours": "menu_hours", "status": "store_status"}
    (folder / "stores.duckdb").unlink(missing_ok=True)
    command("load", "load", *database, *(w for k, f in files.items() for w in (f"--{k}", folder / f"{f}.csv")))
    command("report", "report", *database)
    serve(folder, world)
    if polls > PEER_POLLS:
        print(f"  a query a segment: not beside more than {PEER_POLLS} polls, which it holds in memory")
        return
    sample = random.Random(1).sample(world.stores, min(500, count))
    peer = peer_database(folder / "store_status.csv")
    began = time.perf_counter()
    for store in sample:
        for opened, closes in business(store, world.start_s, world.start_s + hours * HOUR_S):
            carried_down_s(peer, store.store_id, opened, closes)
    took_s = time.perf_counter() - began
    print(f"  {f'a query a segment, {len(sample)} stores':<52}{took_s:8.2f} s")
    print(f"  {f'the same for {count}, in proportion':<52}{took_s * count / len(sample):8.2f} s")


def feed(count: int, hours: int, folder: Path) -> tuple[World, int]:
    """The CSV files, drawn anew unless they are there; their world and how many polls."""
    kept = folder / "truth.json"
    if kept.exists():
        told = json.loads(kept.read_text("ascii"))
        if (told["stores"], told["hours"], told["seed"]) == (count, hours, 1):
            return World(1, count, told["start"]), told["polls"]
    world = World(1, count, int(time.time()) // HOUR_S * HOUR_S - hours * HOUR_S)
    return world, write_all(folder, world, hours)


def serve(folder: Path, world: World) -> None:
    """A server on the database: 100 stores updated and the next report, and how quick it answers meanwhile."""
    log = folder / "serve.log"
    words = ["exporter", "stores", "serve", "--port", "0", "--database", folder / "stores.duckdb"]
    with log.open("wb") as out:
        process = subprocess.Popen(words, stderr=out)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)  # another process; its log shows the port
        server = Client(int(found[1]))
        while b"tidewatch_store_as_of_timestamp_seconds{" not in server.ask("GET", "/metrics")[1]:
            time.sleep(0.05)  # another process, which only its metrics show
        # The same again is the report that the metrics are made of; what is measured is the one after an update.
        stamp = f"{datetime.fromtimestamp(time.time(), UTC):%Y-%m-%d %H:%M:%S} UTC"
        rows = "".join(f"{store.store_id},inactive,{stamp}\n" for store in world.stores[:100])
        began = time.perf_counter()
        status, told = server.ask(
            "POST", "/polls", f"store_id,status,timestamp_utc\n{rows}", {"Content-Type": "text/csv"}
        )
        assert (status, json.loads(told)["new"]) == (200, min(100, world.count)), told
        report_id = json.loads(server.ask("POST", "/trigger_report")[1])["report_id"]
        waits = []
        while True:
            asked = time.perf_counter()
            status, _ = server.ask("GET", f"/get_report/{report_id}?format=csv")
            waits.append(time.perf_counter() - asked)
            if status != 202:
                break
            time.sleep(0.002)  # as a client would ask; the waits for each answer are what is measured
        assert status == 200
        took_s = time.perf_counter() - began
        memory = dict(re.findall(r"(VmHWM|VmRSS):\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text()))
        show("the server: 100 stores updated, and the next report", took_s, int(memory["VmHWM"]))
        milliseconds = np.array(waits) * 1e3
        print(
            f"  GET /get_report meanwhile: {len(waits)} times, p50 {np.median(milliseconds):.1f} ms, "
            f"p99 {np.percentile(milliseconds, 99):.1f} ms, at most {milliseconds.max():.1f} ms"
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class Client:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body."""
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


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
    parser.add_argument("--folder", type=Path, help="keep the files here, and take them from here the next time")
    parser.add_argument("--no-accuracy", action="store_true", help="the speed alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if not options.no_accuracy:
            accuracy(400, Path(scratch))
        speed(options.stores, options.hours, options.folder or Path(scratch))


if __name__ == "__main__":
    main()
