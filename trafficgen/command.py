"""A run as a command: signals, the live view, metrics, the report, the exit code."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec
from msgspec import structs

from foundation.errors import ConfigError, InputError, StoreError
from foundation.exits import Exit
from foundation.extras import need
from foundation.grammar import Address
from foundation.jsontext import escape_json
from foundation.output import replacing
from foundation.regular import read_whole
from foundation.terminal import echo
from foundation.web import WebPolicy
from trafficgen.config import LoadConfig
from trafficgen.live_view import LiveView
from trafficgen.meter.meter import Meter
from trafficgen.meter.metrics import MetricsServer
from trafficgen.options import replay_config, scenario_config
from trafficgen.report.compare import compare, read_report
from trafficgen.report.merge import merged_report, read_part
from trafficgen.report.render_compare import render_comparison
from trafficgen.report.render_compare_html import render_comparison_html
from trafficgen.report.render_html import render_html
from trafficgen.report.render_text import render_text
from trafficgen.report.report import Report
from trafficgen.report.results import record_files
from trafficgen.run import Run, make_run
from trafficgen.scenario.drive import Drive
from trafficgen.scenario.scenario import Scenario
from trafficgen.send.loops import run_loop
from trafficgen.start import describe_start
from trafficgen.targets.har import import_har
from trafficgen.units import MetricsAt

_LINGER_SCRAPES = 2
MAX_REPORT_BYTES = 64 << 20
MAX_HAR_BYTES = 256 << 20  # of a browser's recording


Execute: TypeAlias = Callable[[LiveView], Coroutine[None, None, Report]]


def run_config(config: LoadConfig, options: dict[str, Any]) -> int:
    """Run, print the report, and return the exit code. Raises TidewatchError."""
    with record_files(options["results"], config.workers) as records:
        run = make_run(config, records=records)
        _say_start(config)
        return run_loop(_execute(run, run.stop, lambda view: run.execute(view.update), options))


def run_replay(options: dict[str, Any]) -> int:
    """Replay a log, print the report, and return the exit code. Raises TidewatchError."""
    config, plan, words = replay_config(options)
    with record_files(options["results"], config.workers) as records:
        run = make_run(config, plan, records)
        _say_start(config)

        async def execute(view: LiveView) -> Report:
            """Run, and add to the report what was replayed."""
            return structs.replace(await run.execute(view.update), replayed=words)

        return run_loop(_execute(run, run.stop, execute, options))


def _say_start(config: LoadConfig) -> None:
    if config.start_at is not None:
        who = f"part {config.part} " if config.part.of > 1 else ""
        echo(f"{who}{describe_start(config.start_at, time.time())}", err=True)


def save_har(recording: Path, origin: str | None, output: Path | None) -> None:
    """Write the targets of a HAR, and on stderr what was skipped. Raises ConfigError or StoreError."""
    content = _whole(recording, MAX_HAR_BYTES)
    imported = import_har(content, str(recording), origin)
    if output is None:
        sys.stdout.write(imported.text)
    else:
        with replacing(output) as out:
            out.write(imported.text.encode())
    for words in imported.left_out:
        echo(f"skipped: {words}", err=True)


def merge_files(paths: tuple[Path, ...], options: dict[str, Any]) -> int:
    """Add up the reports of parts, print the whole, and return the exit code. Raises TidewatchError."""
    files = [(str(path), _whole(path, MAX_REPORT_BYTES)) for path in paths]
    report, meter = merged_report(
        [read_part(name, content) for name, content in files], allow_missing=options["allow_missing"]
    )
    return conclude(report, meter, options)


def _whole(path: Path, most_bytes: int) -> bytes:
    """A file's content. Raises ConfigError."""
    try:
        return read_whole(path, most_bytes)
    except ValueError as exc:
        raise (InputError if isinstance(exc.__cause__, OSError) else ConfigError)(str(exc)) from exc


