"""One version and one name: of the distribution, and of what each command says."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from foundation.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS = PROJECT["scripts"] | {"alerts": "alerts.cli:main", "dashboards": "dashboards.cli:main"}


def test_the_distribution_has_a_name_of_its_own():
    assert PROJECT["name"] == "tidewatch-monitoring"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_version_of_the_distribution(name, monkeypatch, capsys):
    module, _, function = COMMANDS[name].partition(":")
    monkeypatch.setattr("sys.argv", [name, "--version"])
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), function)()
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{name}, version {PROJECT['version']}\n")


def test_programs_know_that_version():
    assert PROJECT["version"] == VERSION


def test_the_pythons_that_are_named_are_those_on_which_the_tests_ran():
    [ran] = re.findall(r"On \S+ they passed on ([0-9., and]+);", (ROOT / "docs" / "running.md").read_text())
    named = [word.rpartition(" ")[2] for word in PROJECT["classifiers"] if "Python :: 3." in word]
    assert [version.rpartition(".")[0] for version in re.findall(r"3[.0-9]+", ran)] == named
    readme = (ROOT / "README.md").read_text()
    assert f"in a clone; Python {', '.join(named[:-1])} or {named[-1]}\n" in readme
