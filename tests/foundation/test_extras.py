"""An installation without an extra says in one line which it lacks; the extras are those of pyproject.toml."""

import importlib.metadata
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

import exporter.cli
import trafficgen.cli
from exporter.stats.plot import cli as plot
from foundation import extras
from foundation.program import run_command

ROOT = Path(__file__).resolve().parents[2]
LICENSE = ROOT / "LICENSE"
REPORTS = """needs the extra "reports": pip install '.[reports]' in a clone of Tidewatch\n"""


def test_the_packages_of_each_extra_are_those_of_the_distribution():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    everything = declared.pop("all")
    assert everything == [f"tidewatch-monitoring[{','.join(extra for extra in declared if extra != 'spark')}]"]
    assert declared.keys() == extras.PACKAGES.keys()
    known = {
        name: {_plain(one) for one in found} for name, found in importlib.metadata.packages_distributions().items()
    }
    for extra, requirements in declared.items():
        wanted = {_plain(re.split(r"[<>=]", one)[0]) for one in requirements}
        if extra != "spark":  # which no environment of ours has
            named = set().union(*(known[name.partition(".")[0]] for name in extras.PACKAGES[extra]))
            assert wanted <= named, extra


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a program; its exit code, standard output and standard error."""

    def run(main, *args):
        monkeypatch.setattr("sys.argv", [main.__module__, *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def core(run, monkeypatch):
    """The same, as if the packages of the extra `reports` were not installed."""
    absent = extras.PACKAGES[extras.REPORTS]
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in absent else find_spec(name))
    return run


@pytest.mark.parametrize(
    "command",
    [
        (exporter.cli.main, ["hosting", "report", "a.log"], "exporter: hosting"),
        (exporter.cli.main, ["stores", "load", "--status", "a.csv"], "exporter: stores"),
        (exporter.cli.main, ["stores", "report"], "exporter: stores"),
        (exporter.cli.main, ["stores", "serve"], "exporter: stores"),
        (exporter.cli.main, ["releases", "aggregate", "a.tsv"], "exporter: releases"),
        (exporter.cli.main, ["releases", "report", "a.tsv"], "exporter: releases"),
        (exporter.cli.main, ["releases", "heatmap", "a.tsv", "--follow"], "exporter: releases"),
        (plot.main, ["a.tsv", "--output", "a.png"], "plot: a picture"),
        (trafficgen.cli.main, ["compare", LICENSE, LICENSE], "trafficgen: compare"),
        (trafficgen.cli.main, ["plan", "--rps", "1", "--duration", "1s", "--output", "a.png"], "trafficgen: a picture"),
    ],
    ids=lambda command: " ".join(map(str, command[1][:2])),
)
def test_a_command_names_the_extra_that_it_lacks(core, monkeypatch, tmp_path, command):
    main, args, what = command
    monkeypatch.chdir(tmp_path)
    args = [LICENSE if str(arg).endswith((".tsv", ".csv")) else arg for arg in args]
    assert core(main, *args) == (2, "", f"{what} {REPORTS}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("system", ["hosting", "releases", "stores"])
@pytest.mark.parametrize("args", [["check"], ["--config.file"]], ids=["check", "daemon"])
def test_a_system_in_a_configuration_names_the_extra_that_it_lacks(core, tmp_path, system, args):
    path = tmp_path / "exporter.yml"
    path.write_text(f"{system}:\n- source: one\n")
    assert core(exporter.cli.main, *args, path) == (2, "", f"exporter: {system} {REPORTS}")


def test_what_nobody_thought_of_names_the_extra_too(run):
    @click.command()
    def command():
        raise ModuleNotFoundError("No module named 'scipy.special'", name="scipy.special")

    def main():
        run_command("program", command)

    assert run(main) == (2, "", f"program: this {REPORTS}")


def test_a_module_that_is_of_no_extra_is_a_bug(monkeypatch):
    monkeypatch.setattr("sys.argv", ["program"])
    with pytest.raises(ModuleNotFoundError):
        run_command("program", click.command()(lambda: __import__("tidewatch_absent")))
