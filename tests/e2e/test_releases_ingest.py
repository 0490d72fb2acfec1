"""Error records through a real exporter that is killed again and again, and through a disk that is full."""

import contextlib
import http.client
import json
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from ports import free_ports

pytestmark = pytest.mark.e2e

WITHIN_S = 60
CLIENTS, BATCHES, IN_STEP = 3, 60, 10  # clients wait for each other after so many batches, and stay in the watermark
KILLS = 5
LINES = 300  # of a TCP connection
BUILDS, CODES = ("5.1", "5.2"), range(20)
MOVING = ("last_record_timestamp", "release_requests", "release_connections")  # not the same in two runs


class Exporter:
    """The exporter as its user starts it, again and again on the same state and ports."""

    def __init__(self, folder: Path, state: Path | None = None) -> None:
        self.web, self.http, self.http2, self.tcp = free_ports(4)
        limits = {"lateness_s": 300, "max_codes": 1000}
        sources = [
            {"source": "http", "http": f"127.0.0.1:{self.http}", "limits": limits},
            {"source": "tcp", "http": f"127.0.0.1:{self.http2}", "tcp": f"127.0.0.1:{self.tcp}", "limits": limits},
        ]
        self.followed = folder / "errors.log"
        sources.append({"source": "log", "paths": [str(self.followed)], "limits": limits})
        self._config = folder / "exporter.json"
        self._config.write_text(json.dumps({"state_dir": str(state or folder / "state"), "releases": sources}))
        self.log = folder / "log"
        self.process = None

    def start(self) -> None:
        command = [Path(sys.executable).parent / "exporter", "--config.file", self._config]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--web.listen-address", f"127.0.0.1:{self.web}", "--log.level", "warn"], stderr=log
            )
        until(self.listens)

    def listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            for port in (self.web, self.http, self.http2, self.tcp):
                socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return False
        return True

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(WITHIN_S)

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=WITHIN_S) as answer:
            samples = re.findall(r"^(tidewatch_\S+(?: \S+=\S+)*) (\S+)$", answer.read().decode(), re.MULTILINE)
        return {name: float(value) for name, value in samples}

    def verdict(self) -> dict[str, float]:
        """Everything that is told about the source `http`: counts, ratios, evidence, alerts."""
        found = {name: value for name, value in self.metrics().items() if 'source="http"' in name}
        return {name: value for name, value in found.items() if not any(moving in name for moving in MOVING)}


def until(good):
    deadline = time.monotonic() + WITHIN_S
    while not (found := good()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.fixture
def exporter(tmp_path):
    made = []

    def make(state=None):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Exporter(folder, state))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def batches():
    """(client, number) -> lines: 10 seconds of the stream each, code 3 worse in the newer build, some batches large."""
    draw = random.Random(7)
    made = {}
    for number in range(BATCHES):
        for client in range(CLIENTS):
            size = 12_000 if (number + client) % 20 == 7 else 200
            lines = []
            for _ in range(size):
                second, build = number * 10 + draw.randrange(10), draw.choice(BUILDS)
                code = 3 if build == BUILDS[1] and draw.random() < 0.1 else draw.choice(CODES)
                lines.append(b"0:%02d:%02d\t%s\t%d\n" % (*divmod(second, 60), build.encode(), code))
            made[client, number] = b"".join(lines)
    return made


