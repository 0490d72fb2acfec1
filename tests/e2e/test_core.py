"""The wheel, installed: the room of the core, its own tests, the README chain, what it lacks; then with all extras."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import readme_chain

ROOT = Path(__file__).resolve().parents[2]
MOST_MIB = 220
BROUGHT = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}  # by venv itself, until Python 3.11 or still
TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist", "hypothesis", "execnet", "iniconfig", "pluggy")
TOOLS += ("packaging", "sortedcontainers", "h2", "hyperframe")
"""What runs the tests, from the developers' lock: beside the installation, so that this has the core and no more."""
TESTS = {
    "exporter": (
        "accesslog_columnar accesslog_commands accesslog_formats accesslog_state accesslog_system checkpoint keeper "
        "logs_counts logs_state stats_collector stats_probe stats_system tail tail_inotify tail_watch web"
    ),
    "foundation": "config lazy listen page program web_guard",
    "timeserver": "access_log app cli log_format",
    "trafficgen": "cli connection engine mix report run",
    "alerts": "notifications page receiver",
}
"""Of the programs that the core has, by folder: the quick ones of a part, so that all of it takes under two minutes."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def locked(name):
    """The lines of a package in the developers' lock, with its hashes."""
    text = (ROOT / "requirements-dev.txt").read_text()
    found = re.search(rf"^{re.escape(name)}==.*(?:\n    .*)*", text, re.MULTILINE)
    assert found, name
    return found[0]


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """The folder of a virtual environment with the core's lock and our wheel, made as the image's is."""
    folder = tmp_path_factory.mktemp("core")
    tools = folder / "tools.txt"
    tools.write_text("\n".join(map(locked, TOOLS)))
    run = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = [*run, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", ROOT]
    subprocess.run(wheel, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv/bin/pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--require-hashes", "-r", ROOT / "requirements.txt"], capture_output=True, text=True, check=False
    )
    if re.search(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|Max retries", done.stderr):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    subprocess.run([*pip, "--no-deps", "--no-index", *(folder / "dist").iterdir()], check=True)
    own = [*pip, "--no-deps", "--require-hashes", "--target", folder / "tools", "-r", tools]
    subprocess.run(own, check=True, capture_output=True)
    return folder


def test_the_chain_of_the_readme_runs_outside_a_clone(core, tmp_path):
    readme_chain.holds(core / "venv/bin", tmp_path)


def test_it_takes_little_room(core):
    there = [path for path in (core / "venv").rglob("*") if not BROUGHT & set(path.parts)]
    assert sum(path.lstat().st_size for path in there) / 2**20 <= MOST_MIB


def test_its_own_tests_pass_in_it(core):
    command = [
        core / "venv/bin/python",
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadscope",
        "-p",
        "no:cacheprovider",
    ]
    files = [ROOT / "tests" / folder / f"test_{name}.py" for folder, names in TESTS.items() for name in names.split()]
    command += ["-m", "not slow and not e2e", *files]
    env = {name: value for name, value in os.environ.items() if name not in {"TEST_COUNTS", "PYTEST_ADDOPTS"}}
    env |= {"PYTHONPATH": str(core / "tools"), "PYTHONSAFEPATH": "1"}
    env["PATH"] = f"{core / 'venv/bin'}:{env['PATH']}"
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = int(re.search(r"^(\d+) passed, 0 failed", done.stdout, re.MULTILINE)[1])
    assert passed > 200


def test_it_names_what_it_lacks(core, tmp_path):
    (tmp_path / "exporter.yml").write_text("stores:\n- source: one\n")
    for words, what in ((["hosting", "report", "a.log"], "hosting"), (["check", "exporter.yml"], "stores")):
        command = [core / "venv/bin/exporter", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        lacks = f"exporter: {what} needs the extra \"reports\": pip install '.[reports]' in a clone of Tidewatch\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", lacks)


def test_with_all_extras_it_lacks_nothing(core, tmp_path):
    """The last test here, as the core is no longer alone. The wheel's `[all]` asks for no more than the lock has."""
    pip = [core / "venv/bin/pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements-all.txt"], check=True, capture_output=True)
    (wheel,) = (core / "dist").iterdir()
    subprocess.run([*pip, "--no-index", f"tidewatch-monitoring[all] @ {wheel.as_uri()}"], check=True)
    needs = "from foundation.extras import PACKAGES, need; [need(name, name) for name in PACKAGES if name != 'spark']"
    subprocess.run([core / "venv/bin/python", "-c", needs], cwd=tmp_path, check=True)
    (tmp_path / "a.log").write_text('{"event": "junk"}\n')
    command = [core / "venv/bin/exporter", "hosting", "report", "a.log"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert "nothing was judged" in done.stderr
