"""Flags that several commands have, and types of flags that take an address, a duration or an instant.

A flag's default may be the value itself, or text, which is read like the user's. Without a metavar, help shows the
type's own name, as in `--timeout DURATION`.
"""

import errno
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, Unpack, cast

import click

from foundation.errors import InputError, in_words
from foundation.grammar import (
    Address,
    DurationBounds,
    duration_s,
    host,
    host_port,
    instant_or_word,
    port,
    time_zone,
)
from foundation.logfmt import LEVELS

Command = TypeVar("Command", bound=Callable[..., Any])


Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def option_group(*options: Decorator) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order in which help shows them."""

    def add(command: Command) -> Command:
        """The command with all options, in their order."""
        found: Any = command
        for option in reversed(options):
            found = option(found)
        return cast("Command", found)

    return add


def address_options(default_port: int) -> Callable[[Command], Command]:
    """--host and --port, for commands that serve at one address: host, port."""
    at = click.option("--host", default="127.0.0.1", show_default=True, type=HostType(), help="Address to listen on.")
    on = click.option(
        "--port",
        default=default_port,
        show_default=True,
        type=PortType(),
        help="Port to listen on; 0 takes a free one.",
    )
    return option_group(at, on)


def format_option(name: str, *forms: str, what: str = "report") -> Decorator:
    """--format, for commands that write one thing in several forms: the parameter `name`, the first form by default."""
    return click.option(
        "--format", name, type=click.Choice(forms), default=forms[0], show_default=True, help=f"Format of the {what}."
    )


log_level_option = click.option(
    "--log.level",
    "log_level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    help="Minimum severity of log lines.",
)
"""For commands that run until they are stopped, and log: log_level."""


class InputFile(click.Path):
    """A file that the command reads, to a Path. It exists, is not a folder, and may be read, else InputError."""

    name = "FILE"

    def __init__(self, *, dash: bool = False) -> None:
        """`dash`: - stands for standard input."""
        super().__init__(path_type=Path, allow_dash=dash)
        self.name = type(self).name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises InputError."""
        path = super().convert(value, param, ctx)
        if not (self.allow_dash and str(path) == "-"):
            self._look(Path(os.fsdecode(path)))
        return path

    def _look(self, path: Path) -> None:
        try:
            mode = path.stat().st_mode
        except OSError as exc:
            raise InputError(f"{path}: {in_words(exc)}") from exc
        except ValueError as exc:
            raise InputError(f"{str(path)!r}: {exc}") from exc
        why = 0
        if stat.S_ISDIR(mode) != (self.name == "FOLDER"):
            why = errno.EISDIR if stat.S_ISDIR(mode) else errno.ENOTDIR
        elif stat.S_ISSOCK(mode):
            why = errno.ENXIO
        elif not os.access(path, os.R_OK):
            why = errno.EACCES
        if why:
            raise InputError(f"{path}: {os.strerror(why)}")


class InputFolder(InputFile):
    """A folder that the command reads, to a Path. It exists, else InputError."""

    name = "FOLDER"


web_options = option_group(
    click.option(
        "--web.config.file",
        "web_config_file",
        type=InputFile(),
        help="File with TLS, users and headers, in the form of Prometheus' exporters.",
    ),
    click.option(
        "--web.allowed-host",
        "allowed_hosts",
        metavar="NAME",
        multiple=True,
        help="Also accept requests for this host name; *.NAME, or * for any. May be given more than once.",
    ),
)
"""The flags of `foundation.web.WebPolicy`, for every command that serves: web_config_file, allowed_hosts."""


class _Grammar(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """Text to a value by one function; a value that is not text has been read already."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value of the text; fails with the grammar's message."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class AddressType(_Grammar):
    """HOST:PORT to an Address. `words`: texts that are values themselves, such as `off`."""

    name = "HOST:PORT"

    def __init__(self, *, free: bool = True, words: tuple[str, ...] = ()) -> None:
        """`free`: whether port 0, any free one, is allowed."""

        def read(text: str) -> Address | str:
            """A word as it is, or an address."""
            return text if text in words else host_port(text, free=free)

        super().__init__(read)


class HostType(_Grammar):
    """The host of an address by itself to text."""

    name = "HOST"

    def __init__(self) -> None:
        super().__init__(host)


class PortType(_Grammar):
    """The port of an address by itself, or 0 for a free one, to an int."""

    name = "PORT"

    def __init__(self) -> None:
        super().__init__(port)


class DurationType(_Grammar):
    """A duration to seconds."""

    name = "DURATION"

    def __init__(self, **bounds: Unpack[DurationBounds]) -> None:
        """`whole`: to an int. `bare`: the unit of a bare number."""
        self.bare = bounds.get("bare", "s")
        number = int if bounds.get("whole") else float
        super().__init__(lambda text: number(duration_s(text, **bounds)))


class InstantType(_Grammar):
    """A date, a date with a time, or Unix seconds to a datetime in UTC."""

    name = "TIME"

    def __init__(
        self,
        *,
        zone: tzinfo | None = UTC,
        zone_of: str = "",
        words: tuple[str, ...] = (),
        unit: Callable[[datetime], Any] = lambda at: at,
    ) -> None:
        """Read instants.

        Args:
            zone: of instants without one; None refuses these.
            zone_of: the eager parameter whose value is the zone instead.
            words: texts that are values themselves.
            unit: makes the value of the datetime. Raises ValueError for an invalid one.
        """

        def read(text: str) -> Any:
            """A word as it is, or a time in the zone of the command."""
            found = instant_or_word(text, words, click.get_current_context().params[zone_of] if zone_of else zone)
            return found if isinstance(found, str) else unit(found)

        super().__init__(read)


class ZoneType(_Grammar):
    """The name of a time zone to the zone. `local`: makes the zone of the word `local`, where that is allowed."""

    name = "ZONE"

    def __init__(self, local: Callable[[], tzinfo] | None = None) -> None:
        super().__init__(lambda text: local() if local and text == "local" else time_zone(text))
