"""The `timeserver` command: flags, signals, exit codes."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import click
import uvloop
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from foundation.errors import ConfigError, SourceError
from foundation.flags import DurationType, address_options, web_options
from foundation.program import run_command
from foundation.signals import stop_on_signals
from foundation.terminal import echo
from foundation.web import Guard, WebPolicy
from timeserver.access_log import AccessLog
from timeserver.app import make_server
from timeserver.counters import Counters
from timeserver.log_file import LogFile
from timeserver.log_format import FORMATS
from timeserver.pages import TimeserverCollector

DRAIN_S = 10.0  # how long a request in flight may still take after the first signal
VERSION = version("tidewatch")
PATHS = """\b
Paths:
  /            the time of day
  /fail        a 500
  /stats       counts by status code, text or JSON   (not counted, not logged)
  /metrics     the same for Prometheus               (not counted, not logged)
  /-/healthy   200 while serving                     (not counted, not logged)
  anything else is a 404"""


@click.command(epilog=PATHS, context_settings={"help_option_names": ["-h", "--help"]})
@address_options(8080)
@click.option("--access-log", type=click.Path(dir_okay=False, path_type=Path), help="Log each request to this file.")
@click.option("--log-format", type=click.Choice(list(FORMATS)), default="tab", show_default=True)
@click.option(
    "--log-rotation-interval",
    type=DurationType(),
    help="After this long rename the log to PATH.<Unix time> and begin a new one.",
)
@click.option("--log-keep", metavar="N", type=click.IntRange(min=0), help="Rotated logs to keep.  [default: all]")
@web_options
@click.version_option(VERSION, prog_name="timeserver")
def command(
    *,
    host: str,
    port: int,
    access_log: Path | None,
    log_format: str,
    log_rotation_interval: float | None,
    log_keep: int | None,
    web_config_file: Path | None,
    allowed_hosts: tuple[str, ...],
) -> None:
    """Serve the time of day, and count and log every request."""
    if access_log is None and (log_rotation_interval is not None or log_keep is not None):
        raise click.UsageError("--log-rotation-interval and --log-keep need --access-log PATH")
    log = None
    if access_log is not None:
        file = LogFile(access_log, keep=log_keep)
        log = AccessLog(file, _say, rotation_interval_s=log_rotation_interval)
    counters = Counters(log.write if log else None, FORMATS[log_format])
    try:
        policy = WebPolicy(web_config_file, allowed_hosts)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from exc
    uvloop.run(_serve(host, port, counters, log, policy))


async def _serve(host: str, port: int, counters: Counters, log: AccessLog | None, policy: WebPolicy) -> None:
    """Serve until the first SIGTERM or SIGINT, then finish what is in flight; a second signal ends at once."""
    stop = stop_on_signals(_say)
    try:
        async with AsyncExitStack() as stack:
            guard = Guard(stack.enter_context(policy), hosts=[host])
            server = make_server(counters, _registry(counters, log, policy), guard)
            bound = await guard.serve(server, (host, port), stack, shutdown_s=DRAIN_S)
            if log is not None:
                log.start()
            _say(f"serving on {policy.scheme}://{bound}/")
            await stop.wait()
    except SourceError as exc:
        raise click.ClickException(str(exc)) from exc
    finally:
        if log is not None and log.started:
            await asyncio.to_thread(log.close)


def _registry(counters: Counters, log: AccessLog | None, policy: WebPolicy) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(TimeserverCollector(counters, log, policy, VERSION))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _say(text: str) -> None:
    echo(f"timeserver: {text}", err=True)


def main() -> None:
    """Run the command; what the user did wrong is one line on stderr."""
    run_command("timeserver", command)
