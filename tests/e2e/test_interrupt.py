"""Ctrl-C in the middle of a command that ends by itself: exit code 130, no traceback, nothing half written."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

WITHIN_S = 60
BIN = Path(sys.executable).parent
HOSTING = b'{"event": "heartbeat", "server_id": 1, "workload": 0.5, "time": 1455494400}\n' * 5000
ERRORS = b"0:00:01\t5.1\t3\n0:00:01\t5.2\t4\n" * 5000
ENDLESS = 12 << 20  # more than any command holds before it works on it

LINES = b'127.0.0.1 - - [01/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n' * 5000
POLLS = b"store_id,status,timestamp_utc\n" + b"1,active,2026-11-01 10:00:00 UTC\n" * 5000
ROWS = b"1793491200\t5\t0\t0\n"

COMMANDS = {
    "waiting": (["exporter", "explain", "--format", "tab", "PIPE"], b""),
    "with files half written": (
        ["exporter", "hosting", "report", "PIPE", "--output", "out", "--set-aside", "aside"],
        HOSTING,
    ),
    "in two processes": (["exporter", "summary", "PIPE"], LINES),
    "with samples in memory": (["exporter", "backfill", "PIPE"], LINES),
    "that looks at the first lines": (["exporter", "infer", "PIPE"], b""),
    "in the database": (["exporter", "stores", "load", "--database", "polls.duckdb", "--status", "PIPE"], POLLS),
    "of rates": (["plot", "PIPE", "--csv", "out"], ROWS),
    "of a replay": (["trafficgen", "replay", "PIPE", "--url", "http://127.0.0.1:9/"], LINES),
    "in a reading thread": (["exporter", "releases", "report", "PIPE", "--output", "out"], ERRORS),
}


def feed(pipe, data, fed):
    """Write `data` again and again until nobody reads any more; `fed` is set when the reader is busy with it."""
    with contextlib.suppress(BrokenPipeError), pipe.open("wb", buffering=0) as stream:
        written = 0
        while data:
            written += stream.write(data)
            if written >= ENDLESS:
                fed.set()
        fed.set()
        threading.Event().wait(WITHIN_S)


@pytest.mark.parametrize(("command", "data"), COMMANDS.values(), ids=COMMANDS)
def test_a_reading_command_ends_with_130(tmp_path, command, data):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    arguments = [str(pipe) if argument == "PIPE" else argument for argument in command[1:]]
    process = subprocess.Popen(
        [BIN / command[0], *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    fed = threading.Event()
    writer = threading.Thread(target=feed, args=(pipe, data, fed), daemon=True)
    writer.start()
    fed.wait(10)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the command
    try:
        out, err = process.communicate(timeout=WITHIN_S)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, b"\n"), out
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]


def test_a_check_ends_while_its_tools_run(tmp_path):
    """Many of them, of which each waits for a pipe that nobody opens."""
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "begun")
    for tool in ("promtool", "amtool"):
        (tmp_path / tool).write_text(f"#!/bin/sh\necho >{tmp_path}/begun\nexec cat {tmp_path}/pipe\n")
        (tmp_path / tool).chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "alerts", "check"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        (tmp_path / "begun").read_bytes()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=WITHIN_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out, err) == (130, b"", b"\n")


SERVERS = {
    "exporter": "exporter --web.listen-address 127.0.0.1:0",
    "stores": "exporter stores serve --database polls.duckdb --port 0",
    "timeserver": "timeserver --port 0",
    "receiver": "python -m alerts receiver --port 0",
    "preview": "python -m dashboards preview --port 0",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_server_drains_and_ends_with_0(tmp_path, command, number):
    name, *words = command.split()
    process = subprocess.Popen(
        [BIN / name, *words], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    said = b""
    try:
        for line in process.stderr:
            said += line
            if b"http://127.0.0.1:" in line:
                break
        os.killpg(process.pid, number)
        said += process.communicate(timeout=WITHIN_S)[1]
    finally:
        process.kill()
    assert (process.returncode, b"Traceback" in said) == (0, False), said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_the_collector_ends_after_its_row(tmp_path, number):
    process = subprocess.Popen(
        [BIN / "collector", "--url", "http://127.0.0.1:9/", "--interval", "1h"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        first = process.stderr.readline()  # the page cannot be read
        os.killpg(process.pid, number)
        said = process.communicate(timeout=WITHIN_S)[1]
    finally:
        process.kill()
    assert (process.returncode, b"Traceback" in said) == (3, False), (first, said)
