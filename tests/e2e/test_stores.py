"""The stores' server as a process: killed outright while a report waits, it keeps its word after a restart."""

import csv
import io
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.e2e


def start(folder, log):
    command = [
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
        process = subprocess.Popen(command, stderr=out)
    deadline = time.monotonic() + 60
    while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process, found[0]


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read()


def until(url, wanted):
    deadline = time.monotonic() + 60
    while not wanted(found := get(url)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_kill_9_while_a_report_is_made_loses_neither_the_report_nor_a_poll(tmp_path):
    subprocess.run(
        ["trafficgen", "feed", "stores", "--output", tmp_path / "inbox", "--stores", "300", "--seed", "1"], check=True
    )
    truth = json.loads((tmp_path / "inbox" / "truth.json").read_text())
    process, url = start(tmp_path, tmp_path / "first.log")
    new = f'tidewatch_store_polls_total{{source="stores",result="new"}} {truth["polls"]}\n'.encode()
    until(f"{url}/metrics", lambda found: new in found[1])
    report_id = json.loads(get(f"{url}/trigger_report")[1])["report_id"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process, url = start(tmp_path, tmp_path / "second.log")
    status, body = until(f"{url}/get_report/{report_id}?format=csv", lambda found: found[0] != 202)
    assert (status, len(list(csv.reader(io.StringIO(body.decode()))))) == (200, 301)
    assert new in get(f"{url}/metrics")[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
