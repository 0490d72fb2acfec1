"""A real hour: time server with rotations, generator, exporter, scraped every five seconds.

`python tests/e2e/soak/real.py [MINUTES]` (60 by default) prints a row per process and minute with what it holds, and
at the end what each part counted; exits with 1 unless sent = answered = on the stats page = counted from the log.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ports import free_ports
from process import Held, held

SCRAPE_S = 5.0
READY_S = 100.0  # on a busy machine
_CONFIG = """
state_dir: {home}/state
accesslog:
  - {{source: site, paths: [{home}/access.log], format: tab-timed, from: start, codes: [200, 404, 500]}}
"""


class Counts(NamedTuple):
    """What each part says there was."""

    sent: int
    answered: int
    stats: int
    log: int
    slowest_scrape_s: float

    @property
    def agree(self) -> bool:
        """Whether all four are one number, and not zero."""
        return len({*self[:4]}) == 1 and self.sent > 0


def soak(home: Path, minutes: float, rps: int, report: Callable[[float, str, Held], None]) -> Counts:
    """Run for `minutes`; `report` is called with each process's holdings at the start and every minute."""
    site, page, told = free_ports(3)
    (home / "exporter.yml").write_text(_CONFIG.format(home=home))
    log = ["--access-log", f"{home}/access.log", "--log-format", "tab-timed", "--log-rotation-interval", "5"]
    with contextlib.ExitStack() as stack:
        start = lambda *words: stack.enter_context(_running(home, *words))  # noqa: E731
        parts = {
            "timeserver": start("timeserver", "--port", str(site), *log, "--log-keep", "12"),
            "exporter": start(
                "exporter", f"--config.file={home}/exporter.yml", f"--web.listen-address=127.0.0.1:{page}"
            ),
        }
        _await_pages(f"http://127.0.0.1:{site}/stats", f"http://127.0.0.1:{page}/-/ready")
        traffic = ["--url", f"http://127.0.0.1:{site}/", "--rps", str(rps), "--jitter", "0.3", "--mix", "/=9,/fail=1"]
        traffic += ["--duration", f"{minutes * 60:g}s", "--metrics-address", f"127.0.0.1:{told}", "--linger", "0s"]
        parts["trafficgen"] = start("trafficgen", *traffic, "--report", "json", "--output", f"{home}/traffic.json")
        slowest = _watch(parts, f"http://127.0.0.1:{page}/metrics", report)
        run = json.loads((home / "traffic.json").read_text())
        want = run["answered"]
        deadline = time.monotonic() + READY_S
        while (counted := _counted(page)) < want and time.monotonic() < deadline:
            continue
        stats = sum(int(n) for n in re.findall(r"^\d+s: (\d+)", _get(f"http://127.0.0.1:{site}/stats"), re.MULTILINE))
    return Counts(run["sent"], want, stats, counted, slowest)


@contextlib.contextmanager
def _running(home: Path, name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or name
    with (home / f"{name}.err").open("wb") as log:
        process = subprocess.Popen([program, *words], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _watch(parts: dict[str, subprocess.Popen[bytes]], page: str, report: Callable[[float, str, Held], None]) -> float:
    """Scrape until the traffic has ended. Returns the seconds that the slowest scrape took."""
    start = time.monotonic()
    slowest, row = 0.0, 0
    while parts["trafficgen"].poll() is None:
        asked = time.monotonic()
        _get(page)
        slowest = max(slowest, time.monotonic() - asked)
        if asked - start >= 60 * row:
            for name, process in parts.items():
                report((asked - start) / 60, name, held(process.pid))
            row += 1
        with contextlib.suppress(subprocess.TimeoutExpired):
            parts["trafficgen"].wait(SCRAPE_S)
    return slowest


def _await_pages(*urls: str) -> None:
    deadline = time.monotonic() + READY_S
    for url in urls:
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                _get(url)
                break


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def _counted(port: int) -> int:
    page = _get(f"http://127.0.0.1:{port}/metrics")
    return sum(int(float(n)) for n in re.findall(r"^tidewatch_http_requests_total\{.*\} (\S+)$", page, re.MULTILINE))


if __name__ == "__main__":
    print("minute\tprocess\tmemory_kib\tdescriptors\tthreads")
    with tempfile.TemporaryDirectory() as folder:
        rows = lambda minute, name, found: print(f"{minute:.0f}", name, *found, sep="\t", flush=True)  # noqa: E731
        counts = soak(Path(folder), float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, 500, rows)
    print(counts, "agree" if counts.agree else "DO NOT AGREE")
    sys.exit(not counts.agree)
