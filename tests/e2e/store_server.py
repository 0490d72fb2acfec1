"""`exporter stores serve` as a process, for the tests that talk to it as its users do."""

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path


def start(folder, *more):
    """Start it on a free port, with its database and inbox in `folder`; (process, URL). Its log is `serve.log`."""
    log = folder / "serve.log"
    words = [
        "exporter",
        "stores",
        "serve",
        "--port",
        "0",
        "--database",
        folder / "s.duckdb",
        "--inbox",
        folder / "inbox",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen([*words, *more], stderr=out)
    deadline = time.monotonic() + 60
    while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, found[0]


def ask(url, body=None, **headers):
    """GET, or POST where there is a body; (status, body)."""
    request = urllib.request.Request(url, body, {name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read()


def until(url, wanted, timeout_s=60):
    """Ask until the answer is wanted; it."""
    deadline = time.monotonic() + timeout_s
    while not wanted(found := ask(url)):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def worker_cpu_s(process):
    """Seconds of processor that its threads have used so far, but for the first, which runs the event loop."""
    ticks = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        if task.name != str(process.pid):
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
