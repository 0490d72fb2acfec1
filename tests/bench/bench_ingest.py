"""Sustained ingest of releases over HTTP and TCP: records a second, what is lost (nothing), who pays for it.

Prints the tables of docs/releases.md; asserts nothing on time. The exporter and the sender are processes of their own.
The records repeat no pattern: a pool of batches is drawn beforehand, codes as uneven as real ones, and each batch is
stamped with the second in which it is sent or the two before; one batch in a hundred has a line that is none, and one
that is too late. Meanwhile /metrics is asked every two seconds, and health fifty times a second: the longest wait for
that is the longest time for which the event loop was held, or the machine was busy with others.

The peer is mtail, counting the same lines from a file.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from ports import free_ports

from exporter.releases.compare.settings import Settings
from exporter.releases.metrics import families
from exporter.releases.pieces import Pieces
from exporter.releases.state import Limits
from exporter.releases.stream import Stream

BATCH = 1000  # records to a request
POOL = 400  # different batches
SPREAD = (b"@0@0@0@0@0", b"@1@1@1@1@1", b"@2@2@2@2@2")  # stand for the second of sending and those before
LATE_S = 120
TICKS = 100  # a second, of /proc/PID/stat
MTAIL = """counter errors by build, code
/^\\d+\\t(?P<build>\\S+)\\t(?P<code>-?\\d+)$/ {
  errors[$build][$code]++
}
"""


def pool(codes, builds):
    """Batches as bytes, with placeholders of a time's length."""
    random = np.random.default_rng(3)
    weights = 1.0 / np.arange(1, codes + 1)
    weights /= weights.sum()
    for number in range(POOL):
        drawn = zip(
            random.choice(len(SPREAD), BATCH, p=(0.7, 0.2, 0.1)).tolist(),
            random.integers(0, builds, BATCH).tolist(),
            (random.choice(codes, BATCH, p=weights) - 17).tolist(),
            strict=True,
        )
        lines = [b"%s\t5.0007.%d.011\t%d" % (SPREAD[spread], 510 + build, code) for spread, build, code in drawn]
        if number % 100 == 0:
            lines[10] = b"no record"
            lines[20] = b"@L@L@L@L@L\t5.0007.510.011\t3"
        yield b"\n".join(lines) + b"\n"


def stamped(batch):
    now = int(time.time())
    for age, mark in enumerate(SPREAD):
        batch = batch.replace(mark, b"%d" % (now - age))
    return batch.replace(b"@L@L@L@L@L", b"%d" % (now - LATE_S))


class Sender:
    """Sends from some connections for some seconds, and adds up what was acknowledged."""

    def __init__(self, port, seconds, codes, builds):
        self.port, self.until = port, time.monotonic() + seconds
        self.pool = list(pool(codes, builds))
        self.sent = self.acknowledged = 0
        self.guard = threading.Lock()

    def run(self, way, connections):
        threads = [threading.Thread(target=getattr(self, way), args=(n,)) for n in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"sent": self.sent, "acknowledged": self.acknowledged}

    def batches(self, number):
        at = random.Random(number)
        while time.monotonic() < self.until:
            yield stamped(self.pool[at.randrange(POOL)])

    def http(self, number):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = acknowledged = 0
        for count, body in enumerate(self.batches(number)):
            client.request("POST", "/ingest", body, {"Idempotency-Key": f"{number}-{count}"})
            answer = client.getresponse()
            told = answer.read()
            assert answer.status == 200, told
            sent += BATCH
            acknowledged += sum_of(json.loads(told))
        with self.guard:
            self.sent, self.acknowledged = self.sent + sent, self.acknowledged + acknowledged

    def tcp(self, number):
        sent = 0
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            for body in self.batches(number):
                connection.sendall(body)
                sent += BATCH
            connection.shutdown(socket.SHUT_WR)
            told = b"".join(iter(lambda: connection.recv(4096), b""))
        acknowledged = sum_of(json.loads(told)) if told else sent
        with self.guard:
            self.sent, self.acknowledged = self.sent + sent, self.acknowledged + acknowledged


def sum_of(answer):
    return answer["taken"] + answer["late"] + answer["refused_count"]


