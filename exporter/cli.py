"""`exporter`: without a subcommand the daemon, with Prometheus' flags; the subcommands are the batch tools."""

from pathlib import Path

import click

from foundation.errors import ConfigError
from foundation.exits import help_end
from foundation.flags import AddressType, InputFile, log_level_option, web_options
from foundation.grammar import Address
from foundation.lazy import Lazy, LazyGroup
from foundation.logfmt import FORMATS, start_logging
from foundation.program import run_command
from foundation.terminal import echo
from foundation.version import VERSION

LAZY = {
    "backfill": Lazy(
        "exporter.accesslog.cli:backfill_command",
        "Write logs as OpenMetrics with their own times, for promtool tsdb create-blocks-from openmetrics.",
    ),
    "explain": Lazy(
        "exporter.accesslog.cli:explain_command",
        "Show what was found in a log's first lines, and which series they feed.",
    ),
    "hosting": Lazy(
        "exporter.hosting.cli:hosting",
        "Customers' downtime and the SLA report, from a web host's manager and server logs.",
    ),
    "infer": Lazy(
        "exporter.accesslog.cli:infer_command",
        "Read a log's first lines and print a configuration for it.",
    ),
    "logs": Lazy(
        "exporter.logs.cli:logs", "Custom metrics from any log: count whole files, show how each line is counted."
    ),
    "qps": Lazy(
        "exporter.accesslog.cli:qps_command",
        "Print requests per second by route and code every 10 seconds, following the log through its rotations.",
    ),
    "releases": Lazy(
        "exporter.releases.cli:releases", "Error codes by build: count them, compare the builds, draw them."
    ),
    "routes": Lazy(
        "exporter.accesslog.kept.cli:routes",
        "List the routes that the state holds, or delete some. The exporter must not be running.",
    ),
    "stores": Lazy("exporter.stores.cli:stores", "Stores' uptime within business hours, from polls."),
    "summary": Lazy(
        "exporter.accesslog.cli:summary",
        "Read whole log files, compressed ones too (- is standard input), and print their totals.",
    ),
}


@click.group(
    cls=LazyGroup,
    lazy=LAZY,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=help_end(
        "exporter --config.file exporter.yml", "exporter infer /var/log/nginx/access.log --output exporter.yml"
    ),
)
@click.option("--config.file", "config_file", type=InputFile(), help="The configuration (YAML).")
@click.option(
    "--config.check", "only_check", is_flag=True, help="Check the configuration, report what is wrong, and exit."
)
@click.option(
    "--web.listen-address",
    "listen",
    multiple=True,
    type=AddressType(),
    default=["127.0.0.1:8090"],
    show_default=True,
    help="Address to serve on; may be given more than once.",
)
@click.option(
    "--web.systemd-socket",
    "systemd_socket",
    is_flag=True,
    help="Serve on the sockets that systemd passed, in place of --web.listen-address.",
)
@web_options
@click.option(
    "--web.telemetry-path", "telemetry_path", default="/metrics", show_default=True, help="Path of the metrics."
)
@click.option(
    "--web.max-requests",
    "max_requests",
    type=click.IntRange(0),
    default=40,
    show_default=True,
    help="Maximum scrapes at a time; 0: no limit.",
)
@click.option("--web.enable-lifecycle", "lifecycle", is_flag=True, help="Allow POST /-/reload.")
@click.option(
    "--web.created-samples",
    "created",
    is_flag=True,
    help="Add _created samples in OpenMetrics: one extra series per counter.",
)
@log_level_option
@click.option(
    "--log.format",
    "log_format",
    type=click.Choice(FORMATS),
    default="logfmt",
    show_default=True,
    help="Format of log lines.",
)
@click.version_option(VERSION, prog_name="exporter")
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    config_file: Path | None,
    only_check: bool,
    listen: tuple[Address, ...],
    systemd_socket: bool,
    web_config_file: Path | None,
    allowed_hosts: tuple[str, ...],
    telemetry_path: str,
    max_requests: int,
    lifecycle: bool,
    created: bool,
    log_level: str,
    log_format: str,
) -> None:
    """Metrics of access logs, stats pages, hosting, stores and releases, for Prometheus to scrape."""
    if ctx.invoked_subcommand:
        return
    start_logging(log_level, log_format)
    from foundation.authorities import import_aiohttp

    import_aiohttp()
    from exporter.daemon import Options, run_daemon

    if only_check:
        if config_file is None:
            raise ConfigError("--config.check needs --config.file")
        _check(config_file, web_config_file, allowed_hosts)
        return
    if not telemetry_path.startswith("/"):
        raise click.BadParameter(f"{telemetry_path!r} must start with /", param_hint="--web.telemetry-path")
    run_daemon(
        Options(
            config_file=config_file,
            listen=listen,
            systemd_socket=systemd_socket,
            web_config_file=web_config_file,
            allowed_hosts=allowed_hosts,
            telemetry_path=telemetry_path,
            max_requests=max_requests,
            lifecycle=lifecycle,
            created=created,
        )
    )


@cli.command(epilog=help_end("exporter check exporter.yml"))
@click.argument("file", type=InputFile(), required=False)
@web_options
def check(*, file: Path | None, web_config_file: Path | None, allowed_hosts: tuple[str, ...]) -> None:
    """Check a configuration file and the files it names, report what is wrong, and exit 2 if anything is.

    With --web.config.file also, or only, a web configuration, which may be that of any other program of Tidewatch.
    """
    if file is None and web_config_file is None:
        raise click.UsageError("expected FILE, or --web.config.file, for example exporter check exporter.yml")
    start_logging("warn", "logfmt")
    _check(file, web_config_file, allowed_hosts)


@cli.command(epilog=help_end("exporter schema > exporter.schema.json"))
def schema() -> None:
    """Print the JSON Schema of the configuration file, with which editors complete and check it."""
    import msgspec

    from exporter.systems import SCHEMA_TITLE, whole_config
    from foundation.schema import schema_of

    text = msgspec.json.encode(schema_of(whole_config(), SCHEMA_TITLE))
    echo(msgspec.json.format(text, indent=2).decode())


def _check(file: Path | None, web_config_file: Path | None, allowed_hosts: tuple[str, ...]) -> None:
    from exporter.check import check_files
    from exporter.daemon import Options, doors

    options = Options(config_file=file, web_config_file=web_config_file, allowed_hosts=allowed_hosts)
    config = check_files(options)
    if file:
        counts = [f"{name} {len(sources)}" for name, (_, sources) in doors(config).items() if sources]
        echo(f"{file}: ok ({', '.join(counts) or 'no sources'})")
    if web_config_file:
        echo(f"{web_config_file}: ok")


def main() -> None:
    """Run the command line; errors that a user can correct are one line on stderr."""
    run_command("exporter", cli)


if __name__ == "__main__":
    main()
