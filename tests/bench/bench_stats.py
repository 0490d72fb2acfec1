"""Stats pages: plotting a year of them, reading the file beside numpy and DuckDB, collecting, and a probe's own cost.

Prints tables; asserts nothing.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from aiohttp import ClientSession, web

from exporter.stats import Probe, Prober
from exporter.stats.plot.bulk import read_records
from exporter.stats.targets import parse_pattern
from foundation.clock import SystemClock

ROWS = 3_200_000  # a year at 10 s
PROBES = 1000
START_S, COLLECT_S = 5, 20
BIN = Path(sys.executable).parent


def write_year(path):
    steps = np.random.default_rng(1).integers(0, (6000, 300, 30), size=(ROWS, 3)).cumsum(axis=0)
    times = 1764000000 + 10 * np.arange(ROWS)
    with path.open("w") as stream:
        for begin in range(0, ROWS, 100_000):
            rows = np.column_stack([times[begin : begin + 100_000], steps[begin : begin + 100_000]]).tolist()
            stream.write("".join(f"{a}\t{b}\t{c}\t{d}\n" for a, b, c, d in rows))


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def read_ours(path):
    with path.open("rb") as stream:
        read_records(stream, None, "year.tsv")


def watch(process, seconds=float("inf")):
    """Let a process run; returns the seconds it ran, its seconds of CPU, and the MiB it had at most."""
    begin, cpu_s, mib = time.perf_counter(), 0.0, 0
    while process.poll() is None and time.perf_counter() - begin < seconds:
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            status = Path(f"/proc/{process.pid}/status").read_text()
            mib = int(status.partition("VmHWM:")[2].split()[0]) // 1024
        time.sleep(0.02)  # the process's memory and time are sampled
    return time.perf_counter() - begin, cpu_s, mib


def bench_year(folder):
    path = folder / "year.tsv"
    write_year(path)
    print(f"{f'reading {ROWS:,} rows':34}{'s':>8}{'ratio':>8}")
    readers = {
        "tidewatch": lambda: read_ours(path),
        "numpy.loadtxt": lambda: np.loadtxt(path, delimiter="\t"),
        "DuckDB read_csv (2 threads)": lambda: duckdb.sql(f"FROM read_csv('{path}', delim='\t')").fetchnumpy(),
    }
    seconds = {name: timed(read) for name, read in readers.items()}
    for name, took in seconds.items():
        print(f"{name:34}{took:8.2f}{took / seconds['tidewatch']:8.1f}")
    print(f"\n{'plot of a year at 10 s':34}{'s':>8}{'CPU s':>8}{'MiB':>8}")
    for deltas in ([60], [10, 60, 600]):
        flags = [flag for delta in deltas for flag in ("--delta_t", delta)]
        command = [BIN / "plot", path, "--output", folder / "year.png", *map(str, flags)]
        wall, cpu, mib = watch(subprocess.Popen(command))
        print(f"{f'{len(deltas)} delta_t':34}{wall:8.1f}{cpu:8.1f}{mib:8}")


async def bench_probe(folder):
    async def page(_):
        return web.Response(text="time: 5\n200s: 12\n404s: 3\n500s: 0\n")

    prober = Prober(lambda: Probe(targets=[parse_pattern("http://127.0.0.1:*/*")]), SystemClock())
    app = web.Application()
    app.router.add_get("/stats", page)
    app.router.add_get("/probe", prober.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(f"\n{f'{PROBES} one after the other':34}{'ms each':>8}")
    async with ClientSession() as session:
        for name, url in (("the page itself", "/stats"), ("the page through /probe", f"/probe?target={base}/stats")):
            begin = time.perf_counter()
            for _ in range(PROBES):
                async with session.get(base + url, raise_for_status=True) as response:
                    await response.read()
            print(f"{name:34}{(time.perf_counter() - begin) / PROBES * 1e3:8.2f}")
    await asyncio.to_thread(bench_collector, base, folder)
    await runner.cleanup()


def bench_collector(base, folder):
    flags = ["--url", f"{base}/stats", "--interval", "1", "--output", folder / "stats.tsv"]
    process = subprocess.Popen([BIN / "collector", *flags], stderr=subprocess.DEVNULL)
    _, start_s, _ = watch(process, START_S)
    seconds, cpu, mib = watch(process, COLLECT_S)
    process.terminate()
    process.wait()
    print(f"\n{'collector, each second':34}{'% core':>8}{'MiB':>8}")
    print(f"{f'over {COLLECT_S} s':34}{100 * (cpu - start_s) / seconds:8.2f}{mib:8}")


def main():
    with tempfile.TemporaryDirectory() as name:
        bench_year(Path(name))
        asyncio.run(bench_probe(Path(name)))


if __name__ == "__main__":
    main()
