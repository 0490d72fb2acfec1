"""Whole access logs with 5, 3,000 and 200,000 targets: `exporter summary` beside mtail, turn by turn.

Prints one table: millions of lines per second of processor time (user and system, all threads and children) and of the
wall, and the memory at most. Asserts nothing. mtail reads a tenth of the lines, once with series by method and code and
once with the path too; it has no way to see an id in a path. A path of its own: `--mtail`.
"""

import argparse
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TARGETS = (5, 3000, 200_000)
BLOCK_LINES = 500_000
SYSTEMS = (
    "X11; Linux x86_64",
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "iPhone; CPU iPhone OS 17_1",
)
AGENTS = [f"Mozilla/5.0 ({name}; rv:{version}.0) Firefox/{version}.0" for version in range(80, 140) for name in SYSTEMS]
REFERERS = [
    "-",
    *(f"https://www.example.org/{name}?page={page}" for name in ("start", "search") for page in range(100)),
]
WORDS = ("alpha", "beta", "gamma", "delta", "omega", "north", "south", "east", "west", "river")
PROGRAM = r"""
counter requests by method, {by}code
counter bytes by method, {by}code
/{line}$/ {{
  requests[$method]{at}[$code]++
  bytes[$method]{at}[$code] += $bytes
}}
"""
LINES = {
    "tab": r"^\S+\t(?P<method>[A-Z]+) (?P<route>[^\s?]+)\S*\t(?P<code>\d{3})\t(?P<bytes>\d+)",
    "combined": r"^\S+ \S+ \S+ \[[^\]]+\] \"(?P<method>[A-Z]+) (?P<route>[^\s?]+)[^\"]*\" (?P<code>\d{3}) "
    r"(?P<bytes>\d+) \"[^\"]*\" \"[^\"]*\"",
}


