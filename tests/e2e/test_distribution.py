"""What the source distribution, the wheel and the Debian package hold, each made of the one before.

As `make dist` and `make deb` build them. `make deb-test` installs the package in a clean Debian.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("alerts", "dashboards", "exporter", "foundation", "timeserver", "trafficgen")
PYTHON = Path("/usr/bin/python3")
PROGRAMS = {"collector", "exporter", "plot", "tidewatch-alerts", "tidewatch-dashboards", "timeserver", "trafficgen"}
LINKS = PROGRAMS - {"plot"} | {"tidewatch-plot"}  # plotutils has /usr/bin/plot
ENV = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "PYTHONPATH": str(ROOT)}  # 2026-01-01

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def build(source, target, folder):
    command = [Path(sys.executable).with_name("hatchling"), "build", "-t", target, "-d", folder]
    subprocess.run(command, cwd=source, env=ENV, check=True, capture_output=True)
    (made,) = Path(folder).iterdir()
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution of a copy of this one, with man pages."""
    source = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, "packaging", "docs", "tests/e2e"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "requirements.txt", "Makefile"):
        shutil.copyfile(ROOT / name, source / name)
    subprocess.run([sys.executable, ROOT / "packaging/man.py", source / "build/man"], env=ENV, check=True)
    return build(source, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel made of the source distribution alone."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return build(source, "wheel", tmp_path_factory.mktemp("wheel"))


def files_of_packages():
    found = {path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()}
    return {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}


def pages(folder):
    return {f"{folder}/{name}.1" for name in PROGRAMS}


def test_the_source_has_what_makes_the_wheel_and_nothing_else(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    others = {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    others |= {"docs/alerts.md", "packaging/hatch_build.py"}
    assert names == files_of_packages() | others | pages("build/man")


def test_the_wheel_has_every_file_of_the_packages_and_the_man_pages(wheel):
    assert wheel.name == "tidewatch_monitoring-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("alerts/runbooks.md") == (ROOT / "docs/alerts.md").read_bytes()
    data = {name for name in names if name.startswith("tidewatch_monitoring-0.1.0.data/")}
    assert data == pages("tidewatch_monitoring-0.1.0.data/data/share/man/man1")
    rest = {name for name in names - data if ".dist-info/" not in name}
    assert rest == files_of_packages() | {"alerts/runbooks.md"}


def test_the_same_source_makes_the_same_bytes(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "again", filter="data")
    (source,) = (tmp_path / "again").iterdir()
    assert build(source, "sdist", tmp_path / "sdist").read_bytes() == sdist.read_bytes()
    assert build(source, "wheel", tmp_path / "wheel").read_bytes() == wheel.read_bytes()


def test_a_clone_without_man_pages_makes_a_wheel_too(sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "clone", filter="data")
    (source,) = (tmp_path / "clone").iterdir()
    shutil.rmtree(source / "build")
    with zipfile.ZipFile(build(source, "wheel", tmp_path / "wheel")) as archive:
        assert not [name for name in archive.namelist() if re.search(r"\.1$", name)]


@pytest.fixture(scope="module")
def package(wheel):
    """The Debian package, for the Python of this distribution."""
    for tool, of in {"dpkg-deb": "dpkg", "dpkg-shlibdeps": "dpkg-dev", str(PYTHON): "python3"}.items():
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed: apt-get install {of}")
    if python_version() < (3, 11):
        pytest.skip(f"{PYTHON} is older than 3.11")
    folder = wheel.parent / "deb"
    words = [wheel, "--python", PYTHON, "--fast", "--output", folder, "--work", folder / "work"]
    command = [sys.executable, ROOT / "packaging/deb.py", *words]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, check=False)
    if re.search(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|Max retries", done.stderr):
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.deb")
    return made


@pytest.fixture(scope="module")
def unpacked(package):
    folder = package.parent / "unpacked"
    subprocess.run(["dpkg-deb", "-R", package, folder], check=True)
    return folder


def python_version():
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split()))


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], capture_output=True, text=True, check=True).stdout.strip()


def test_the_package_needs_the_python_that_it_was_built_for(package):
    major, minor = python_version()
    needs = field(package, "Depends").split(", ")
    assert needs[:2] == [f"python3 (>= {major}.{minor})", f"python3 (<< {major}.{minor + 1})"]
    assert {need.split()[0] for need in needs[2:]} >= {"libc6", "libstdc++6"}
    assert (field(package, "Package"), field(package, "Version")) == ("tidewatch", "0.1.0")


def test_the_package_puts_files_in_its_own_places_and_root_owns_them(package):
    done = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=5) for line in done.stdout.splitlines()]
    assert {row[1] for row in rows} == {"root/root"}
    assert {row[0] for row in rows} == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"}
    files = [row[5].removeprefix("./") for row in rows if not row[0].startswith("d")]
    others = {name for name in files if not name.startswith("usr/lib/tidewatch/")}
    assert others == {
        "etc/tidewatch/exporter.yml",
        "usr/lib/systemd/system/tidewatch-exporter.service",
        "usr/lib/systemd/system/tidewatch-exporter.socket",
        "usr/share/doc/tidewatch/changelog.gz",
        "usr/share/doc/tidewatch/copyright",
        "usr/share/lintian/overrides/tidewatch",
        *(f"usr/bin/{name} -> ../lib/tidewatch/bin/{'plot' if name == 'tidewatch-plot' else name}" for name in LINKS),
        *(f"usr/share/man/man1/{name}.1.gz" for name in LINKS),
    }
    assert not [name for name in files if "__pycache__" in name]


def test_the_environment_in_the_package_knows_its_final_place_only(package, unpacked):
    home = unpacked / "usr/lib/tidewatch"
    here = str(package.parent).encode()
    assert not [path for path in unpacked.rglob("*") if path.is_file() and here in path.read_bytes()]
    programs = {path.name: path.read_text() for path in (home / "bin").iterdir() if not path.is_symlink()}
    assert programs.keys() == PROGRAMS
    assert {text.partition("\n")[0] for text in programs.values()} == {"#!/usr/lib/tidewatch/bin/python3"}
    assert (home / "bin/python3").readlink() == Path("../../../bin/python3")


def test_what_a_person_changes_in_the_package_stays_and_the_unit_starts_what_is_there(unpacked):
    assert (unpacked / "DEBIAN/conffiles").read_text() == "/etc/tidewatch/exporter.yml\n"
    unit = (unpacked / "usr/lib/systemd/system/tidewatch-exporter.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert command == "/usr/bin/exporter --config.file /etc/tidewatch/exporter.yml"
    program = Path(sys.executable).with_name("exporter")
    subprocess.run([program, "check", unpacked / "etc/tidewatch/exporter.yml"], check=True, capture_output=True)
    for name in ("postinst", "prerm", "postrm"):
        subprocess.run(["sh", "-n", unpacked / "DEBIAN" / name], check=True)
