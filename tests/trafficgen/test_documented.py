"""The commands and the files of docs/trafficgen.md are read as they are written there."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from foundation.flags import InputFile
from trafficgen.cli import cli
from trafficgen.plan.patterns import _KNOWN
from trafficgen.scenario.scenario import read_scenario
from trafficgen.targets.read import read_targets

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "trafficgen.md").read_text("utf-8")
BLOCKS = re.findall(r"^```[a-z]*\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SCENARIOS = [block for block in BLOCKS if "phases:" in block]
YAML = [block for block in BLOCKS if block.startswith(("targets:", "sessions:"))]
VEGETA = [block for block in BLOCKS if re.match(r"[A-Z]+ http", block)]
COMMANDS = re.findall(r"^(trafficgen .*)$|`(trafficgen [^`]*(?:--|\.)[^`]*)`", TEXT, re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the examples name is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.csv").write_text("email\na@site.example\n")
    for name in ("order.json", "recording.har", "access.log", "before.json", "after.json"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_nothing_is_left_unread():
    assert (len(YAML), len(VEGETA), len(SCENARIOS)) == (2, 1, 1)
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [("t.yml", YAML[0], 3), ("t.yml", YAML[1], 2), ("t", VEGETA[0], 2)],
    ids=["targets", "sessions", "vegeta"],
)
def test_a_file_of_targets_is_read(folder, name, text, want):
    (folder / name).write_text(text)
    assert len(list(read_targets(folder / name, {"TOKEN": "secret"}).kinds())) == want


@pytest.mark.parametrize("text", SCENARIOS)
def test_a_scenario_is_read(folder, text):
    (folder / "s.yml").write_text(text)
    assert read_scenario(str(folder / "s.yml")).phases


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [first or second for first, second in COMMANDS])
def test_a_command_is_understood(monkeypatch, command):
    monkeypatch.setattr(InputFile, "_look", lambda self, path: None)
    name, *words = shlex.split(command)
    command = cli.commands.get(words[0]) or cli.get_command(None, words[0])
    with (command or cli).make_context(name, words[1:] if command else words) as context:
        assert not context.args


def test_every_pattern_is_in_the_page_and_in_the_help():
    help_text = CliRunner().invoke(cli, ["plan", "--help"]).output
    names = set(re.findall(r"(?:^|, )([a-z]+)(?=[:,])", _KNOWN))
    assert {"constant", "tide", "burst"} < names
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", help_text)] == []
    assert [name for name in sorted(names - {"constant"}) if f"--pattern {name}:" not in TEXT] == []
