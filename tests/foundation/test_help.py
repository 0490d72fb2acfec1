"""Every command's --help shows examples that its own parser takes, and the exit codes."""

import re
import shlex

import click
import pytest
from command_tree import COMMANDS, OPTIONS, ROOTS

from foundation.exits import ALWAYS, Exit
from foundation.flags import InputFile

GROUPS = {path for path, command in COMMANDS.items() if isinstance(command, click.Group)}


def context_of(path):
    """The context in which a command runs. click keeps the first names of its help that it is asked for."""
    root = ROOTS[path.split()[0]]
    above = click.Context(root, info_name=path.split()[0], terminal_width=200, **root.context_settings)
    return above if COMMANDS[path] is root else click.Context(COMMANDS[path], parent=above)


def help_of(path):
    return COMMANDS[path].get_help(context_of(path))


def examples(path):
    lines = iter(help_of(path).splitlines())
    for line in lines:
        if line.strip() in {"Example:", "Examples:"}:
            break
    for line in lines:
        if not line.strip():
            return
        yield line.strip()


@pytest.mark.parametrize("path", COMMANDS)
def test_an_example_is_taken_by_the_command_that_shows_it(monkeypatch, path):
    monkeypatch.setattr(InputFile, "_look", lambda self, path: None)
    shown = list(examples(path))
    assert shown
    for line in shown:
        words = shlex.split(line.split(" > ")[0].removeprefix("python -m "))
        assert words[0] == path.split()[0]
        command = ROOTS[words[0]]
        context = command.make_context(words[0], words[1:])
        while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
            name, command, rest = command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)
        if path not in GROUPS:
            assert context.command is COMMANDS[path], line


@pytest.mark.parametrize("path", sorted(set(COMMANDS) - GROUPS | {"exporter", "trafficgen"}))
def test_the_exit_codes_are_listed(path):
    found = re.search(r"Exit codes:(.*?)(Paths:|\Z)", help_of(path), re.DOTALL)[1]
    codes = {int(code) for code in re.findall(r"(?:^|, )\s*(\d+) ", found, re.MULTILINE)}
    assert codes >= set(ALWAYS)
    assert set(Exit) >= codes or path.startswith("trafficgen")


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[name for name, _ in OPTIONS])
def test_every_flag_has_a_help(name, option):
    assert option.help


@pytest.mark.parametrize("path", COMMANDS)
def test_h_is_help(path):
    assert context_of(path).help_option_names == ["-h", "--help"]


SAME = {
    "--input-format": {"--log-type", "--input"},
    "--format": {"--report", "--form", "--out-format"},
    "--output": {"--out", "-o", "--output-file"},
    "--from": {"--since"},
    "--to": {"--until"},
    "--tz": {"--timezone", "--zone"},
}
"""The house's name of a thing, and names that a flag may have beside it only."""


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[name for name, _ in OPTIONS])
def test_one_thing_has_one_name(name, option):
    for ours, others in SAME.items():
        if others & set(option.opts):
            assert ours in option.opts
    assert all(re.fullmatch(r"-h|--[a-z0-9]+([-.][a-z0-9]+)*|--delta_t", word) for word in option.opts)


def test_what_a_log_is_read_as_is_never_called_format_alone():
    """`--format` is how a result is written; for the format of a log it is the old name."""
    for path in ("summary", "infer", "explain", "qps", "backfill"):
        found = [
            option.opts
            for name, option in OPTIONS
            if name.startswith(f"exporter {path} --") and "--format" in option.opts
        ]
        assert found == [["--input-format", "--format"]]
