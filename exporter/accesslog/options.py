"""The options that the batch tools for access logs share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foundation.flags import InputFile, option_group

if TYPE_CHECKING:
    from exporter.accesslog.formats.envelope import EnvelopeSetting
    from exporter.accesslog.source import TimeUnit

UNITS = ("s", "ms", "us", "ns")
"""As `exporter.accesslog.formats.UNITS_NS` has them."""


def _envelope(_: click.Context, _param: click.Parameter, value: str) -> "EnvelopeSetting":
    from exporter.accesslog.formats.envelope import chain

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
    help="Envelope of the log's lines: none, or docker, cri, syslog, journal, caddy, console, shipper, text.",
)
TIME_UNIT = click.option("--time-unit", type=click.Choice(UNITS), help="Unit of the log's durations.")


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how lines are read, which the command takes as one `reading`."""

    @wraps(command)
    def with_reading(
        *,
        format_: str | None,
        envelope: "EnvelopeSetting",
        time_unit: "TimeUnit | None",
        routes: tuple[str, ...],
        **others: Any,
    ) -> Any:
        """The command, with the options of reading as one argument."""
        from exporter.accesslog.flags import Reading

        return command(reading=Reading(format_, envelope, time_unit, routes), **others)

    return option_group(
        click.option(
            "--input-format",
            "--format",
            "format_",
            metavar="F",
            help="The log's format, as in the configuration. [default: guessed]",
        ),
        ENVELOPE,
        TIME_UNIT,
        click.option(
            "--route", "routes", multiple=True, metavar="TEMPLATE", help="A route, for example /users/{id}; repeatable."
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
    click.option(
        "--config.file", "config_file", type=InputFile(), help="Take the source from this configuration file."
    ),
    click.option(
        "--source", "name", metavar="NAME", help="The source of the configuration, where it has more than one."
    ),
)
"""The options that take a source of the configuration."""
