"""Time server, trafficgen, collector and plot together: the graph's numbers are those of the traffic."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

BIN = Path(sys.executable).parent
CODES = {"/": "200", "/missing": "404", "/fail": "500"}
RATE = 100
WINDOW_S = 3
POLL_S = 0.05  # between looks at a file that another process writes


@dataclass
class Run:
    """One run of trafficgen, by its own account."""

    begin_s: float
    end_s: float
    counts: dict[str, int]  # answers by status code
    saturated: bool  # the machine was too busy to keep the rate


@pytest.fixture
def url():
    """A time server of its own."""
    process = subprocess.Popen([BIN / "timeserver", "--port", "0"], stderr=subprocess.PIPE, text=True)
    yield re.search(r"http://\S+/", process.stderr.readline())[0]
    process.terminate()
    process.communicate()


def drive(url, tmp_path, name, *flags):
    """Traffic as a user starts it; its record."""
    output = tmp_path / f"{name}.json"
    mix = ",".join(f"{path}={share}" for path, share in (("/", 60), ("/missing", 25), ("/fail", 15)))
    base = ["--url", url, "--rps", str(RATE), "--mix", mix, "--seed", "4", "--metrics-address", "off"]
    subprocess.run(
        [BIN / "trafficgen", *base, "--report", "json", "--output", output, *flags], check=False, capture_output=True
    )
    report = json.loads(output.read_text())
    assert report["no_answer"] == {}
    begin_s = report["started_at"]
    return Run(begin_s, begin_s + report["seconds"], report["codes"], report["saturated"])


@pytest.fixture
def collector(url, tmp_path):
    """A collection a second, into stats.tsv."""
    stats = tmp_path / "stats.tsv"
    process = subprocess.Popen([BIN / "collector", "--url", url + "stats", "--interval", "1", "--output", stats])
    while not stats.exists() or not stats.read_text():
        assert process.poll() is None
        time.sleep(POLL_S)
    yield process
    process.kill()
    process.wait()


def wait_for_rows(path, collector, until_s):
    """Return once the collector has recorded a time after `until_s`: its own file is the clock."""
    while float((path.read_text().splitlines() or ["0"])[-1].split("\t")[0]) <= until_s + 1:
        assert collector.poll() is None
        time.sleep(POLL_S)


@pytest.mark.e2e
@pytest.mark.timeout(300)
def test_the_graph_holds_the_numbers_of_the_traffic(url, collector, tmp_path):
    """Steady, jittered, silent and steady again, seen through a collection a second."""
    stats = tmp_path / "stats.tsv"
    steady = drive(url, tmp_path, "steady", "--duration", "8s")
    wait_for_rows(stats, collector, steady.end_s + 2)  # or the rows that end it would be the next one's first
    jittered = drive(url, tmp_path, "jittered", "--duration", "8s", "--jitter", "0.6")
    wait_for_rows(stats, collector, jittered.end_s + WINDOW_S + 3)
    again = drive(url, tmp_path, "again", "--duration", "8s")
    wait_for_rows(stats, collector, again.end_s)
    collector.send_signal(signal.SIGTERM)
    assert collector.wait(10) == 0

    numbers, picture = tmp_path / "rates.csv", tmp_path / "rates.png"
    flags = ["--delta_t", "1", "--delta_t", str(WINDOW_S), "--csv", numbers, "--output", picture]
    subprocess.run([BIN / "plot", stats, *flags], check=True)
    with numbers.open() as stream:
        rows = [{name: float(value or "nan") for name, value in row.items()} for row in csv.DictReader(stream)]
    with Image.open(picture) as image:
        assert image.height > 600

    for run in (steady, jittered, again):
        during = [row for row in rows if run.begin_s < row["time"] <= run.end_s + 2]
        seen = {code: sum(row[f"{code}_1s"] for row in during) for code in CODES.values()}
        assert seen == pytest.approx(run.counts, rel=0.01)
    for run in (steady, again):
        if run.saturated:
            continue  # trafficgen says that it could not keep the rate, so the graph need not show it
        inside = [row for row in rows if run.begin_s + WINDOW_S + 1 < row["time"] < run.end_s - 0.5]
        totals = [sum(row[f"{code}_{WINDOW_S}s"] for code in CODES.values()) for row in inside]
        assert len(totals) >= 2
        assert totals == pytest.approx([RATE] * len(totals), rel=0.05)  # a collection may come some ms late
    silent = [row for row in rows if jittered.end_s + WINDOW_S + 1 < row["time"] < again.begin_s]
    assert len(silent) >= 2
    assert {row[f"{code}_{WINDOW_S}s"] for row in silent for code in CODES.values()} == {0.0}
