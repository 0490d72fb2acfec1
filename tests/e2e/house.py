"""Every server of Tidewatch, as its command starts it, under one web configuration and with few descriptors."""

import base64
import contextlib
import http.client
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
from ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SERVERS = [
    "exporter",
    "stores",
    "ingest",
    "stores-own",
    "stores-serve",
    "timeserver",
    "trafficgen",
    "receiver",
    "preview",
]
PROCESS = dict.fromkeys(SERVERS, 0) | {name: place for place, name in enumerate(SERVERS[3:])} | {"ingest-tcp": 0}
"""The process that a server is in, by the order in which they start."""
FILES = 128
"""Descriptors that each process may have: 32 to 64 connections."""
CHANGES = {"exporter": "/-/reload", "stores": "/trigger_report", "stores-serve": "/polls", "ingest": "/ingest"}
ACTING = ["stores", "stores-serve"]
UP_WITHIN_S, SEEN_WITHIN_S = 60, 10


@dataclass
class House:
    """All servers under one web configuration."""

    folder: Path
    tls: ssl.SSLContext | None
    ports: dict[str, int] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    login: str = "alice:wonder"

    def start(self, *command):
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))  # before it looks
        self.processes.append(process)

    def log(self, server):
        """What the process of a server writes."""
        return self.folder / f"{PROCESS[server]}.log"

    def connect(self, server):
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.ports[server], timeout=60)
        return http.client.HTTPSConnection("127.0.0.1", self.ports[server], timeout=60, context=self.tls)

    def ask(self, server, method="GET", path="/-/healthy", body=None, **headers):
        """(status, headers) of the answer."""
        if self.tls is not None:
            headers.setdefault("Authorization", f"Basic {base64.b64encode(self.login.encode()).decode()}")
        with contextlib.closing(self.connect(server)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            answer.read()
        return answer.status, answer.headers

    def certificate(self, server):
        """The certificate that a server shows."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.ports[server]), 20) as plain,
            context.wrap_socket(plain) as tls,
        ):
            return tls.getpeercert(binary_form=True)

    def eventually(self, server, want, **asked):
        """Ask until the status is this one."""
        deadline = time.monotonic() + SEEN_WITHIN_S
        while (status := self.ask(server, **asked)[0]) != want and time.monotonic() < deadline:
            time.sleep(0.1)
        assert status == want, server


@contextmanager
def run_house(folder, tls=None):
    ports = free_ports(len(SERVERS) + 2)
    house = House(folder, tls, dict(zip([*SERVERS, "ingest-tcp"], ports, strict=False)))
    of = house.ports
    web = [f"--web.config.file={folder}/web.yml"]
    tcp = "" if tls else f", tcp: '127.0.0.1:{of['ingest-tcp']}'"  # it knows no users
    (folder / "e.yml").write_text(
        f"state_dir: {folder}/state\n"
        f"stores:\n  - {{source: s, http: '127.0.0.1:{of['stores']}'}}\n"
        f"  - {{source: o, database: {folder}/own.duckdb, http: '127.0.0.1:{of['stores-own']}',"
        f" web_config_file: {folder}/own.yml}}\n"
        f"releases:\n  - {{source: r, http: '127.0.0.1:{of['ingest']}'{tcp}}}\n"
    )
    address = f"--web.listen-address=127.0.0.1:{of['exporter']}"
    house.start(BIN / "exporter", f"--config.file={folder}/e.yml", address, "--web.enable-lifecycle", *web)
    database = f"--database={folder}/serve.duckdb"
    house.start(BIN / "exporter", "stores", "serve", database, f"--port={of['stores-serve']}", *web)
    house.start(BIN / "timeserver", f"--port={of['timeserver']}", *web)
    target = socket.create_server(("127.0.0.1", ports[-1]))  # never answers
    # So few requests that the unanswered ones do not fill its connections, however long the tests take.
    idle = [f"--url=http://127.0.0.1:{ports[-1]}/", "--rps=0.001", "--duration=24h", "--linger=1s", "--connections=8"]
    house.start(BIN / "trafficgen", *idle, f"--metrics-address=127.0.0.1:{of['trafficgen']}", *web)
    house.start(sys.executable, "-m", "alerts", "receiver", f"--port={of['receiver']}", *web)
    nowhere = f"--prometheus=http://127.0.0.1:{ports[-1]}"
    house.start(sys.executable, "-m", "dashboards", "preview", f"--port={of['preview']}", nowhere, *web)
    try:
        for server in SERVERS:
            wait_for(house, server)
        yield house
    finally:
        end(house)
        target.close()


def wait_for(house, server):
    deadline = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", house.ports[server]), 1).close()
        except OSError:
            ended = [process.args for process in house.processes if process.poll() is not None]
            assert not ended, f"ended: {ended}: {[log.read_text() for log in house.folder.glob('*.log')]}"
            assert time.monotonic() < deadline, server
            time.sleep(0.1)
        else:
            return


def end(house):
    for process in house.processes:
        process.send_signal(signal.SIGTERM)
    for process in house.processes:
        process.wait(30)
    for place, process in enumerate(house.processes):
        said = (house.folder / f"{place}.log").read_text()
        assert (process.returncode, "Traceback" in said) == (0, False), said


def write_web(folder, certificates, name="server", password="wonder"):
    cert, key = certificates(name, by="ca")
    shutil.copy(cert, folder / "live.crt")
    shutil.copy(key, folder / "live.key")
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    for file in ("web", "own"):
        path = folder / f"{file}.yml"
        path.write_text(
            f"tls_server_config: {{cert_file: live.crt, key_file: live.key}}\nbasic_auth_users: {{alice: '{hashed}'}}\n"
        )
        path.chmod(0o600)
    return folder
