"""The Debian package of the core: python packaging/deb.py WHEEL [--python /usr/bin/python3] [--output dist] [--fast].

It holds a virtual environment of the distribution's own Python at its final place, /usr/lib/tidewatch. A zipapp would
not do: DuckDB, NumPy and others are extension modules, which cannot be loaded from a zip file, and to unpack them at
the start needs a writable home, which the service does not have. An environment knows its place in three ways, and each
is written here for the final one: `pyvenv.cfg`, the first line of its programs, and the link to the interpreter. The
extension modules fit one minor version of Python, so the package depends on that.

The same wheel and $SOURCE_DATE_EPOCH give the same bytes, on one version of the distribution.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from email.utils import formatdate
from pathlib import Path

from foundation.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
HOME = "usr/lib/tidewatch"
MAINTAINER = "The Tidewatch authors <tidewatch@example.org>"
UNITS = ("tidewatch-exporter.service", "tidewatch-exporter.socket")
LINKS = {"plot": "tidewatch-plot"}  # plotutils has /usr/bin/plot
MODULES = ("alerts", "dashboards")
SCRIPTS = ("postinst", "prerm", "postrm")

CONTROL = """\
Package: tidewatch
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kib}
Depends: {depends}
Suggests: prometheus
Section: net
Priority: optional
Description: metrics of access logs and services for Prometheus
 Tidewatch reads access logs, other logs and stats pages, live or whole, and
 serves what it counted to Prometheus. Each line is counted exactly once,
 through rotations, restarts and crashes.
 .
 This package has the core: the exporter with a service for systemd, which the
 installation does not start, the traffic generator, the time server, the
 collector, alert rules and dashboards. Its Python packages are its own, below
 /usr/lib/tidewatch.
"""

PROGRAM = """\
#!/{home}/bin/python3
import sys

from {module} import {function}

sys.exit({function}())
"""

MODULE = """\
#!/{home}/bin/python3
import runpy

runpy.run_module("{module}", run_name="__main__")
"""


def say(*words: object) -> str:
    """What a command prints; where it fails, what it says ends the build."""
    done = subprocess.run(list(map(str, words)), check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"deb: {' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout.strip()


def make_environment(root: Path, python: Path, wheel: Path) -> None:
    """The virtual environment with the core's lock and the wheel, without pip, and its programs."""
    home = root / HOME
    say(python, "-m", "venv", "--without-pip", home)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", home / "bin/python3"]
    install = [*pip, "install", "--quiet", "--no-compile"]
    say(*install, "--require-hashes", "-r", ROOT / "requirements.txt")
    say(*install, "--no-deps", "--no-index", wheel)
    for path in (home / "bin").iterdir():
        if not path.name.startswith("python"):  # activation and programs of other packages
            path.unlink()
    minor = say(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    cfg = f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {minor}\n"
    (home / "pyvenv.cfg").write_text(cfg)
    for name in ("include", "lib64"):
        path = home / name
        path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)
    for path in (home / "lib").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # wheels have scripts and libraries that may be run
    link = home / "bin/python3"
    link.unlink()
    link.symlink_to(os.path.relpath(python, f"/{HOME}/bin"))  # as Debian's policy has it
    for info in home.glob("lib/*/site-packages/*.dist-info"):
        _forget_places(info)


def _forget_places(info: Path) -> None:
    """Take out of an installed distribution's record what is moved or names this machine."""
    (info / "direct_url.json").unlink(missing_ok=True)
    lines = (info / "RECORD").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("../../../") and "/direct_url.json," not in line]
    (info / "RECORD").write_text("".join(sorted(kept)))


def put_programs(root: Path) -> None:
    """The programs, their links in /usr/bin, and their man pages."""
    home, links = root / HOME, root / "usr/bin"
    links.mkdir(parents=True)
    programs = {}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, place in scripts.items():
        module, _, function = place.partition(":")
        programs[name] = PROGRAM.format(home=HOME, module=module, function=function)
    for module in MODULES:
        programs[f"tidewatch-{module}"] = MODULE.format(home=HOME, module=module)
    for name, text in programs.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(0o755)
        (links / LINKS.get(name, name)).symlink_to(f"../lib/tidewatch/bin/{name}")
    pages = root / "usr/share/man/man1"
    pages.mkdir(parents=True)
    for path in sorted((home / "share/man/man1").iterdir()):
        _zip(path.read_bytes(), pages / f"{LINKS.get(path.stem, path.stem)}.1.gz")
    shutil.rmtree(home / "share")