def compare_files(options: dict[str, Any]) -> int:
    """Print how two reports differ, or write it to a file, and return the exit code. Raises TidewatchError."""
    need("compare")
    files = [(str(path), _whole(path, MAX_REPORT_BYTES)) for path in (options["before"], options["after"])]
    before, after = ((name, read_report(name, content)) for name, content in files)
    found = compare(before, after, allowed=options["allow"], seed=options["seed"])
    match options["form"]:
        case "json":
            text = escape_json(json.dumps(msgspec.to_builtins(found), indent=2)) + "\n"
        case "html":
            text = render_comparison_html(found, before[1], after[1])
        case _:
            text = render_comparison(found)
    put(text, options["output"])
    return Exit.NEGATIVE if found.is_worse else 0


def run_scenario(scenario: Scenario, options: dict[str, Any]) -> int:
    """Run a scenario, print report and verdicts, and return the exit code. Raises TidewatchError."""
    config = scenario_config(scenario, options)
    apis = options["prometheus"], options["alertmanager"]
    with record_files(options["results"], config.workers) as records:
        run = make_run(config, records=records)
        drive = Drive(scenario, run)
        return run_loop(
            _execute(run, drive.stop, lambda view: drive.execute(*apis, on_tick=view.update, say=view.say), options)
        )


async def _execute(run: Run, stop: Callable[[], None], execute: Execute, options: dict[str, Any]) -> int:
    policy = WebPolicy(options["web_config_file"], options["allowed_hosts"])
    async with serve_metrics(run, options["metrics_address"], policy, options["linger"]):
        view = LiveView(run.plan.duration_s, quiet=options["quiet"])
        with stopping(stop, say_draining) as signals, view, view.leaving_at_ctrl_z():
            report = await execute(view)
        report, lost = await with_results(report, run, options["results"])
        code = conclude(report, run.meter, options)
        if lost:
            echo(f"trafficgen: {lost}", err=True)
    return Exit.INTERRUPTED if signals.count > 1 else code or (Exit.NOT_WRITTEN if lost else 0)


async def with_results(report: Report, run: Run, path: Path | None) -> tuple[Report, str]:
    """Write the rows of the requests. Returns the report, which says so, and why there are none."""
    if path is None:
        return report, ""
    try:
        await asyncio.to_thread(run.save_results, path)
    except StoreError as exc:
        return structs.replace(report, results=f"none: {exc}"), f"{exc}; the report is complete, the rows are lost"
    return structs.replace(report, results=f"{report.planned:,} rows in {path}"), ""


def conclude(report: Report, meter: Meter, options: dict[str, Any]) -> int:
    """Publish the report, with the limits it exceeds. Returns the exit code; what voids the others comes first."""
    failures = [failure for limit in options["fail_if"] if (failure := limit.failure(report))]
    report = structs.replace(
        report, failed=[text for _, text in failures], command=options.get("command", report.command)
    )
    publish(report, meter, options["report"], options["output"])
    if report.saturated:
        return Exit.NOTHING_JUDGED
    if any(not verdict.held for verdict in report.expectations):
        return Exit.NEGATIVE
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
                f"trafficgen: {Address(host, port)} is taken, perhaps by another generator: the metrics are on "
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
    sys.stderr.write("trafficgen: stopping; waiting for last answers (a second signal ends at once)\n")


def publish(report: Report, meter: Meter, form: str, output: Path | None) -> None:
    """Print the report, or write it to a file. Raises TidewatchError when it can't be written."""
    put(render(report, meter, form), output)


def put(text: str, output: Path | None) -> None:
    """Print what was asked for, or write it to a file. Raises TidewatchError when it can't be written."""
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        with replacing(output) as out:
            out.write(text.encode())
    except StoreError as exc:
        sys.stdout.write(text)  # better there than lost
        raise StoreError(f"--output: {exc}; the report went to stdout") from exc


def render(report: Report, meter: Meter, form: str) -> str:
    """The report as `text`, `json` or `html`."""
    match form:
        case "json":
            return report.to_json()
        case "html":
            return render_html(report, meter)
        case _:
            return render_text(report)
