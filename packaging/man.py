"""Man pages of the commands, from click: python packaging/man.py FOLDER. One page a command, with all its subcommands.

click-man does the same with a page for each subcommand, but finds no command that is imported when it is used
(`foundation.lazy`), and has no section of exit codes. $SOURCE_DATE_EPOCH is the date of the pages, else now.
"""

import importlib
import inspect
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from foundation.exits import Exit
from foundation.version import VERSION

COMMANDS = {
    "exporter": "exporter.cli:cli",
    "trafficgen": "trafficgen.cli:cli",
    "timeserver": "timeserver.cli:command",
    "collector": "exporter.stats.collector.cli:command",
    "plot": "exporter.stats.plot.cli:command",
    "tidewatch-alerts": "alerts.cli:main",
    "tidewatch-dashboards": "dashboards.cli:main",
}
MODULES = {"tidewatch-alerts": "python -m alerts", "tidewatch-dashboards": "python -m dashboards"}
"""Of commands without a program of that name: how they are called."""

EXIT_STATUS = {one.value: f"{one.words[0].upper()}{one.words[1:]}." for one in Exit}


def commands() -> dict[str, click.Command]:
    """Each page's command, by the page's name."""
    places = {name: place.partition(":") for name, place in COMMANDS.items()}
    return {name: getattr(importlib.import_module(module), found) for name, (module, _, found) in places.items()}


def page(name: str, command: click.Command, date: str) -> str:
    """One man page in roff.

    Args:
        name: of the page, and of the command unless it is a module.
        command: the outermost one.
        date: YYYY-MM-DD.
    """
    ctx = click.Context(command, info_name=MODULES.get(name, name), **command.context_settings)
    purpose = command.get_short_help_str(200).rstrip(".")
    lines = [f'.TH {name.upper()} 1 {date} "Tidewatch {VERSION}" Tidewatch', ".ad l", ".nh"]
    lines += [".SH NAME", rf"{name} \- {_text(purpose)}"]
    lines += [".SH SYNOPSIS", *_usage(ctx), ".SH DESCRIPTION", *_body(command)]
    lines += [".SH OPTIONS", *_options(ctx)]
    for inner in _subcommands(ctx):
        lines += [f".SH {_quoted(inner.command_path.upper())}", *_usage(inner), ".PP", *_body(inner.command)]
        lines += _options(inner)
    lines += [".SH EXIT STATUS", *_exit_status()]
    others = sorted(COMMANDS.keys() - {name})
    return "\n".join([*lines, ".SH SEE ALSO", ",\n".join(f".BR {_text(other)} (1)" for other in others)]) + "\n"


def _subcommands(ctx: click.Context) -> Iterator[click.Context]:
    """All commands below, in depth, each where its help would be."""
    if not isinstance(ctx.command, click.Group):
        return
    for name in ctx.command.list_commands(ctx):
        command = ctx.command.get_command(ctx, name)
        assert command is not None
        if not command.hidden:
            inner = click.Context(command, info_name=name, parent=ctx)
            yield inner
            yield from _subcommands(inner)


def _usage(ctx: click.Context) -> list[str]:
    pieces = " ".join(ctx.command.collect_usage_pieces(ctx))
    return [f".B {_text(ctx.command_path)}", _text(pieces)]


def _body(command: click.Command) -> list[str]:
    texts = [inspect.cleandoc(text.partition("\f")[0]) for text in (command.help, command.epilog) if text]
    return _paragraphs("\n\n".join(texts))


def _paragraphs(text: str) -> list[str]:
    """Text as click takes it: paragraphs, those that are marked by a backspace as they stand."""
    lines: list[str] = []
    for one in re.split(r"\n\s*\n", text):
        kept = one.lstrip("\n ").startswith("\b")
        inner = [_text(line) for line in one.replace("\b\n", "").replace("\b", "").splitlines()]
        lines += [".PP", *([".nf", *inner, ".fi"] if kept else [line.strip() for line in inner])]
    return lines[1:]


def _options(ctx: click.Context) -> list[str]:
    lines = []
    for param in ctx.command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and record[1]:  # arguments without a text of their own stand in the usage
            lines += [".TP", f".B {_text(record[0])}", _text(" ".join(record[1].split()))]
    return lines


def _exit_status() -> list[str]:
    lines = [line for code, text in EXIT_STATUS.items() for line in (".TP", f".B {code}", _text(text))]
    return [*lines, ".PP", "Where the description of a command lists codes of its own, those hold."]


def _text(text: str) -> str:
    """One line of text, safe from roff: no escape, no request, hyphens that can be copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    text = text.replace("^", r"\(ha").replace("~", r"\(ti").replace('"', r"\(dq")
    return rf"\&{text}" if text.startswith(".") else text


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def main(folder: Path) -> None:
    """Write all pages."""
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    folder.mkdir(parents=True, exist_ok=True)
    for name, command in commands().items():
        (folder / f"{name}.1").write_text(page(name, command, date))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
