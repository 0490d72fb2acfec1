"""`logs:` beside mtail, with the same rules on the same lines in one run: whole files, a followed log, 5,000 series.

Prints three tables; asserts nothing about time, but ends where the programs do not count alike. Lines are kind (30
routes) or unkind (200,000 routes, of which a hundred keep a series of their own; mtail keeps one for each). mtail reads
JSON with a regex, as it has no other way. Processor time is that of all threads and children.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_accesslog_bulk import run
from bench_following import Program, followed, free_port, mtail_version, priority
from bench_start import resident_mib

EXPORTER = Path(sys.executable).with_name("exporter")
BLOCK_LINES = 400_000
SERIES = 5000
ROUTES = {"kind": 30, "unkind": 200_000}
REGEX = (
    r"(?P<time>\S+) (?P<level>[A-Z]+) app\[(?P<pid>\d+)\] id=(?P<id>\S+) user=(?P<user>\S+) (?P<method>[A-Z]+) "
    r"(?P<route>\S+) (?P<code>\d+) (?P<bytes>\d+) (?P<took>[0-9.]+)"
)
TEXT = "{time} {level} app[{pid}] id={id} user={user} {method} {route} {code} {bytes} {took:.4f}"
JSON = (
    r'{"time":"(?P<time>[^"]+)","level":"(?P<level>\w+)","pid":(?P<pid>\d+),"id":"(?P<id>\w+)","user":"(?P<user>\w+)",'
    r'"method":"(?P<method>\w+)","route":"(?P<route>[^"]+)","code":(?P<code>\d+),"bytes":(?P<bytes>\d+),'
    r'"took":(?P<took>[0-9.]+)}'
)
CONFIG = """
state_dir: {folder}/state
logs:
  - source: app
    paths: [{log}]
    from: start
    format: '{format}'
    metrics:
      - counter: app_requests_total
        labels: {{method: "{{method}}", code: "{{code}}"}}
      - counter: app_route_bytes_total
        value: "{{bytes}}"
        labels: {{route: "{{route}}"}}
      - counter: app_errors_total
        match: {{level: ERROR}}
        labels: {{code: "{{code}}"}}
      - histogram: app_request_duration_seconds
        value: "{{took}}"
        buckets: [0.001, 0.01, 0.1, 1]
"""
MTAIL = r"""
counter app_requests_total by method, code
counter app_route_bytes_total by route
counter app_errors_total by code
histogram app_request_duration_seconds buckets 0.001, 0.01, 0.1, 1
/^%s$/ {
  app_requests_total[$method][$code]++
  app_route_bytes_total[$route] += $bytes
  app_request_duration_seconds = $took
  $level == "ERROR" {
    app_errors_total[$code]++
  }
}
"""
SERIES_CONFIG = """
state_dir: {folder}/state
logs:
  - source: app
    paths: [{log}]
    from: start
    limits: {{series: {series}}}
    metrics: [{{counter: app_requests_total, labels: {{a: "{{a}}", b: "{{b}}"}}}}]
