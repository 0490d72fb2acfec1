"""The man pages have every command, flag and exit code, and roff finds nothing wrong with them."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

import alerts.cli
import dashboards.cli
import exporter.cli
import exporter.stats.collector.cli
import exporter.stats.plot.cli
import timeserver.cli
import trafficgen.cli
from foundation.exits import Exit

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "collector": exporter.stats.collector.cli.command,
    "exporter": exporter.cli.cli,
    "plot": exporter.stats.plot.cli.command,
    "tidewatch-alerts": alerts.cli.main,
    "tidewatch-dashboards": dashboards.cli.main,
    "timeserver": timeserver.cli.command,
    "trafficgen": trafficgen.cli.cli,
}

ESCAPES = {"aq": "'", "ga": "`", "ha": "^", "ti": "~", "dq": '"'}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("man")
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "PYTHONPATH": str(ROOT)}  # 2026-01-01
    subprocess.run([sys.executable, ROOT / "packaging/man.py", made], env=env, check=True)
    return made


def sections(page):
    """The texts of a page by their titles, with the escapes of roff taken out."""
    text = re.sub(r"\\\((aq|ga|ha|ti|dq)", lambda match: ESCAPES[match[1]], page)
    text = text.replace(r"\-", "-").replace(r"\&", "").replace(r"\e", "\\")
    pieces = re.split(r'^\.SH "?(.*?)"?$', text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def below(ctx):
    """The contexts of all commands below, that are not hidden."""
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            inner = click.Context(ctx.command.get_command(ctx, name), info_name=name, parent=ctx)
            if not inner.command.hidden:
                yield inner
                yield from below(inner)


def flags(ctx):
    return {flag for param in ctx.command.get_params(ctx) if isinstance(param, click.Option) for flag in param.opts}


def test_every_program_has_a_page(folder):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {path.name for path in folder.iterdir()} == {f"{name}.1" for name in COMMANDS}
    assert scripts.keys() | {"tidewatch-alerts", "tidewatch-dashboards"} == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_command_with_every_flag(folder, name):
    command = COMMANDS[name]
    called = {"tidewatch-alerts": "python -m alerts", "tidewatch-dashboards": "python -m dashboards"}.get(name, name)
    ctx = click.Context(command, info_name=called, help_option_names=["-h", "--help"])
    found = sections((folder / f"{name}.1").read_text())
    wanted = {inner.command_path.upper(): inner for inner in below(ctx)}
    fixed = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"]
    assert list(found) == [*fixed, *wanted, "EXIT STATUS", "SEE ALSO"]
    for title, inner in {"OPTIONS": ctx, **wanted}.items():
        hidden = {flag for param in inner.command.params if getattr(param, "hidden", False) for flag in param.opts}
        terms = " ".join(re.findall(r"^\.B (.*)$", found[title], re.MULTILINE))
        shown = set(re.findall(r"(?<![\w-])--?[a-z][\w.-]*", terms))
        assert flags(inner) - hidden <= shown, title


def test_the_exit_codes_are_those_of_the_errors(folder):
    codes = {int(code) for code in re.findall(r"^\.B (\d+)$", (folder / "exporter.1").read_text(), re.MULTILINE)}
    assert codes == set(Exit)


def test_an_epilog_keeps_its_lines(folder):
    """trafficgen's codes stand one a line in --help, and so they do here."""
    found = sections((folder / "trafficgen.1").read_text())["DESCRIPTION"]
    example, codes = re.findall(r"^\.nf$\n(.*?)^\.fi$", found, re.MULTILINE | re.DOTALL)
    assert len(example.splitlines()) == 2
    assert len(codes.splitlines()) > 5


@pytest.mark.parametrize("name", COMMANDS)
def test_man_has_no_warning(folder, name):
    tools = [["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"], ["mandoc", "-T", "lint", "-W", "warning"]]
    here = [tool for tool in tools if shutil.which(tool[0])]
    if not here:
        pytest.skip("neither man nor mandoc is installed")
    for tool in here:
        done = subprocess.run([*tool, folder / f"{name}.1"], capture_output=True, text=True, check=False)
        said = done.stderr if tool[0] == "man" else done.stdout + done.stderr
        assert (done.returncode, said) == (0, ""), tool
