"""docs/reference/commands.md: every command with its options, as click knows them."""

import inspect
import re
from collections.abc import Iterator, Mapping

import click

_EXTRAS = re.compile(
    r"(?P<meaning>.*?)\s*\[(?P<extras>(?:default: |required|env var: |[\d.]*<?=?x)[^\[]*)\]", re.DOTALL
)
"""What click says of an option behind its help."""
_NEXT = re.compile(r"; (?![^(]*\))")
_NUMBER = re.compile(r"(?:INTEGER|FLOAT)(?: RANGE)?")
_DEFAULT = "default: "
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
HEAD = """# Commands

Every command with its arguments, options and defaults, as its `--help` has them; each has `--help`. `make reference`
writes this page: a test compares it. [Notation](../grammar.md) says what `DURATION`, `HOST:PORT`, `TIME` and `SIZE`
accept.

| command | what it does |
|---|---|
"""


def page(programs: Mapping[str, click.Command]) -> str:
    """The whole page. `programs`: by what is typed."""
    found = [one for name, command in programs.items() for one in _with_subcommands(name, command, None)]
    parts = [HEAD]
    parts += [f"| [`{name}`](#{_anchor(name)}) | {_cell(_summary(command))} |\n" for name, command, _ in found]
    parts += [_section(name, command, context) for name, command, context in found]
    return "".join(parts)


def _with_subcommands(
    name: str, command: click.Command, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    called = name if parent is None else name.rpartition(" ")[2]
    # With its settings: click keeps the names of its help that it is asked for first, and `-h` would be lost.
    context = click.Context(command, info_name=called, parent=parent, **command.context_settings)
    context.show_default = True
    yield name, command, context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            if (found := command.get_command(context, inner)) and not found.hidden:
                yield from _with_subcommands(f"{name} {inner}", found, context)


def _section(name: str, command: click.Command, context: click.Context) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    marked = f'<a id="{_anchor(name)}"></a>\n\n' if "--" in _anchor(name) else ""  # the site's own has one hyphen
    parts = [f"\n{marked}## {name}\n\n```text\n{name} {usage}\n```\n"]
    parts += [f"\n{text}\n" for text in _paragraphs(command.help)]
    records = [param.get_help_record(context) for param in command.get_params(context)]
    if rows := [one for one in records if one is not None and one[1] and "--help" not in one[0]]:
        parts.append("\n| option | default | meaning |\n|---|---|---|\n")
        parts += [_row(names, meaning) for names, meaning in rows]
    parts += [f"\n{text}\n" for text in _paragraphs(command.epilog)]
    return "".join(parts)


def _paragraphs(text: str | None) -> Iterator[str]:
    """A help text as Markdown; what click is to leave as it is, which a line with a backspace begins, is a block."""
    cleaned = inspect.cleandoc(text or "").partition("\f")[0]
    for paragraph in filter(None, _PARAGRAPH.split(cleaned)):
        lines = paragraph.splitlines()
        if lines[0].strip() == "\b":
            yield "\n".join(("```text", *lines[1:], "```"))
        else:
            yield _escaped(" ".join(line.strip() for line in lines))


def _summary(command: click.Command) -> str:
    return next(_paragraphs(command.help), command.short_help or "").partition(". ")[0].removesuffix(".")


def _row(names: str, told: str) -> str:
    """One option. `told`: as click shows it, with the default and other remarks in brackets at the end."""
    extras: list[str] = []
    while match := _EXTRAS.fullmatch(told):
        told, extras = match["meaning"], [*_NEXT.split(match["extras"]), *extras]
    default = next((one.removeprefix(_DEFAULT) for one in extras if one.startswith(_DEFAULT)), "")
    others = [f"({one})" for one in extras if not one.startswith(_DEFAULT) and one != "required"]
    default = default.removeprefix("(").removesuffix(")") if default.startswith("(") else default
    shown = "required" if "required" in extras else f"`{default}`".replace("|", r"\|") if default else ""
    return f"| {_options(names)} | {shown} | {_cell(' '.join((told, *others)))} |\n"


def _options(names: str) -> str:
    return f"`{_NUMBER.sub('NUMBER', names)}`".replace("|", r"\|")


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", r"\|")


def _escaped(text: str) -> str:
    """Text that Markdown is to show as it is, but for code in backticks."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one that stands alone
        return re.sub(r"([`*_<>\[\]])", r"\\\1", text)
    parts[::2] = [re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
