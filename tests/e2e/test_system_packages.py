"""The installer of the demo's programs, on machines made up of scripts that write down what they were asked."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each of them starts a shell

SCRIPT = Path(__file__).parent / "system-packages"
ALL = ("prometheus", "promtool", "prometheus-alertmanager", "amtool", "chromium")


@pytest.fixture
def machine(tmp_path):
    """Runs the script where only `programs` are on PATH; gives what it said and what was called."""
    calls = tmp_path / "calls"
    calls.touch()

    def run(*programs, argument="test", uid=0):
        binaries = tmp_path / "bin"
        binaries.mkdir()
        for name in programs:
            (binaries / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{calls}\n')
        (binaries / "id").write_text(f"#!/bin/sh\necho {uid}\n")
        for path in binaries.iterdir():
            path.chmod(0o755)
        environment = {"PATH": str(binaries), "PYTHON": sys.executable}
        command = [shutil.which("sh"), SCRIPT, argument]
        got = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        return got, calls.read_text().splitlines()

    return run


def test_says_and_does_nothing_where_all_is_there(machine):
    got, calls = machine(*ALL, "apt-get")
    assert (got.returncode, got.stdout, got.stderr, calls) == (0, "", "", [])


@pytest.mark.parametrize(
    ("programs", "argument", "wanted"),
    [
        pytest.param((), "", "prometheus prometheus-alertmanager", id="the demo"),
        pytest.param((), "test", "prometheus prometheus-alertmanager chromium", id="the tests: a browser too"),
        pytest.param(("alertmanager", "prometheus"), "test", "promtool amtool chromium", id="only the tools"),
        pytest.param(ALL[:4], "test", "chromium", id="only the browser"),
        pytest.param(("prometheus",), "", "prometheus-alertmanager", id="one server"),
    ],
)
def test_installs_what_is_absent(machine, programs, argument, wanted):
    got, calls = machine(*programs, "apt-get", argument=argument)
    assert got.returncode == 0, got.stderr
    assert calls == ["apt-get -qq update", f"apt-get -qq install -y --no-install-recommends {wanted}"]


def test_the_distributions_own_daemons_stay_off(machine):
    got, calls = machine("prometheus", "promtool", "amtool", "chromium", "apt-get", "systemctl")
    assert got.returncode == 0, got.stderr
    assert [c.replace(" --now", "") for c in calls[2:]] == ["systemctl --quiet disable prometheus-alertmanager"]
    assert "prometheus-alertmanager is installed for the demo" in got.stderr


def test_without_rights_it_says_what_to_install(machine):
    got, calls = machine("apt-get", argument="", uid=1000)
    assert got.returncode == 1
    assert "apt-get install prometheus prometheus-alertmanager" in got.stderr
    assert calls == []


def test_uses_sudo_where_it_asks_nothing(machine):
    got, calls = machine("apt-get", "sudo", argument="", uid=1000)
    assert got.returncode == 0
    assert calls[0] == "sudo -n true"
    assert calls[2] == "sudo -n apt-get -qq install -y --no-install-recommends prometheus prometheus-alertmanager"


def test_on_another_system_it_says_what_is_needed(machine):
    got, _ = machine()
    assert got.returncode == 1
    assert "not found: prometheus prometheus-alertmanager chromium" in got.stderr
    assert "docker compose up" in got.stderr
