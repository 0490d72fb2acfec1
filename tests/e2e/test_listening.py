"""An exporter beside silent and lazy clients, as `python tests/e2e/listening.py` measures it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("listening.py")


@pytest.mark.e2e
@pytest.mark.parametrize("figure", ["silent", "unread", "token"])
def test_whoever_is_entitled_gets_in_beside(figure):
    done = subprocess.run([sys.executable, SCRIPT, figure, "10"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
