"""The options that the batch tools for access logs share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from exporter.accesslog.flags import Reading
from exporter.accesslog.formats import UNITS_NS
from exporter.accesslog.formats.envelope import EnvelopeSetting, chain
from exporter.accesslog.source import TimeUnit
from foundation.flags import option_group


def _envelope(_: click.Context, _param: click.Parameter, value: str) -> EnvelopeSetting:
    try:
        chain(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc
    return value


ENVELOPE = click.option(
    "--envelope",
    metavar="NAME[+NAME]",
    callback=_envelope,
    default="auto",
    show_default=True,
    help="What the log's lines are in: none, or docker, cri, syslog, journal, caddy, console, shipper, text.",
)
TIME_UNIT = click.option("--time-unit", type=click.Choice(list(UNITS_NS)), help="What the log's durations are in.")


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how lines are read, which the command takes as one `reading`."""

    @wraps(command)
    def with_reading(
        *,
        format_: str | None,
        envelope: EnvelopeSetting,
        time_unit: TimeUnit | None,
        routes: tuple[str, ...],
        **others: Any,
    ) -> Any:
        return command(reading=Reading(format_, envelope, time_unit, routes), **others)

    return option_group(
        click.option(
            "--format", "format_", metavar="F", help="The log's format, as in the configuration; else a guess."
        ),
        ENVELOPE,
        TIME_UNIT,
        click.option(
            "--route", "routes", multiple=True, metavar="TEMPLATE", help="A route, as /users/{id}; repeatable."
        ),
    )(with_reading)


set_aside_option = click.option(
    "--set-aside",
    "aside_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write all bad lines to this new file.",
)
"""The option that keeps the bad lines."""
config_options = option_group(
    click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="Take the source from here."),
    click.option("--source", "name", metavar="NAME", help="Which source of the configuration; else the only one."),
)
"""The options that take a source of the configuration."""
