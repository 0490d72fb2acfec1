"""The commands of `python -m alerts`."""

import asyncio
from pathlib import Path

import click

from foundation.errors import ConfigError, SourceError
from foundation.flags import DurationType, address_options, web_options
from foundation.terminal import echo


@click.group()
def main() -> None:
    """Alert rules, routing, and a receiver that shows what was delivered."""


@main.command()
@address_options(8094)
@click.option(
    "--heartbeat-timeout",
    default="2m",
    show_default=True,
    type=DurationType(least_s=1, whole=True),
    help="Complain when the watchdog was silent for this long.",
)
@web_options
def receiver(
    *, host: str, port: int, heartbeat_timeout: int, web_config_file: Path | None, allowed_hosts: tuple[str, ...]
) -> None:
    """Receive Alertmanager's webhooks: print each alert on one line, keep the last ones on a page and as JSON."""
    from alerts.receiver import serve
    from foundation.web import WebPolicy

    try:
        policy = WebPolicy(web_config_file, allowed_hosts)
        asyncio.run(serve(host, port, policy=policy, heartbeat_timeout_s=heartbeat_timeout))
    except ConfigError as exc:
        echo(f"alerts receiver: {exc}", err=True)
        raise SystemExit(2) from exc
    except SourceError as exc:
        echo(f"alerts receiver: {exc}; choose another with --host or --port", err=True)
        raise SystemExit(2) from exc


@main.command()
def check() -> None:
    """Check rules, their unit tests, the configurations and the routes with promtool and amtool."""
    from alerts.check import run_checks

    raise SystemExit(run_checks())
