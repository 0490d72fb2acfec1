"""Releases: how often each detector alarms on equal builds and how soon it finds a worse one; then, how fast all is.

Prints the tables of docs/releases.md; asserts nothing. The simulation runs the real detectors: each "code" is one
simulated hour of one error code, so thousands of hours are stepped through at once.
"""

import argparse
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

from exporter.releases.compare.detectors import Bins
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.mean_threshold import MeanThreshold
from exporter.releases.compare.names import DETECTORS
from exporter.releases.compare.onset import Onset
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.settings import Settings
from exporter.releases.state import Limits
from exporter.releases.stream import Stream

RATES = (0.01, 0.06, 0.11, 1.0)
RATIOS = (1.25, 2.0, 5.0)
BIN_S, BINS = 10, 360
LEAST_S = 50  # of a file: five bins; a report on fewer has no verdict, and status 4
CODES = 33  # of one stream, over which the promise is made
OLD, NEW = "5.0007.510.011", "5.0007.610.011"


class FiveMinuteZ:
    """The fallback rule in PromQL, bin by bin: z of the last 30 bins above 4.5 for a minute, with 20 errors or more."""

    name = "z of 5 min"

    def __init__(self):
        self.recent, self.above, self.active = [], None, {}

    def step(self, closed, codes):
        self.recent = [*self.recent, (closed.counts.candidate.sum(0), closed.counts.baseline.sum(0))][-30:]
        x, y = (sum(one[row] for one in self.recent) for row in (0, 1))
        high = (x + y >= 20) & (x - y > 4.5 * np.sqrt(x + y))
        self.above = np.where(high, 1 + (0 if self.above is None else self.above), 0)
        self.active = dict.fromkeys(np.flatnonzero(self.above > 6).tolist())


def detectors():
    return [MeanThreshold(), Evidence(watched=CODES), Onset(watched=CODES), FiveMinuteZ()]


def simulate(rate, ratio, hours, *, start_bin=0, seed=1):
    """First bin of an alarm by detector and hour (nan: none), and the share of bins in alarm."""
    random = np.random.default_rng(seed)
    made = detectors()
    first = {d.name: np.full(hours, np.nan) for d in made}
    busy = dict.fromkeys(first, 0)
    codes = range(hours)
    for number in range(BINS):
        factor = ratio if number >= start_bin else 1.0
        shape = (BIN_S, hours)
        counts = Pair(random.poisson(rate, shape), random.poisson(rate * factor, shape))
        closed = Bins.one(number * BIN_S, BIN_S, counts)
        for detector in made:
            detector.step(closed, codes)
            active = np.fromiter(detector.active, np.int64, len(detector.active))
            busy[detector.name] += len(active)
            new = active[np.isnan(first[detector.name][active])] if number >= start_bin else active[:0]
            first[detector.name][new] = number
    return first, {name: count / hours / BINS for name, count in busy.items()}


def false_alarms(hours):
    print(f"Builds are equal, {hours} hours of one code: the share of hours with an alarm, and of bins\n")
    names = [d.name for d in detectors()]
    print(f"| errors/s of a build | {names[0]} | its bins in alarm | {' | '.join(names[1:])} |")
    print("|---" * (len(names) + 2) + "|")
    for rate in RATES:
        first, busy = simulate(rate, 1.0, hours)
        shares = [per_cent(float(np.mean(~np.isnan(first[name])))) for name in names]
        print(f"| {rate:g} | {shares[0]} | {per_cent(busy[names[0]])} | {' | '.join(shares[1:])} |")


def per_cent(share):
    return f"{share:.2%}" if 0 < share < 0.01 else f"{share:.0%}" if share else "0"


