"""Every server of the house, as its command starts it, holds to the one web policy."""

import base64
import http.client
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
import pytest
from ports import free_ports

pytestmark = pytest.mark.e2e

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
            self.processes.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))

    def connect(self, server):
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.ports[server], timeout=20)
        return http.client.HTTPSConnection("127.0.0.1", self.ports[server], timeout=20, context=self.tls)

    def ask(self, server, method="GET", path="/-/healthy", body=None, **headers):
        """(status, headers) of the answer."""
        if self.tls is not None:
            headers.setdefault("Authorization", f"Basic {base64.b64encode(self.login.encode()).decode()}")
        connection = self.connect(server)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        connection.close()
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
    ports = free_ports(len(SERVERS) + 1)
    house = House(folder, tls, dict(zip(SERVERS, ports, strict=False)))
    of = house.ports
    web = [f"--web.config.file={folder}/web.yml"]
    (folder / "e.yml").write_text(
        f"state_dir: {folder}/state\n"
        f"stores:\n  - {{source: s, http: '127.0.0.1:{of['stores']}'}}\n"
        f"  - {{source: o, database: {folder}/own.duckdb, http: '127.0.0.1:{of['stores-own']}',"
        f" web_config_file: {folder}/own.yml}}\n"
        f"releases:\n  - {{source: r, http: '127.0.0.1:{of['ingest']}'}}\n"
    )
    address = f"--web.listen-address=127.0.0.1:{of['exporter']}"
    house.start(BIN / "exporter", f"--config.file={folder}/e.yml", address, "--web.enable-lifecycle", *web)
    database = f"--database={folder}/serve.duckdb"
    house.start(BIN / "exporter", "stores", "serve", database, f"--port={of['stores-serve']}", *web)
    house.start(BIN / "timeserver", f"--port={of['timeserver']}", *web)
    target = socket.create_server(("127.0.0.1", ports[-1]))  # never answers
    idle = [f"--url=http://127.0.0.1:{ports[-1]}/", "--rps=0.1", "--duration=1h", "--linger=1s"]
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
        assert b"Traceback" not in Path(house.folder / f"{house.processes.index(process)}.log").read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    for name in ("web", "own"):
        (folder / f"{name}.yml").write_text("allowed_hosts: [metrics.example.com]\n")
    with run_house(folder) as house:
        yield house


@pytest.fixture(scope="module")
def secure(tmp_path_factory, certificates):
    folder = tmp_path_factory.mktemp("secure")
    authority, _ = certificates("ca", san=None)
    with run_house(write_web(folder, certificates), ssl.create_default_context(cafile=authority)) as house:
        yield house


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


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("rebind.evil.example", True),
        ("127.0.0.1.evil.example:80", True),
        ("localhost:1", False),
        ("192.0.2.7", False),
        ("metrics.example.com", False),
    ],
)
def test_a_server_answers_to_its_names_alone(plain, server, host, refused):
    status, _ = plain.ask(server, path="/", Host=host)
    assert (status == 421) is refused


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("path", ["/", "/-/healthy", "/nowhere"])
def test_every_answer_carries_the_headers(plain, server, path):
    check_headers(plain.ask(server, path=path)[1])


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_not_http_is_answered_with_the_headers_too(plain, server):
    with socket.create_connection(("127.0.0.1", plain.ports[server]), 20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400
        check_headers(answer.headers)


def check_headers(headers):
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "deny"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "tidewatch"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(plain, server, headers):
    status, _ = plain.ask(server, "POST", CHANGES.get(server, "/"), b"x", Content_Type="application/json", **headers)
    assert status == 403


@pytest.mark.parametrize("server", SERVERS)
def test_a_page_of_another_site_embeds_nothing_and_links_may_be_followed(plain, server):
    assert plain.ask(server, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image")[0] == 403
    assert plain.ask(server, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")[0] < 405


@pytest.mark.parametrize("server", ACTING)
def test_a_get_that_changes_something_is_as_guarded_as_a_post(plain, server):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert plain.ask(server, path="/trigger_report", **link)[0] == 403
    assert plain.ask(server, path="/trigger_report", Referer="http://evil.example/")[0] == 403
    assert plain.ask(server, path="/trigger_report", Sec_Fetch_Site="none")[0] == 200
    assert plain.ask(server, path="/trigger_report")[0] == 200


@pytest.mark.parametrize(
    ("server", "path", "kind", "status"),
    [
        ("exporter", "/-/reload", "", 200),
        ("ingest", "/ingest", "text/plain", 200),
        ("ingest", "/ingest", "application/x-www-form-urlencoded", 200),
        ("stores", "/polls", "text/csv", 200),
        ("stores", "/polls", "text/plain", 415),
        ("stores-serve", "/polls", "application/x-www-form-urlencoded", 415),
        ("receiver", "/", "text/plain", 415),
        ("receiver", "/", "application/json", 400),
    ],
)
def test_programs_go_on_as_before_but_for_the_types_of_forms(plain, server, path, kind, status):
    body = b"store_id,status,timestamp_utc\n" if path == "/polls" else b""
    assert plain.ask(server, "POST", path, body, **({"Content_Type": kind} if kind else {}))[0] == status


@pytest.mark.parametrize("server", SERVERS)
def test_users_are_asked_for_over_tls_alone(secure, server):
    assert secure.ask(server, Authorization="")[0] == 401
    assert secure.ask(server, Authorization="Basic !")[0] == 401
    assert secure.ask(server)[0] in {200, 404}
    with socket.create_connection(("127.0.0.1", secure.ports[server]), 20) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert not connection.recv(100).startswith(b"HTTP/1.1 200")


def test_every_server_follows_its_files(secure, certificates):
    """In one test, for all share the files: renewed, broken, mended, and a new password."""
    before = {server: secure.certificate(server) for server in SERVERS}
    write_web(secure.folder, certificates, "renewed", "new")
    assert {server for server in SERVERS if secure.certificate(server) == before[server]} == set()
    secure.login = "alice:new"
    for server in SERVERS:
        secure.eventually(server, 401, Authorization=f"Basic {base64.b64encode(b'alice:wonder').decode()}")
        assert secure.ask(server)[0] in {200, 404}, server
    (secure.folder / "web.yml").write_text("junk: [")
    (secure.folder / "own.yml").unlink()
    for server in SERVERS:
        assert secure.ask(server)[0] in {200, 404}, server
    assert 'tidewatch_web_config_last_reload_successful{file="' in metrics(secure, "exporter")
    for server, prefix in [
        ("exporter", "tidewatch"),
        ("stores-serve", "tidewatch"),
        ("timeserver", "timeserver"),
        ("trafficgen", "trafficgen"),
        ("receiver", "alert_receiver"),
    ]:
        text = metrics(secure, server)
        values = {
            line.rsplit(" ", 1)[1]
            for line in text.splitlines()
            if line.startswith(f"{prefix}_web_config_last_reload_successful{{")
        }
        assert {float(value) for value in values} == {0.0}, server


def metrics(house, server):
    connection = house.connect(server)
    authorization = f"Basic {base64.b64encode(house.login.encode()).decode()}"
    connection.request("GET", "/metrics", headers={"Authorization": authorization})
    text = connection.getresponse().read().decode()
    connection.close()
    return text
