"""Access logs that are no files, from the programs that write them: what was sent is what is counted, exactly."""

import array
import contextlib
import fcntl
import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from ports import free_ports
from prometheus_client.parser import text_string_to_metric_families

sys.path.append(str(Path(__file__).resolve().parents[1] / "exporter"))  # behind our own conftest
from journaling import Journal, record  # the stand-in for journalctl

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
WITHIN_S = 120
LINE = '192.0.2.1 - - [27/Nov/2026:06:25:00 +0000] "GET / HTTP/1.1" {code} 5 "-" "x"'
HEADER = "<190>Nov 27 06:25:00 web nginx: "


def until(happened, what=lambda: ""):
    """Wait until it is true, and give it back."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := happened()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)
    return found


class Exporter:
    """An exporter of one source, `site`."""

    def __init__(self, folder, place, *, stdin=None):
        (self.port,) = free_ports(1)
        self.folder, self.stdin = folder, stdin
        config = f"state_dir: {folder}/state\naccesslog:\n  - {{source: site, codes: [200, 404], {place}}}\n"
        (folder / "exporter.yml").write_text(config)
        self.output = folder / "output"
        self.process = None

    def start(self):
        command = [
            "exporter",
            f"--config.file={self.folder}/exporter.yml",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                command, stdin=self.stdin or subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder
            )
        until(self.metrics, self.output.read_text)

    def end(self, sign=signal.SIGTERM):
        self.process.send_signal(sign)
        return self.process.wait(WITHIN_S)

    def metrics(self):
        """All samples by name and labels; None while it does not answer."""
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as got,
        ):
            families = text_string_to_metric_families(got.read().decode())
            return {(s.name, *sorted(s.labels.items())): s.value for f in families for s in f.samples}
        return None

    def codes(self):
        """Requests by code, those that there are."""
        found = Counter()
        for (name, *labels), value in (self.metrics() or {}).items():
            if name == "tidewatch_http_requests_total" and value:
                found[dict(labels)["code"]] += int(value)
        return dict(found)

    def sample(self, name, **labels):
        return self.metrics()[name, *sorted({"source": "site", **labels}.items())]

    def until_codes(self, want):
        until(lambda: self.codes() == want, lambda: (self.codes(), want, self.output.read_text()))


@pytest.fixture
def exporter(tmp_path):
    """Makes one; it is ended with the test."""
    made = []

    def make(place, **settings):
        made.append(Exporter(tmp_path, place, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.fixture
def nginx(tmp_path):
    """Starts nginx with an access_log; gives a function that asks it for so many pages."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not on PATH")
    started = []

    def start(access_log):
        (port,) = free_ports(1)
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(
            f"{kind}_temp_path {tmp_path};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; {user} pid {tmp_path}/nginx.pid; error_log {tmp_path}/nginx.error; events {{}}\n"
            f"http {{ {temporary} access_log {access_log};\n"
            f"server {{ listen 127.0.0.1:{port}; keepalive_requests 100000;\n"
            "location / { return 200 hello; } location /missing { return 404; } } }\n"
        )
        started.append(subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "nginx.error"]))
        until(lambda: is_listening(port))

        def ask(good, missing):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            for n in range(good + missing):
                connection.request("GET", "/" if n < good else "/missing")
                connection.getresponse().read()
            connection.close()

        return ask

    yield start
    for process in started:
        process.terminate()
        process.wait(WITHIN_S)


def is_listening(port):
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def place(kind, tmp_path):
    """Where to listen, and the same for nginx."""
    if kind == "udp":
        (port,) = free_ports(1)
        return f"udp://127.0.0.1:{port}", f"127.0.0.1:{port}"
    return f"unix:{tmp_path}/s", f"unix:{tmp_path}/s"


def test_nginx_by_udp(tmp_path, exporter, nginx):
    where, server = place("udp", tmp_path)
    one = exporter(f'format: combined, listen: {{syslog: "{where}"}}')
    ask = nginx(f"syslog:server={server},tag=web combined")
    ask(300, 20)
    until(lambda: sum(one.codes().values()) + dropped(one) == 320, lambda: (one.codes(), one.output.read_text()))
    assert one.sample("tidewatch_log_lines_total") == sum(one.codes().values())
    assert one.sample("tidewatch_log_replayable") == 0


