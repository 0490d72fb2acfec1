"""trafficgen beside wrk, hey, vegeta, oha, Locust and a loop in C: processor time of a request, rates kept, memory.

The target is nginx answering 200 from memory on loopback, with keep-alive, on the other processor. Processor time is
what the kernel counted for the tool from 1.5 s after its start on, so no start is in it. The loop in C (`pacing.c`) is
the least that keeping a rate costs on this machine. Peers that are not installed are left out; Locust goes into a
throwaway environment (--no-locust skips that). Tools take turns, round after round; medians are printed.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from trafficgen.send.engine import COARSE_FROM_PER_S, FINE_NS, grain_of
from trafficgen.send.request import parse_url

CONNECTIONS = 32
LADDER = range(50_000, 200_001, 10_000)  # the rates that are tried
RATES = (500, 5_000, 20_000)
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


class Sample(NamedTuple):
    """What a tool did on its processor."""

    rate_per_s: float  # requests answered
    core_ratio: float  # of one processor
    planned_ratio: float = 1.0  # sent / planned
    lateness_p99_s: float | None = None


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=6.0, help="of each run")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--million", type=int, default=2, help="requests for the memory test, in millions")
    options.add_argument("--no-locust", action="store_true")
    options.add_argument("--realtime", action="store_true", help="before all other work, which waits meanwhile")
    given = options.parse_args()
    if shutil.which("nginx") is None:
        print("bench_trafficgen: nginx is not installed; nothing to measure against")
        return
    with tempfile.TemporaryDirectory() as folder, before_others(realtime=given.realtime), nginx(Path(folder)) as url:
        print("\n".join(surroundings()))
        flat_out(url, given.seconds, given.rounds, Path(folder), locust=not given.no_locust)
        rates_kept(url, given.seconds, given.rounds, Path(folder))
        memory(url, given.million * 1_000_000)
        print(f"load average at the end: {os.getloadavg()[0]:.1f}")


@contextlib.contextmanager
def before_others(*, realtime: bool) -> Iterator[None]:
    """Before other sessions' processes, where the kernel groups by session and we may: `nice` does nothing then."""
    group = Path("/proc/self/autogroup")
    try:
        before = group.read_text().split()[-1]
        group.write_text("-19")
    except OSError:
        before = ""
    if realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print("SCHED_RR, before all other work" if realtime else f"priority of the session: {'-19' if before else 'usual'}")
    try:
        yield
    finally:
        if before:
            group.write_text(before)


def surroundings() -> Iterator[str]:
    """The machine and the versions."""
    yield f"Linux {os.uname().release}, {os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} at the start"
    told = {
        "nginx": ["nginx", "-v"],
        "wrk": ["wrk", "-v"],
        "oha": ["oha", "--version"],
        "vegeta": ["go", "version", "-m", tool("vegeta")],
        "hey": ["dpkg-query", "-W", "hey"],
    }
    for name, command in told.items():
        if shutil.which(tool(name)) and shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found = re.search(r"(?:mod\s+\S+\s+|[/\s])v?(\d+\.\d[\w.]*)", done.stdout + done.stderr)
            yield f"{name} {found[1] if found else 'of unknown version'}"
    yield ""


def tool(name: str) -> str:
    """Where a tool is; Go installs outside of PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{Path.home()}/go/bin") or name


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


def measured(command: list[str], seconds: float, read: Callable[[str], Sample]) -> Sample:
    """A run of a tool on its processor; `read` takes what it printed, without the processor's share."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process; a pipe would be full before the end
    process = subprocess.Popen(pinned(CLIENT_CPU, *command), stdout=said, stderr=subprocess.DEVNULL)
    time.sleep(min(1.5, seconds / 2))  # the window begins after the start of the slowest
    begun, used = time.monotonic(), processor_ns(process.pid)
    time.sleep(max(0.2, seconds - 2.0))
    used, wall = processor_ns(process.pid) - used, time.monotonic() - begun
    process.wait()
    said.seek(0)
    return read(said.read())._replace(core_ratio=used / wall / 1e9)


