"""The demo as its user starts it, on free ports and with its state in a folder of the test; and every server alone."""

import json
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from family import descendants
from house import run_house, write_web

ROOT = Path(__file__).resolve().parents[2]
UP_WITHIN_S = 60


@dataclass
class Demo:
    """A running stack: its supervisor, its folder, its addresses by part."""

    process: subprocess.Popen[str]
    state: Path
    addresses: dict[str, str]

    @property
    def pids(self) -> set[int]:
        """Every process of the stack."""
        return {self.process.pid, *descendants(self.process.pid)}

    def pid(self, program: str) -> int:
        """The first process of the stack that runs `program`, itself or through Python."""
        commands = {p: Path(f"/proc/{p}/cmdline").read_text().split("\0")[:3] for p in sorted(self.pids)}
        return next(pid for pid, words in commands.items() if program in (Path(word).name for word in words))

    def verify(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the end-to-end check against this stack."""
        where = [f"--{part}={self.addresses[part]}" for part in ("exporter", "prometheus", "receiver")]
        return subprocess.Popen(
            [
                Path(sys.executable).parent / "trafficgen",
                "verify",
                f"--url={self.addresses['timeserver']}",
                f"--logs={self.state}/site/access.log*",
                f"--releases-truth={self.state}/feeds/releases.json",
                f"--metrics-address={self.addresses['traffic'].removeprefix('http://')}",
                *where,
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the supervisor and wait for it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def start_stack(state: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start stack.py on free ports; its output goes to `state`/output."""
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, ROOT / "tests/e2e/stack.py", "--free-ports", f"--state={state}", *arguments]
    with (state / "output").open("w") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)


def start_demo(state: Path, *arguments: str) -> Demo:
    """Start the demo and wait until it tells its addresses."""
    addresses = state / "run" / "addresses.json"
    addresses.unlink(missing_ok=True)
    process = start_stack(state, *arguments)
    deadline = time.monotonic() + UP_WITHIN_S
    while not addresses.exists():
        assert process.poll() is None, (state / "output").read_text()
        assert time.monotonic() < deadline, (state / "output").read_text()
        time.sleep(0.05)
    return Demo(process, state, json.loads(addresses.read_text()))


def wait_until_gone(pids: set[int], within_s: float) -> set[int]:
    """Those of `pids` that are still there after `within_s`."""
    deadline = time.monotonic() + within_s
    while (left := {pid for pid in pids if is_alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """One stack for every test that only looks at it. Nothing sends traffic but the tests."""
    running = start_demo(tmp_path_factory.mktemp("demo"), "--without-traffic")
    try:
        yield running
    finally:
        running.end()


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Every server over HTTP."""
    folder = tmp_path_factory.mktemp("plain")
    for name in ("web", "own"):
        (folder / f"{name}.yml").write_text("allowed_hosts: [metrics.example.com]\n")
    with run_house(folder) as house:
        yield house


@pytest.fixture(scope="session")
def secure(tmp_path_factory, certificates):
    """Every server over TLS, for one user."""
    folder = tmp_path_factory.mktemp("secure")
    authority, _ = certificates("ca", san=None)
    with run_house(write_web(folder, certificates), ssl.create_default_context(cafile=authority)) as house:
        yield house
