"""The report's memory does not grow with the log."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

LOG = """
COPY (
    SELECT '{"event": "heartbeat", "serverId": ' || s || ', "workload": ' || printf('%.3f', (hash(s, m) % 900) / 1000)
        || ', "time": "' || strftime(make_timestamp((1455494400 + 60 * m) * 1000000), '%Y-%m-%d %H:%M:%S') || '"}'
    FROM range(40000) minutes(m), range(SERVERS) servers(s)
    WHERE hash(m, s, 1) % 5000 <> 0
    UNION ALL
    SELECT '{"event": "route", "accountId": ' || n % 2000 || ', "serverId": ' || n % SERVERS
        || ', "time": "' || strftime(make_timestamp((1455494400 + 120 * n) * 1000000), '%Y-%m-%d %H:%M:%S') || '"}'
    FROM range(20000) routes(n)
) TO 'FILE' (FORMAT csv, QUOTE '', ESCAPE '', DELIMITER '\x01', HEADER false)
"""
WATCH = """
import os, subprocess, sys
_, status, used = os.wait4(subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL).pid, 0)
print(used.ru_maxrss, status)
"""
"""Starts a command from a small process: it counts the memory of whoever starts it as its own."""


def peak_bytes(folder, servers):
    """The largest resident memory of a report of a log of 40,000 lines a server."""
    path = folder / "log.json"
    with duckdb.connect() as db:
        db.execute(LOG.replace("SERVERS", str(servers)).replace("FILE", str(path)))
    script = Path(sys.executable).with_name("exporter")
    command = [sys.executable, "-c", WATCH, script, "hosting", "report", path, "--format", "csv"]
    peak_kib, status = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()
    assert status == b"0"
    return int(peak_kib) << 10


@pytest.mark.slow
@pytest.mark.timeout(400)  # half a minute on a quiet machine
def test_four_times_the_lines_need_little_more_memory(tmp_path):
    one_million, four_millions = (peak_bytes(tmp_path, servers) for servers in (25, 100))
    assert four_millions < 1.3 * one_million
    assert four_millions < 600 << 20
