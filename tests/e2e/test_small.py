"""Who asks little gets it with little: what help and a daemon with one access log import, and what they take.

The bounds are two to four times what a quiet machine needs; tests/bench/bench_start.py measures it.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

import exporter.cli
import timeserver.cli
import trafficgen.cli
from alerts.cli import main as alerts
from dashboards.cli import main as dashboards
from exporter.stats.collector import cli as collector
from exporter.stats.plot import cli as plot

pytestmark = pytest.mark.slow

LARGE = {
    "babel",
    "duckdb",
    "grafana_foundation_sdk",
    "matplotlib",
    "numpy",
    "opening_hours",
    "pyspark",
    "rich",
    "scipy",
}
"""What takes 5 to 60 MiB, and is needed where a verdict, a table, a picture or a page is made."""


ROOTS = {
    "exporter.cli": exporter.cli.cli,
    "trafficgen.cli": trafficgen.cli.cli,
    "timeserver.cli": timeserver.cli.command,
    "exporter.stats.collector.cli": collector.command,
    "exporter.stats.plot.cli": plot.command,
    "alerts": alerts,
    "dashboards": dashboards,
}
HELP_S = 0.6  # asked: 0.15 for `exporter --help`, 0.25 for a subcommand


def commands(command, *words):
    """Every command below `command`: the words that name it."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), *words, name)


EVERY = [(module, *words) for module, root in ROOTS.items() for words in commands(root)]
ARRAYS = {("trafficgen.cli", "feed", "stores"), ("trafficgen.cli", "feed", "releases")}
"""Whose flags stand beside the arrays that they fill."""


def imported(stderr):
    """The top-level packages that `python -X importtime` named."""
    names = re.findall(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", stderr, re.MULTILINE)
    assert "click" in names
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_imports_nothing_large(words):
    module, *rest = words
    code = f"import {module}; {module}.main()" if "." in module else f"import runpy; runpy.run_module('{module}')"
    run = ["-c", code] if "." in module else ["-m", module]
    command = [sys.executable, "-X", "importtime", *run, *rest, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    allowed = {"numpy", "aiohttp"} if words in ARRAYS else set()
    assert imported(done.stderr) & (LARGE | {"aiohttp", "jinja2", "prometheus_client"}) <= allowed


def processor_s(command):
    """Processor seconds that a command takes, the best of three."""
    taken = []
    for _ in range(3):
        before = os.times()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = os.times()
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return min(taken)


@pytest.mark.parametrize("words", [(), ("summary",), ("stores", "report"), ("releases", "report")], ids=" ".join)
def test_help_takes_little_processor_time(words):
    assert processor_s([sys.executable, "-m", "exporter.cli", *words, "--help"]) < HELP_S


@pytest.fixture
def configuration(tmp_path):
    (tmp_path / "access.log").touch()
    path = tmp_path / "exporter.yml"
    path.write_text(f"state_dir: {tmp_path}\naccesslog:\n- {{source: site, paths: [{tmp_path}/access.log]}}\n")
    return path


def test_a_daemon_with_one_access_log_imports_no_other_system_and_stays_small(configuration):
    run = [sys.executable, "-X", "importtime", "-m", "exporter.cli", "--web.listen-address=127.0.0.1:0"]
    with subprocess.Popen([*run, "--config.file", configuration], stderr=subprocess.PIPE, text=True) as daemon:
        try:
            said = ""
            while "listening on" not in said:
                line = daemon.stderr.readline()
                assert line, said
                said += line
            status = Path(f"/proc/{daemon.pid}/status").read_text()
        finally:
            daemon.send_signal(signal.SIGTERM)
    assert daemon.returncode == 0
    assert imported(said) & LARGE == set()
    others = re.findall(r"\bexporter\.(?:hosting|logs|push|releases|stats|stores)\b", said)
    assert others == []
    assert int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) < 60 << 10