class Clients:
    """HTTP clients that repeat each batch under its key until it is acknowledged."""

    def __init__(self, port, sent):
        self.port, self.sent = port, sent
        self.acknowledged = 0
        self.tries = 0
        self._step = threading.Barrier(CLIENTS)
        self._threads = [threading.Thread(target=self._run, args=(client,), daemon=True) for client in range(CLIENTS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join(WITHIN_S)
            assert not thread.is_alive()

    def _run(self, client):
        for number in range(BATCHES):
            if number % IN_STEP == 0:
                self._step.wait(WITHIN_S)
            while not post(self.port, self.sent[client, number], f"{client}-{number}"):
                self.tries += 1
                time.sleep(0.02)  # nobody tells a client that the exporter is back
            self.acknowledged += 1


def post(port, body, key):
    """Whether the batch was acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        connection.request("POST", "/ingest", body, {"Idempotency-Key": key} if key else {})
        answer = connection.getresponse()
        told = answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    assert answer.status in (200, 409, 503), told
    if answer.status == 200:
        assert json.loads(told) == {"taken": body.count(b"\n"), "late": 0, "refused_count": 0, "refused": []}
    return answer.status == 200


class Log(threading.Thread):
    """Writes a log, in pieces that are no whole lines."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.stop, self.lines = path, threading.Event(), 0

    def run(self):
        with self.path.open("ab", buffering=0) as out:
            out.write(b"Timestamp\tBuild_Version\tError_Code\n")
            while not self.stop.wait(0.005):
                out.write(b"0:00:01\t5.1\t3\n" * 20 + b"0:00:01\t5")
                out.write(b".2\t4\n")
                self.lines += 21


class Lines(threading.Thread):
    """Sends lines, a connection after the other, each with a code of its own, none again."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stop = port, threading.Event()
        self.told = {}  # code -> acknowledged lines, or None

    def run(self):
        code = 0
        while not self.stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN_S) as connection:
                    code += 1
                    self.told[code] = None
                    self.told[code] = send(connection, b"0:00:01\t5.1\t%d\n" % code * LINES)
            except OSError:
                time.sleep(0.02)


def send(connection, data):
    """Lines that were acknowledged; None without an acknowledgement."""
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    told = b"".join(iter(lambda: connection.recv(1000), b""))
    return json.loads(told)["taken"] if told else None


def test_kill_9_loses_nothing_that_was_acknowledged_and_counts_nothing_twice(exporter):
    sent = batches()
    killed, untouched = exporter(), exporter()
    clients, lines = Clients(killed.http, sent), Lines(killed.tcp)
    clients.start()
    lines.start()
    log = Log(killed.followed)
    log.start()
    draw = random.Random()
    for kill in range(1, KILLS + 1):
        until(lambda kill=kill: clients.acknowledged >= kill * CLIENTS * BATCHES // (KILLS + 1) + draw.randrange(8))
        time.sleep(draw.random() * 0.02)  # any moment of taking, writing and answering
        killed.end(signal.SIGKILL)
        killed.start()
    clients.join()
    lines.stop.set()
    lines.join(WITHIN_S)
    log.stop.set()
    log.join(WITHIN_S)
    until(lambda: killed.metrics()['tidewatch_release_records_total{source="log"}'] >= log.lines)

    twin = Clients(untouched.http, sent)
    twin.start()
    twin.join()
    assert killed.verdict() == untouched.verdict()
    counted = killed.metrics()
    assert counted['tidewatch_release_records_total{source="http"}'] == sum(b.count(b"\n") for b in sent.values())
    assert counted['tidewatch_release_records_total{source="log"}'] == log.lines
    assert counted['tidewatch_release_records_failed_total{source="log",reason="late"}'] == 0
    active = 'tidewatch_release_alert_active{source="http",candidate="5.2",code="3",detector="evidence"}'
    assert (counted[active], clients.tries > 0) == (1, True)

    by_code = {
        code: counted.get(f'tidewatch_release_errors_total{{source="tcp",build="5.1",code="{code}"}}', 0)
        for code in lines.told
    }
    assert Counter(lines.told.values())[LINES] > 0
    wrong = {
        code: (told, by_code[code])
        for code, told in lines.told.items()
        if not (by_code[code] == told == LINES or (told is None and 0 <= by_code[code] <= LINES))
    }
    assert wrong == {}
    assert "Traceback" not in killed.log.read_text() + untouched.log.read_text()


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounting.returncode:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(path):
    """Write until there is no room for a byte more."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as out:
        while out.write(bytes(512)):
            pass


def test_a_full_disk_acknowledges_nothing_says_so_and_goes_on_when_there_is_room(exporter, small_disk):
    running = exporter(small_disk / "state")
    first, second, third = (b"0:00:0%d\t5.1\t%d\n" % (n, n) * 100 for n in (1, 2, 3))
    assert post(running.http2, first, "first")
    ballast = small_disk / "ballast"
    fill(ballast)
    number = 0
    while post(running.http2, b"0:00:01\t5.1\t9\n", f"filler-{number}"):  # what its own files had room for
        number += 1
    assert not post(running.http2, second, "second")
    assert not post(running.http2, b"0:00:01\t5.1\t4\n", None)
    connection = socket.create_connection(("127.0.0.1", running.tcp), timeout=WITHIN_S)
    connection.sendall(third)
    connection.shutdown(socket.SHUT_WR)
    full = 'tidewatch_checkpoint_problems_total{reason="full"}'
    before = until(lambda: running.metrics()[full])
    until(lambda: running.metrics()[full] > before)  # it tries on
    connection.setblocking(False)
    with pytest.raises(BlockingIOError):
        connection.recv(1)
    assert "full" in running.log.read_text()
    connection.setblocking(True)
    ballast.unlink()
    assert json.loads(connection.recv(1000))["taken"] == 100
    until(lambda: post(running.http2, second, "second"))
    running.end(signal.SIGKILL)
    running.start()
    assert post(running.http2, second, "second")  # it is remembered, and counted once
    counted = running.metrics()
    errors = 'tidewatch_release_errors_total{source="tcp",build="5.1",code="%d"}'
    assert [counted.get(errors % code) for code in (1, 2, 3, 4, 9)] == [100, 100, 100, None, number + 1]
    connection.close()
    assert "Traceback" not in running.log.read_text()
