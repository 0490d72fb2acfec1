"""`python -m alerts check`: promtool and amtool on rules, their unit tests, configurations and routes."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alerts.rulefiles import HERE, RULES, UNIT_TESTS, Rule, every_alert
from foundation.terminal import echo

RECEIVERS = {"page": "page", "ticket": "ticket", "info": "info", "none": "heartbeat"}
"""Which receiver an alert of each severity reaches; alertmanager.yml must route so."""

TIMEOUT_S = 1800  # weeks of simulated time take promtool a minute, and ten times as long on a busy machine
_GOGC = "400"
"""A quarter less time of the processor for twice the memory, 130 MB for the largest of them."""


def run_checks() -> int:
    """Run every check and tell the result. Returns the exit code: 0, or 1 when one failed.

    Where a tool is not installed its checks are skipped, and that is said.
    """
    calls = [["promtool", *arguments] for arguments in promtool_commands()]
    calls += [["amtool", *arguments] for arguments in amtool_commands()]
    absent = {call[0] for call in calls if shutil.which(call[0]) is None}
    for tool in sorted(absent):
        _tell(f"{tool} is not on PATH: its checks are skipped (Debian: prometheus, prometheus-alertmanager)")
    calls = [call for call in calls if call[0] not in absent]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [text for text in pool.map(complaint, calls) if text]
    for text in complaints:
        _tell(text)
    _tell(f"{len(calls)} checks of {len(every_alert())} alerts, {len(complaints)} failed")
    return 1 if complaints else 0


def complaint(call: list[str]) -> str:
    """Run one check; what it says if it fails, else nothing."""
    env = {"GOGC": _GOGC, **os.environ}
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=env)
    except subprocess.TimeoutExpired:
        return f"{' '.join(call)}: no result within {TIMEOUT_S} s"
    return f"{' '.join(call)}: exit {done.returncode}\n{done.stdout}{done.stderr}".rstrip() if done.returncode else ""


def promtool_commands() -> Iterator[list[str]]:
    """Arguments of the calls of promtool."""
    yield ["check", "rules", "--lint=all", "--lint-fatal", *_paths(RULES)]
    yield ["check", "config", str(HERE / "prometheus.yml")]
    for path in _paths(UNIT_TESTS):  # one call a file, so that they run side by side
        yield ["test", "rules", path]


def amtool_commands() -> Iterator[list[str]]:
    """Arguments of the calls of amtool: the configuration, then the route of each alert."""
    yield ["check-config", str(HERE / "alertmanager.yml"), str(HERE / "receivers.example.yml")]
    for alert in every_alert():
        yield route_test(alert)


def route_test(alert: Rule) -> list[str]:
    """The call of amtool that succeeds if `alert` reaches the receiver of its severity."""
    labels = {"alertname": alert.alert, **alert.labels}
    return [
        "config",
        "routes",
        "test",
        f"--config.file={HERE / 'alertmanager.yml'}",
        f"--verify.receivers={RECEIVERS[alert.labels['severity']]}",
        *(f"{name}={value}" for name, value in labels.items()),
    ]


def _paths(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("*.yml"))]


def _tell(text: str) -> None:
    echo(f"alerts check: {text}", err=True)
