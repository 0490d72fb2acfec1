"""An exporter beside silent and lazy clients, as `python tests/e2e/listening.py` measures it."""

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = "4"
WITHIN_S = "8"
"""Less than the 10 s after which the silent would go by themselves; how much less is the machine's business."""
SCRIPT = Path(__file__).with_name("listening.py")


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.parametrize("figure", ["silent", "unread", "token", "users"])
def test_whoever_is_entitled_gets_in_beside(figure):
    done = subprocess.run(
        [sys.executable, SCRIPT, figure, SECONDS, WITHIN_S], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
