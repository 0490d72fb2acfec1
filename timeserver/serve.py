"""What the flags ask for, as a running server: from the first bind to the drain."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from foundation.signals import stop_on_signals
from foundation.terminal import echo
from foundation.version import VERSION
from foundation.web import Guard, WebPolicy
from timeserver.access_log import AccessLog
from timeserver.app import make_server
from timeserver.counters import Counters
from timeserver.log_file import LogFile
from timeserver.log_format import FORMATS
from timeserver.pages import TimeserverCollector

DRAIN_S = 10.0  # how long a request in flight may still take after the first signal


def open_log(path: Path, *, keep: int | None, rotation_interval_s: float | None) -> AccessLog:
    """The log of requests, which is begun by the server."""
    return AccessLog(LogFile(path, keep=keep), _say, rotation_interval_s=rotation_interval_s)


def run(address: tuple[str, int], log: AccessLog | None, log_format: str, policy: WebPolicy) -> None:
    """Serve until a signal. Raises ClickException where the address cannot be had."""
    uvloop.run(_serve(*address, Counters(log.write if log else None, FORMATS[log_format]), log, policy))


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
