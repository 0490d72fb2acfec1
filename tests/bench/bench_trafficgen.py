"""trafficgen beside wrk, hey and Locust: throughput of one process on one processor, accuracy, memory.

The target is nginx answering 200 from memory on loopback, with keep-alive, on the other processor. Peers that are not
installed are left out; Locust goes into a throwaway environment (--no-locust skips that).
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

CONNECTIONS = 32
LADDER = range(40_000, 100_001, 5_000)  # the rates that are tried
SERVER_CPU, CLIENT_CPU = "1", "0"
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "ok\\n"; }} }} }}
"""
LOCUST = """
from locust import FastHttpUser, constant, task
class User(FastHttpUser):
    wait_time = constant(0)
    @task
    def get(self): self.client.get("/")
"""


class Accuracy(NamedTuple):
    """How exactly a rate was kept."""

    achieved: float  # sent / planned
    worst_second: float  # the largest deviation of a second from its plan, in units of max(2, 1 %)
    p99_lateness_s: float


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=5.0, help="of each run for throughput")
    options.add_argument("--accuracy-seconds", type=float, default=30.0)
    options.add_argument("--million", type=int, default=2, help="requests for the memory test, in millions")
    options.add_argument("--no-locust", action="store_true")
    given = options.parse_args()
    if shutil.which("nginx") is None:
        print("bench_trafficgen: nginx is not installed; nothing to measure against")
        return
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as url:
        throughput(url, given.seconds, Path(folder), locust=not given.no_locust)
        accuracy(url, given.accuracy_seconds)
        memory(url, given.million * 1_000_000)


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """A server on a free port; the context is its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    command = pinned(SERVER_CPU, "nginx", "-p", str(folder), "-e", "error.log", "-c", str(folder / "nginx.conf"))
    server = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}/"
    try:
        while server.poll() is None:
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(url).close()
                break
            time.sleep(0.05)  # another process, ready once it answers
        yield url
    finally:
        server.terminate()
        server.wait()


def pinned(cpu: str, *command: str) -> list[str]:
    """The command on one processor, where the machine has two."""
    return ["taskset", "-c", cpu, *command] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else [*command]


def throughput(url: str, seconds: float, folder: Path, *, locust: bool) -> None:
    """Requests a second, each tool on one processor, all in this run."""
    tools: dict[str, Callable[[], float] | None] = {
        "wrk -t1": wrk_runner(url, seconds),
        "trafficgen": lambda: best_rate(url, seconds),
        "hey -cpus 1": hey_runner(url, seconds),
        "Locust FastHttpUser": locust_runner(url, seconds, folder) if locust else None,
    }
    rates = {name: run() for name, run in tools.items() if run}
    ours = rates["trafficgen"]
    print(f"{'tool':<22}{'requests/s':>12}{'trafficgen is':>16}")
    for name, rate in rates.items():
        print(f"{name:<22}{rate:>12,.0f}{ours / rate if rate else 0:>14.2f} x")
    print()


def trafficgen(url: str, rate: float, seconds: float, *more: str) -> dict[str, object]:
    """The report of a run on one processor."""
    command = [
        sys.executable, "-m", "trafficgen.cli", "--url", url, "--rps", str(rate), "--duration", str(seconds),
        "--connections", str(CONNECTIONS), "--metrics-address", "off", "--report", "json", "--seed", "1", *more,
    ]  # fmt: skip
    done = subprocess.run(pinned(CLIENT_CPU, *command), capture_output=True, text=True, check=False)
    report: dict[str, object] = json.loads(done.stdout)
    return report


def best_rate(url: str, seconds: float) -> float:
    """The most that was sent and answered in a second, over a ladder of planned rates."""
    best = 0.0
    for rate in LADDER:
        report = trafficgen(url, rate, seconds)
        best = max(best, float(str(report["answered"])) / float(str(report["seconds"])))
        if best < 0.8 * rate:  # far beyond what it can
            break
    return best


def wrk_runner(url: str, seconds: float) -> Callable[[], float] | None:
    """wrk with one thread."""
    command = pinned(CLIENT_CPU, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}", url)
    return (lambda: printed_rate(command)) if shutil.which("wrk") else None


def hey_runner(url: str, seconds: float) -> Callable[[], float] | None:
    """hey on one processor."""
    command = pinned(CLIENT_CPU, "hey", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{seconds:.0f}s", url)
    return (lambda: printed_rate(command)) if shutil.which("hey") else None


def printed_rate(command: list[str]) -> float:
    """The `Requests/sec` that a tool prints."""
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.search(r"Requests/sec:\s*([\d.]+)", out)
    return float(match[1]) if match else 0.0


def locust_runner(url: str, seconds: float, folder: Path) -> Callable[[], float] | None:
    """One Locust process with FastHttpUser, from a throwaway environment."""
    venv.create(folder / "locust", with_pip=True)
    pip = [str(folder / "locust/bin/pip"), "install", "--quiet", "locust"]
    if subprocess.run(pip, capture_output=True, check=False).returncode:
        return None
    (folder / "locustfile.py").write_text(LOCUST)
    tool, file = str(folder / "locust/bin/locust"), str(folder / "locustfile.py")
    users = str(CONNECTIONS)
    command = pinned(
        CLIENT_CPU, tool, "-f", file, "--headless", "--host", url.rstrip("/"), "-u", users, "-r", users,
        "-t", f"{seconds + 2:.0f}s", "--json", "--only-summary",
    )  # fmt: skip

    def run() -> float:
        out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        rows = json.loads(out[out.index("[") :])
        by_second = sorted((int(second), int(count)) for second, count in rows[0]["num_reqs_per_sec"].items())
        whole = [count for _, count in by_second[1:-1]]  # the first and the last second are not whole
        return sum(whole) / max(len(whole), 1)

    return run


def accuracy(url: str, seconds: float) -> None:
    """How exactly 500 and 20,000 requests a second are kept."""
    print(f"{'rate':<22}{'sent/planned':>14}{'worst second':>16}{'p99 lateness':>16}")
    for rate in (500, 20_000):
        got = measured(url, rate, seconds)
        name = f"trafficgen {rate:,}/s"
        print(f"{name:<22}{got.achieved:>13.4%}{got.worst_second:>14.2f} x{got.p99_lateness_s * 1e3:>13.2f} ms")
    if shutil.which("hey"):
        command = pinned(CLIENT_CPU, "hey", "-cpus", "1", "-c", "10", "-q", "50", "-z", f"{seconds:.0f}s", url)
        print(f"{'hey -c 10 -q 50':<22}{printed_rate(command) / 500:>13.4%}{'not told':>16}{'not told':>16}")
    print("worst second: in units of max(2 requests, 1 %) of its plan\n")


def measured(url: str, rate: float, seconds: float) -> Accuracy:
    """A run in this process's interpreter, for the counts of each second."""
    script = (
        "import sys\n"
        "from trafficgen.config import LoadConfig\n"
        "from trafficgen.run import make_run\n"
        "from trafficgen.send.loops import run_loop\n"
        "from trafficgen.plan.patterns import parse_patterns\n"
        "from trafficgen.plan.plan import Phase\n"
        "url, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])\n"
        "run = make_run(LoadConfig(url, (Phase(parse_patterns((), rate), seconds, jitter=0.2),), seed=1))\n"
        "report = run_loop(run.execute())\n"
        "due = {}\n"
        "for chunk in run.plan.chunks():\n"
        "    for at in chunk.due_ns: due[at // 10**9] = due.get(at // 10**9, 0) + 1\n"
        "rows = run.meter.series.all_rows()\n"
        "worst = max(abs(rows[n][1] - due[n]) / max(2, due[n] / 100) for n in range(int(seconds)))\n"
        "print(report.sent / sum(due.values()), worst, report.send_lateness_s['p99'])\n"
    )
    command = pinned(CLIENT_CPU, sys.executable, "-c", script, url, str(rate), str(seconds))
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Accuracy(*map(float, out.split()))


def memory(url: str, requests: int) -> None:
    """Resident memory after the first million requests and after the last."""
    rate = 40_000
    seconds = requests / rate
    command = [
        sys.executable, "-m", "trafficgen.cli", "--url", url, "--rps", str(rate), "--duration", str(seconds),
        "--connections", str(CONNECTIONS), "--metrics-address", "off", "--report", "json",
    ]  # fmt: skip
    process = subprocess.Popen(pinned(CLIENT_CPU, *command), stdout=subprocess.PIPE, text=True)
    start, sizes = time.monotonic(), []
    while process.poll() is None:
        time.sleep(0.25)  # the process's memory is sampled
        with contextlib.suppress(OSError, AttributeError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            size = re.search(r"VmRSS:\s*(\d+) kB", status)
            sizes.append((time.monotonic() - start, int(size[1]) / 1024 if size else 0.0))
    report = json.loads(process.stdout.read() if process.stdout else "{}")
    first = next(size for at, size in sizes if at > 1_000_000 / rate + 1 or at == sizes[-1][0])
    print(f"memory: {first:.1f} MiB after the first million, {max(size for _, size in sizes):.1f} MiB at most", end=" ")
    print(f"in {report['answered']:,} requests")


if __name__ == "__main__":
    main()
