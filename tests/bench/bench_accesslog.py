"""Reading access logs: line by line beside Debian's mtail, and in other formats and envelopes.

Prints one table; asserts nothing. `--lines` sets how much is read. `bench_accesslog_bulk.py` compares whole files,
`bench_following.py` has the daemon.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from exporter.accesslog.bad import BadLines
from exporter.accesslog.formats import find_format
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.report.pair import Job, Pair
from exporter.accesslog.report.summary import CHUNK_BYTES, tally_file
from exporter.accesslog.source import BUCKETS_S, Source
from exporter.accesslog.tally import Buckets, Tally
from exporter.sources.linefile import LineFile

ROUTES = ("/", "/blog", "/library", "/questions", "/users/me", *(f"/items/{number}" for number in range(400)))
AGENTS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101" for version in range(80, 140)]
OWN_REGEX = r'\S+ \S+ \S+ \[[^\]]+\] "(?P<method>\S+) (?P<path>\S+) [^"]*" (?P<code>\d+) (?P<bytes>\d+) .*'
ROUNDS = 3
BUCKETS = Buckets(BUCKETS_S)

TAB_PROGRAM = r"""
counter requests by method, route, code
counter bytes by method, route, code
/^\S+\t(?P<method>[A-Z]+) (?P<route>\S+)\t(?P<code>\d{3})\t(?P<bytes>\d+)$/ {
  requests[$method][$route][$code]++
  bytes[$method][$route][$code] += $bytes
}
"""
COMBINED_PROGRAM = rf"""
counter requests by method, route, code
counter bytes by method, route, code
histogram duration by method, route buckets {", ".join(map(str, BUCKETS_S))}
/^\S+ \S+ \S+ \[[^\]]+\] "(?P<method>[A-Z]+) (?P<route>\S+) [^"]*" (?P<code>\d{{3}}) (?P<bytes>\d+) "[^"]*" "[^"]*" (?P<time>[0-9.]+)$/ {{
  requests[$method][$route][$code]++
  bytes[$method][$route][$code] += $bytes
  duration[$method][$route] = $time
}}
"""  # noqa: E501, mtail wants a pattern on one line


def tab_line(draw):
    request = f"{draw.choice(('GET', 'GET', 'POST'))} {draw.choice(ROUTES)}"
    code = draw.choice((200,) * 18 + (404, 500))
    return f"192.0.2.{draw.randrange(256)}\t{request}\t{code}\t{draw.randrange(5000)}\n"


def combined_line(draw):
    request = f"{draw.choice(('GET', 'GET', 'POST'))} {draw.choice(ROUTES)} HTTP/1.1"
    code, stamp = draw.choice((200,) * 18 + (404, 500)), f"22/Nov/2026:06:30:{draw.randrange(60):02} +0000"
    return (
        f'192.0.2.{draw.randrange(256)} - - [{stamp}] "{request}" {code} {draw.randrange(5000)} '
        f'"https://example.com/start" "{draw.choice(AGENTS)}" {draw.random():.3f}\n'
    )


def json_line(draw):
    code, stamp = draw.choice((200,) * 18 + (404, 500)), f"2026-11-22T06:30:{draw.randrange(60):02}+00:00"
    return (
        f'{{"time":"{stamp}","remote_addr":"192.0.2.{draw.randrange(256)}","method":"{draw.choice(("GET", "POST"))}",'
        f'"uri":"{draw.choice(ROUTES)}","status":{code},"body_bytes_sent":{draw.randrange(5000)},'
        f'"request_time":{draw.random():.3f},"user_agent":"{draw.choice(AGENTS)}"}}'
        "\n"
    )


def logfmt_line(draw):
    code, stamp = draw.choice((200,) * 18 + (404, 500)), f"2026-11-22T06:30:{draw.randrange(60):02}Z"
    return (
        f"time={stamp} level=info method={draw.choice(('GET', 'POST'))} path={draw.choice(ROUTES)} status={code} "
        f'bytes={draw.randrange(5000)} duration={draw.random():.3f}s user_agent="{draw.choice(AGENTS)}"\n'
    )


def elb_line(draw):
    code, steps = draw.choice((200,) * 18 + (404, 500)), " ".join(f"{draw.random() / 10:.6f}" for _ in range(3))
    return (
        f"2026-11-22T06:30:{draw.randrange(60):02}.945958Z lb 192.0.2.{draw.randrange(256)}:2817 192.0.2.9:80 {steps} "
        f'{code} {code} 0 {draw.randrange(5000)} "GET http://example.com:80{draw.choice(ROUTES)} HTTP/1.1" '
        f'"{draw.choice(AGENTS)}" - -\n'
    )


def in_envelope(line, wrap):
    """One line in a hundred is the standard error's, one in ten has an ampersand."""

    def wrapped(draw):
        if draw.randrange(100) == 0:
            return wrap("2026/11/22 06:30:48 [error] 7#7: *1 open() failed (2: No such file)\n", "stderr")
        text = line(draw)
        return wrap(text.replace("/items/", "/items?a=1&b=", 1) if draw.randrange(10) == 0 else text, "stdout")

    return wrapped


def cri(text, stream):
    return f"2026-11-22T06:30:48.123456789Z {stream} F {text}"


def docker(text, stream):
    log = json.dumps(text).replace("&", "\\u0026")
    return f'{{"log":{log},"stream":"{stream}","time":"2026-11-22T06:30:48.123456789Z"}}\n'


