"""Three exporters behind a load balancer, summed by a real Prometheus, give the verdict that one gives."""

import contextlib
import http.client
import itertools
import json
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from ports import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]  # it waits for two bounds

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 300  # a bound for a busy machine
BUILDS, CODES = ("5.1", "5.2"), list(range(6))


@pytest.fixture
def running(tmp_path):
    """Exporters a, b, c of one source, `many`, and one of the source `one`; their ingest ports, and Prometheus'."""
    processes, ingests, scraped = [], {}, []
    for name in ("a", "b", "c", "one"):
        web, ingests[name], prometheus = free_ports(3)
        scraped.append(f"127.0.0.1:{web}")
        source = {"source": "one" if name == "one" else "many", "http": f"127.0.0.1:{ingests[name]}"}
        source |= {"baseline": BUILDS[0], "builds": BUILDS, "codes": CODES, "limits": {"lateness_s": 0}}
        config = tmp_path / f"{name}.json"
        config.write_text(json.dumps({"state_dir": str(tmp_path / name), "releases": [source]}))
        command = [Path(sys.executable).parent / "exporter", "--config.file", config]
        processes.append(subprocess.Popen([*command, "--web.listen-address", scraped[-1], "--log.level", "error"]))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ROOT / "alerts" / "rules" / "releases.yml")],
        "scrape_configs": [{"job_name": "exporter", "static_configs": [{"targets": scraped}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    command = [shutil.which("prometheus"), f"--config.file={tmp_path}/prometheus.yml", "--log.level=error"]
    command += [f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address=127.0.0.1:{prometheus}"]
    processes.append(subprocess.Popen(command))
    yield ingests, prometheus
    for process in processes:
        process.terminate()
    assert [process.wait(WITHIN_S) for process in processes] == [0] * 5


def ask(port, query):
    """Values by the labels source, build and code."""
    address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(address, timeout=WITHIN_S) as answer:
        found = json.load(answer)["data"]["result"]
    return {
        tuple(one["metric"].get(name, "") for name in ("source", "build", "code")): float(one["value"][1])
        for one in found
    }


def until(good):
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            if found := good():
                return found
        except OSError:
            pass  # not up yet
        assert time.monotonic() < deadline
        time.sleep(0.1)


def post(port, lines):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)) as client:
        client.request("POST", "/ingest", "".join(lines))
        answer = client.getresponse()
        assert json.loads(answer.read())["taken"] == len(lines), answer.status


def of(found, source):
    return {labels[1:]: value for labels, value in found.items() if labels[0] == source}


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus on PATH")
def test_the_sum_over_three_exporters_is_judged_as_one_exporter_is(running):
    ingests, prometheus = running
    until(lambda: ask(prometheus, "count(count_over_time(tidewatch_release_errors_total[1m]) >= 2) == 4 * 12"))
    draw, balancer, sent = np.random.default_rng(4), itertools.cycle("abc"), 0
    for _ in range(30):  # requests, each to the next exporter, as a load balancer does it
        lines, now = [], int(time.time())
        for build, code in itertools.product(BUILDS, CODES):
            worse = 2.0 if (build, code) == (BUILDS[1], 3) else 1.0
            lines += [f"{now}\t{build}\t{code}\n"] * int(draw.poisson(20 * worse))
        post(ingests[next(balancer)], lines)
        post(ingests["one"], lines)
        sent += len(lines)
    by_source = "sum by (source) (tidewatch_release_errors_total)"
    until(lambda: ask(prometheus, by_source) == dict.fromkeys([("many", "", ""), ("one", "", "")], sent))
    counted = ask(prometheus, "sum by (source, build, code) (tidewatch_release_errors_total)")
    assert of(counted, "many") == of(counted, "one")
    seen = time.time()
    until(lambda: ask(prometheus, f"min(timestamp(tidewatch_release_errors_total)) > {seen + 1}"))
    # Prometheus extrapolates by up to a scrape interval, from scrapes at different moments: with more intervals
    # that moves less.
    until(lambda: ask(prometheus, "count(count_over_time(tidewatch_release_errors_total[5m]) >= 30) == 4 * 12"))
    until(lambda: judged_alike(ask(prometheus, "source_build_code:tidewatch_release_errors:zscore5m")))


def judged_alike(found):
    many, one = of(found, "many"), of(found, "one")
    worse = [[pair for pair, z in some.items() if z > 4.5] for some in (many, one)]
    return worse == [[("5.2", "3")]] * 2 and many == pytest.approx(one, rel=0.1, abs=0.5)
