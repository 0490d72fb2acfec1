"""A followed access log, and the backlog that a daemon finds, at 5, 3,000 and 200,000 targets, beside mtail.

Prints two tables; asserts nothing. Both programs read the same combined lines, one after the other, and count requests
and bytes: Tidewatch by method, route and code, mtail by method and code, or by target too with `--mtail-targets`, as it
has no routes. The lines are written by a process of its own. The bench has priority where it may (Linux schedules
sessions, so `nice` alone does not help), and prints the load, as figures of a busy machine say little without it.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

TARGETS = (5, 3000, 200_000)
AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101" for version in range(80, 140)]
REFERERS = [f"https://example.com/from/{number}" for number in range(40)]
WORDS = ("library", "questions", "blog", "shop", "users", "about", "search", "tags", "help", "news")
BLOCK_LINES = 200_000
TICK_S = 0.01
START_S = 30.0
STALLED_S = 60.0
"""Without a further line counted, a backlog is given up."""

BY_CODE = r"""
counter requests by method, code
counter bytes by method, code
/^\S+ \S+ \S+ \[[^\]]+\] "(?P<method>[A-Z]+) \S+ [^"]*" (?P<code>\d{3}) (?P<bytes>\d+) / {
  requests[$method][$code]++
  bytes[$method][$code] += $bytes
}
"""
BY_TARGET = r"""
counter requests by method, target, code
counter bytes by method, target, code
/^\S+ \S+ \S+ \[[^\]]+\] "(?P<method>[A-Z]+) (?P<target>\S+) [^"]*" (?P<code>\d{3}) (?P<bytes>\d+) / {
  requests[$method][$target][$code]++
  bytes[$method][$target][$code] += $bytes
}
"""


def targets(count):
    """Paths of a site: pages by name, or as many ids and hashed assets as are asked for."""
    if count <= len(WORDS):
        return [f"/{word}" for word in WORDS[:count]]
    draw = random.Random(count)
    kinds = (
        lambda n: f"/items/{n}",
        lambda n: f"/users/{n}/orders/{draw.randrange(10**6)}",
        lambda n: f"/assets/app.{draw.getrandbits(64):016x}.js",
        lambda n: f"/{draw.choice(WORDS)}/{draw.choice(WORDS)}?page={n}",
        lambda n: f"/api/v1/{draw.choice(WORDS)}/{draw.getrandbits(128):032x}",
    )
    return [kinds[number % len(kinds)](number) for number in range(count)]


def block(paths, lines=BLOCK_LINES):
    """Combined lines of these paths, as a list of bytes."""
    draw, made = random.Random(7), []
    for number in range(lines):
        path = paths[number % len(paths)] if number % 2 else draw.choice(paths)
        request = f"{draw.choice(('GET', 'GET', 'POST'))} {path} HTTP/1.1"
        code, stamp = draw.choice((200,) * 18 + (404, 500)), f"22/Nov/2026:06:30:{draw.randrange(60):02} +0000"
        made.append(
            f'192.0.2.{draw.randrange(256)} - - [{stamp}] "{request}" {code} {draw.randrange(5000)} '
            f'"{draw.choice(REFERERS)}" "{draw.choice(AGENTS)}"\n'.encode()
        )
    return made


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Scrape(NamedTuple):
    """requests: the sum of the counter, -1 where there was no answer."""

    requests: float
    took_s: float
    text: str


class Program:
    """A program that follows a log and answers scrapes; its processor time and memory are those of its process."""

    def __init__(self, args, port, counter):
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._url, self._counter = f"http://127.0.0.1:{port}/metrics", counter

    def scrape(self):
        started = time.perf_counter()
        try:
            with urllib.request.urlopen(self._url, timeout=30) as answer:
                text = answer.read().decode()
        except urllib.error.URLError:
            return Scrape(-1.0, 0.0, "")
        took_s = time.perf_counter() - started
        lines = (line for line in text.splitlines() if line.startswith(self._counter))
        return Scrape(sum(float(line.rpartition(" ")[2]) for line in lines), took_s, text)

    def ready(self):
        deadline = time.monotonic() + START_S
        while self.scrape().requests < 0:
            if time.monotonic() > deadline:
                raise TimeoutError("no answer to a scrape")
            time.sleep(0.05)  # another process, which only its metrics show

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def tidewatch(folder, log):
    folder.mkdir()
    config, port = folder / "exporter.yml", free_port()
    config.write_text(
        f"state_dir: {folder}/state\naccesslog: [{{source: site, format: combined, paths: [{log}], from: start}}]\n"
    )
    program = Path(sys.executable).with_name("exporter")
    args = [program, "--config.file", config, "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error"]
    return Program(args, port, "tidewatch_http_requests_total{")


def mtail(folder, log, program):
    folder.mkdir()
    (folder / "program.mtail").write_text(program)
    port = free_port()
    args = ["mtail", "--progs", folder, "--logs", log, "--address", "127.0.0.1", "--port", str(port)]
    return Program([*args, "--log_dir", folder, "--poll_interval", "100ms"], port, "requests{")


class Followed(NamedTuple):
    """core_share: of one core. us_per_line: processor time. lag_s: the longest, as scrapes found it."""

    core_share: float
    us_per_line: float
    lag_s: float
    scrape_s: float
    mib: float


def feed(log, pieces, per_s, seconds, written):
    """Append `per_s` lines a second, a hundredth of a second's at a time, and keep their number in `written`."""
    started, number = time.perf_counter(), 0
    with log.open("ab", buffering=0) as file:
        for tick in range(int(seconds / TICK_S)):
            piece = pieces[tick % len(pieces)]
            file.write(piece[0])
            number += piece[1]
            written.value = number
            time.sleep(max(0.0, started + (tick + 1) * TICK_S - time.perf_counter()))  # a rate is what is asked for


