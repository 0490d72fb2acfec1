"""The command as its user meets it: real processes, real signals."""

import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from timeserver.cli import command

TIMESERVER = str(Path(sys.executable).with_name("timeserver"))


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        pytest.param(["--port", "70000"], "invalid port '70000': expected a number from 0 to 65535", id="port"),
        pytest.param(
            ["--log-format", "xml"], "'xml' is not one of 'tab', 'tab-timed', 'json', 'combined'", id="format"
        ),
        pytest.param(["--log-rotation-interval", "0"], "invalid duration '0': expected more than 0", id="interval"),
        pytest.param(["--log-keep", "3"], "need --access-log PATH", id="keep-without-log"),
        pytest.param(["--access-log", "/"], "is a directory", id="directory"),
    ],
)
def test_a_wrong_flag_is_told_with_what_is_allowed(flags, complaint):
    result = CliRunner().invoke(command, flags)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_help_has_a_line_for_each_path():
    lines = CliRunner().invoke(command, ["--help"]).stdout.splitlines()
    assert "    /fail        a 500" in lines


@pytest.mark.e2e
def test_a_wrong_flag_is_one_line():
    result = subprocess.run([TIMESERVER, "--log-keep", "-1"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


@pytest.mark.e2e
def test_a_taken_port_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = subprocess.run([TIMESERVER, "--port", str(port)], capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert result.stderr == f"timeserver: cannot listen on 127.0.0.1:{port}: the port is taken\n"


@pytest.fixture
def start():
    """Start a time server on a free port; returns the process and its URL."""
    running = []

    def begin(*flags, **popen):
        process = subprocess.Popen([TIMESERVER, "--port", "0", *flags], stderr=subprocess.PIPE, text=True, **popen)
        running.append(process)
        url = re.fullmatch(r"timeserver: serving on (http://127\.0\.0\.1:\d+/)\n", process.stderr.readline())[1]
        return process, url

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def counted(url):
    return dict(re.findall(r"^(\w+): (\d+)$", get(url + "stats"), re.MULTILINE))


@pytest.mark.e2e
def test_sigterm_writes_the_last_line_and_ends_with_0(start, tmp_path):
    path = tmp_path / "access.log"
    process, url = start("--access-log", str(path))
    for _ in range(50):
        get(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert len(path.read_text().splitlines()) == 50


@pytest.mark.e2e
def test_through_rotations_every_request_is_in_one_of_the_files(start, tmp_path):
    path = tmp_path / "access.log"
    process, url = start("--access-log", str(path), "--log-rotation-interval", "0.05")
    while len(list(tmp_path.iterdir())) < 4:
        get(url)
    requests = int(counted(url)["200s"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    files = list(tmp_path.iterdir())
    assert sum(len(file.read_text().splitlines()) for file in files) == requests
    assert all(re.fullmatch(r"access\.log(\.\d+(\.\d+)?)?", file.name) for file in files)


def limit_files_to_100_bytes():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@pytest.mark.e2e
def test_a_full_disk_is_said_once_and_no_line_is_torn(start, tmp_path):
    path = tmp_path / "access.log"
    process, url = start("--access-log", str(path), preexec_fn=limit_files_to_100_bytes)
    for _ in range(20):
        get(url)
    assert "timeserver_log_lines_total" in get(url + "metrics")
    assert counted(url)["200s"] == "20"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    lines = path.read_text().splitlines()
    assert [line.count("\t") for line in lines] == [3] * len(lines)
    assert len(said.splitlines()) == 3  # in this order, but the log is written beside: the signal may come first
    for words in (
        "File too large; requests are still served",
        "stopping",
        f"{20 - len(lines)} lines dropped at the end",
    ):
        assert said.count(words) == 1