def processor_ns(pid: int) -> int:
    """What all threads of a process and of those that it started have used."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            total += int((task / "schedstat").read_text().split()[0])
            total += sum(processor_ns(int(child)) for child in (task / "children").read_text().split())
    return total


def trafficgen(url: str, rate: float, seconds: float, *more: str) -> list[str]:
    """A run with a report in JSON."""
    return [
        sys.executable, "-m", "trafficgen.cli", "--url", url, "--rps", str(rate), "--duration", str(seconds),
        "--connections", str(CONNECTIONS), "--metrics-address", "off", "--report", "json", "--seed", "1", *more,
    ]  # fmt: skip


def read_report(text: str) -> Sample:
    """Of trafficgen's report."""
    report = json.loads(text)
    sent, planned = report["sent"], report["planned"]
    return Sample(report["answered"] / report["seconds"], 0.0, sent / planned, report["send_lateness_s"]["p99"])


def read_rate(text: str) -> Sample:
    """Of the `Requests/sec` that wrk, hey and oha print."""
    found = re.search(r"Requests/sec:\s*([\d.]+)", text)
    return Sample(float(found[1]) if found else 0.0, 0.0)


def read_vegeta(text: str) -> Sample:
    """Of vegeta's report in JSON."""
    return Sample(json.loads(text)["throughput"], 0.0)


def vegeta(url: str, rate: str, seconds: float) -> list[str]:
    """An attack and its report, both on one processor as both are the tool's work."""
    attack = f"{tool('vegeta')} attack -rate={rate} -max-workers={CONNECTIONS} -duration={seconds:.0f}s"
    return ["sh", "-c", f"echo GET {url} | {attack} | {tool('vegeta')} report -type=json"]


Runs: TypeAlias = dict[str, Callable[[], Sample]]