def targets(count, draw):
    """Pages; from some thousands on, ids; and of very many, ids, UUIDs and names of built files in equal parts."""
    if count <= 5:
        return ["/", "/blog", "/library", "/questions", "/users/me"][:count]
    if count <= 3000:
        pages = [f"/{draw.choice(WORDS)}/{draw.choice(WORDS)}/page-{number}" for number in range(count // 2)]
        return pages + [f"/items/{number}" for number in range(count - len(pages))]
    kinds = (
        lambda: f"/api/v1/users/{draw.randrange(10**7)}/orders/{draw.randrange(10**6)}",
        lambda: f"/api/v1/sessions/{uuid.UUID(int=draw.getrandbits(128))}",
        lambda: f"/static/js/{draw.choice(WORDS)}.{draw.getrandbits(32):08x}.js",
    )
    return [kinds[number % 3]() for number in range(count)]


def block(name, count, lines, draw):
    """So many lines, one request in three with a query."""
    some, made = targets(count, draw), []
    for _ in range(lines):
        query = f"?q={draw.randrange(1000)}" if draw.random() < 1 / 3 else ""
        request = f"{draw.choice(('GET', 'GET', 'GET', 'POST'))} {draw.choice(some)}{query}"
        client, code = f"192.0.2.{draw.randrange(256)}", draw.choice((200,) * 18 + (404, 500))
        size, moment = draw.randrange(50_000), f"{draw.randrange(60):02}:{draw.randrange(60):02}"
        if name == "tab":
            made.append(f"{client}\t{request}\t{code}\t{size}\n")
            continue
        time_taken = f" {draw.random():.3f}" if name == "combined-timed" else ""
        made.append(
            f'{client} - - [22/Nov/2026:06:{moment} +0000] "{request} HTTP/1.1" {code} {size} '
            f'"{draw.choice(REFERERS)}" "{draw.choice(AGENTS)}"{time_taken}\n'
        )
    return "".join(made).encode()


class Took(NamedTuple):
    """What a command took, its children included."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def run(args):
    started = time.perf_counter()
    with subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{args}: exit code {process.returncode}")
    return Took(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024)


def by_summary(name, *flags):
    program = Path(sys.executable).with_name("exporter")
    return lambda log: run([program, "summary", "--format", name, *flags, log])


def by_mtail(mtail, name, folder, *, routes):
    program = folder / f"{name}-{routes}.mtail"
    line = LINES[name.removesuffix("-timed")] + (r" [0-9.]+" if name.endswith("-timed") else "")
    program.write_text(PROGRAM.format(by="route, " if routes else "", at="[$route]" if routes else "", line=line))
    return lambda log: run([mtail, "--one_shot", "--port", "0", "--progs", program, "--logs", log])


def alone_if_possible():
    """The kernel groups processes by session: only the group's own priority has the machine leave us the processor."""
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("-10")


def versions(mtail):
    print(f"kernel {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    if mtail:
        print(subprocess.run([mtail, "--version"], check=True, capture_output=True, text=True).stdout.strip())
    with suppress(OSError):
        print(f"autogroup {Path('/proc/self/autogroup').read_text().strip()}")


def compare(names, lines, rounds, mtail, folder):
    print(f"\n{'M lines/s of processor time (wall), MiB':<40}" + "".join(f"{count:>11,} targets" for count in TARGETS))
    for name in names:
        kinds = {
            "summary --routes shapes": (1, by_summary(name, "--routes", "shapes")),
            "summary, paths as written": (1, by_summary(name)),
        }
        if mtail:
            kinds["mtail by method, code"] = 10, by_mtail(mtail, name, folder, routes=False)
            kinds["mtail by method, path, code"] = 10, by_mtail(mtail, name, folder, routes=True)
        found = {}
        for count in TARGETS:
            logs = {part: folder / f"{name}-{part}.log" for part in (1, 10)}
            with ProcessPoolExecutor(1) as apart:  # a command that is started has its parent's peak of memory
                in_all = {
                    part: apart.submit(write, log, name, count, lines // part).result() for part, log in logs.items()
                }
            took = {what: [] for what in kinds}
            for _ in range(rounds):
                for what, (part, read) in kinds.items():
                    took[what].append(read(logs[part]))
            for what, (part, _) in kinds.items():
                found[what, count] = rates(in_all[part], took[what])
            for log in logs.values():
                log.unlink()
        for what in kinds:
            cells = (found[what, count] for count in TARGETS)
            shown = (f"{cpu / 1e6:6.3f} ({wall / 1e6:.3f}) {peak:4.0f}" for cpu, wall, peak in cells)
            print(f"{name + ', ' + what:<40}" + "".join(f"{one:>19}" for one in shown), flush=True)
        if mtail:
            for peer in list(kinds)[2:]:
                ratios = (found["summary --routes shapes", count][0] / found[peer, count][0] for count in TARGETS)
                print(f"{'  times ' + peer:<40}" + "".join(f"{ratio:>18.1f}x" for ratio in ratios), flush=True)
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)


def write(log, name, count, lines):
    """About so many lines, of which the first 500,000 differ; how many there are."""
    data = block(name, count, min(lines, BLOCK_LINES), random.Random(7))
    times = max(1, lines // BLOCK_LINES)
    with log.open("wb") as file:
        for _ in range(times):
            file.write(data)
    return data.count(b"\n") * times


def rates(lines, took):
    """Medians of the rounds."""
    cpu_s, wall_s, peak_mib = (statistics.median(values) for values in zip(*took, strict=True))
    return lines / cpu_s, lines / wall_s, peak_mib


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000, help="of combined; tab has three times as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mtail", default=shutil.which("mtail"), help="which mtail, if not the first of the path")
    options = parser.parse_args()
    alone_if_possible()
    versions(options.mtail)
    with tempfile.TemporaryDirectory() as folder:
        compare(("combined", "combined-timed"), options.lines, options.rounds, options.mtail, Path(folder))
        compare(("tab",), 3 * options.lines, options.rounds, options.mtail, Path(folder))


if __name__ == "__main__":
    main()
