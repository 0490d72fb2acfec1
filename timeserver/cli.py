"""The `timeserver` command: flags, signals, exit codes."""

from pathlib import Path

import click

from foundation.exits import help_end
from foundation.flags import DurationType, address_options, web_options
from foundation.program import run_command
from foundation.version import VERSION
from timeserver.log_format import FORMATS

PATHS = """\b
Paths:
  /            the time of day
  /fail        a 500
  /stats       counts by status code, text or JSON   (not counted, not logged)
  /metrics     the same for Prometheus               (not counted, not logged)
  /-/healthy   200 while serving                     (not counted, not logged)
  anything else is a 404"""


@click.command(
    epilog=help_end("timeserver --port 8080 --access-log access.log --log-format json") + PATHS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@address_options(8080)
@click.option("--access-log", type=click.Path(dir_okay=False, path_type=Path), help="Log each request to this file.")
@click.option(
    "--log-format", type=click.Choice(list(FORMATS)), default="tab", show_default=True, help="Format of the lines."
)
@click.option(
    "--log-rotation-interval",
    type=DurationType(),
    help="Interval after which the log is renamed to PATH.<Unix time> and a new one begins.",
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
    from foundation.web import WebPolicy
    from timeserver.serve import open_log, run

    log = None
    if access_log is not None:
        log = open_log(access_log, keep=log_keep, rotation_interval_s=log_rotation_interval)
    run((host, port), log, log_format, WebPolicy(web_config_file, allowed_hosts))


def main() -> None:
    """Run the command; what the user did wrong is one line on stderr."""
    run_command("timeserver", command)
