"""Under `ulimit -v` a command counts every line or ends with one line that says why; no library ends it."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ports import free_ports

pytestmark = pytest.mark.e2e

MIB = 1 << 20
LINES = 40_000
"""More than two MiB, from where DuckDB reads on."""
UP_WITHIN_S = 60
EXPORTER = Path(sys.executable).parent / "exporter"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    with (folder / "access.log").open("w") as log:
        for i in range(LINES):
            when = f"26/Nov/2026:10:{i // 2000:02}:{i % 60:02} +0000"
            log.write(f'192.0.2.1 - - [{when}] "GET /page{i % 50} HTTP/1.1" 200 5\n')
    return folder


def limited(words, limit_bytes):
    return ["sh", "-c", 'ulimit -v $0; exec "$@"', str(limit_bytes >> 10), EXPORTER, *words]


def run(folder, words, limit_bytes):
    command = limited([*words, "--format", "common", "access.log"], limit_bytes)
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("words", "limit_bytes"),
    [(["summary"], 600 * MIB), (["backfill"], 400 * MIB), (["qps", "--once"], 200 * MIB)],
    ids=["summary", "backfill", "qps"],
)
def test_a_command_counts_all_or_says_that_memory_is_short(logs, words, limit_bytes):
    got = run(logs, words, limit_bytes)
    if got.returncode != 0:
        assert (got.returncode, got.stderr.count("\n")) == (5, 1), got.stderr
        assert "out of memory" in got.stderr
        return
    want = run(logs, words, 1 << 40)
    assert got.stdout.splitlines()[1:] == want.stdout.splitlines()[1:]  # one begins with the time


def test_the_daemon_counts_every_line(logs, tmp_path):
    (port,) = free_ports(1)
    (tmp_path / "exporter.yml").write_text(
        f"state_dir: state\naccesslog:\n- {{source: a, paths: [{logs}/access.log], format: common, from: start}}\n"
    )
    flags = ["--config.file", "exporter.yml", "--web.listen-address", f"127.0.0.1:{port}"]
    with (tmp_path / "stderr").open("wb") as stderr:
        process = subprocess.Popen(limited(flags, 600 * MIB), cwd=tmp_path, stderr=stderr)
    try:
        counted, deadline_s = 0, time.monotonic() + UP_WITHIN_S
        while counted < LINES:
            assert process.poll() is None, (tmp_path / "stderr").read_text()[-2000:]
            assert time.monotonic() < deadline_s, f"{counted} of {LINES} lines after {UP_WITHIN_S} s"
            counted = _counted(port)
            time.sleep(0.05)  # until more is counted, which nothing announces
        assert counted == LINES
    finally:
        process.terminate()
        assert process.wait(UP_WITHIN_S) == 0


def _counted(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
    except urllib.error.URLError:  # not up yet
        return 0
    return sum(map(int, re.findall(r"^tidewatch_http_requests_total\{.*\} (\d+)$", text, re.MULTILINE)))
