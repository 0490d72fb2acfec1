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

COMMANDS = {
    "waiting": (["exporter", "explain", "--format", "tab", "PIPE"], b""),
    "with files half written": (
        ["exporter", "hosting", "report", "PIPE", "--output", "out", "--set-aside", "aside"],
        HOSTING,
    ),
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
        [BIN / command[0], *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    fed = threading.Event()
    writer = threading.Thread(target=feed, args=(pipe, data, fed), daemon=True)
    writer.start()
    fed.wait(10)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=WITHIN_S)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, b"\n"), out
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]
