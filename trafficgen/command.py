"""A run as a command: signals, the live line, metrics, the report, the exit code."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeAlias

from msgspec import structs

from foundation.errors import ConfigError, StoreError, TidewatchError
from foundation.grammar import Address
from foundation.output import replacing
from foundation.regular import read_whole
from foundation.terminal import echo
from foundation.web import WebPolicy
from trafficgen.config import LoadConfig, MetricsAt
from trafficgen.live_line import LiveLine
from trafficgen.meter.meter import Meter
from trafficgen.meter.metrics import MetricsServer
from trafficgen.options import replay_config, scenario_config
from trafficgen.report.render_html import render_html
from trafficgen.report.render_text import render_text
from trafficgen.report.report import Report
from trafficgen.run import Run, make_run
from trafficgen.scenario.drive import Drive
from trafficgen.scenario.scenario import Scenario
from trafficgen.send.loops import run_loop
from trafficgen.targets.har import import_har

EXIT_SATURATED = 3
EXIT_EXPECTATION = 4
EXIT_ABORTED = 130
_LINGER_SCRAPES = 2
MAX_HAR_BYTES = 256 << 20  # of a browser's recording


Execute: TypeAlias = Callable[[LiveLine], Coroutine[None, None, Report]]


def run_config(config: LoadConfig, options: dict[str, Any]) -> int:
    """Run, print the report, and return the exit code. Raises TidewatchError."""
    run = make_run(config)
    return run_loop(_execute(run, run.stop, lambda line: run.execute(line.update), options))


def run_replay(options: dict[str, Any]) -> int:
    """Replay a log, print the report, and return the exit code. Raises TidewatchError."""
    config, plan, words = replay_config(options)
    run = make_run(config, plan)

    async def execute(line: LiveLine) -> Report:
        return structs.replace(await run.execute(line.update), replayed=words)

    return run_loop(_execute(run, run.stop, execute, options))


def save_har(recording: Path, origin: str | None, output: Path | None) -> None:
    """Write the targets of a HAR, and on stderr what was left out. Raises ConfigError or StoreError."""
    try:
        content = read_whole(recording, MAX_HAR_BYTES)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    imported = import_har(content, str(recording), origin)
    if output is None:
        sys.stdout.write(imported.text)
    else:
        with replacing(output) as out:
            out.write(imported.text.encode())
    for words in imported.left_out:
        echo(f"left out: {words}", err=True)


def run_scenario(scenario: Scenario, options: dict[str, Any]) -> int:
    """Run a scenario, print report and verdicts, and return the exit code. Raises TidewatchError."""
    run = make_run(scenario_config(scenario, options))
    drive = Drive(scenario, run)
    apis = options["prometheus"], options["alertmanager"]
    return run_loop(
        _execute(run, drive.stop, lambda line: drive.execute(*apis, on_tick=line.update, say=line.say), options)
    )


async def _execute(run: Run, stop: Callable[[], None], execute: Execute, options: dict[str, Any]) -> int:
    policy = WebPolicy(options["web_config_file"], options["allowed_hosts"])
    async with serve_metrics(run, options["metrics_address"], policy, options["linger"]):
        with stopping(stop, say_draining) as signals, LiveLine(run.plan.duration_s) as line:
            report = await execute(line)
        code = conclude(report, run, options)
    return EXIT_ABORTED if signals.count > 1 else code


def conclude(report: Report, run: Run, options: dict[str, Any]) -> int:
    """Publish the report, with the limits it exceeds. Returns the exit code; what voids the others comes first."""
    failures = [failure for limit in options["fail_if"] if (failure := limit.failure(report))]
    report = structs.replace(report, failed=[text for _, text in failures])
    publish(report, run.meter, options["report"], options["output"])
    if report.saturated:
        return EXIT_SATURATED
    if any(not verdict.held for verdict in report.expectations):
        return EXIT_EXPECTATION
    return min((code for code, _ in failures), default=0)


@contextlib.asynccontextmanager
async def serve_metrics(run: Run, at: MetricsAt | None, policy: WebPolicy, linger_s: float) -> AsyncIterator[None]:
    """Serve /metrics meanwhile, and until two more scrapes have seen the end, if anyone scrapes at all."""
    if at is None:
        yield
        return
    host, port = at.address
    async with MetricsServer(at.address, run, policy, or_free_port=at.or_free_port) as server:
        if port not in (0, server.port):
            sys.stderr.write(
                f"trafficgen: {Address(host, port)} is taken, by another generator perhaps: the metrics are on "
                f"{Address(host, server.port)} (--metrics-address chooses)\n"
            )
        yield
        if server.scrapes:
            seen = server.expect(_LINGER_SCRAPES)
            with stopping(seen.set), contextlib.suppress(TimeoutError):
                await asyncio.wait_for(seen.wait(), linger_s)


class stopping:  # noqa: N801, reads as a context manager
    """SIGINT and SIGTERM call `stop` meanwhile, the first one `first` before it; `count` says how often."""

    def __init__(self, stop: Callable[[], object], first: Callable[[], object] = bool) -> None:
        self._stop, self._first = stop, first
        self.count = 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)

    def _signalled(self) -> None:
        self.count += 1
        if self.count == 1:
            self._first()
        self._stop()


def say_draining() -> None:
    """What the first signal does, on stderr."""
    sys.stderr.write("trafficgen: stopping; waiting for the last answers (a second signal ends at once)\n")


def publish(report: Report, meter: Meter, form: str, output: Path | None) -> None:
    """Print the report, or write it to a file. Raises TidewatchError when it can't be written."""
    text = render(report, meter, form)
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        with replacing(output) as out:
            out.write(text.encode())
    except StoreError as exc:
        sys.stdout.write(text)  # better there than lost
        raise TidewatchError(f"--output: {exc}; the report went to stdout") from exc


def render(report: Report, meter: Meter, form: str) -> str:
    """The report as `text`, `json` or `html`."""
    match form:
        case "json":
            return report.to_json()
        case "html":
            return render_html(report, meter)
        case _:
            return render_text(report)
