"""The command line: reads flags, runs, maps errors to exit codes."""

import sys
from pathlib import Path
from typing import Any

import click

from foundation.errors import ConfigError
from foundation.exits import examples, help_end
from foundation.flags import InputFile, format_option
from foundation.lazy import Lazy
from foundation.program import run_command
from foundation.terminal import echo
from foundation.version import VERSION
from trafficgen.flags import (
    LENGTH,
    allowances,
    checked,
    output_option,
    output_options,
    part_option,
    plan_options,
    report_options,
    start_option,
    target_options,
    writable,
)
from trafficgen.given import NotedGroup, given_command

EXIT_CODES = """\b
Exit codes:
  0    the run went as planned
  1    an expectation of a scenario did not hold; trafficgen compare: a figure is worse
  2    a flag or a file of targets or phases is wrong: nothing was sent
  3    a file cannot be read, the target cannot be reached, a port is taken: nothing was sent
  4    the generator itself was the limit: the figures say nothing about the target; or a log has nothing to replay
  5    the run could not be finished, or its report could not be written
  6    trafficgen merge: parts are missing, without --allow-missing
  7    trafficgen compare: the reports cannot be compared
  10   --fail-if error_ratio (no answer, or a code that is not expected: 5xx, if no target says; of those sent)
  11   --fail-if dropped_ratio (of those planned)
  12   --fail-if rate_error (|sent / planned - 1|)
  13   --fail-if lateness_p99 (or _mean, _p50, _p90, _p95, _p999, _max): the send after the plan
  14   --fail-if latency_p99 (...): the answer after the plan
  15   --fail-if send_latency_p99 (...): the answer after the send
  16   --fail-if http_5xx_ratio (of those answered)
  17   --fail-if http_4xx_ratio (of those answered)
  18   --fail-if no_answer_ratio (of those sent)
  130  interrupted: a second signal ended it at once"""


@click.group(
    cls=NotedGroup,
    lazy={
        "feed": Lazy(
            "trafficgen.feeds:feed",
            "Generate hosting logs, store polls and error streams, with the truth to compare with.",
        ),
        "verify": Lazy(
            "trafficgen.verify.cli:command",
            "Drive traffic with a fault through a running stack, and compare what each part counted.",
        ),
    },
    invoke_without_command=True,
    epilog=examples("trafficgen --url http://127.0.0.1:8080/ --rps 500 --jitter 0.2 --duration 1m") + EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--url", help="http:// or https:// URL of the target.")
@plan_options
@part_option
@start_option
@target_options
@output_options
@click.version_option(VERSION, prog_name="trafficgen")
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Generate traffic on a plan that a slow target never slows, and report what was planned, sent, answered."""
    if context.invoked_subcommand is not None:
        if any(context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in options):
            raise ConfigError(f"give the options after the subcommand: trafficgen {context.invoked_subcommand} --help")
        return
    from trafficgen.command import run_config
    from trafficgen.options import load_config

    context.exit(run_config(load_config(options), {**options, "command": given_command(context)}))


@cli.command(
    "plan", epilog=help_end("trafficgen plan --rps 100 --pattern tide:period=10m --duration 30m --output plan.png")
)
@plan_options
@part_option
@click.option("--scenario", help="Plan of a scenario instead: a file, or the name of a built-in scenario.")
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


@cli.command("run", epilog=examples("trafficgen run surge --url http://127.0.0.1:8080/") + EXIT_CODES)
@click.argument("scenario")
@click.option("--url", help="Replaces the value in the scenario.")
@click.option("--seed", type=click.IntRange(0), help="Replaces the value in the scenario.")
@click.option(
    "--prometheus",
    default="http://127.0.0.1:9090",
    show_default=True,
    help="The Prometheus that is queried for firing alerts.",
)
@click.option(
    "--alertmanager",
    default="http://127.0.0.1:9093",
    show_default=True,
    help="The Alertmanager that is queried, too; '' for none.",
)
@target_options
@output_options
@click.pass_context
def run(context: click.Context, /, **options: Any) -> None:
    """Run SCENARIO: a file, or quiet-day, surge, drop-to-zero, error-burst, demo.

    Drives the phases and faults of the scenario and checks that the alerts it expects fire and resolve in time.
    """
    from trafficgen.command import run_scenario
    from trafficgen.scenario.scenario import read_scenario

    options["command"] = given_command(context)
    context.exit(run_scenario(read_scenario(options["scenario"]), options))


@cli.command(
    "replay", epilog=examples("trafficgen replay access.log --url http://127.0.0.1:8080 --speed 10") + EXIT_CODES
)
@click.argument("log", type=InputFile())
@click.option("--url", required=True, help="Where the requests go: scheme, host and port; the paths are the log's.")
@click.option("--speed", type=float, default=1.0, show_default=True, help="How many times as fast as the log.")
@click.option("--loop", is_flag=True, help="Start again at the end.")
@click.option("--duration", type=LENGTH, help="Stop after this time.")
@click.option("--seed", type=click.IntRange(0), help="Seed for spreading times of whole seconds. Always reported.")
@part_option
@start_option
@target_options
@output_options
@click.pass_context
def replay(context: click.Context, /, **options: Any) -> None:
    """Send the GETs of an access LOG again, at its own times: combined, JSON lines or CSV, also gzipped."""
    from trafficgen.command import run_replay

    context.exit(run_replay({**options, "command": given_command(context)}))


@cli.command("import-har", epilog=help_end("trafficgen import-har recording.har --output targets.yml"))
@click.argument("recording", type=InputFile())
@click.option("--origin", help="scheme://host[:port] whose requests are taken. [default: that of the first request]")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), callback=checked(writable), help="Not stdout."
)
def import_har(recording: Path, origin: str | None, output: Path | None) -> None:
    """Convert a browser's RECORDING (HAR) to a file for --targets: the requests to one host, without secrets."""
    from trafficgen.command import save_har

    save_har(recording, origin, output)


@cli.command(
    "merge", epilog=examples("trafficgen merge part-1.json part-2.json --report html --output whole.html") + EXIT_CODES
)
@click.argument("reports", type=InputFile(), nargs=-1, required=True)
@click.option("--allow-missing", is_flag=True, help="Report on the given parts, and list the missing ones.")
@report_options
@click.pass_context
def merge(context: click.Context, /, reports: tuple[Path, ...], **options: Any) -> None:
    """Add up the JSON REPORTS of the parts of one plan (--part), exactly: part-1.json part-2.json ..."""
    from trafficgen.command import merge_files

    context.exit(merge_files(reports, options))


@cli.command("compare", epilog=examples("trafficgen compare before.json after.json --allow p99=10%") + EXIT_CODES)
@click.argument("before", type=InputFile())
@click.argument("after", type=InputFile())
@click.option(
    "--allow",
    multiple=True,
    callback=checked(allowances),
    help="How much worse a figure may be: p99=10%, p99=5ms, error_ratio=0.1pp; may be repeated.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the bootstrap.")
@format_option("form", "text", "json", "html", what="comparison")
@output_option
@click.pass_context
def compare(context: click.Context, /, **options: Any) -> None:
    """Report in which figures the run AFTER differs from the run BEFORE, two JSON reports of one plan."""
    from trafficgen.command import compare_files

    context.exit(compare_files(options))


def main() -> None:
    """Console script: every error the user can act on is one line on stderr."""
    run_command("trafficgen", cli)


if __name__ == "__main__":
    main()
