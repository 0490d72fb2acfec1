"""What silent and lazy clients do to an exporter: python tests/e2e/listening.py [FIGURE] [SECONDS] [WITHIN_S].

silent: 1,500 connections are held at `ulimit -n 1024`, and opened again when they are closed, while a log is written
    and rotated: every scrape within WITHIN_S (2), every line counted, the process alive, its log under 100 KiB.
unread: 40 clients ask for /metrics and read nothing: at least 9 of 10 scrapes are answered.
token: silent connections at every port: a sender with the token gets in within WITHIN_S, over HTTP and over TCP.
users: silent connections at every port: a sender with the right password gets in within WITHIN_S.
Exits with 1 where one of these does not hold.
"""

import base64
import contextlib
import json
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import bcrypt
from ports import free_ports

FILES, SILENT, LAZY, SCRAPES = 1024, 1500, 40, 10
WITHIN_S = 2.0
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "
ROUTES = 300


class Exporter:
    """An exporter that follows a log and takes records, with so few descriptors."""

    def __init__(self, folder, *, has_users):
        """`has_users`: who comes by HTTP needs a password, and there is no TCP; otherwise a token for records."""
        self.folder = folder
        self.web, self.http, self.tcp = free_ports(3)
        self.log, self.stderr = folder / "access.log", folder / "stderr"
        self.log.touch()
        (folder / "token").write_text("secret")
        (folder / "token").chmod(0o600)
        routes = [f"/item/{number}" for number in range(ROUTES)]
        log = {"source": "s", "paths": [str(self.log)], "format": "tab", "from": "start", "routes": routes}
        ingest = {"source": "r", "http": f"127.0.0.1:{self.http}"}
        if not has_users:
            ingest |= {"tcp": f"127.0.0.1:{self.tcp}", "token_file": str(folder / "token")}
        config = {"state_dir": str(folder / "state"), "accesslog": [log], "releases": [ingest]}
        (folder / "exporter.json").write_text(json.dumps(config))
        command = [Path(sys.executable).parent / "exporter", "--config.file", folder / "exporter.json"]
        if has_users:
            hashed = bcrypt.hashpw(b"wonder", bcrypt.gensalt(10)).decode()
            (folder / "web.yml").write_text(json.dumps({"basic_auth_users": {"alice": hashed}}))
            (folder / "web.yml").chmod(0o600)
            command += ["--web.config.file", folder / "web.yml"]
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*command, "--web.listen-address", f"127.0.0.1:{self.web}"],
                stderr=stderr,
            )
        resource.prlimit(
            self.process.pid, resource.RLIMIT_NOFILE, (FILES, FILES)
        )  # before it has read its configuration
        for port in (self.web, self.http) if has_users else (self.web, self.http, self.tcp):
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert self.process.poll() is None, self.stderr.read_text()
                time.sleep(0.1)

    def scrape(self):
        """The text and how long it took."""
        begin_s = time.monotonic()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return text, time.monotonic() - begin_s

    def counted(self):
        """Lines of the log."""
        values = [line for line in self.scrape()[0].splitlines() if line.startswith("tidewatch_http_requests_total{")]
        return int(sum(float(value.rpartition(" ")[2]) for value in values))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Silence(threading.Thread):
    """Connections that say nothing, or half a header; each that is closed is opened again."""

    def __init__(self, ports, count):
        super().__init__(daemon=True)
        self._ports, self._count = ports, count
        self.full, self._over = threading.Event(), threading.Event()

    def run(self):
        held = []
        while not self._over.is_set():
            held = [connection for connection in held if _is_open(connection)]
            for number in range(len(held), self._count):
                with contextlib.suppress(OSError):
                    connection = socket.create_connection(("127.0.0.1", self._ports[number % len(self._ports)]), 0.5)
                    held.append(connection)
                    connection.setblocking(False)
                    connection.send(HALF if number % 2 else b"")
            self.full.set()
            self._over.wait(0.2)
        for connection in held:
            connection.close()

    def stop(self):
        self._over.set()
        self.join()


def _is_open(connection):
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def silent(exporter, seconds, within_s):
    """Scrapes and lines beside silent connections; what does not hold."""
    silence = Silence([exporter.web], SILENT)
    silence.start()
    silence.full.wait()
    wrote, slowest_s, failed, scrapes, began_s = 0, 0.0, 0, 0, time.monotonic()
    while time.monotonic() - began_s < seconds:
        with exporter.log.open("ab") as log:
            log.write(b"".join(b"192.0.2.1\tGET /x\t200\t%d\n" % number for number in range(100)))
        wrote += 100
        if scrapes % 2:
            exporter.log.rename(exporter.log.with_name(f"access.log.{scrapes}"))
        scrapes += 1
        try:
            slowest_s = max(slowest_s, exporter.scrape()[1])
        except OSError:
            failed += 1
        time.sleep(1.0)
    alive = exporter.process.poll() is None
    silence.stop()
    deadline_s = time.monotonic() + 30
    while (counted := exporter.counted()) != wrote and time.monotonic() < deadline_s:
        time.sleep(0.5)
    size = exporter.stderr.stat().st_size
    print(f"silent: {SILENT} connections for {seconds:.0f} s: {scrapes} scrapes, {failed} failed;")
    print(f"  slowest scrape {slowest_s:.2f} s; {wrote} lines written, {counted} counted;")
    print(f"  alive {alive}; log {size / 1024:.1f} KiB")
    return failed == 0 and slowest_s < within_s and counted == wrote and alive and size < 100 << 10