def test_nginx_by_a_local_socket(tmp_path, exporter, nginx):
    """One page after the other is counted: what a full socket does not take nginx drops, and tells nobody."""
    where, server = place("unix", tmp_path)
    one = exporter(f'format: combined, listen: {{syslog: "{where}"}}')
    ask = nginx(f"syslog:server={server},tag=web combined")
    for pages in range(1, 21):
        ask(1, 0)
        one.until_codes({"200": pages})
    assert one.end() == 0
    one.start()
    one.until_codes({"200": 20})


def dropped(one):
    return one.metrics().get(("tidewatch_log_dropped_messages_total", ("reason", "kernel"), ("source", "site")), 0)


def test_nginx_goes_on_once_the_exporter_is_there_again(tmp_path, exporter, nginx):
    """What it sent meanwhile is lost, as docs/inputs.md says, and nothing of it is counted later."""
    where, server = place("unix", tmp_path)
    one = exporter(f'format: combined, listen: {{syslog: "{where}"}}')
    ask = nginx(f"syslog:server={server} combined")
    ask(5, 0)
    one.until_codes({"200": 5})
    one.end(signal.SIGKILL)
    ask(5, 0)
    one.start()
    ask(0, 7)
    one.until_codes({"200": 5, "404": 7})


def test_haproxy_by_syslog(tmp_path, exporter):
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not on PATH")
    where, _ = place("udp", tmp_path)
    one = exporter(f'format: haproxy, listen: {{syslog: "{where}"}}')
    (port,) = free_ports(1)
    (tmp_path / "haproxy.cfg").write_text(
        f"global\n log {where.removeprefix('udp://')} local0\ndefaults\n mode http\n log global\n option httplog\n"
        " timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
        f"frontend f\n bind 127.0.0.1:{port}\n http-request return status 200 if {{ path / }}\n"
        " http-request return status 404\n"
    )
    process = subprocess.Popen(["haproxy", "-f", tmp_path / "haproxy.cfg"])
    try:
        until(lambda: is_listening(port))
        before = one.codes()
        for path in ["/"] * 20 + ["/x"] * 3:
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").close()
        until(lambda: one.codes().get("200") == 20 and one.codes().get("404") == 3, lambda: (before, one.codes()))
    finally:
        process.terminate()
        process.wait(WITHIN_S)


@pytest.mark.parametrize(
    ("scheme", "flags"),
    [
        ("udp", ["--server=127.0.0.1", "--udp", "--rfc3164"]),
        ("udp", ["--server=127.0.0.1", "--udp", "--rfc5424"]),
        ("tcp", ["--server=127.0.0.1", "--tcp", "--rfc5424", "--octet-count"]),
        ("tcp", ["--server=127.0.0.1", "--tcp", "--rfc3164"]),
        ("unix", ["--socket={}", "--socket-errors=on"]),
    ],
)
def test_logger(scheme, flags, tmp_path, exporter):
    if not shutil.which("logger"):
        pytest.skip("logger is not on PATH")
    (port,) = free_ports(1)
    where = f"unix:{tmp_path}/s" if scheme == "unix" else f"{scheme}://127.0.0.1:{port}"
    one = exporter(f'format: combined, listen: {{syslog: "{where}"}}')
    at = [f"--port={port}"] if scheme != "unix" else []
    lines = "".join(LINE.format(code=code) + "\n" for code in [200] * 40 + [404] * 2)
    command = ["logger", *(flag.format(f"{tmp_path}/s") for flag in flags), *at, "--tag=web"]
    subprocess.run(command, input=lines.encode(), check=True, timeout=WITHIN_S)
    one.until_codes({"200": 40, "404": 2})
    assert one.sample("tidewatch_log_lines_failed_total", reason="format") == 0


def test_a_sender_that_counts_octets_and_writes_in_pieces(exporter):
    (port,) = free_ports(1)
    one = exporter(f'format: combined, listen: {{syslog: "tcp://127.0.0.1:{port}"}}')
    message = (HEADER + LINE.format(code=200)).encode()
    stream = b"%d %s" % (len(message), message) * 500
    with socket.create_connection(("127.0.0.1", port)) as out:
        out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(stream), 97):
            out.sendall(stream[at : at + 97])
    one.until_codes({"200": 500})


