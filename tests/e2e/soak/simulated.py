"""A day of the exporter in a minute or two: the clock is injected, the files, the daemon and its port are real.

Every ten simulated minutes the clock goes on, lines are written to an access log, a host's log and a stream of
errors, and the page is asked until it has counted them all. The logs rotate as they do in a day. `python
tests/e2e/soak/simulated.py` prints a row per simulated hour.
"""

import asyncio
import contextlib
import heapq
import itertools
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from process import Held, held

from exporter.daemon import Daemon, Options

START_S = 1_790_000_040  # a whole minute
STEP_MINUTES = 10
REQUESTS = 200  # per step
ERRORS = 300
ROTATE_MINUTES = 30
PATIENCE_S = 30.0

_CONFIG = """
state_dir: {home}/state
accesslog:
  - {{source: site, paths: [{home}/access.log], format: tab-timed, from: start, codes: [200, 500]}}
hosting:
  - {{source: platform, logs: [{home}/host.json], cycle: {{start: 2026-09-01T00:00:00Z, end: 2026-11-01T00:00:00Z}}}}
releases:
  - {{source: app, paths: [{home}/errors.tsv]}}
"""


class SteppedClock:
    """Stands still until it is set on; whoever waits wakes in the order of what is due."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def wall(self) -> float:
        return START_S + self.now_s

    def monotonic(self) -> float:
        return self.now_s

    async def sleep_until(self, due_s: float) -> None:
        if due_s <= self.now_s:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (due_s, next(self._order), future))
        await future

    async def step(self, seconds: float) -> None:
        """Go on by `seconds`, stopping where somebody is due."""
        end_s = self.now_s + seconds
        while self._waiting and self._waiting[0][0] <= end_s:
            due_s, _, future = heapq.heappop(self._waiting)
            self.now_s = max(self.now_s, due_s)
            if not future.done():
                future.set_result(None)
            await asyncio.sleep(0)
        self.now_s = end_s


class Logs:
    """The three logs: a step's lines for each, and their rotation by renaming."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.requests = self.events = self.errors = 0

    def write(self, end_s: int) -> None:
        """The lines of the step that ends at `end_s`."""
        requests = (f"192.0.2.{n}\tGET /{n % 7}\t{500 if n == 0 else 200}\t9\t0.01" for n in range(REQUESTS))
        minutes = [datetime.fromtimestamp(end_s - 60 * n, UTC).strftime("%F %T") for n in range(STEP_MINUTES, 0, -1)]
        beats = [
            {"event": "heartbeat", "serverId": server, "workload": 0.4, "time": minute}
            for minute in minutes
            for server in (1, 2)
        ]
        errors = (f"{end_s - 1 - n % 5}\t{'5.1' if n % 2 else '5.2'}\t{n % 5}" for n in range(ERRORS))
        self._write("access.log", requests)
        self._write("host.json", map(json.dumps, beats))
        self._write("errors.tsv", errors)
        self.requests, self.events, self.errors = (
            self.requests + REQUESTS,
            self.events + len(beats),
            self.errors + ERRORS,
        )

    def rotate(self) -> None:
        for name in ("access.log", "host.json", "errors.tsv"):
            (self.home / name).replace(self.home / f"{name}.1")

    def _write(self, name, lines) -> None:
        with (self.home / name).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)


@contextlib.asynccontextmanager
async def serving(daemon: Daemon) -> AsyncIterator[str]:
    """Run the daemon; yields the address of its page."""
    stop = asyncio.Event()
    task = asyncio.create_task(daemon.run(stop))
    ready = asyncio.create_task(daemon.started.wait())
    try:
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        host, port = daemon.addresses[0]
        yield f"http://{host}:{port}/metrics"
    finally:
        ready.cancel()
        stop.set()
        await task


def total(page: str, metric: str) -> float:
    """The sum of a metric's series on a page."""
    return sum(float(value) for value in re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", page, re.MULTILINE))


async def soak(home: Path, hours: int, report: Callable[[int, Held], None]) -> str:
    """Run for `hours` of simulated time; `report` is called at the end of each. Returns the last page.

    Raises:
        TimeoutError: a minute's lines were not counted within `PATIENCE_S`.
    """
    (home / "exporter.yml").write_text(_CONFIG.format(home=home))
    clock, logs = SteppedClock(), Logs(home)
    daemon = Daemon(Options(config_file=home / "exporter.yml", listen=(("127.0.0.1", 0),)), clock)
    async with serving(daemon) as url, aiohttp.ClientSession() as session:
        page = ""
        for minute in range(STEP_MINUTES, hours * 60 + 1, STEP_MINUTES):
            if minute % ROTATE_MINUTES == 0:
                logs.rotate()
            end_s = START_S + minute * 60
            await clock.step(end_s - clock.wall())
            logs.write(end_s)
            async with asyncio.timeout(PATIENCE_S):
                while not all_counted(page, logs) or holds_what_is_gone(home):
                    await clock.step(0.25)  # for what polls
                    async with session.get(url) as answer:
                        page = await answer.text()
            if minute % 60 == 0:
                report(minute // 60, held())
    return page


def all_counted(page: str, logs: Logs) -> bool:
    """Whether the page has every line that was written, and none twice."""
    counted = (
        total(page, "tidewatch_http_requests_total"),
        total(page, "tidewatch_hosting_events_total"),
        total(page, "tidewatch_release_errors_total"),
    )
    return counted == (logs.requests, logs.events, logs.errors)


def holds_what_is_gone(home: Path) -> bool:
    """Whether a log that was rotated away is still open; it is closed soon after, which is no growth."""
    return any(
        target.startswith(str(home)) and target.endswith(" (deleted)")
        for target in (_target(fd) for fd in Path("/proc/self/fd").iterdir())
    )


def _target(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:  # closed meanwhile
        return ""


if __name__ == "__main__":
    print("hour\tmemory_kib\tdescriptors\tthreads")
    with tempfile.TemporaryDirectory() as folder:
        rows = lambda hour, found: print(hour, *found, sep="\t", flush=True)  # noqa: E731
        asyncio.run(soak(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 24, rows))
