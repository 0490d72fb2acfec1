"""A site that has an access log alone: each panel of each board shows something, says why not, or has no system."""

import contextlib
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from ports import free_ports

from alerts.rulefiles import RULES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
WITHIN_S = 200  # on a quiet machine twenty
LINE = '10.0.0.1 - - [26/Nov/2026:12:00:00 +0000] "GET {path} HTTP/1.1" {code} 2326 "-" "curl/8"\n'
ANSWERS = (("/", 200), ("/", 200), ("/help", 200), ("/missing", 404), ("/", 500))
ABSENT = {f"tidewatch-{system}" for system in ("generator", "hosting", "logs", "releases", "stores")}


@pytest.fixture
def prometheus(tmp_path):
    """The address of a Prometheus that scrapes an exporter of one log, which grows."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not on PATH")
    log, (exporter, port) = tmp_path / "access.log", free_ports(2)
    log.touch()
    (tmp_path / "exporter.yml").write_text(
        f"accesslog:\n  - {{source: shop, paths: [{log}], format: combined, from: start, codes: [200, 404, 500]}}\n"
    )
    jobs = "".join(
        f"  - {{job_name: {job}, static_configs: [{{targets: ['127.0.0.1:{at}']}}]}}\n"
        for job, at in (("exporter", exporter), ("prometheus", port))
    )
    rules = "".join(f"  - {RULES}/{name}.yml\n" for name in ("site-log", "tidewatch-itself"))
    every = "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
    (tmp_path / "prometheus.yml").write_text(f"{every}rule_files:\n{rules}scrape_configs:\n{jobs}")
    commands = (
        ["exporter", f"--config.file={tmp_path}/exporter.yml", f"--web.listen-address=127.0.0.1:{exporter}"],
        [
            *("prometheus", f"--config.file={tmp_path}/prometheus.yml", "--log.level=error"),
            *(f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"),
        ],
    )
    with (tmp_path / "output").open("w") as output:
        running = [subprocess.Popen(command, stdout=output, stderr=output, cwd=tmp_path) for command in commands]
    try:
        grow_until_known(log, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)


def grow_until_known(log: Path, url: str) -> None:
    """Write lines until Prometheus has recorded a rate of them."""
    known = f"{url}/api/v1/query?query=source:tidewatch_http_requests:rate_now>0"
    deadline = time.monotonic() + WITHIN_S
    while True:
        with log.open("a") as lines:
            lines.writelines(LINE.format(path=path, code=code) for path, code in ANSWERS)
        with contextlib.suppress(OSError), urllib.request.urlopen(known, timeout=2) as answer:
            if b'"value"' in answer.read():
                return
        assert time.monotonic() < deadline, (log.parent / "output").read_text()
        time.sleep(0.3)


def test_no_panel_is_empty_or_broken(prometheus):
    command = [sys.executable, "-m", "dashboards", "query-all", f"--prometheus={prometheus}", "--range=60"]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    assert got.returncode == 0, got.stdout + got.stderr
    rows = [line.split(maxsplit=1) for line in got.stdout.splitlines()[1:-1]]
    assert {board for board, rest in rows if "  absent  " in rest} == ABSENT
    shown = {rest.split("  ")[0] for board, rest in rows if board == "tidewatch-site" and "  ok" in rest}
    assert shown >= {"Requests", "Server errors", "200s, 404s and 500s", "Requests by route", "Share of errors by code"}
