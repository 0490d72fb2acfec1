"""PySpark for the tests alone: installed once where Java is; where it cannot be, the tests say why they are skipped."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each of them starts a shell

SCRIPT = Path(__file__).parent / "spark-packages"
PIP = '#!/bin/sh\necho "$*" >>calls\nmkdir -p .tidewatch/spark/pyspark\nexit {code}\n'
JAVA = "#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n"


@pytest.fixture
def install(tmp_path):
    """Runs the script in a folder of its own, with that Java and a pip that ends with `code`."""
    (tmp_path / "requirements-spark.txt").write_text("pyspark==4.3.0 --hash=x\n")
    (tmp_path / "calls").touch()
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in ("cmp", "cp", "mkdir", "rm", "sed", "sh"):
        (binaries / name).symlink_to(shutil.which(name))

    def run(*more, java="17.0.15", code=0):
        (binaries / "pip").write_text(PIP.format(code=code))
        (binaries / "java").unlink(missing_ok=True)
        if java:
            (binaries / "java").write_text(JAVA.format(version=java))
        for name in ("pip", "java") if java else ("pip",):
            (binaries / name).chmod(0o755)
        command = [shutil.which("bash"), SCRIPT, binaries / "pip", *more]
        environment = {"PATH": str(binaries)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        reason = tmp_path / ".tidewatch" / "spark-reason"
        return done, reason.read_text() if reason.exists() else None

    return run


def test_it_is_installed_once_for_each_lock(tmp_path, install):
    lock = tmp_path / "requirements-spark.txt"
    for _ in range(2):
        done, reason = install("optional")
        assert (done.returncode, done.stderr, reason) == (0, "", None)
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
    assert (tmp_path / "calls").read_text().startswith("install --quiet --require-hashes --no-deps --target")
    lock.write_text("pyspark==4.4.0 --hash=y\n")
    install("optional")
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("java", "words"),
    [(None, "found: none"), ("11.0.2", "found: 11"), ("1.8.0_292", "found: 1)")],
)
@pytest.mark.parametrize("more", [(), ("optional",)])
def test_without_a_java_of_today_nothing_is_installed(tmp_path, install, java, words, more):
    done, reason = install(*more, java=java)
    assert done.returncode == 0, done.stderr
    assert words in reason
    assert "the tests of --engine spark are skipped" in done.stderr
    assert (tmp_path / "calls").read_text() == ""


def test_a_pip_that_fails_is_a_reason_for_make_test_and_a_failure_for_make_spark(tmp_path, install):
    done, reason = install("optional", code=1)
    assert done.returncode == 0, done.stderr
    assert reason.startswith("PySpark could not be installed")
    assert not (tmp_path / ".tidewatch" / "spark").exists(), "half of it would be taken for all"
    done, reason = install(code=1)
    assert (done.returncode, reason) == (1, None)


def test_once_it_can_be_installed_no_reason_stays(install):
    install("optional", code=1)
    done, reason = install("optional")
    assert (done.returncode, reason) == (0, None)