def unread(exporter, seconds, within_s):
    """Scrapes beside clients that ask and do not read; what does not hold."""
    with exporter.log.open("ab") as log:
        for code in (200, 301, 404, 500, 503):
            log.write(b"".join(b"192.0.2.1\tGET /item/%d\t%d\t5\n" % (n, code) for n in range(ROUTES)))
    deadline_s = time.monotonic() + 30
    while exporter.counted() != 5 * ROUTES and time.monotonic() < deadline_s:
        time.sleep(0.2)
    held = []
    for _ in range(LAZY):
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        lazy.connect(("127.0.0.1", exporter.web))
        lazy.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
        held.append(lazy)
    time.sleep(min(seconds, 1.0))
    answered = 0
    for _ in range(SCRAPES):
        with contextlib.suppress(OSError):
            answered += exporter.scrape()[1] < 5
    for lazy in held:
        lazy.close()
    print(f"unread: {LAZY} clients that ask and do not read: {answered} of {SCRAPES} scrapes answered")
    return answered >= SCRAPES - 1


def token(exporter, seconds, within_s):
    """Senders with the token beside silent connections everywhere; what does not hold."""
    silence = Silence([exporter.web, exporter.http, exporter.tcp], SILENT)
    silence.start()
    silence.full.wait()
    slowest_s, began_s, sent = 0.0, time.monotonic(), 0
    record = b"0:00:01\t5.1\t3\n"
    while time.monotonic() - began_s < seconds:
        begin_s = time.monotonic()
        headers = {"Authorization": "Bearer secret", "Content-Type": "text/plain"}
        ask = urllib.request.Request(f"http://127.0.0.1:{exporter.http}/ingest", record, headers)
        with urllib.request.urlopen(ask, timeout=10) as answer:
            assert answer.status == 200
        with socket.create_connection(("127.0.0.1", exporter.tcp), 10) as lines:
            lines.sendall(b"AUTH secret\n" + record)
            lines.shutdown(socket.SHUT_WR)
            assert b'"taken":1' in lines.recv(1000)
        slowest_s, sent = max(slowest_s, time.monotonic() - begin_s), sent + 1
        time.sleep(0.5)
    silence.stop()
    print(
        f"token: {SILENT} silent connections at three ports: {sent} senders by HTTP and TCP, slowest {slowest_s:.2f} s"
    )
    return slowest_s < 2 * within_s


def users(exporter, seconds, within_s):
    """Senders with the right password beside silent connections everywhere; what does not hold."""
    silence = Silence([exporter.web, exporter.http], SILENT)
    silence.start()
    silence.full.wait()
    slowest_s, began_s, sent = 0.0, time.monotonic(), 0
    login = base64.b64encode(b"alice:wonder").decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "text/plain"}
    while time.monotonic() - began_s < seconds:
        begin_s = time.monotonic()
        ask = urllib.request.Request(f"http://127.0.0.1:{exporter.http}/ingest", b"0:00:01\t5.1\t3\n", headers)
        with urllib.request.urlopen(ask, timeout=10) as answer:
            assert answer.status == 200
        slowest_s, sent = max(slowest_s, time.monotonic() - begin_s), sent + 1
        time.sleep(0.5)
    silence.stop()
    print(f"users: {SILENT} silent connections at two ports: {sent} senders with a password, slowest {slowest_s:.2f} s")
    return slowest_s < within_s


FIGURES = {"silent": silent, "unread": unread, "token": token, "users": users}


def run(name, seconds, within_s):
    """Whether one of FIGURES holds, for an exporter of its own."""
    with tempfile.TemporaryDirectory() as folder:
        exporter = Exporter(Path(folder), has_users=name == "users")
        try:
            holds = FIGURES[name](exporter, seconds, within_s)
        finally:
            ended = exporter.end()
        return holds and ended == 0


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))
    names = [sys.argv[1]] if len(sys.argv) > 1 else list(FIGURES)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    within_s = float(sys.argv[3]) if len(sys.argv) > 3 else WITHIN_S
    sys.exit(sum(not run(name, seconds, within_s) for name in names))
