"""A small world of stores, from CSV text to a report's numbers; and disks that fail as a test wants."""

import asyncio
import csv
import io
import json
import shutil
import sqlite3
import threading
import time
from collections import deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from rotated import Site

from exporter.checkpoint import Checkpoint
from exporter.cli import main
from exporter.system import Context
from foundation.clock import SystemClock
from foundation.grammar import Address

if find_spec("scipy"):  # an installation without the extra `reports` has no world of stores or releases
    from stores_service import service_on

    from exporter.releases import Source, System
    from exporter.stores.calendar import to_us
    from exporter.stores.engine import Policy
    from exporter.stores.load import Input, load
    from exporter.stores.report import make_report, to_csv
    from exporter.stores.state import Database

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class StoresWorld:
    """A database in a folder, fed with rows as a file would have them."""

    headers: ClassVar = {
        "status": "store_id,status,timestamp_utc",
        "hours": "store_id,day,start_time_local,end_time_local",
        "timezones": "store_id,timezone_str",
        "labels": "store_id,region",
    }

    def __init__(self, folder):
        self.folder = folder
        self.database = Database(folder / "stores.duckdb")

    def write(self, kind, rows, name=None):
        path = self.folder / (name or f"{kind}.csv")
        path.write_text("\n".join([self.headers[kind], *rows]) + "\n", "utf-8")
        return path

    def load(self, now=NOW, **files):
        """Load rows by kind, in one load; what became of them."""
        inputs = [Input(self.write(kind, rows), f"{kind}.csv", kind) for kind, rows in files.items()]
        return load(self.database, inputs, to_us(now))

    def report(self, as_of, **policy):
        """The CSV with all columns: store -> short name of a column -> number."""
        report = make_report(self.database, Policy(**policy), moment(as_of))
        rows = csv.DictReader(io.StringIO(to_csv(report, columns="all")))
        return {row.pop("store_id"): {short(name): float(value) for name, value in row.items()} for row in rows}

    @staticmethod
    def moment(text):
        """Microseconds since 1970 of a time in UTC."""
        return moment(text)


def short(column):
    return column.partition("(")[0].replace("_last", "")


def moment(text):
    found = datetime.fromisoformat(text)
    return to_us(found if found.tzinfo else found.replace(tzinfo=UTC))


@pytest.fixture
def stores_world(tmp_path):
    world = StoresWorld(tmp_path)
    yield world
    world.database.close()


@pytest.fixture
async def serving(stores_world):
    """Start the stores' service; see `service_on`."""
    async with service_on(stores_world.database) as begin:
        yield begin


@pytest.fixture(scope="module")
def stores_worlds(tmp_path_factory):
    """Makes worlds that a module's tests share."""
    made = []

    def make():
        made.append(StoresWorld(tmp_path_factory.mktemp("stores")))
        return made[-1]

    yield make
    for world in made:
        world.database.close()


# A Prometheus.


@pytest.fixture
def prometheus_api():
    """A server of `/api/v1/query_range`: its URL, its answers, and what was asked as (path, form, authorization).

    Answers are (status, body), the last one again and again; or a function of the form that makes one.
    """
    answers, asked = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append((self.path, {name: value[0] for name, value in form.items()}, self.headers["Authorization"]))
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            status, body = answer(asked[-1][1]) if callable(answer) else answer
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers, asked
    server.shutdown()
    thread.join()
    server.server_close()


# A disk in trouble, and a clock in a hurry.


@pytest.fixture
def state_path(tmp_path):
    """Where a state file will be; its folder is not there yet."""
    return tmp_path / "state" / "checkpoint.db"


class HastyClock(SystemClock):
    """A second of it is a few milliseconds, so that what is due comes soon. Its time of day can be set."""

    ahead_s = 0.0

    def wall(self):
        return super().wall() + self.ahead_s

    def monotonic(self):
        return time.monotonic() * 200

    async def sleep_until(self, due_s):
        await asyncio.sleep(max(0.0, due_s / 200 - time.monotonic()))


class FaultyCheckpoint(Checkpoint):
    """A state file whose writes fail as `faults` has it, one word a write; after that they work."""

    words: ClassVar = {
        "full": sqlite3.SQLITE_FULL,
        "write": sqlite3.SQLITE_IOERR,
        "locked": sqlite3.SQLITE_BUSY,
        "damaged": sqlite3.SQLITE_CORRUPT,
    }

    def __init__(self, path, clock, faults=()):
        super().__init__(path, clock)
        self.faults = deque(faults)
        self.killed = False
        self.writes = self.synced_writes = 0

    def _write(self, db, scope, changes):
        fault = self.faults.popleft() if self.faults else None
        if self.killed:  # by then nobody writes any more
            fault = "write"
        if fault == "deleted":
            shutil.rmtree(self.path.parent)
        elif fault is not None:
            exc = sqlite3.DatabaseError(f"injected: {fault}")
            exc.sqlite_errorcode = self.words[fault]
            raise exc
        super()._write(db, scope, changes)
        self.writes += 1
        self.synced_writes += db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.fixture(scope="session")
def hasty_clock():
    return HastyClock()


@pytest.fixture(scope="session")
def faulty_checkpoint():
    return FaultyCheckpoint


class RestlessWaker:
    """Looks again at once."""

    async def wait(self, timeout_s, prefixes):
        await asyncio.sleep(0.001)


@pytest.fixture(scope="module")
def restless():
    """Followed logs are looked at again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.sources.tail.EventWaker", RestlessWaker)
        yield


# A system of error streams that listens.


@pytest.fixture
async def start_releases(tmp_path):
    """Start a system on free ports; call again for a restart on the same state."""
    running = []

    async def stop():
        while running:
            task, context = running.pop()
            task.cancel()
            await asyncio.wait([task])
            context.checkpoint.close()

    async def begin(web=None, **options):
        await stop()
        context = Context(tmp_path, SystemClock(), web)
        context.__dict__["checkpoint"] = FaultyCheckpoint(tmp_path / "exporter.db", context.clock)
        free = Address("127.0.0.1", 0)
        system = System([Source(**{"source": "app", "http": free, "tcp": free} | options)], context)
        task = asyncio.create_task(system.run())
        running.append((task, context))
        await system.begun()
        return system

    yield begin
    await stop()


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    if site.tail:
        site.tail.close()


@pytest.fixture(params=["running", "stopped"])
def rotate(request, site):
    """Rotate while the reader runs, or while it is stopped."""
    return Rotate(site, down=request.param == "stopped")


class Rotate:
    """Rotates a log that is read. `down`: while its reader is stopped."""

    def __init__(self, site, *, down):
        self.site, self.down = site, down

    def __call__(self, change, pattern="access.log"):
        self.site.write()
        self.site.start(pattern)
        self.site.write()
        if self.down:
            self.site.stop()
        change()
        if self.down:
            self.site.start(pattern)
        self.site.read()


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `exporter` with arguments, in this process; gives its exit code, stdout and stderr."""

    def run(*args):
        monkeypatch.setattr("sys.argv", ["exporter", *map(str, args)])
        try:
            main()
            code = 0
        except SystemExit as exc:
            code = exc.code or 0
        return code, *capsys.readouterr()

    return run
