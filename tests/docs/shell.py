"""Commands of a shell script, and whether ours among them have the flags that they are given."""

import shlex
from collections.abc import Iterator

import click

import exporter.cli
import timeserver.cli
import trafficgen.cli
from alerts.cli import main as alerts
from dashboards.cli import main as dashboards
from exporter.stats.collector import cli as collector
from exporter.stats.plot import cli as plot

PROGRAMS = {
    "timeserver": timeserver.cli.command,
    "trafficgen": trafficgen.cli.cli,
    "exporter": exporter.cli.cli,
    "collector": collector.command,
    "plot": plot.command,
}
MODULES = {"alerts": alerts, "dashboards": dashboards}
_ENDS = {"|", "||", "|&", "&", "&&", ";", ";;", "(", ")", ">(", "<(", "$(", "{", "}"}
_KEYWORDS = {"then", "do", "else", "if", "while", "until", "!", "exec", "sudo", "time", "nohup"}


def commands(script: str) -> Iterator[list[str]]:
    """The words of each simple command, without redirections; here-documents are not looked into."""
    for line in _lines(script):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        tokens = iter(lexer)
        for token in tokens:
            if token in _ENDS or set(token) <= set("|&;()"):
                if words:
                    yield words
                words = []
            elif set(token) <= set("<>&") or token in {"<<", "<<<"}:
                if words and words[-1].isdigit():
                    words.pop()  # 2>file
                next(tokens, None)
            elif words or not ("=" in token.split("/")[0] or token in _KEYWORDS):
                words.append(token)
        if words:
            yield words


def _lines(script: str) -> Iterator[str]:
    """Lines that a backslash or an open quote ends are joined with the next; here-documents are skipped."""
    held, ends = "", ""
    for raw in script.splitlines():
        if ends:
            ends = "" if raw.strip() == ends else ends
            continue
        held += raw
        if held.endswith("\\"):
            held = held[:-1]
            continue
        try:
            words = shlex.split(held, comments=True)
        except ValueError:
            held += "\n"
            continue
        ends = next((word.lstrip("<-") for word in words if word.startswith("<<") and word != "<<<"), "")
        yield held
        held = ""
    if held:
        yield held


def check(words: list[str]) -> bool:
    """Whether the command is ours, once its flags are known to be right.

    Raises:
        click.UsageError: for an option that there is not, a value that cannot be, too many or too few arguments.
    """
    name, arguments = words[0].rpartition("/")[2], words[1:]
    if name in {"python", "python3"} and arguments[:1] == ["-m"] and arguments[1:]:
        found = MODULES.get(arguments[1])
        arguments = arguments[2:]
    else:
        found = PROGRAMS.get(name)
    if found is None:
        return False
    _parse(found, name, arguments, None)
    return True


def _parse(command: click.Command, name: str, arguments: list[str], parent: click.Context | None) -> None:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    values, rest, _ = command.make_parser(context).parse_args(list(arguments))
    with context.scope(cleanup=False):
        for parameter in sorted(command.params, key=lambda each: not each.is_eager):
            _convert(context, parameter, values.get(parameter.name))
    if isinstance(command, click.Group) and rest:
        name, rest = rest[0], rest[1:]
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no such command {name!r}", context)
        _parse(found, name, rest, context)
    elif rest:
        raise click.UsageError(f"unexpected arguments: {' '.join(rest)}", context)


def _convert(context: click.Context, parameter: click.Parameter, value: object) -> None:
    given = [each for each in (value if isinstance(value, list | tuple) else [value]) if isinstance(each, str)]
    if parameter.required and not given:
        raise click.MissingParameter(ctx=context, param=parameter)
    if isinstance(parameter.type, click.Path | click.File):
        return
    default = parameter.get_default(context)
    for each in given or ([default] if isinstance(default, str) else []):
        context.params[parameter.name] = parameter.type.convert(each, parameter, context)  # other options look at it
