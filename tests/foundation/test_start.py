"""Ctrl-C before a command works on anything, and after: exit code 130, and no traceback."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from foundation.exits import Exit
from foundation.start import INTERRUPTED

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
CTRL_C = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\n"
ENTRIES = [
    *(
        pytest.param(f"from {module} import {name}; {name}()", id=script)
        for script, (module, _, name) in ((script, place.partition(":")) for script, place in SCRIPTS.items())
    ),
    *(
        pytest.param(f"import runpy; runpy.run_module({name!r}, run_name='__main__')", id=f"python -m {name}")
        for name in ("alerts", "dashboards", "exporter", "timeserver", "trafficgen")
    ),
]


def ended(code, *, path=ROOT):
    """Exit code, stdout and stderr of Python with this code, which finds modules in `path` first."""
    code = f"import sys; sys.path[:0] = [{str(path)!r}, {str(ROOT)!r}]; sys.argv[1:] = ['--version']; {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES)
def test_ctrl_c_while_modules_are_imported(tmp_path, entry):
    """Here while click is, which is not imported before the entry point."""
    (tmp_path / "click.py").write_text(CTRL_C + "raise AssertionError")
    assert ended(entry, path=tmp_path) == (130, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES)
def test_ctrl_c_while_python_ends(entry):
    code, out, err = ended(f"import atexit, os, signal; atexit.register(os.kill, os.getpid(), signal.SIGINT); {entry}")
    assert (code, ", version " in out, err) == (130, True, "")


@pytest.mark.slow
def test_a_program_in_the_background_goes_on_at_ctrl_c(tmp_path):
    (tmp_path / "extra.py").write_text(CTRL_C)
    ignored = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import extra"
    code, out, err = ended(f"{ignored}; from exporter.__main__ import main; main()", path=tmp_path)
    assert (code, ", version " in out, err) == (0, True, "")


def test_the_code_is_that_of_the_table():
    assert INTERRUPTED == Exit.INTERRUPTED
