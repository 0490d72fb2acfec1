"""Groups whose commands are imported when they are used: what help says of them without an import."""

import click
import pytest

from exporter.cli import cli as exporter
from foundation.lazy import Lazy, LazyGroup
from trafficgen.cli import cli as trafficgen
from trafficgen.feeds import feed


@click.command(help="Own help.")
def own():
    pass


LAZY = [(group, name) for group in (exporter, trafficgen, feed) for name in group.lazy]


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name"), LAZY, ids=[f"{group.name}-{name}" for group, name in LAZY])
def test_a_command_is_listed_by_the_first_paragraph_of_its_own_help(group, name):
    found = group.get_command(click.Context(group), name)
    assert not found.hidden
    assert group.lazy[name].help == " ".join(found.help.split("\n\n")[0].split())


def test_help_lists_own_and_lazy_commands_and_imports_none(capsys):
    group = LazyGroup("program", commands={"own": own}, lazy={"far": Lazy("there.is.no:command", "Far away. Very.")})
    group(["--help"], standalone_mode=False)
    assert capsys.readouterr().out.split("Commands:\n")[1] == "  far  Far away.\n  own  Own help.\n"


def test_a_lazy_command_is_imported_once_it_is_asked_for():
    group = LazyGroup("program", lazy={"far": Lazy("tests_lazy_absent:command", "Far away.")})
    with pytest.raises(ModuleNotFoundError, match="tests_lazy_absent"):
        group.get_command(click.Context(group), "far")
    assert group.get_command(click.Context(group), "near") is None
    group = LazyGroup("program", lazy={"add": Lazy("exporter.cli:check", "Another one.")})
    assert group.get_command(click.Context(group), "add").name == "check"
