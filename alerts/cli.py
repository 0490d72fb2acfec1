"""The commands of `python -m alerts`."""

import asyncio
from pathlib import Path

import click

from alerts.export.cli import export
from alerts.slo.cli import slo
from foundation.errors import SourceError
from foundation.exits import Exit, help_end
from foundation.flags import DurationType, InputFile, address_options, web_options
from foundation.program import run_command
from foundation.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=help_end("python -m alerts receiver"))
@click.version_option(VERSION, prog_name="alerts")
def main() -> None:
    """Alert rules, routing, and a receiver that shows what was delivered."""


@main.command(epilog=help_end("python -m alerts receiver --severity page --state firing"))
@address_options(8094)
@click.option(
    "--heartbeat-timeout",
    default="2m",
    show_default=True,
    type=DurationType(least_s=1, whole=True),
    help="Warn when the watchdog was silent for this long.",
)
@click.option("--alert", multiple=True, metavar="PATTERN", help="Print alerts of this name, such as 'Site*'.")
@click.option("--severity", multiple=True, metavar="PATTERN", help="Print alerts of this severity, such as page.")
@click.option("--source", multiple=True, metavar="PATTERN", help="Print alerts of this source (else job).")
@click.option("--state", multiple=True, type=click.Choice(["firing", "resolved"]), help="Print changes to this state.")
@click.option(
    "--planned",
    "planned_file",
    type=InputFile(),
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
    policy = WebPolicy(web_config_file, allowed_hosts)
    planned = read_planned(planned_file) if planned_file else []
    try:
        asyncio.run(
            serve(host, port, policy=policy, heartbeat_timeout_s=heartbeat_timeout, wanted=wanted, planned=planned)
        )
    except SourceError as exc:
        raise SourceError(f"{exc}; choose another with --host or --port") from exc


@main.command(epilog=help_end("python -m alerts check", may=[Exit.NEGATIVE]))
def check() -> None:
    """Check rules, their unit tests, the configurations and the routes with promtool and amtool."""
    from alerts.check import run_checks

    raise SystemExit(run_checks())


main.add_command(slo)
main.add_command(export)


def run() -> None:
    """Run the command line; errors that a user can mend are one line on stderr."""
    run_command("alerts", main)
