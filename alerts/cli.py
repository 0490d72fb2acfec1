"""The commands of `python -m alerts`."""

import asyncio
from pathlib import Path

import click

from alerts.export.cli import export
from alerts.slo.cli import slo
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
@click.option("--alert", multiple=True, metavar="PATTERN", help="Print alerts of this name, such as 'Site*'.")
@click.option("--severity", multiple=True, metavar="PATTERN", help="Print alerts of this severity, such as page.")
@click.option("--source", multiple=True, metavar="PATTERN", help="Print alerts of this source (else job).")
@click.option("--state", multiple=True, type=click.Choice(["firing", "resolved"]), help="Print changes to this state.")
@click.option(
    "--planned",
    "planned_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Faults that the page announces: a JSON list of {what, alert, begin, for_s[, every_s]}.",
)
@web_options
def receiver(
    *,
    host: str,
    port: int,
    heartbeat_timeout: int,
    alert: tuple[str, ...],
    severity: tuple[str, ...],
    source: tuple[str, ...],
    state: tuple[str, ...],
    planned_file: Path | None,
    web_config_file: Path | None,
    allowed_hosts: tuple[str, ...],
) -> None:
    """Receive Alertmanager's webhooks: print each change of an alert once, and show the alerts on a page.

    Each of --alert, --severity, --source and --state may be given more than once, and limits what is printed; the page
    has filters of its own. Colours: on a terminal, without NO_COLOR.
    """
    from alerts.changes import Filter
    from alerts.planned import read_planned
    from alerts.receiver import serve
    from foundation.web import WebPolicy

    wanted = Filter(alert=alert, severity=severity, source=source, state=state)
    try:
        policy = WebPolicy(web_config_file, allowed_hosts)
        planned = read_planned(planned_file) if planned_file else []
        asyncio.run(
            serve(host, port, policy=policy, heartbeat_timeout_s=heartbeat_timeout, wanted=wanted, planned=planned)
        )
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


main.add_command(slo)
main.add_command(export)
