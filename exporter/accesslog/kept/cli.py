"""`exporter routes list` and `forget`."""

from pathlib import Path

import click

from foundation.errors import ConfigError
from foundation.exits import help_end
from foundation.flags import InputFile
from foundation.terminal import echo, printable

_config = click.option(
    "--config.file", "config_file", type=InputFile(), required=True, help="The configuration (YAML)."
)
_source = click.option(
    "--source", "name", metavar="NAME", help="The source of the configuration, where it has more than one."
)


@click.group(epilog=help_end("exporter routes list --config.file exporter.yml"))
def routes() -> None:
    """List the routes that the state holds, or delete some. The exporter must not be running."""


@routes.command("list", epilog=help_end("exporter routes list --config.file exporter.yml --json"))
@_config
@_source
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
def list_command(*, config_file: Path, name: str | None, as_json: bool) -> None:
    """Print each route with its requests, and whether it ever had an answer with 2xx or 304."""
    import msgspec

    from exporter.accesslog.flags import configured, state_dir_of
    from exporter.accesslog.kept.state import kept_routes
    from foundation.jsontext import json_text

    found = kept_routes(state_dir_of(config_file), configured(config_file, name))
    if as_json:
        echo(json_text(msgspec.to_builtins(found)))
        return
    width = max([len("requests"), *(len(str(one.requests)) for one in found)])
    echo(f"{'requests':>{width}}  kind      route")
    for one in found:
        kind = "declared" if one.declared else "answered" if one.answered else "refused"
        echo(f"{one.requests:>{width}}  {kind:8}  {printable(one.route)}")


@routes.command("forget", epilog=help_end("exporter routes forget --config.file exporter.yml --refused"))
@_config
@_source
@click.argument("chosen", nargs=-1, metavar="[ROUTE]...")
@click.option("--refused", is_flag=True, help="All routes that never had an answer with 2xx or 304.")
def forget_command(*, config_file: Path, name: str | None, chosen: tuple[str, ...], refused: bool) -> None:
    """Drop the counters of routes. One that returns begins at 0, which Prometheus sees as a reset."""
    from exporter.accesslog.flags import configured, state_dir_of
    from exporter.accesslog.kept.state import forget, kept_routes

    if not chosen and not refused:
        raise click.UsageError("name the routes to forget, or give --refused")
    state_dir, source = state_dir_of(config_file), configured(config_file, name)
    kept = kept_routes(state_dir, source)
    if unknown := set(chosen) - {one.route for one in kept}:
        raise ConfigError(f"the state holds no route {min(unknown)}; `exporter routes list` shows what it holds")
    wanted = set(chosen)
    if refused:
        wanted |= {one.route for one in kept if not one.answered and not one.declared and one.route != "other"}
    series = forget(state_dir, source, wanted)
    echo(f"{len(wanted)} routes, {series} series forgotten")
