"""`exporter`: without a subcommand the daemon, with Prometheus' flags; the subcommands are the batch tools."""

import importlib
from importlib.metadata import version
from pathlib import Path

import click

from foundation.errors import ConfigError
from foundation.flags import AddressType, web_options
from foundation.grammar import Address
from foundation.logfmt import FORMATS, LEVELS, start_logging
from foundation.program import run_command
from foundation.terminal import echo

LAZY: dict[str, str] = {
    "backfill": "exporter.accesslog",
    "explain": "exporter.accesslog",
    "hosting": "exporter.hosting",
    "infer": "exporter.accesslog",
    "qps": "exporter.accesslog",
    "releases": "exporter.releases",
    "routes": "exporter.accesslog",
    "stores": "exporter.stores",
    "summary": "exporter.accesslog",
}
"""Subcommands that a system brings: name -> its package, which lists the command in `commands`."""


class _Commands(click.Group):
    """Finds the systems' commands only when one is asked for, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our own names and the systems', sorted."""
        return sorted([*super().list_commands(ctx), *LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; a system is imported for its own."""
        if cmd_name not in LAZY:
            return super().get_command(ctx, cmd_name)
        package = importlib.import_module(LAZY[cmd_name])
        commands: list[click.Command] = package.commands
        return next(command for command in commands if command.name == cmd_name)


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="The configuration (YAML).")
@click.option("--config.check", "only_check", is_flag=True, help="Read the configuration, say what is wrong, and end.")
@click.option(
    "--web.listen-address",
    "listen",
    multiple=True,
    type=AddressType(),
    default=["127.0.0.1:8090"],
    show_default=True,
    help="Where to serve; may be given more than once.",
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
    help="Scrapes answered at a time; 0 is no limit.",
)
@click.option("--web.enable-lifecycle", "lifecycle", is_flag=True, help="Allow POST /-/reload.")
@click.option(
    "--web.created-samples",
    "created",
    is_flag=True,
    help="Tell counters' birth in OpenMetrics: a series more for each.",
)
@click.option(
    "--log.level", "log_level", type=click.Choice(LEVELS), default="info", show_default=True, help="How much to say."
)
@click.option(
    "--log.format", "log_format", type=click.Choice(FORMATS), default="logfmt", show_default=True, help="How to say it."
)
@click.version_option(version("tidewatch"), "--version", prog_name="exporter", message="%(prog)s, version %(version)s")
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    config_file: Path | None,
    only_check: bool,
    listen: tuple[Address, ...],
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
            web_config_file=web_config_file,
            allowed_hosts=allowed_hosts,
            telemetry_path=telemetry_path,
            max_requests=max_requests,
            lifecycle=lifecycle,
            created=created,
        )
    )


@cli.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@web_options
def check(*, file: Path | None, web_config_file: Path | None, allowed_hosts: tuple[str, ...]) -> None:
    """Read a configuration file and what it names, say what is wrong, and exit 2 if anything is.

    With --web.config.file also, or only, a web configuration, which may be that of any other program of Tidewatch.
    """
    if file is None and web_config_file is None:
        raise click.UsageError("expected FILE, or --web.config.file, for example exporter check exporter.yml")
    start_logging("warn", "logfmt")
    _check(file, web_config_file, allowed_hosts)


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
    """Run the command line; errors that a user can mend are one line on stderr."""
    run_command("exporter", cli)


if __name__ == "__main__":
    main()
