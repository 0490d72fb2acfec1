"""The command line as it was given, without what is secret in it: reports say by which flags a run was made."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import click

from foundation.errors import ConfigError
from foundation.lazy import LazyGroup
from foundation.secret import shown_url
from trafficgen.units import shown_pattern

_ARGUMENTS = "trafficgen.given"  # in the context: the arguments as they came


def _refuse_over_inputs(given: Mapping[str, Any]) -> None:
    """A result must not replace a file that the same command reads. Raises ConfigError.

    Args:
        given: The values of its flags and arguments by name, paths and texts alike.
    """
    output = given.get("output")
    if not isinstance(output, Path) or not output.is_file():
        return
    for name, value in given.items():
        for one in value if isinstance(value, tuple) else (value,):
            if name != "output" and isinstance(one, str | Path):
                with contextlib.suppress(OSError, ValueError):
                    if output.samefile(one):
                        raise ConfigError(f"--output: {output}: this command reads that file; give another name")


class NotedCommand(click.Command):
    """A command whose arguments `given_command` knows, and whose --output is not a file that it reads."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note them, then parse. Raises ConfigError."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        rest = super().parse_args(ctx, args)
        _refuse_over_inputs(ctx.params)
        return rest


class NotedGroup(LazyGroup):
    """A group that does so too, and whose commands do."""

    command_class = NotedCommand

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note them, then parse. Raises ConfigError."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        rest = super().parse_args(ctx, args)
        _refuse_over_inputs(ctx.params)
        return rest


def given_command(context: click.Context) -> str:
    """What was typed, quoted for a shell, without values of headers, user information and secret parameters of URLs."""
    values, _, order = context.command.make_parser(context).parse_args(list(context.meta[_ARGUMENTS]))
    words = ["trafficgen", *([context.info_name or ""] if context.parent else [])]
    left = {name: iter(value if isinstance(value, list | tuple) else [value]) for name, value in values.items()}
    for parameter in order:
        mine = left[parameter.name or ""]
        if isinstance(parameter, click.Argument):
            words += [shown_url(value) for value in mine if isinstance(value, str)]
        else:  # one that was given again, though not for repetition, has one value: the last
            words += [word for value in islice(mine, 1) for word in _words(parameter, value)]
    return shlex.join(words)


def _words(parameter: click.Parameter, value: Any) -> Iterator[str]:
    yield max(parameter.opts if value is not False else parameter.secondary_opts, key=len)
    if isinstance(value, str):
        shown = {"headers": _header, "patterns": shown_pattern}.get(parameter.name or "", shown_url)
        yield shown(value)


def _header(text: str) -> str:
    """`Name: ...`; the name of a file as it is."""
    return text if text.startswith("@") else f"{text.partition(':')[0]}: ..." if ":" in text else "..."
