"""The command line: reads flags, runs, maps errors to exit codes."""

import sys
from pathlib import Path
from typing import Any

import click

from foundation.errors import ConfigError
from foundation.program import run_command
from foundation.terminal import echo
from trafficgen.flags import LENGTH, checked, output_options, plan_options, target_options, writable
from trafficgen.lazy import LazyGroup

EXIT_CODES = """\b
Exit codes:
  0    the run went as planned
  1    the run could not be finished
  2    a flag is wrong, or the target cannot be reached: nothing was sent
  3    the generator itself was the limit: the figures say nothing about the target
  4    an expectation of a scenario did not hold
  10   --fail-if error_ratio (no answer, or a code that is not expected: 5xx, if no target says; of those sent)
  11   --fail-if dropped_ratio (of those planned)
  12   --fail-if rate_error (|sent / planned - 1|)
  13   --fail-if lateness_p99 (or _mean, _p50, _p90, _p95, _p999, _max): the send after the plan
  14   --fail-if latency_p99 (...): the answer after the plan
  15   --fail-if send_latency_p99 (...): the answer after the send
  16   --fail-if http_5xx_ratio (of those answered)
  17   --fail-if http_4xx_ratio (of those answered)
  18   --fail-if no_answer_ratio (of those sent)
  130  ended at once by a second signal"""


@click.group(
    cls=LazyGroup,
    lazy={
        "feed": "trafficgen.feeds:feed",
        "verify": "trafficgen.verify:command",
    },
    invoke_without_command=True,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--url", help="http:// or https:// URL to hit.")
@plan_options
@target_options
@output_options
@click.version_option(package_name="tidewatch", prog_name="trafficgen")
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Generate traffic on a plan that a slow target never slows, and report what was planned, sent, answered.

    Example: trafficgen --url http://127.0.0.1:8080/ --rps 500 --jitter 0.2
    """
    if context.invoked_subcommand is not None:
        if any(context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in options):
            raise ConfigError(f"give the options after the subcommand: trafficgen {context.invoked_subcommand} --help")
        return
    from trafficgen.command import run_config
    from trafficgen.options import load_config

    context.exit(run_config(load_config(options), options))


@cli.command("plan")
@plan_options
@click.option("--scenario", help="The plan of a scenario (a file, or the name of one of the program's own) instead.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=checked(writable),
    help="CSV; or a picture: .png, .svg, .pdf. Else stdout.",
)
def plan(**options: Any) -> None:
    """Print or draw what would be sent in each second, without sending it."""
    from trafficgen.options import preview_plan
    from trafficgen.report.preview import csv_lines, rows, save

    planned = preview_plan(options)
    if options["output"] is None:
        sys.stdout.writelines(csv_lines(rows(planned)))
    else:
        save(rows(planned), options["output"], f"plan with seed {planned.seed}")
    echo(f"seed {planned.seed}", err=True)


@cli.command("run", epilog=EXIT_CODES)
@click.argument("scenario")
@click.option("--url", help="Instead of the scenario's own.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the scenario's own.")
@click.option("--prometheus", default="http://127.0.0.1:9090", show_default=True, help="Asked for firing alerts.")
@click.option("--alertmanager", default="http://127.0.0.1:9093", show_default=True, help="Asked too; '' for none.")
@target_options
@output_options
@click.pass_context
def run(context: click.Context, /, **options: Any) -> None:
    """Run SCENARIO: a file, or quiet-day, surge, drop-to-zero, error-burst, demo.

    Drives the phases and faults of the scenario and checks that the alerts it expects fire and resolve in time.
    """
    from trafficgen.command import run_scenario
    from trafficgen.scenario.scenario import read_scenario

    context.exit(run_scenario(read_scenario(options["scenario"]), options))


@cli.command("replay", epilog=EXIT_CODES)
@click.argument("log", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--url", required=True, help="Where the requests go: scheme, host and port; the paths are the log's.")
@click.option("--speed", type=float, default=1.0, show_default=True, help="So many times as fast as the log.")
@click.option("--loop", is_flag=True, help="Begin again at the end.")
@click.option("--duration", type=LENGTH, help="End after so long.")
@click.option("--seed", type=click.IntRange(0), help="Of the spreading of whole-second stamps. Always reported.")
@target_options
@output_options
@click.pass_context
def replay(context: click.Context, /, **options: Any) -> None:
    """Send the GETs of an access LOG again, at its own times: combined, JSON lines or CSV, also gzipped."""
    from trafficgen.command import run_replay

    context.exit(run_replay(options))


@cli.command("import-har")
@click.argument("recording", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--origin", help="scheme://host[:port] whose requests are taken; that of the first request without.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), callback=checked(writable), help="Not stdout."
)
def import_har(recording: Path, origin: str | None, output: Path | None) -> None:
    """Make a file for --targets of a browser's RECORDING (HAR): the requests to one host, without secrets."""
    from trafficgen.command import save_har

    save_har(recording, origin, output)


def main() -> None:
    """Console script: every error the user can act on is one line on stderr."""
    run_command("trafficgen", cli)


if __name__ == "__main__":
    main()
