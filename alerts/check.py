"""`python -m alerts check`: promtool and amtool on rules, their unit tests, configurations and routes."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Self

from alerts.rulefiles import HERE, RULES, UNIT_TESTS, Rule, every_alert
from foundation.terminal import echo

RECEIVERS = {"page": "page", "ticket": "ticket", "info": "info", "none": "heartbeat"}
"""Which receiver an alert of each severity reaches; alertmanager.yml must route so."""

TIMEOUT_S = 1800  # weeks of simulated time take promtool a minute, and ten times as long on a busy machine
_GOGC = "400"
"""A quarter less time of the processor for twice the memory, 130 MB for the largest of them."""


def run_checks() -> int:
    """Run every check and print the result. Returns the exit code: 0, or 1 when one failed.

    Where a tool is not installed its checks are skipped, and that is said.
    """
    calls = [["promtool", *arguments] for arguments in promtool_commands()]
    calls += [["amtool", *arguments] for arguments in amtool_commands()]
    absent = {call[0] for call in calls if shutil.which(call[0]) is None}
    for tool in sorted(absent):
        _tell(f"{tool} is not on PATH: its checks are skipped (Debian: prometheus, prometheus-alertmanager)")
    calls = [call for call in calls if call[0] not in absent]
    with ThreadPoolExecutor(os.cpu_count()) as pool, _Running() as running:
        begun = [pool.submit(complaint, call, running) for call in calls]
        _show_progress(begun)
        complaints = [text for one in begun if (text := one.result())]
    for text in complaints:
        _tell(text)
    _tell(f"{len(calls)} checks of {len(every_alert())} alerts, {len(complaints)} failed")
    return 1 if complaints else 0


def _show_progress(begun: list[Future[str]]) -> None:
    """Wait for all, and on a terminal show on one line how many have ended: the slowest take a minute."""
    for ended, _ in enumerate(as_completed(begun), 1):
        if sys.stderr.isatty():
            end = "\r" if ended < len(begun) else "\r\033[K"
            sys.stderr.write(f"alerts check: {ended} of {len(begun)} checks{end}")
            sys.stderr.flush()


class _Running:
    """The tools that run, from several threads. When the block is left they end, and no other begins."""

    def __init__(self) -> None:
        self._lock, self._over = threading.Lock(), False
        self._processes = set[subprocess.Popen[str]]()

    def start(self, call: list[str]) -> subprocess.Popen[str]:
        """Start one. Raises RuntimeError once the block is left."""
        env = {"GOGC": _GOGC, **os.environ}
        with self._lock:
            if self._over:
                raise RuntimeError("over")
            process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
            self._processes.add(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._over = True
            for process in self._processes:
                process.kill()


def complaint(call: list[str], running: _Running | None = None) -> str:
    """Run one check; what it says if it fails, else nothing. `running`: what ends it when all are to end."""
    with (running or _Running()).start(call) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"{' '.join(call)}: no result within {TIMEOUT_S} s"
    return f"{' '.join(call)}: exit {process.returncode}\n{out}{err}".rstrip() if process.returncode else ""


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
