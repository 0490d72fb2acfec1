"""An exporter beside large bodies, as `python tests/e2e/bodies.py` measures it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("bodies.py")


@pytest.mark.e2e
def test_health_is_answered_beside_large_bodies():
    done = subprocess.run([sys.executable, SCRIPT, "5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
