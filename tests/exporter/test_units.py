"""The unit files, as systemd itself reads them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = ("tidewatch-exporter.service", "tidewatch-exporter.socket")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on PATH")
def test_systemd_finds_nothing_to_say_of_them(tmp_path):
    exporter = Path(sys.executable).parent / "exporter"
    for name in UNITS:
        text = (PACKAGING / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/tidewatch/bin/exporter", str(exporter)))
    command = ["systemd-analyze", "verify", *(tmp_path / name for name in UNITS)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_the_command_takes_the_flags_that_the_units_give():
    lines = "\n".join((PACKAGING / name).read_text() for name in UNITS).splitlines()
    commands = [line.partition("ExecStart=")[2].split() for line in lines if "ExecStart=/" in line]
    assert len(commands) == len(UNITS)
    told = subprocess.run([Path(sys.executable).parent / "exporter", "-h"], capture_output=True, text=True, check=True)
    for _, *words in commands:
        assert {word for word in words if word.startswith("--")} <= set(told.stdout.split())
