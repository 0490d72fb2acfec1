"""Large bodies to an exporter, and its health beside: python tests/e2e/bodies.py [SECONDS].

Clients send the largest, the most packed, the deepest and the most scattered bodies to ingest (HTTP and TCP) and to the
polls of stores, one after the other without a pause, while /-/healthy is asked fifty times a second.
Exits with 1 where the process ends, health is not answered within a second (on a machine that has more to run than
processors: as many times that), or a body gets an unexpected answer.
"""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from ports import free_ports

WITHIN_S = 1.0
MIB = 1 << 20
BOMB = gzip.compress(b"0:00:01\t5.1\t3\n" * (500 * MIB // 14), 1)
POLL = b'{"store_id":1,"status":"","timestamp_utc":""}'
RECORD = b'{"timestamp":1,"build_version":"5.1","error_code":3}'
TEXT, JSON, CSV = {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}, {"Content-Type": "text/csv"}
PACKED = {"Content-Encoding": "gzip"}
BODIES = [
    ("ingest", b"0:00:01\t5.1\t3\n" * (8 * MIB // 14), TEXT, 200),
    ("ingest", b"x\n" * (4 * MIB), TEXT, 200),
    ("ingest", b"[" + b",".join([RECORD] * (8 * MIB // len(RECORD) - 10_000)) + b"]", JSON, 200),
    ("ingest", b"{\n" * (4 * MIB), {"Content-Type": "application/x-ndjson"}, 200),
    ("ingest", b"[" * (8 * MIB), JSON, 400),
    ("ingest", b'["' + b"x" * (8 * MIB - 4) + b'"]', JSON, 400),
    ("ingest", BOMB, TEXT | PACKED, 413),
    ("ingest", zlib.compress(bytes(500 * MIB), 1), TEXT | {"Content-Encoding": "deflate"}, 413),
    ("ingest", b"\x28\xb5\x2f\xfd", TEXT | {"Content-Encoding": "zstd"}, 415),
    ("polls", BOMB, CSV | PACKED, 413),
    ("polls", b"[" + b",".join([POLL] * 200_000) + b"]", JSON, 200),
    ("polls", b"[" * (31 * MIB), JSON, 400),
    ("polls", b'[{"store_id":1,"other":[' + b"1," * (15 * MIB) + b"1]}]", JSON, 400),
    ("polls", BOMB, JSON | PACKED, 400),
]


class Exporter:
    """An exporter that takes records and polls."""

    def __init__(self, folder):
        self.web, self.http, self.tcp, self.stores = free_ports(4)
        ingest = {"source": "r", "http": f"127.0.0.1:{self.http}", "tcp": f"127.0.0.1:{self.tcp}"}
        stores = {"source": "s", "http": f"127.0.0.1:{self.stores}"}
        config = {"state_dir": str(folder / "state"), "releases": [ingest], "stores": [stores]}
        (folder / "exporter.json").write_text(json.dumps(config))
        command = [Path(sys.executable).parent / "exporter", "--config.file", folder / "exporter.json"]
        self.process = subprocess.Popen([*command, "--web.listen-address", f"127.0.0.1:{self.web}"])
        for port in (self.web, self.http, self.tcp, self.stores):
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert self.process.poll() is None
                time.sleep(0.1)

    def send(self, path, body, headers):
        """The status of the answer."""
        port = self.http if path == "ingest" else self.stores
        ask = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", body, headers)
        try:
            with urllib.request.urlopen(ask, timeout=120) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) >> 10

    def healthy_s(self):
        """How long it took to answer."""
        began_s = time.monotonic()
        urllib.request.urlopen(f"http://127.0.0.1:{self.web}/-/healthy", timeout=60).close()
        return time.monotonic() - began_s


def send_all(exporter, first, over, wrong):
    """One client of HTTP: each body in turn. What was answered otherwise than it should goes to `wrong`."""
    at = first
    while not over.is_set():
        path, body, headers, want = BODIES[at % len(BODIES)]
        try:
            status = exporter.send(path, body, headers)
        except (ConnectionError, urllib.error.URLError):  # refused before it was sent to its end
            status = want
        if status not in {want, 503}:
            wrong.append((path, headers, status))
        at += 1


def send_lines(exporter, over):
    """One client of TCP."""
    with socket.create_connection(("127.0.0.1", exporter.tcp), 60) as client:
        client.settimeout(0.5)
        while not over.is_set():
            try:
                client.sendall(b"x\n" * MIB)
            except TimeoutError:
                continue


def run(seconds):
    """Whether all of it holds."""
    with tempfile.TemporaryDirectory() as folder:
        exporter = Exporter(Path(folder))
        over, wrong, took_s = threading.Event(), [], []
        clients = [threading.Thread(target=send_all, args=(exporter, first, over, wrong)) for first in (0, 3, 7, 10)]
        clients.append(threading.Thread(target=send_lines, args=(exporter, over)))
        try:
            for client in clients:
                client.start()
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                took_s.append(exporter.healthy_s())
                time.sleep(0.02)
        finally:
            over.set()
            for client in clients:
                client.join()
            peak_mib = exporter.peak_mib()
            exporter.process.send_signal(signal.SIGTERM)
            ended = exporter.process.wait(60)
    within_s = WITHIN_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    took_s.sort()
    middle_s, high_s = took_s[len(took_s) // 2], took_s[len(took_s) * 99 // 100]
    print(f"bodies: {len(clients)} clients for {seconds:.0f} s; health asked {len(took_s)} times:")
    print(f"  half within {middle_s:.3f} s, 99 % within {high_s:.3f} s, slowest {took_s[-1]:.3f} s;")
    print(
        f"  {within_s:.1f} s allowed; memory at most {peak_mib} MiB; unexpected answers {wrong[:3]}; ended with {ended}"
    )
    return took_s[-1] < within_s and not wrong and ended == 0


if __name__ == "__main__":
    sys.exit(not run(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0))