def test_what_has_arrived_is_counted_before_the_end(exporter):
    (port,) = free_ports(1)
    one = exporter(f'format: combined, listen: {{syslog: "tcp://127.0.0.1:{port}"}}')
    message = (HEADER + LINE.format(code=200) + "\n").encode()
    with socket.create_connection(("127.0.0.1", port)) as out:
        out.sendall(message * 20_000)
        until(lambda: not unsent(out))
        assert one.end() == 0
    one.start()
    one.until_codes({"200": 20_000})


def unsent(out):
    """Bytes that the other machine's kernel does not have yet."""
    size = array.array("i", [0])
    fcntl.ioctl(out.fileno(), termios.TIOCOUTQ, size)
    return size[0]


def test_thousands_of_connections_shut_nobody_out(exporter):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(10_000, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 400), hard))
    (port,) = free_ports(1)
    one = exporter(f'format: combined, listen: {{syslog: "tcp://127.0.0.1:{port}"}}')
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        good = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        message = (HEADER + LINE.format(code=200) + "\n").encode()
        good.sendall(message)
        one.until_codes({"200": 1})
        for _ in range(wanted):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        good.sendall(message)
        one.until_codes({"200": 2})
        server = {"server": f"127.0.0.1:{port}"}
        held = ("tidewatch_connections", *sorted(server.items()))
        until(lambda: one.metrics()[held] == 100)


def test_the_journal_is_counted_exactly_through_kills(tmp_path, exporter):
    journal = Journal(tmp_path)
    one = exporter(
        f"format: combined, journal: {{units: [nginx], directory: {journal.directory}, program: {journal.program}}}"
    )
    total, written, done = 4000, [0], threading.Event()

    def write():
        while written[0] < total:
            n = written[0]
            journal.write(*(record(n + i, LINE.format(code=200 if (n + i) % 10 else 404)) for i in range(10)))
            written[0] += 10
            time.sleep(0.005)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    for kill in range(4):
        until(lambda kill=kill: sum(one.codes().values()) > kill * 500)
        one.end(signal.SIGKILL)
        one.start()
    until(done.is_set)
    writer.join()
    one.until_codes({"200": total * 9 // 10, "404": total // 10})
    assert one.sample("tidewatch_log_gaps_total") == 0
    assert one.sample("tidewatch_log_replayable") == 1
    assert one.sample("tidewatch_log_lines_total") == total


def test_stdin_to_its_end(tmp_path, exporter):
    read, write = os.pipe()
    one = exporter("format: combined, stdin: true", stdin=read)
    os.close(read)
    os.write(write, (LINE.format(code=200) + "\n").encode() * 100)
    one.until_codes({"200": 100})
    assert one.sample("tidewatch_log_readable") == 1
    os.write(write, LINE.format(code=404).encode())
    os.close(write)
    one.until_codes({"200": 100, "404": 1})
    until(lambda: one.sample("tidewatch_log_readable") == 0)
    assert "stdin has ended" in one.output.read_text()
    assert one.end() == 0


@pytest.mark.parametrize("scheme", ["udp", "tcp", "unix"])
def test_a_place_that_is_taken_ends_the_start_with_one_line(scheme, tmp_path):
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_UNIX if scheme == "unix" else socket.AF_INET, kind) as other:
        other.bind(f"{tmp_path}/s" if scheme == "unix" else ("127.0.0.1", 0))
        if scheme == "tcp":
            other.listen()
        where = f"unix:{tmp_path}/s" if scheme == "unix" else f"{scheme}://127.0.0.1:{other.getsockname()[1]}"
        (tmp_path / "exporter.yml").write_text(
            f"state_dir: {tmp_path}/state\naccesslog:\n  - {{source: site, listen: {{syslog: '{where}'}}}}\n"
        )
        command = ["exporter", f"--config.file={tmp_path}/exporter.yml", "--web.listen-address=127.0.0.1:0"]
        got = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert got.returncode == 3
    (line,) = [line for line in got.stderr.splitlines() if "cannot listen" in line]
    assert line.startswith("exporter: cannot listen on ")
    assert line.endswith(("; choose another one", "; choose another path"))