def detection(hours):
    print(
        f"\nThe candidate is worse, {hours} hours each: median seconds to the alarm, - where less than half are found\n"
    )
    names = [d.name for d in detectors() if d.name != "mean-threshold"]
    print(f"| errors/s | ratio | from the start: {' | '.join(names)} | from 30 min on: {' | '.join(names)} |")
    print("|---" * (2 * len(names) + 2) + "|")
    for rate in RATES:
        for ratio in RATIOS:
            cells = []
            for start_bin in (0, BINS // 2):
                first, _ = simulate(rate, ratio, hours, start_bin=start_bin, seed=2)
                cells += [delay(first[name], start_bin) for name in names]
            print(f"| {rate:g} | {ratio:g} | {' | '.join(cells)} |", flush=True)


def delay(first, start_bin):
    """Median seconds from the change to the end of the bin of the alarm."""
    middle = float(np.median(np.where(np.isnan(first), np.inf, (first + 1 - start_bin) * BIN_S)))
    return "-" if np.isinf(middle) else f"{middle:.0f}"


def write_file(path, rows, per_s):
    random = np.random.default_rng(4)
    rests = [f"\t{build}\t{code}\n" for build in (OLD, NEW) for code in range(-17, 16)]
    with path.open("w") as out:
        out.write("Timestamp\tBuild_Version\tError_Code\n")
        for first in range(0, rows, 100_000):  # the size of this process is the least that a child is told to have
            drawn = random.integers(0, len(rests), min(100_000, rows - first)).tolist()
            for n, row in enumerate(drawn, first):
                out.write(clock(n // per_s) + rests[row])


def clock(second):
    return f"{second // 3600}:{second // 60 % 60:02}:{second % 60:02}"


def files(rows):
    """Beside awk, which only counts."""
    exporter = Path(sys.executable).with_name("exporter")
    tested = ["--detector", "evidence", "--detector", "onset"]
    print(f"\nWhole files, {rows:,} rows, by rows to a second of the stream: rows a second, start of Python included")
    print(f"{'rows/s':>8} {'all detectors':>14} {'MiB':>6} {'without mean-threshold':>23} {'awk counting':>14}")
    with tempfile.TemporaryDirectory() as folder:
        for per_s in (4, 40, 1000, 100_000):
            if rows < LEAST_S * per_s:
                continue  # too short a time for a verdict
            path = Path(folder) / "errors.tsv"
            write_file(path, rows, per_s)
            report = [exporter, "releases", "report", path, "--format", "json"]
            everything, mib = timed([*report, *(part for name in DETECTORS for part in ("--detector", name))], rows)
            paging, _ = timed([*report, *tested], rows)
            awk, _ = timed(["awk", "-F\t", 'NR > 1 {n[$0]++} END {for (k in n) s += n[k]; printf "%d", s}', path], rows)
            figures = [f"{rows / took:,.0f}" for took in (everything, paging, awk)]
            print(f"{per_s:>8} {figures[0]:>14} {mib:>6.0f} {figures[1]:>23} {figures[2]:>14}")


def timed(command, rows):
    """Seconds of a command that must have counted all rows, the better of two, and its resident memory in MiB."""
    best, peak = math.inf, 0.0
    for _ in range(2):
        start = time.perf_counter()
        with tempfile.TemporaryFile() as out:
            done = subprocess.Popen(command, stdout=out)
            _, status, used = os.wait4(done.pid, 0)
            took = time.perf_counter() - start
            out.seek(
                -min(out.tell(), 4096), os.SEEK_END
            )  # all of it would make this process large, and so its children
            tail = out.read().decode()
        counted = int(re.search(r'"records": (\d+)|^(\d+)$', tail)[0].rpartition(" ")[2])
        if status or counted != rows:
            raise SystemExit(f"{command}: status {status}, {counted} of {rows} rows")
        best, peak = min(best, took), used.ru_maxrss / 1024
    return best, peak


def one_bin():
    """200 codes x 10 builds: time to take and close one bin, to save and to bring back the state, and its size."""
    stream = Stream(Settings(), Limits(lateness_s=0, max_codes=200))
    random = np.random.default_rng(5)
    took, saved, packed = [], [], b""
    for number in range(120):
        drawn = random.poisson(0.5, (BIN_S, 10, 200))
        counts = {
            (1_800_000_000 + number * BIN_S + s, f"5.{b}", str(c)): int(drawn[s, b, c])
            for s, b, c in np.argwhere(drawn).tolist()
        }
        start = time.process_time()
        stream.take(counts)
        middle = time.process_time()
        packed = msgspec.msgpack.encode(msgspec.structs.replace(stream.state, detectors=stream.memory()))
        took.append(middle - start)
        saved.append(time.process_time() - middle)
    close = closing(stream, random)
    print("\nOne bin, 200 codes x 10 builds, three detectors each (median):")
    print(f"  counting {len(counts):,} cells and closing it: {statistics.median(took) * 1e3:.1f} ms")
    print(
        f"  closing alone: {close * 1e3:.1f} ms; saving: {statistics.median(saved) * 1e3:.1f} ms, {len(packed):,} bytes"
    )


def closing(stream, random):
    times = []
    for _ in range(30):
        second = stream.state.closed_to_s
        stream.take({(second, f"5.{b}", str(c)): 1 for b in range(10) for c in random.integers(0, 200, 20).tolist()})
        start = time.process_time()
        stream.flush()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=2000, help="simulated hours of one code (%(default)s)")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows in the files (%(default)s)")
    options = parser.parse_args()
    false_alarms(options.hours)
    detection(max(100, options.hours // 10))
    one_bin()
    files(options.rows)


if __name__ == "__main__":
    main()
