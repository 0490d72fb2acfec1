"""Errors of provisioning in a Grafana's log, in the words of a Grafana 12.2 whose folders were taken away."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from optional import NotThere, find_grafana
from ports import free_ports

from dashboards.grafana_check import of_log
from dashboards.grafana_log import errors, read
from foundation.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
TEXT = """\
Grafana server is running with elevated privileges. This is not recommended
logger=settings t=2026-11-27T10:48:06.65Z level=info msg="Path Provisioning" path=/p
logger=plugin.sources t=2026-11-27T10:48:07.79Z level=error msg="Failed to load" error="failed to open plugins path"
logger=provisioning.plugins t=2026-11-27T10:48:07.87Z level=error msg="Failed to read plugin provisioning files" \
path=/p/plugins error="open /p/plugins: no such file or directory"
logger=provisioning.alerting t=2026-11-27T10:48:07.87Z level=warn msg="file has invalid suffix \'x.txt\', skipping"
logger=provisioning.dashboard type=file name=tidewatch t=2026-11-27T10:48:07.87Z level=error \
msg="Cannot read directory" error="stat /none: no such file or directory"
logger=provisioning.dashboard type=file name=tidewatch t=2026-11-27T10:48:37.87Z level=error \
msg="Cannot read directory" error="stat /none: no such file or directory"
"""
WANT = [
    (
        "provisioning.plugins",
        "Failed to read plugin provisioning files: open /p/plugins: no such file or directory",
    ),
    ("provisioning.dashboard", "Cannot read directory: stat /none: no such file or directory"),
]


def as_json(line):
    pairs = re.findall(r'(\w+)=("[^"]*"|\S+)', line)
    return json.dumps({key: value.strip('"') for key, value in pairs}) if pairs else line


@pytest.mark.parametrize("form", [str, as_json], ids=["text", "json"])
def test_errors_of_provisioning_are_found_once_each(form):
    said = errors(map(form, TEXT.splitlines()))
    assert said.provisioning == WANT
    assert said.others == {"plugin.sources": 1}
    assert said.lines == 7


def test_each_is_a_finding_that_needs_somebody():
    found = of_log(errors(TEXT.splitlines()))
    assert [(one.board, one.panel, one.status, one.detail) for one in found] == [
        ("(log)", logger, "error", told) for logger, told in WANT
    ]


def test_a_log_without_them_is_well_and_other_errors_are_named():
    [found] = of_log(errors(TEXT.splitlines()[:3]))
    assert (found.status, found.detail) == ("ok", "3 lines; errors of others: plugin.sources 1")


CONSOLE = "ERROR[11-27|10:48:07] Failed to read plugin provisioning files logger=provisioning.plugins path=/p"


@pytest.mark.parametrize("lines", [[], ["started", "2026-11-27 ERROR no boards"], [CONSOLE]])
def test_what_is_no_log_of_a_grafana_is_not_well(lines):
    """Nothing, another program's, or a Grafana's format `console`, in which no level is read."""
    [found] = of_log(errors(lines))
    assert not found.good
    assert found.detail == f"{len(lines)} lines, none of them of a Grafana's log in the formats text or json"


def test_lines_that_are_none_are_passed_over():
    nested = ['{"a":' * 200_000, '{"level": "error", "msg": ' + "[" * 200_000]
    said = errors(
        ['{"level": "error"', "goroutine 1 [running]:", "level=error", '{"level": ["error"]}', "", "\x00=", *nested]
    )
    assert (said.provisioning, said.others) == ([], {"(no logger)": 1})


def test_a_log_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match=f"^--log {re.escape(str(tmp_path))}/none: No such file"):
        read(tmp_path / "none")


@pytest.mark.e2e
@pytest.mark.slow
def test_a_real_grafana_takes_all_of_our_provisioning(tmp_path):
    try:
        program, home = find_grafana()
    except NotThere as why:
        pytest.skip(f"no Grafana to start: {why}")
    [port] = free_ports(1)
    folder = ROOT / "dashboards" / "grafana"
    settings = [f"server.http_port={port}", "server.http_addr=127.0.0.1", f"paths.data={tmp_path}/data"]
    settings += [f"paths.plugins={tmp_path}/data/plugins", f"paths.provisioning={folder}/provisioning"]
    settings += ["log.mode=console", "log.console.format=text", "log.level=info"]
    command = [*program.split(), "--homepath", str(home), "--config", str(folder / "grafana.ini")]
    nowhere = {"PROMETHEUS_URL": "http://127.0.0.1:9", "ALERTMANAGER_URL": "http://127.0.0.1:9"}
    environment = {**os.environ, **nowhere, "TIDEWATCH_BOARDS": str(ROOT / "dashboards" / "json")}
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, *(f"cfg:{one}" for one in settings)], env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        all_listed(f"http://127.0.0.1:{port}/api/search?type=dash-db", process)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
    said = read(log)
    assert said.provisioning == []
    assert "logger=provisioning.dashboard" in log.read_text("utf-8", "replace"), "it told of what it took"


def all_listed(url, process):
    """Wait until a Grafana lists all boards."""
    wanted = {path.stem for path in (ROOT / "dashboards" / "json").glob("*.json")}
    deadline = time.monotonic() + 90
    seen = set()
    while seen != wanted:
        assert process.poll() is None, f"it ended with exit code {process.poll()}"
        assert time.monotonic() < deadline, f"not listed: {wanted - seen}"
        time.sleep(0.2)
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            seen = {board["uid"] for board in json.load(answer)}