def put_files(root: Path, made: float) -> None:
    """The service, its configuration, and what a package says about itself."""
    units, etc, doc = root / "usr/lib/systemd/system", root / "etc/tidewatch", root / "usr/share/doc/tidewatch"
    overrides = root / "usr/share/lintian/overrides"
    for folder in (units, etc, doc, overrides):
        folder.mkdir(parents=True)
    for name in UNITS:
        text = (ROOT / "packaging" / name).read_text()
        (units / name).write_text(text.replace("/opt/tidewatch/bin/exporter", "/usr/bin/exporter"))
    here = ROOT / "packaging/debian"
    shutil.copyfile(ROOT / "packaging/exporter.yml", etc / "exporter.yml")
    shutil.copyfile(here / "copyright", doc / "copyright")
    shutil.copyfile(here / "lintian-overrides", overrides / "tidewatch")
    what = "  * CHANGELOG.md of the source has what changed."
    log = f"tidewatch ({VERSION}) unstable; urgency=medium\n\n{what}\n\n -- {MAINTAINER}  {formatdate(made)}\n"
    _zip(log.encode(), doc / "changelog.gz")


def _zip(data: bytes, path: Path) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def depends(root: Path, python: Path, scratch: Path) -> str:
    """What the interpreter and the extension modules need, of the distribution's packages."""
    major, minor = map(int, say(python, "-c", "import sys; print(*sys.version_info[:2])").split())
    (scratch / "debian").mkdir()
    (scratch / "debian/control").write_text("Source: tidewatch\n\nPackage: tidewatch\nArchitecture: any\n")
    modules = sorted(path for path in root.rglob("*.so*") if path.is_file())
    folders = sorted({path.parent for path in modules if path.parent.name.endswith(".libs")})
    command = ["dpkg-shlibdeps", "-O", "--ignore-missing-info", *(f"-l{folder}" for folder in folders), *modules]
    done = subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True)
    libraries = done.stdout.strip().removeprefix("shlibs:Depends=")
    return f"python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1}), {libraries}"


def put_control(root: Path, needs: str) -> None:
    """The package's own files: what it is, which files are a person's, sums, and scripts."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    kib = sum(-(-path.lstat().st_size // 1024) for path in root.rglob("*"))
    folder = root / "DEBIAN"
    folder.mkdir()
    sums = ((hashlib.md5(path.read_bytes(), usedforsecurity=False), path.relative_to(root)) for path in files)
    (folder / "md5sums").write_text("".join(f"{sum_.hexdigest()}  {path}\n" for sum_, path in sums))
    (folder / "conffiles").write_text("/etc/tidewatch/exporter.yml\n")
    architecture = say("dpkg", "--print-architecture")
    text = CONTROL.format(version=VERSION, architecture=architecture, maintainer=MAINTAINER, kib=kib, depends=needs)
    (folder / "control").write_text(text)
    for name in SCRIPTS:
        shutil.copyfile(ROOT / "packaging/debian" / name, folder / name)
        (folder / name).chmod(0o755)


def main() -> None:
    """Build it; print where it is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", type=Path, default=Path("/usr/bin/python3"), help="the distribution's")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", type=Path, default=ROOT / "build/deb", help="emptied first")
    parser.add_argument("--fast", action="store_true", help="hardly compressed, for a trial")
    given = parser.parse_args()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # the package has no file that some machine made while it was packed
    made = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    os.umask(0o022)
    shutil.rmtree(given.work, ignore_errors=True)
    root, scratch = given.work / "root", given.work / "scratch"
    root.mkdir(parents=True)
    scratch.mkdir()
    make_environment(root, given.python, given.wheel)
    put_programs(root)
    put_files(root, made)
    put_control(root, depends(root, given.python, scratch))
    given.output.mkdir(parents=True, exist_ok=True)
    # Of the higher levels of xz, each takes minutes of a busy machine.
    compression = ["-Zgzip", "-z1"] if given.fast else ["-Zxz", "-z1"]
    os.environ["SOURCE_DATE_EPOCH"] = str(int(made))
    sys.stdout.write(say("dpkg-deb", "--root-owner-group", *compression, "--build", root, given.output) + "\n")


if __name__ == "__main__":
    main()