def syslog(text, _):
    return f"Nov 22 06:30:48 web-1 nginx: {text}"


def journal(text, _):
    start = '{"__CURSOR":"s=7c1f;i=2a","__REALTIME_TIMESTAMP":"1764225048000000","_PID":"7","PRIORITY":"6"'
    return f'{start},"MESSAGE":{json.dumps(text[:-1])},"_HOSTNAME":"web-1","_SYSTEMD_UNIT":"nginx.service"}}\n'


def write_log(path, line, lines):
    """`lines` lines, of which the first 100,000 differ."""
    draw = random.Random(7)
    block = "".join(line(draw) for _ in range(min(lines, 100_000))).encode()
    with path.open("wb") as log:
        for _ in range(max(1, lines // 100_000)):
            log.write(block)
    return block.count(b"\n") * max(1, lines // 100_000)


class Took(NamedTuple):
    """Seconds on the wall and of processor time, ours and our children's; a busy machine changes only the first."""

    wall_s: float
    cpu_s: float


def timed(work):
    started, before = time.perf_counter(), used_cpu_s()
    work()
    return Took(time.perf_counter() - started, used_cpu_s() - before)


def used_cpu_s():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def in_bulk(path, name):
    file = LineFile(str(path), chunk_bytes=CHUNK_BYTES)
    job = Job(Source(source="bench", paths=(str(path),), format=name), timed=True)
    with closing(Pair(job.reader(), job)) as pair:
        tally_file(file, pair, Tally(), BadLines(), lambda: None)


def by_mtail(path, program, folder):
    (folder / "program.mtail").write_text(program)
    args = ["mtail", "--one_shot", "--progs", folder / "program.mtail", "--logs", path]
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def row(what, ours, theirs=None, note=""):
    peer = f"{theirs:>12,.0f} {ours / theirs:>7.1f}x" if theirs else f"{'-':>12} {'-':>8}"
    print(f"{what:<54} {ours:>12,.0f} {peer}  {note}", flush=True)


def line_by_line(folder, lines):
    mtail = shutil.which("mtail")
    for name, line, program in (("tab", tab_line, TAB_PROGRAM), ("combined-timed", combined_line, COMBINED_PROGRAM)):
        few = folder / f"{name}-few.log"
        count = write_log(few, line, lines // 10)
        theirs = timed(lambda few=few, program=program: by_mtail(few, program, folder)) if mtail else None
        data = few.read_bytes()
        once = timed(lambda data=data, name=name: tally_scalar(data, find_format(name), BUCKETS))
        compare(f"{name}, line by line", count, once, count, theirs)
        few.unlink()


def in_bulk_alone(folder, lines):
    """Formats and envelopes for which mtail has no program here: lines per second of processor time, beside bare."""
    kinds = {
        what: (name, line, lines)
        for what, name, line in (
            ("tab", "tab", tab_line),
            ("combined-timed", "combined-timed", combined_line),
            ("json", "json", json_line),
            ("logfmt", "logfmt", logfmt_line),
            ("elb", "elb", elb_line),
        )
    }
    for wrap in (docker, cri, syslog, journal):
        for what in ("tab", "combined-timed", "json"):
            name, line, _ = kinds[what]
            kinds[f"{what} in {wrap.__name__}"] = name, in_envelope(line, wrap), lines
    kinds["own regex (combined)"] = OWN_REGEX, combined_line, lines // 10
    rates = {what: [] for what in kinds}
    for _ in range(ROUNDS):  # of all, as other work on the machine comes and goes
        for what, (name, line, count) in kinds.items():
            rates[what].append(alone(folder, name, line, count))
    for what, some in rates.items():
        rate, bare = statistics.median(some), rates[what.partition(" in ")[0]]
        note = f"{statistics.median(a / b for a, b in zip(some, bare, strict=True)):.2f} of bare"
        row(f"{what}, lines/s of processor time", rate, note=note if bare is not some else "")
    if shutil.which("goaccess"):
        log = folder / "goaccess.log"
        count = write_log(log, combined_line, lines // 10)
        took = timed(lambda: by_goaccess(log, folder))
        row("combined-timed, GoAccess, lines/s of processor time", count / took.cpu_s)
        log.unlink()


def alone(folder, name, line, lines):
    """Lines per second of processor time."""
    log = folder / "alone.log"
    count = write_log(log, line, lines)
    took = timed(lambda: in_bulk(log, name))
    log.unlink()
    return count / took.cpu_s


def by_goaccess(path, folder):
    formats = ["--log-format", '%h %^ %^ [%d:%t %^] "%r" %s %b "%R" "%u" %T', "--date-format", "%d/%b/%Y"]
    args = ["goaccess", path, "--no-global-config", "--no-progress", *formats, "--time-format", "%T"]
    null = subprocess.DEVNULL
    subprocess.run([*args, "-o", folder / "goaccess.json"], check=True, stdout=null, stderr=null)


def compare(what, count, ours, their_count, theirs):
    row(f"{what}, lines/s", count / ours.wall_s, their_count / theirs.wall_s if theirs else None)
    row(f"{what}, lines/s of processor time", count / ours.cpu_s, their_count / theirs.cpu_s if theirs else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print(f"{'':<54} {'tidewatch':>12} {'mtail':>12} {'':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        line_by_line(folder, options.lines)
        in_bulk_alone(folder, options.lines)


if __name__ == "__main__":
    main()
