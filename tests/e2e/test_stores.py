"""The stores' commands, killed outright in the middle of their work: they keep their word after a restart."""

import csv
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import time

import duckdb
import pytest
from store_server import ask, start, until, worker_cpu_s

from exporter.stores.state import Database

pytestmark = pytest.mark.e2e

WEEK_US = 7 * 86_400_000_000


def stop(process):
    process.terminate()
    assert process.wait(20) == 0


def test_kill_9_while_a_report_waits_loses_neither_the_report_nor_a_poll(tmp_path):
    feed = ["trafficgen", "feed", "stores", "--output", tmp_path / "inbox", "--stores", "300", "--seed", "1"]
    subprocess.run(feed, check=True)
    truth = json.loads((tmp_path / "inbox" / "truth.json").read_text())
    process, url = start(tmp_path)
    new = f'tidewatch_store_polls_total{{source="stores",result="new"}} {truth["polls"]}\n'.encode()
    until(f"{url}/metrics", lambda found: new in found[1])
    report_id = json.loads(ask(f"{url}/trigger_report")[1])["report_id"]
    process.kill()
    process.wait()
    process, url = start(tmp_path)
    status, body = until(f"{url}/get_report/{report_id}?format=csv", lambda found: found[0] != 202)
    assert (status, len(list(csv.reader(io.StringIO(body.decode()))))) == (200, 301)
    assert new in ask(f"{url}/metrics")[1]
    stop(process)


def test_only_the_owner_can_read_what_the_server_makes_whatever_the_umask(tmp_path):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox").chmod(0o750)
    before = os.umask(0)
    try:
        process, url = start(tmp_path)
    finally:
        os.umask(before)
    poll = b"store_id,status,timestamp_utc\n1,active,2026-11-22T06:30:48Z\n"
    assert ask(f"{url}/polls", poll, Content_Type="text/csv")[0] == 200
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.name != "serve.log"}
    folders = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "inbox").iterdir()}
    assert made == {"inbox": 0o750, "s.duckdb": 0o600, "s.duckdb.wal": 0o600} | dict.fromkeys(
        made.keys() & {"s.duckdb.tmp"}, 0o700
    )
    assert folders == {"done": 0o750, "failed": 0o750}
    stop(process)