"""
SERIES_MTAIL = r"""
counter app_requests_total by a, b
/^{"a":"(?P<a>\w+)","b":"(?P<b>\w+)"}$/ {
  app_requests_total[$a][$b]++
}
"""


def block(format_, routes, lines=BLOCK_LINES):
    """Lines of a program that serves requests, as a list of bytes."""
    draw, made = random.Random(routes), []
    for _ in range(lines):
        values = {
            "time": f"2026-11-27T14:{draw.randrange(60):02}:{draw.randrange(60):02}.{draw.randrange(1000):03}Z",
            "level": draw.choice(("INFO",) * 19 + ("ERROR",)),
            "pid": draw.randrange(1000, 1008),
            "id": f"{draw.getrandbits(64):016x}",
            "user": f"u{draw.randrange(routes)}",
            "method": draw.choice(("GET", "GET", "POST")),
            "route": f"/items/{draw.randrange(routes)}",
            "code": draw.choice((200,) * 18 + (404, 500)),
            "bytes": draw.randrange(50_000),
            "took": round(draw.expovariate(20), 4),
        }
        if format_ == "json":
            made.append(json.dumps(values, separators=(",", ":")).encode() + b"\n")
        else:
            made.append((TEXT.format(**values) + "\n").encode())
    return made


def ours(folder, log, format_):
    """The configuration of the exporter."""
    folder.mkdir(exist_ok=True)
    config = folder / "exporter.yml"
    config.write_text(CONFIG.format(folder=folder, log=log, format={"json": "json", "regex": REGEX}[format_]))
    return config


def theirs(folder, format_):
    """The program of mtail."""
    folder.mkdir(exist_ok=True)
    program = folder / "app.mtail"
    program.write_text(MTAIL % {"json": JSON, "regex": REGEX}[format_])
    return program


def by_code(text):
    """Requests by method and code, from an exposition."""
    found = {}
    for line in text.splitlines():
        if line.startswith("app_requests_total{"):
            labels, _, value = line.rpartition(" ")
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            found[pairs["method"], pairs["code"]] = float(value)
    return found


def check_alike(commands):
    """End where the programs do not count alike."""
    texts = [subprocess.run(one, check=True, capture_output=True, text=True).stdout for one in commands]
    counts = [by_code(text) for text in texts]
    if not counts[0] or any(one != counts[0] for one in counts):
        raise SystemExit(f"the programs count otherwise: {counts}")


def print_bulk(folder, blocks, options):
    print(f"{'whole files':<28} {'M lines/s':>10} {'M per cpu s':>12}")
    for (format_, kind), lines in blocks.items():
        place, data = folder / f"{format_}-{kind}", b"".join(lines)
        log = folder / "bulk.log"
        commands = {"tidewatch": [EXPORTER, "logs", "summary", "--config.file", ours(place, log, format_), log]}
        if not options.alone:
            listen = ["--address", "127.0.0.1", "--port", str(free_port())]  # it does so even for one shot
            shot = ["mtail", *listen, "--one_shot", "--one_shot_format=prometheus", "--logs", log, "--progs"]
            commands["mtail"] = [*shot, theirs(place, format_)]
        log.write_bytes(data)
        check_alike(commands.values())
        for name, command in commands.items():
            times = max(1, int(options.millions * 1e6 / len(lines) / (5 if name == "mtail" else 1)))
            with log.open("wb") as file:
                for _ in range(times):
                    file.write(data)
            took, count = run(command), times * len(lines)
            print(
                f"{f'{format_}, {kind}, {name}':<28} {count / took.wall_s / 1e6:>10.3f} "
                f"{count / took.cpu_s / 1e6:>12.3f}",
                flush=True,
            )
        log.unlink()


class Family(Program):
    """A program whose processor time is that of its children too, of which one tries regexes."""

    def cpu_s(self):
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        stats = [Path(f"/proc/{pid}/stat") for pid in (self.process.pid, *task.read_text().split())]
        fields = [stat.read_text().rpartition(")")[2].split() for stat in stats]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def start_ours(config):
    port = free_port()
    args = [EXPORTER, "--config.file", config, "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error"]
    return Family(args, port, "app_requests_total{")


def start_theirs(program, log):
    port = free_port()
    args = ["mtail", "--progs", program, "--logs", log, "--address", "127.0.0.1", "--port", str(port)]
    return Family([*args, "--log_dir", program.parent, "--poll_interval", "100ms"], port, "app_requests_total{")


def print_followed(folder, blocks, options):
    print(f"{f'following {options.rate:,} lines/s':<28} {'% of a core':>11} {'longest lag':>12} {'peak MiB':>9}")
    for (format_, kind), lines in blocks.items():
        place = folder / f"{format_}-{kind}-followed"
        starts = {"tidewatch": lambda log, at=place, of=format_: start_ours(ours(at, log, of))}
        if not options.alone:
            starts["mtail"] = lambda log, at=place, of=format_: start_theirs(theirs(at, of), log)
        for name, start in starts.items():
            got = followed(start, folder, lines, options.rate, options.seconds)
            print(
                f"{f'{format_}, {kind}, {name}':<28} {got.core_share:>11.1%} {got.lag_s:>10.2f} s {got.mib:>9.0f}",
                flush=True,
            )


def print_memory(folder, options):
    log = folder / "series.log"
    log.write_text("".join(f'{{"a":"a{n // 100}","b":"b{n % 100}"}}\n' for n in range(SERIES)) * 4)
    place = folder / "series"
    place.mkdir()
    config, program = place / "exporter.yml", place / "app.mtail"
    config.write_text(SERIES_CONFIG.format(folder=place, log=log, series=SERIES))
    program.write_text(SERIES_MTAIL)
    starts = {"tidewatch": lambda: start_ours(config)}
    if not options.alone:  # it follows from the end
        starts["mtail"] = lambda: start_theirs(program, log)
    print(f"{f'{SERIES:,} series':<28} {'MiB':>9} {'peak MiB':>9}")
    for name, start in starts.items():
        with start() as tool:
            tool.ready()
            if name == "mtail":
                with log.open("ab") as file:
                    file.write(log.read_bytes())
            deadline = time.monotonic() + 60
            while (scrape := tool.scrape()).requests != 4 * SERIES:
                if time.monotonic() > deadline:
                    raise SystemExit(f"{name}: {scrape.requests:,.0f} of {4 * SERIES:,} lines were counted")
                time.sleep(0.2)  # another process, which only its metrics show
            for _ in range(5):
                tool.scrape()
            print(f"{name:<28} {resident_mib(tool.process.pid):>9.0f} {tool.peak_mib():>9.0f}", flush=True)
    log.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--millions", type=float, default=2.0, help="lines of a whole file; 0: none; mtail reads a fifth"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="to follow each log; 0: none")
    parser.add_argument("--rate", type=int, default=20_000, help="lines/s to follow")
    parser.add_argument("--alone", action="store_true", help="leave mtail out")
    options = parser.parse_args()
    options.alone = options.alone or shutil.which("mtail") is None
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {mtail_version()}")
    blocks = {(one, kind): block(one, routes) for one in ("regex", "json") for kind, routes in ROUTES.items()}
    with tempfile.TemporaryDirectory() as name, priority():
        folder = Path(name)
        if options.millions:
            print_bulk(folder, blocks, options)
        if options.seconds:
            print_followed(folder, blocks, options)
        print_memory(folder, options)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
