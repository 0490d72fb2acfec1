"""The installation says how much it is, and on a terminal how far it is; it fails where pip fails."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).with_name("install")
LOCK = "requirements-demo.txt"
FIRST = f"install: 45 packages of {LOCK}, 520 MB installed: some minutes"
PIP = """#!/bin/sh
[ "$2" = --quiet ] && exit 0
for n in $(seq 45); do echo "Collecting package$n==1.0"; echo "  Downloading package$n.whl"; done
echo "Installing collected packages: all"
exit ${FAIL:-0}
"""


@pytest.fixture
def pip(tmp_path):
    path = tmp_path / "pip"
    path.write_text(PIP)
    path.chmod(0o755)
    (tmp_path / LOCK).write_text("".join(f"package{n}==1.0 \\\n    --hash=x\n" for n in range(45)))
    return path


def on_a_terminal(pip, **env):
    ours, theirs = pty.openpty()
    done = subprocess.run([INSTALL, pip, LOCK], cwd=pip.parent, stdout=theirs, check=False, env={**os.environ, **env})
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:  # so ends a terminal
        pass
    os.close(ours)
    return done.returncode, text.decode().splitlines()


def test_a_terminal_sees_a_line_for_each_step(pip):
    assert on_a_terminal(pip) == (
        0,
        [
            FIRST,
            "install: 20 of 45 packages are here",
            "install: 40 of 45 packages are here",
            "install: unpacking them",
            "install: Tidewatch itself",
            "install: done",
        ],
    )


def test_a_failing_pip_fails_the_installation(pip):
    code, lines = on_a_terminal(pip, FAIL="3")
    assert code == 3
    assert "install: done" not in lines


def test_elsewhere_it_is_one_line(pip):
    done = subprocess.run([INSTALL, pip, LOCK], cwd=pip.parent, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{FIRST}\n", "")