def followed(start, folder, lines, per_s, seconds):
    """How a program follows `per_s` lines a second."""
    log = folder / "follow.log"
    log.write_bytes(b"")
    step = max(1, int(per_s * TICK_S))
    pieces = [(b"".join(lines[at : at + step]), len(lines[at : at + step])) for at in range(0, len(lines), step)]
    written = multiprocessing.Value("q", 0, lock=False)
    writer = multiprocessing.Process(target=feed, args=(log, pieces, per_s, seconds, written))
    with start(log) as program:
        program.ready()
        before, started = program.cpu_s(), time.perf_counter()
        writer.start()
        lag_s = slowest_s = 0.0
        while writer.is_alive():
            writer.join(0.5)  # as often as the lag is sampled
            there = written.value
            scrape = program.scrape()
            lag_s, slowest_s = max(lag_s, (there - scrape.requests) / per_s), max(slowest_s, scrape.took_s)
        took_s = time.perf_counter() - started
        count, deadline = written.value, time.monotonic() + 60
        while program.scrape().requests != count and time.monotonic() < deadline:
            time.sleep(0.1)  # another process, which only its metrics show
        if (found := program.scrape().requests) != count:
            print(f"  of {count:,} lines {found:,.0f} were counted")
        used_s, mib = program.cpu_s() - before, program.peak_mib()
    if count < 0.98 * per_s * took_s:
        print(f"  the machine had no time to write more than {count / took_s:,.0f} lines/s")
    log.unlink()
    return Followed(used_s / took_s, used_s / count * 1e6, lag_s, slowest_s, mib)


class Backlog(NamedTuple):
    """rate_per_s: lines by the wall; rate_per_cpu_s: by processor time. The program's start is part of both."""

    rate_per_s: float
    rate_per_cpu_s: float
    scrape_s: float | None
    mib: float


