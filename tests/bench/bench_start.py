"""What a start costs: processor time of each program's help, an idle daemon's memory, environments on disk.

    python tests/bench/bench_start.py [--environments]

Processor milliseconds are the best of `--runs`; wall time is the machine's business. Modules are compiled before, as in
an installation, also where PYTHONDONTWRITEBYTECODE is set: compiling doubles the time of a help. With --environments
it also installs the locks of the core, of all extras and of the demo into folders of its own, which takes minutes and
the package index.
"""

import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELP = (
    *("exporter", "exporter check", "exporter backfill", "exporter explain", "exporter infer", "exporter qps"),
    *("exporter routes", "exporter summary", "exporter hosting", "exporter hosting report", "exporter stores"),
    *("exporter stores load", "exporter stores report", "exporter stores serve", "exporter releases"),
    *("exporter releases report", "exporter releases heatmap", "collector", "plot", "timeserver", "trafficgen"),
    *("trafficgen run", "trafficgen feed", "trafficgen verify"),
)
LOCKS = {"core": "requirements.txt", "all": "requirements-all.txt", "demo": "requirements-demo.txt"}


def compile_once(folder: str) -> None:
    """Have what is started from now on keep its bytecode in a folder, as an installation has it beside the modules."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder


def processor_ms(command: list[str], runs: int) -> float:
    """The least that it took, after a run that is not counted."""
    taken = []
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 1000 * min(taken)


def daemon(folder: Path) -> str:
    """Start one with one access log; when it listens, its memory after a second and after a scrape."""
    (folder / "access.log").touch()
    configuration = folder / "exporter.yml"
    configuration.write_text(f"state_dir: {folder}\naccesslog:\n- {{source: site, paths: [{folder}/access.log]}}\n")
    begin_s = time.monotonic()
    command = ["exporter", "--config.file", str(configuration), "--web.listen-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = ""
        while "listening on" not in line:
            line = process.stderr.readline()
            assert line, "it ended"
        ready_s = time.monotonic() - begin_s
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
        spent_ms = sum(map(int, fields[11:13])) * 1000 / os.sysconf("SC_CLK_TCK")
        time.sleep(1)  # it does nothing more that could be awaited; what it takes at rest is measured
        idle = resident_mib(process.pid)
        address = re.search(r"http://([\d.:]+)", line)
        assert address, line
        subprocess.run(["curl", "-sf", "-o", os.devnull, f"http://{address[1]}/metrics"], check=True)
        scraped = resident_mib(process.pid)
        process.send_signal(signal.SIGTERM)
    room = f"{idle:.1f} MiB idle, {scraped:.1f} after a scrape"
    return f"ready after {ready_s:.2f} s, {spent_ms:.0f} ms of processor; {room}"


def resident_mib(pid: int) -> float:
    """VmRSS."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def environment(folder: Path, lock: str) -> str:
    """Install a lock, and say how much room it takes."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin/pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "-r", ROOT / lock], check=True)
    mib = sum(path.lstat().st_size for path in folder.rglob("*")) / 2**20
    packages = len(re.findall(r"^\w", (ROOT / lock).read_text(), re.MULTILINE))
    return f"{mib:.0f} MiB, {packages} packages, pip among them"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--environments", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as bytecode:
        compile_once(bytecode)
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, Python {sys.version.split()[0]}")
        print(f"{processor_ms([sys.executable, '-c', 'pass'], flags.runs):5.0f} ms  python -c pass")
        print(f"{processor_ms([sys.executable, '-c', 'import click'], flags.runs):5.0f} ms  python -c 'import click'")
        for words in HELP:
            print(f"{processor_ms([*words.split(), '--help'], flags.runs):5.0f} ms  {words} --help")
        for number in range(4):
            with tempfile.TemporaryDirectory() as folder:
                found = daemon(Path(folder))
            if number:  # the first compiles
                print(f"exporter with one access log: {found}")
        print(f"load average {os.getloadavg()[0]:.1f} at the end")
    if flags.environments:
        for name, lock in LOCKS.items():
            with tempfile.TemporaryDirectory() as folder:
                print(f"environment of {name}: {environment(Path(folder), lock)}")


if __name__ == "__main__":
    main()