def test_a_second_server_on_one_database_says_who_has_it_and_ends(tmp_path):
    first, url = start(tmp_path)
    command = ["exporter", "stores", "serve", "--port", "0", "--database", tmp_path / "s.duckdb"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith(f"exporter: {tmp_path}/s.duckdb: in use by process {first.pid}; ")
    assert done.stderr.count("\n") == 1
    assert ask(f"{url}/-/healthy") == (200, b"ok\n")
    stop(first)


def fill(path, stores, polls):
    """A database whose report takes some seconds: `polls` of each store, a fifth of them inactive, over a week."""
    with Database(path) as database, database.writing() as cursor:
        cursor.execute(f"INSERT INTO stores SELECT n + 1, 's' || n, 'UTC' FROM range({stores}) AS r(n)")
        cursor.execute(
            "INSERT INTO hours (store, weekday, start_s, end_s) "
            f"SELECT n + 1, day, 32400, 61200 FROM range({stores}) r(n), range(7) d(day)"
        )
        cursor.execute(
            f"INSERT INTO polls SELECT n % {stores} + 1, 1700000000000000 + (n // {stores}) * ({WEEK_US} // {polls}), "
            f"CAST(hash(n) % 5 > 0 AS BIGINT), 1 FROM range({stores * polls}) AS r(n)"
        )


def kill_in_the_query(process, url, report_id, after_s):
    """Kill it once its worker threads have computed for so long, and do so still, on a report that is not ready."""
    began = before = worker_cpu_s(process)
    deadline = time.monotonic() + 60
    while before - began < after_s or worker_cpu_s(process) == before:
        assert time.monotonic() < deadline
        before = worker_cpu_s(process)
        time.sleep(0.02)  # a tick of the kernel's count, and more
        assert ask(f"{url}/get_report/{report_id}") == (202, b'{"status":"Running"}')
    process.kill()
    assert process.wait() == -signal.SIGKILL


def row(folder, report_id):
    with duckdb.connect(str(folder / "s.duckdb"), read_only=True) as database:
        question = "SELECT status, attempts, csv IS NOT NULL FROM reports WHERE report_id = ?"
        return database.execute(question, [report_id]).fetchone()


@pytest.mark.slow
@pytest.mark.timeout(300)  # a busy machine makes each of the five kills wait for its query
def test_kill_9_in_the_query_of_a_report_and_it_is_made_again_or_has_failed(tmp_path):
    fill(tmp_path / "s.duckdb", stores=3000, polls=1000)
    shutil.copy(tmp_path / "s.duckdb", tmp_path / "untouched.duckdb")
    command = ["exporter", "stores", "report", "--database", tmp_path / "untouched.duckdb"]
    want = subprocess.run(command, check=True, capture_output=True).stdout
    process, url = start(tmp_path)
    report_id = json.loads(ask(f"{url}/trigger_report")[1])["report_id"]
    for attempt, after_s in enumerate((0.3, 1.2), 1):
        kill_in_the_query(process, url, report_id, after_s)
        assert row(tmp_path, report_id) == ("running", attempt, False)
        process, url = start(tmp_path)
    status, body = until(f"{url}/get_report/{report_id}?format=csv", lambda found: found[0] != 202)
    assert (status, body) == (200, want)
    rows = b"store_id,status,timestamp_utc\ns1,active,2023-11-15 00:00:00 UTC\n"  # another question from here on
    assert ask(f"{url}/polls", rows, Content_Type="text/csv")[0] == 200
    report_id = json.loads(ask(f"{url}/trigger_report")[1])["report_id"]
    for after_s in (0.2, 0.6, 1.0):
        kill_in_the_query(process, url, report_id, after_s)
        process, url = start(tmp_path)
    status, body = until(f"{url}/get_report/{report_id}", lambda found: found[0] != 202)
    assert (status, json.loads(body)["status"]) == (500, "Failed")
    assert "3 times" in json.loads(body)["reason"]
    stop(process)


def contents(path):
    """Everything that a load writes, in an order of its own."""
    with duckdb.connect(str(path), read_only=True) as database:
        selects = {
            "polls": "SELECT store_id, at_us, up FROM polls JOIN stores USING (store) ORDER BY ALL",
            "hours": "SELECT store_id, weekday, start_s, end_s FROM hours JOIN stores USING (store) ORDER BY ALL",
            "zones": "SELECT store_id, timezone FROM stores ORDER BY ALL",
        }
        return {name: database.execute(select).fetchall() for name, select in selects.items()}


@pytest.mark.slow
@pytest.mark.timeout(300)  # under 20 s on a quiet machine
def test_kill_9_at_any_moment_of_a_load_leaves_all_of_it_or_nothing(tmp_path):
    first, second = (tmp_path / name for name in ("first", "second"))
    for folder, stores, seed in ((first, 50, 1), (second, 3000, 2)):
        feed = ["trafficgen", "feed", "stores", "--output", folder, "--stores", str(stores), "--hours", "70"]
        subprocess.run([*feed, "--seed", str(seed)], check=True)

    def load(path, folder):
        files = {"--status": "store_status", "--hours": "menu_hours", "--timezones": "timezones"}
        words = [word for flag, name in files.items() for word in (flag, folder / f"{name}.csv")]
        return subprocess.Popen(["exporter", "stores", "load", "--database", path, *words], stdout=subprocess.DEVNULL)

    path = tmp_path / "s.duckdb"
    assert load(path, first).wait() == 0
    before = contents(path)
    shutil.copy(path, tmp_path / "whole.duckdb")
    began = time.monotonic()
    assert load(tmp_path / "whole.duckdb", second).wait() == 0
    took_s = time.monotonic() - began
    whole = contents(tmp_path / "whole.duckdb")
    assert len(whole["polls"]) > 150_000
    killed = 0
    for n in range(1, 10):
        process = load(path, second)
        try:
            process.wait(took_s * n / 10)
        except subprocess.TimeoutExpired:
            process.kill()
            killed += process.wait() == -signal.SIGKILL
        assert contents(path) in (before, whole)
    assert killed >= 3  # where the machine is quicker now than it was, the last ones come too late
    assert load(path, second).wait() == 0
    assert contents(path) == whole