def write_backlog(log, lines, count):
    """At least `count` lines, in whole blocks; how many."""
    blocks, whole = -(-count // len(lines)), b"".join(lines)
    with log.open("wb") as file:
        for _ in range(blocks):
            file.write(whole)
    return blocks * len(lines)


def backlog(start, folder, lines, count):
    """How the exporter reads a log that was there before it."""
    log = folder / "backlog.log"
    count = write_backlog(log, lines, count)
    started = time.perf_counter()
    with start(log) as program:
        program.ready()
        slowest_s, counted, deadline = 0.0, 0.0, time.monotonic() + STALLED_S
        while (scrape := program.scrape()).requests != count:
            if scrape.requests > counted:
                counted, deadline = scrape.requests, time.monotonic() + STALLED_S
            elif time.monotonic() > deadline:
                raise TimeoutError(f"of {count:,} lines {counted:,.0f} were counted")
            slowest_s = max(slowest_s, scrape.took_s)
            time.sleep(0.05)  # another process, which only its metrics show
        took_s, cpu_s, mib = time.perf_counter() - started, program.cpu_s(), program.peak_mib()
    log.unlink()
    return Backlog(count / took_s, count / cpu_s, slowest_s, mib)


def backlog_of_mtail(folder, program, lines, count):
    """The same of mtail, which reads what was there before it only with `--one_shot`, and answers no scrape then."""
    log, programs = folder / "backlog.log", folder / "one-shot"
    programs.mkdir(exist_ok=True)
    (programs / "program.mtail").write_text(program)
    count = write_backlog(log, lines, count)
    args = ["mtail", "--one_shot", "--progs", programs, "--logs", log, "--log_dir", programs]
    started = time.perf_counter()
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    usage = os.wait4(process.pid, 0)[2]
    took_s, cpu_s = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    log.unlink()
    return Backlog(count / took_s, count / cpu_s, None, usage.ru_maxrss / 1024)


def peers(folder, program):
    """What reads the log: (name, how to start it)."""
    names = iter(range(10**6))
    found = [("tidewatch", lambda log: tidewatch(folder / f"ours-{next(names)}", log))]
    if shutil.which("mtail"):
        found.append(("mtail", lambda log: mtail(folder / f"mtail-{next(names)}", log, program)))
    return found


def mtail_version():
    if shutil.which("mtail") is None:
        return "mtail is not installed"
    answer = subprocess.run(["mtail", "--version"], capture_output=True, text=True, check=False)
    return (answer.stdout + answer.stderr).partition(" git ")[0].strip()


@contextlib.contextmanager
def priority():
    """Let this session and its programs go before others, where that is allowed."""
    group = Path("/proc/self/autogroup")
    try:
        before = group.read_text().rpartition(" ")[2].strip()
        group.write_text("-20")
    except OSError:
        yield
        return
    try:
        yield
    finally:
        group.write_text(before)


def print_backlogs(folder, some, blocks, program, count):
    print(f"{'backlog, combined':<40} {'M lines/s':>10} {'M per cpu s':>12} {'slowest scrape':>15} {'peak MiB':>9}")
    for number, lines in blocks.items():
        for peer, start in some:
            if peer == "mtail":
                got = backlog_of_mtail(folder, program, lines, count // 8)
            else:
                got = backlog(start, folder, lines, count)
            name = f"{number:,} targets, {peer}"
            scrape = "-" if got.scrape_s is None else f"{got.scrape_s * 1000:.0f} ms"
            print(
                f"{name:<40} {got.rate_per_s / 1e6:>10.3f} {got.rate_per_cpu_s / 1e6:>12.3f} "
                f"{scrape:>15} {got.mib:>9.0f}",
                flush=True,
            )


def print_followed(folder, some, blocks, rates, seconds):
    print(
        f"{'following, combined':<40} {'% of a core':>11} {'us a line':>10} {'longest lag':>12} "
        f"{'slowest scrape':>15} {'peak MiB':>9}"
    )
    for number, lines in blocks.items():
        for per_s in rates:
            for peer, start in some:
                got = followed(start, folder, lines, per_s, seconds)
                name = f"{number:,} targets, {per_s:,} lines/s, {peer}"
                print(
                    f"{name:<40} {got.core_share:>11.1%} {got.us_per_line:>10.2f} {got.lag_s:>10.2f} s "
                    f"{got.scrape_s * 1000:>12.0f} ms {got.mib:>9.0f}",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlog-lines", type=int, default=4_000_000, help="0: no backlogs; mtail reads an eighth")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each rate that is followed")
    parser.add_argument("--rates", type=int, nargs="*", default=[1000, 20_000, 100_000], help="lines/s to follow")
    parser.add_argument("--targets", type=int, nargs="*", default=TARGETS)
    parser.add_argument("--mtail-targets", action="store_true", help="mtail counts by target too, not by code alone")
    parser.add_argument("--alone", action="store_true", help="leave mtail out")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {mtail_version()}")
    blocks = {count: block(targets(count)) for count in options.targets}
    with tempfile.TemporaryDirectory() as name, priority():
        folder = Path(name)
        program = BY_TARGET if options.mtail_targets else BY_CODE
        some = peers(folder, program)[: 1 if options.alone else None]
        if options.backlog_lines:
            print_backlogs(folder, some, blocks, program, options.backlog_lines)
        if options.rates:
            print_followed(folder, some, blocks, options.rates, options.seconds)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
