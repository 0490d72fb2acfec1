"""The `collector` command as its user meets it."""

import http.server
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporter.stats.collector.cli import command

COLLECTOR = str(Path(sys.executable).with_name("collector"))


class Server(http.server.ThreadingHTTPServer):
    asked: int
    good: bool
    url: str


class Counting(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.asked += 1
        self.send_response(200 if self.server.good else 500)
        self.end_headers()
        self.wfile.write(f"200s: {self.server.asked}\n404s: 0\n500s: 0\n".encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Counting) as server:
        server.asked, server.good = 0, True
        server.url = f"http://127.0.0.1:{server.server_port}/stats"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--url", "localhost"], "invalid URL 'localhost': expected http or https"),
        (["--interval", "0"], "invalid duration '0': expected more than 0"),
        (["--interval", "soon"], "expected seconds or units, for example 10, 10s or 1m30s"),
        (["--columns", "200"], "must name time"),
        (["--output", "/"], "is a directory"),
    ],
)
def test_a_wrong_flag_is_told_with_what_is_allowed(flags, complaint):
    result = CliRunner().invoke(command, flags)
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr


def wait_for_rows(process, output):
    while not output.exists() or output.read_text().count("\n") < 5:
        assert process.poll() is None
        time.sleep(0.02)


def collect(*flags):
    return subprocess.run([COLLECTOR, *flags], capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.e2e
def test_rows_go_to_stdout_and_talk_to_stderr(server):
    result = collect("--url", server.url, "--interval", "100ms", "--duration", "300ms", "--header")
    assert result.returncode == 0, result.stderr
    header, *rows = result.stdout.splitlines()
    assert header == "time\t200\t404\t500"
    assert [row.split("\t")[1:] for row in rows] == [[str(number), "0", "0"] for number in range(1, len(rows) + 1)]
    assert result.stderr == f"collector: {len(rows)} rows, 0 collections failed, {4 - len(rows)} missed\n"


@pytest.mark.e2e
def test_a_run_without_any_row_ends_with_an_error(server, tmp_path):
    server.good = False
    output = tmp_path / "stats.tsv"
    result = collect("--url", server.url, "--interval", "50ms", "--duration", "50ms", "--output", str(output))
    assert (result.returncode, output.read_text()) == (3, "")
    first, *_, last = result.stderr.splitlines()
    assert "no row: answered 500 instead of 200; trying again every 0.05 s" in first
    assert last == "collector: no collection succeeded"


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_whole_rows_and_no_other_file(server, tmp_path, number):
    output = tmp_path / "stats.tsv"
    process = subprocess.Popen(
        [COLLECTOR, "--url", server.url, "--interval", "50ms", "--output", str(output)],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(process, output)
    process.send_signal(number)
    _, said = process.communicate(timeout=10)
    rows = output.read_text()
    assert (process.returncode, list(tmp_path.iterdir())) == (0, [output])
    assert rows.endswith("\n")
    assert f"collector: {rows.count(chr(10))} rows in {output}, " in said


@pytest.mark.e2e
def test_a_killed_run_is_continued(server, tmp_path):
    output = tmp_path / "stats.tsv"
    process = subprocess.Popen([COLLECTOR, "--url", server.url, "--interval", "50ms", "--output", str(output)])
    wait_for_rows(process, output)
    process.kill()
    process.wait()
    before = output.read_text()
    assert (
        collect("--url", server.url, "--interval", "50ms", "--duration", "50ms", "--output", str(output)).returncode
        == 0
    )
    assert output.read_text().startswith(before)
    assert len(output.read_text()) > len(before)
