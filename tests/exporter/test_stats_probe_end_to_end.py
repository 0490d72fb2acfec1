"""Prometheus finds targets and asks the exporter about each, with the job that `alerts/prometheus.yml` shows."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

BIN = Path(sys.executable).parent
SHIPPED = Path(__file__).resolve().parents[2] / "alerts" / "prometheus.yml"


@pytest.fixture
def start():
    """Start a program; it is ended with the test."""
    running = []

    def begin(*command, **options):
        running.append(subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, **options))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def wait_for(stream, pattern):
    for line in stream:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"never said: {pattern}")


def ask(address, query):
    url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except urllib.error.URLError:  # not listening yet
        return {}
    return {(one["metric"].get("instance"), one["metric"].get("code")): float(one["value"][1]) for one in found}


@pytest.mark.e2e
def test_the_shipped_job_asks_each_discovered_target_through_the_exporter(start, tmp_path, unused_tcp_port):
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not on PATH")
    sites = [wait_for(start(BIN / "timeserver", "--port", "0").stderr, r"(http://\S+)/") for _ in range(2)]
    for _ in range(3):
        urllib.request.urlopen(f"{sites[0]}/").close()
    config = tmp_path / "exporter.yml"
    config.write_text('probe: {targets: ["http://127.0.0.1:*/stats"]}\n')
    exporter = start(BIN / "exporter", "--config.file", config, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path)
    exporter_address = wait_for(exporter.stderr, r"listening on http://([^\"\s]+)")

    job = next(j for j in yaml.safe_load(SHIPPED.read_text())["scrape_configs"] if j["job_name"] == "stats-probe")
    job["relabel_configs"][-1]["replacement"] = exporter_address
    discovered = tmp_path / "targets" / "stats" / "sites.yml"
    discovered.parent.mkdir(parents=True)
    discovered.write_text(yaml.safe_dump([{"targets": [f"{site}/stats" for site in sites]}]))
    (tmp_path / "prometheus.yml").write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]})
    )
    address = f"127.0.0.1:{unused_tcp_port}"
    where = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/db"]
    prometheus = start("prometheus", *where, f"--web.listen-address={address}", "--log.level=error")
    while len(ask(address, "tidewatch_stats_up == 1")) < len(sites):
        assert prometheus.poll() is None
        time.sleep(0.2)
    counted = ask(address, "tidewatch_stats_responses_total")
    assert counted[f"{sites[0]}/stats", "200"] == 3
    assert {counted[f"{sites[1]}/stats", code] for code in ("200", "404", "500")} == {0}
