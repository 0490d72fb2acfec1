"""The circle on real servers: what was sent is logged, counted, scraped, alerted on; and a broken part is told."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(240)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SHORT = ("--calm=6s", "--fault=0", "--after=0", "--rps=300", "--rotations=0", "--agree-within=5s")


def test_the_check_holds(demo):
    check = demo.verify("--rps=500", "--calm=15s", "--fault=10s", "--after=45s")
    table, talk = check.communicate()
    assert check.returncode == 0, table + talk
    assert table.count("  ok") == 17
    assert "All checks passed." in table


def test_every_panel_of_every_board_has_data(demo):
    command = [sys.executable, "-m", "dashboards", "query-all", f"--prometheus={demo.addresses['prometheus']}"]
    got = subprocess.run([*command, "--range=120"], capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stdout + got.stderr
    assert "0 of them need attention" in got.stdout
    assert [line for line in got.stdout.splitlines() if "  absent  " in line and "generator" not in line] == []


@pytest.mark.parametrize("board", ["tidewatch-site", "tidewatch-itself"])
def test_the_page_draws_every_panel(demo, board, tmp_path):
    if CHROMIUM is None:
        pytest.skip("chromium is not on PATH")
    picture = tmp_path / "page.png"
    url = f"{demo.addresses['preview']}/?board={board}&refresh=0"
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    flags += ["--window-size=1600,1400", "--virtual-time-budget=10000"]

    def browse(what):
        return subprocess.run([CHROMIUM, *flags, what, url], capture_output=True, text=True, timeout=60, check=True)

    page = browse("--dump-dom").stdout
    browse(f"--screenshot={picture}")
    assert page.count('data-state="drawn"') > 8
    assert 'data-state="failed"' not in page
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_stopped_exporter_is_told(demo):
    exporter = demo.pid("exporter")
    check = demo.verify(*SHORT)
    _wait_for(check.stderr, "requests/s to")
    os.kill(exporter, signal.SIGSTOP)
    try:
        table, talk = check.communicate()
    finally:
        os.kill(exporter, signal.SIGCONT)
    assert check.returncode == 1, table + talk
    bad = _marked(table)
    assert any("counted from the log, at /metrics" in line for line in bad), table
    assert any("counted from the log, in Prometheus" in line for line in bad), table
    assert not any("= logged" in line for line in bad), table


def test_log_lines_that_vanish_are_told(demo):
    check = demo.verify(*SHORT)
    _wait_for(check.stderr, "requests/s to")
    with (demo.state / "site" / "access.log").open("r+b") as log:  # also if it is rotated meanwhile
        while os.fstat(log.fileno()).st_size < 10_000 and check.poll() is None:
            time.sleep(0.05)
        log.truncate(0)
    table, talk = check.communicate()
    assert check.returncode == 1, table + talk
    assert any("= logged" in line and "[-" in line for line in _marked(table)), table


def test_a_check_that_cannot_begin_says_why(demo):
    check = demo.verify(*SHORT, "--exporter=http://127.0.0.1:1")
    table, talk = check.communicate()
    assert check.returncode == 3
    assert table == ""
    assert "http://127.0.0.1:1/metrics" in talk


def _marked(table):
    return [line for line in table.splitlines() if line.startswith(">")]


def _wait_for(stream, words):
    said = ""
    for line in stream:
        if words in line:
            return
        said += line
    raise AssertionError(f"never said: {words}, but: {said}")