class Exporter:
    """The exporter as its user starts it, with a state of its own."""

    def __init__(self, folder, **limits):
        self.web, self.http, self.tcp = free_ports(3)
        config = folder / "exporter.json"
        source = {"source": "app", "http": f"127.0.0.1:{self.http}", "tcp": f"127.0.0.1:{self.tcp}", "limits": limits}
        config.write_text(json.dumps({"state_dir": str(folder / "state"), "releases": [source]}))
        command = ["--config.file", config, "--web.listen-address", f"127.0.0.1:{self.web}", "--log.level", "error"]
        self.process = subprocess.Popen([Path(sys.executable).parent / "exporter", *command])
        while True:
            try:
                self.counted()
                socket.create_connection(("127.0.0.1", self.http)).close()
            except OSError:
                time.sleep(0.05)  # another process, ready once it answers
            else:
                return

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=60) as answer:
            return answer.read().decode()

    def counted(self):
        """Accepted, late, refused."""
        text = self.metrics()
        found = dict(
            re.findall(
                r'^tidewatch_release_records_failed_total\{source="app",reason="(\w+)"\} (\d+)', text, re.MULTILINE
            )
        )
        late = int(found.pop("late", 0))
        accepted = re.search(r'^tidewatch_release_records_total\{source="app"\} (\d+)', text, re.MULTILINE)
        return int(accepted[1]) if accepted else 0, late, sum(map(int, found.values()))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def written_mib(pid):
    return int(re.search(r"^wchar: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)[1]) / 2**20


def rss_mib(pid, which="VmRSS"):
    return int(re.search(rf"{which}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class Watch(threading.Thread):
    """Asks for health again and again, and for /metrics now and then."""

    def __init__(self, exporter):
        super().__init__(daemon=True)
        self.exporter, self.waits, self.rss, self.scrapes = exporter, [], [], []
        self.stop = threading.Event()

    def run(self):
        client = http.client.HTTPConnection("127.0.0.1", self.exporter.web, timeout=60)
        for turn in itertools.count(1):
            if self.stop.wait(0.02):
                return
            start = time.perf_counter()
            client.request("GET", "/-/healthy")
            client.getresponse().read()
            self.waits.append(time.perf_counter() - start)
            if turn % 50 == 0:
                self.rss.append(rss_mib(self.exporter.process.pid))
            if turn % 100 == 0:
                threading.Thread(target=self.scrape, daemon=True).start()

    def scrape(self):
        with contextlib.suppress(OSError):
            start = time.perf_counter()
            self.exporter.metrics()
            self.scrapes.append(time.perf_counter() - start)


COLUMNS = (
    ("way", 4),
    ("codes x builds", 14),
    ("records/s", 12),
    ("lost", 5),
    ("accepted", 13),
    ("late", 6),
    ("refused", 7),
    ("exporter", 8),
    ("sender", 7),
    ("per core-second", 15),
    ("MiB", 5),
    ("at end", 6),
    ("health p99 ms", 13),
    ("max", 5),
    ("scrape", 6),
    ("disk MiB/s", 10),
)


def row(cells):
    print(" ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True)), flush=True)


def sustained(way, seconds, shape, connections):
    codes, builds = shape.split("x")
    with tempfile.TemporaryDirectory() as folder:
        exporter = Exporter(Path(folder))
        words = [way, str(getattr(exporter, way)), str(seconds), codes, builds, str(connections)]
        sender = subprocess.Popen([sys.executable, __file__, "--send", *words], stdout=subprocess.PIPE)
        sender.stdout.readline()  # its pool is drawn
        pids = (exporter.process.pid, sender.pid)
        watch = Watch(exporter)
        watch.start()
        start, used, disk = time.perf_counter(), [processor_s(pid) for pid in pids], written_mib(pids[0])
        told = json.loads(sender.stdout.readline())
        took = time.perf_counter() - start
        ours, theirs = (processor_s(pid) - before for pid, before in zip(pids, used, strict=True))
        disk = written_mib(pids[0]) - disk
        watch.stop.set()
        watch.join()
        sender.wait()
        counted = exporter.counted()
        exporter.end()
    sent, acknowledged = told["sent"], told["acknowledged"]
    early = watch.rss[len(watch.rss) // 10]
    waits = np.array(watch.waits) * 1e3
    cells = [way, shape, f"{sent / took:,.0f}", max(sent, acknowledged) - sum(counted), *map("{:,}".format, counted)]
    cells += [
        f"{ours / took:.0%}",
        f"{theirs / took:.0%}",
        f"{sent / ours:,.0f}",
        f"{early:.0f}",
        f"{watch.rss[-1]:.0f}",
    ]
    cells += [
        f"{np.percentile(waits, 99):.0f}",
        f"{waits.max():.0f}",
        f"{max(watch.scrapes, default=np.nan) * 1e3:.0f}",
    ]
    row([*cells, f"{disk / took:.1f}"])
    if sent != acknowledged:
        print(f"sent {sent:,}, acknowledged {acknowledged:,}")


def day(hours, per_s=100):
    """A day of 200 codes x 10 builds, replayed as fast as it goes; the most memory that it takes."""
    random = np.random.default_rng(6)
    weights = 1.0 / np.arange(1, 201)
    weights /= weights.sum()
    with tempfile.TemporaryDirectory() as folder:
        exporter = Exporter(Path(folder))
        start, first = time.perf_counter(), int(time.time()) - hours * 3600 - 3600
        with socket.create_connection(("127.0.0.1", exporter.tcp)) as connection:
            for minute in range(hours * 60):
                times = first + minute * 60 + np.sort(random.integers(0, 60, 60 * per_s))
                builds, codes = random.integers(0, 10, 60 * per_s), random.choice(200, 60 * per_s, p=weights)
                rows = zip(times.tolist(), builds.tolist(), codes.tolist(), strict=True)
                connection.sendall(b"".join(b"%d\t5.0007.%d.011\t%d\n" % row for row in rows))
            connection.shutdown(socket.SHUT_WR)
            told = json.loads(connection.recv(4096))
        took = time.perf_counter() - start
        exporter.metrics()
        peak, now = rss_mib(exporter.process.pid, "VmHWM"), rss_mib(exporter.process.pid)
        series = exporter.metrics().count("\ntidewatch_release_")
        state = (Path(folder) / "state" / "exporter.db").stat().st_size / 2**20
        exporter.end()
    print(f"\n{hours} h of 200 codes x 10 builds, {sum_of(told):,} records, {told['late']} late, in {took:.0f} s:")
    print(f"  {peak:.0f} MiB at most, {now:.0f} at the end, {series:,} series; state on disk {state:.1f} MiB")


def one_bin():
    """Closing a bin of 200 codes x 10 builds, with and without alerts, and what else holds the event loop."""
    for name, factor in (("rates equal", 1.0), ("every code of every candidate alarmed", 3.0)):
        stream = Stream(Settings(), Limits(lateness_s=30))
        pieces = Pieces(stream)
        random = np.random.default_rng(5)
        closing, keeping = [], []
        for second in range(1_800_000_000, 1_800_000_000 + 600):
            drawn = random.poisson(np.where(np.arange(10)[:, None] > 0, 0.5 * factor, 0.5), (10, 200))
            cells = {(second, f"5.{b}", str(c)): int(drawn[b, c]) for b, c in np.argwhere(drawn).tolist()}
            stream.take(cells, 0)
            if stream.behind():
                start = time.perf_counter()
                stream.close(1)
                closing.append(time.perf_counter() - start)
                start = time.perf_counter()
                pieces.changes()
                keeping.append(time.perf_counter() - start)
        alerts = sum(len(d.active) for build in stream.candidates() for d in stream.detectors(build))
        told = [timed(lambda stream=stream: list(families("app", stream, Told()))) for _ in range(20)]
        cells = [
            f"{statistics.median(times) * 1e3:.1f} ms ({max(times) * 1e3:.1f})" for times in (closing, keeping, told)
        ]
        print(f"  {name} ({alerts:,} alerts): closing {cells[0]}, packing the state {cells[1]}, telling it {cells[2]}")


class Told:
    failed, connections, requests, log_status, query_up = Counter(), (), Counter(), None, None


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peer(rows):
    if shutil.which("mtail") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        log, program = Path(folder) / "errors.tsv", Path(folder) / "errors.mtail"
        program.write_text(MTAIL)
        batches = itertools.islice(itertools.cycle(pool(33, 2)), rows // BATCH)
        log.write_bytes(b"".join(stamped(batch) for batch in batches))
        start = time.perf_counter()
        subprocess.run(
            ["mtail", "--one_shot", "--logtostderr", f"--progs={program}", f"--logs={log}"],
            check=True,
            capture_output=True,
        )
        took = time.perf_counter() - start
    print(f"mtail, the same lines from a file: {rows / took:,.0f} records/s")


def send(way, *numbers):
    port, seconds, codes, builds, connections = map(int, numbers)
    sender = Sender(port, seconds, codes, builds)
    print("ready", flush=True)
    sender.until = time.monotonic() + seconds
    print(json.dumps(sender.run(way, connections)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="length of each run (%(default)s)")
    parser.add_argument("--way", choices=("http", "tcp"), action="append")
    parser.add_argument("--shape", action="append", help="CODESxBUILDS; may be repeated")
    parser.add_argument("--hours", type=int, default=24, help="of the replayed day (%(default)s)")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--send", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send(*options.send)
        return
    row([name for name, _ in COLUMNS])
    for shape in options.shape or ("33x2", "200x10"):
        for way in options.way or ("http", "tcp"):
            sustained(way, options.seconds, shape, options.connections)
    peer(1_000_000)
    day(options.hours)
    print("\nOne bin of 200 codes x 10 builds, median (and longest), on the clock:")
    one_bin()


if __name__ == "__main__":
    main()