def in_turn(runs: Runs, rounds: int) -> dict[str, list[Sample]]:
    """Each tool once a round."""
    samples: dict[str, list[Sample]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            samples[name].append(run())
    return samples


def middle(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


def flat_out(url: str, seconds: float, rounds: int, folder: Path, *, locust: bool) -> None:
    """Processor time a request as fast as each tool can; trafficgen at the highest rate that it sends."""
    best = best_rate(url, seconds)
    peers: dict[str, tuple[list[str], Callable[[str], Sample]]] = {
        "wrk": (["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}", url], read_rate),
        "oha": (["oha", "--no-tui", "-c", str(CONNECTIONS), "-z", f"{seconds:.0f}s", url], read_rate),
        "hey": (["hey", "-cpus", "1", "-c", str(CONNECTIONS), "-z", f"{seconds:.0f}s", url], read_rate),
    }
    runs: Runs = {"trafficgen": partial(measured, trafficgen(url, best, seconds), seconds, read_report)}
    for name, (command, read) in peers.items():
        if shutil.which(name):
            runs[name] = partial(measured, command, seconds, read)
    if shutil.which(tool("vegeta")):
        runs["vegeta"] = partial(measured, vegeta(url, "0", seconds), seconds, read_vegeta)
    samples = in_turn(runs, rounds)
    micros = {name: [of.core_ratio / of.rate_per_s * 1e6 for of in found] for name, found in samples.items()}
    ours = micros["trafficgen"]
    print(f"{'flat out':<22}{'requests/s':>12}{'us a request':>14}{'trafficgen needs':>18}")
    for name, found in samples.items():
        ratio = middle(mine / peer for mine, peer in zip(ours, micros[name], strict=True))
        print(f"{name:<22}{middle(of.rate_per_s for of in found):>12,.0f}{middle(micros[name]):>14.2f}{ratio:>16.2f} x")
    if locust and (rate := locust_rate(url, seconds, folder)):
        print(f"{'Locust FastHttpUser':<22}{rate:>12,.0f}")
    print()


def best_rate(url: str, seconds: float) -> float:
    """The highest of a ladder of rates that is sent to 99 %."""
    best = float(LADDER[0])
    for rate in LADDER:
        if measured(trafficgen(url, rate, seconds / 2), seconds / 2, read_report).planned_ratio < 0.99:
            break
        best = float(rate)
    return best


def rates_kept(url: str, seconds: float, rounds: int, folder: Path) -> None:
    """The share of a processor that a constant rate takes, and how exactly it is kept."""
    loop = compiled(folder)
    print(f"{'constant rate':<30}{'% of a core':>12}{'requests/s':>12}{'p99 lateness':>14}")
    for rate in RATES:
        runs: Runs = {"trafficgen": partial(measured, trafficgen(url, rate, seconds), seconds, read_report)}
        if rate >= COARSE_FROM_PER_S:
            fine = trafficgen(url, rate, seconds, "--grain", f"{FINE_NS / 1e6:g}ms")
            runs["trafficgen, grain 0.25 ms"] = partial(measured, fine, seconds, read_report)
        for grain_ns in dict.fromkeys((grain_of(rate), FINE_NS)):
            if loop:
                paced = [str(loop), str(parse_url(url).port), str(rate), str(seconds), str(grain_ns)]
                name = f"a loop in C, grain {grain_ns / 1e6:g} ms"
                runs[name] = partial(measured, paced, seconds, partial(read_answered, seconds=seconds))
        if shutil.which("oha"):
            oha = ["oha", "--no-tui", "-c", str(CONNECTIONS), "-q", str(rate), "-z", f"{seconds:.0f}s", url]
            runs["oha"] = partial(measured, oha, seconds, read_rate)
        if shutil.which(tool("vegeta")):
            runs["vegeta"] = partial(measured, vegeta(url, f"{rate}/s", seconds), seconds, read_vegeta)
        if shutil.which("hey"):
            hey = ["hey", "-cpus", "1", "-c", str(rate // 50), "-q", "50", "-z", f"{seconds:.0f}s", url]
            runs["hey"] = partial(measured, hey, seconds, read_rate)
        for name, found in in_turn(runs, rounds).items():
            late = [of.lateness_p99_s for of in found if of.lateness_p99_s is not None]
            shown = f"{middle(late) * 1e3:.2f} ms" if late else "not told"
            core = f"{middle(of.core_ratio for of in found):.1%}"
            print(f"{f'{rate:,}/s: {name}':<38}{core:>8}{middle(of.rate_per_s for of in found):>10,.0f}{shown:>12}")
    print()


def read_answered(text: str, seconds: float) -> Sample:
    """Of the count that the loop in C prints."""
    return Sample(int(text) / seconds, 0.0)


def compiled(folder: Path) -> Path | None:
    """The loop in C, where there is a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source = Path(__file__).with_name("pacing.c")
    subprocess.run([compiler, "-O2", "-o", str(folder / "pacing"), str(source)], check=True)
    return folder / "pacing"


def locust_rate(url: str, seconds: float, folder: Path) -> float:
    """Requests a second of one Locust process with FastHttpUser, from a throwaway environment; 0 without a network."""
    venv.create(folder / "locust", with_pip=True)
    pip = [str(folder / "locust/bin/pip"), "install", "--quiet", "locust"]
    if subprocess.run(pip, capture_output=True, check=False).returncode:
        return 0.0
    (folder / "locustfile.py").write_text(LOCUST)
    tool, file = str(folder / "locust/bin/locust"), str(folder / "locustfile.py")
    users = str(CONNECTIONS)
    command = pinned(
        CLIENT_CPU, tool, "-f", file, "--headless", "--host", url.rstrip("/"), "-u", users, "-r", users,
        "-t", f"{seconds + 2:.0f}s", "--json", "--only-summary",
    )  # fmt: skip

    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    rows = json.loads(out[out.index("[") :])
    by_second = sorted((int(second), int(count)) for second, count in rows[0]["num_reqs_per_sec"].items())
    whole = [count for _, count in by_second[1:-1]]  # the first and the last second are not whole
    return sum(whole) / max(len(whole), 1)


def memory(url: str, requests: int) -> None:
    """Resident memory after the first million requests and after the last."""
    rate = 40_000
    seconds = requests / rate
    command = trafficgen(url, rate, seconds)
    said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process; a pipe would be full before the end
    process = subprocess.Popen(pinned(CLIENT_CPU, *command), stdout=said)
    start, sizes = time.monotonic(), []
    while process.poll() is None:
        time.sleep(0.25)  # the process's memory is sampled
        with contextlib.suppress(OSError, AttributeError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            size = re.search(r"VmRSS:\s*(\d+) kB", status)
            if size:  # a process that has just ended has none
                sizes.append((time.monotonic() - start, int(size[1]) / 1024))
    said.seek(0)
    report = json.load(said)
    first = next(size for at, size in sizes if at > 1_000_000 / rate + 1 or at == sizes[-1][0])
    print(f"memory: {first:.1f} MiB after the first million, {max(size for _, size in sizes):.1f} MiB at most", end=" ")
    print(f"in {report['answered']:,} requests")


if __name__ == "__main__":
    main()
