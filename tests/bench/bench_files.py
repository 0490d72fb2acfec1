"""Many files followed at once, beside mtail on the same files at the same time: processor share, memory, lines counted.

Prints a table; asserts nothing about time. Up to `--busy` of the files get a line a second, spread over the second.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from ports import free_ports

LINE = b'192.0.2.1 - - [27/Nov/2026:10:00:00 +0000] "GET /item/%d HTTP/1.1" 200 512 "-" "bench"\n'
ROUNDS_A_S = 20
"""The files are written to in so many groups a second, one after the other."""
SETTLE_S = 5.0
START_S = 60.0
PROGRAM = r"""counter lines by method, code
/"(?P<method>[A-Z]+) \S+ HTTP\/[0-9.]+" (?P<code>\d{3}) / {
  lines[$method][$code]++
}
"""


class Row(NamedTuple):
    """What one program did. Shares are of one core."""

    name: str
    idle: float
    busy: float
    resident_mib: float
    counted: int
    followed: int | None


class Follower:
    """A program that follows the files, and what it takes."""

    def __init__(self, name: str, command: list[str], port: int, counter: str, *, followed: str | None = None) -> None:
        """Start it. counter: of lines; followed: of files, if it has one."""
        self.name, self._counter, self._followed = name, counter, followed
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.idle = self.busy = 0.0

    def sum_of(self, metric: str) -> int:
        """The sum over a metric's series; -1 while it does not answer."""
        try:
            with urllib.request.urlopen(self._url, timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return -1
        return int(sum(float(value) for value in re.findall(rf"^{metric}(?:{{.*}})? (\S+)", text, re.MULTILINE)))

    def counted(self) -> int:
        """Lines so far."""
        return self.sum_of(self._counter)

    def followed(self) -> int | None:
        """Files that it says it follows."""
        return self.sum_of(self._followed) if self._followed else None

    def cpu_s(self) -> float:
        """Processor seconds taken since its start, to the nanosecond, of all its threads."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def resident_mib(self) -> float:
        """Resident memory now."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1024

    def end(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait()


def exporter(folder: Path, logs: Path) -> Follower:
    """Ours, with one source of all files."""
    [port] = free_ports(1)
    config = folder / "exporter.yml"
    config.write_text(
        f"state_dir: {folder}/state\n"
        f"accesslog: [{{source: site, paths: ['{logs}/*.log'], format: combined, routes: ['/item/:id']}}]\n"
    )
    program = str(Path(sys.executable).with_name("exporter"))
    flags = ["--config.file", str(config), "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error"]
    return Follower(
        "tidewatch", [program, *flags], port, "tidewatch_log_lines_total", followed="tidewatch_log_files_followed"
    )


def mtail(program: str, folder: Path, logs: Path) -> Follower:
    """A peer."""
    [port] = free_ports(1)
    programs = folder / f"programs-{port}"
    programs.mkdir()
    (programs / "lines.mtail").write_text(PROGRAM)
    command = [program, f"--progs={programs}", "--address=127.0.0.1", f"--port={port}", f"--logs={logs}/*.log"]
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version (\S+)", said.stdout + said.stderr)
    return Follower(f"mtail {version[1] if version else ''}", command, port, "lines")


def shares(followers: list[Follower], seconds: float, feed: "Writer | None") -> list[float]:
    """Of each, while the files rest or are written to."""
    before = [one.cpu_s() for one in followers]
    began = time.perf_counter()
    if feed is None:
        time.sleep(seconds)  # they have nothing to do
    else:
        feed.run(seconds)
    took = time.perf_counter() - began
    return [(one.cpu_s() - start) / took for one, start in zip(followers, before, strict=True)]


class Writer:
    """Writes a line a second to each of the busy files."""

    def __init__(self, paths: list[Path]) -> None:
        """Opens them."""
        self._files = [os.open(path, os.O_WRONLY | os.O_APPEND) for path in paths]
        self.written = 0

    def once(self) -> None:
        """A line to each, at once."""
        for file in self._files:
            self._write(file)

    def run(self, seconds: float) -> None:
        """A line a second to each, in groups."""
        began = time.perf_counter()
        for number in range(int(seconds * ROUNDS_A_S)):
            for file in self._files[number % ROUNDS_A_S :: ROUNDS_A_S]:
                self._write(file)
            time.sleep(max(0.0, began + (number + 1) / ROUNDS_A_S - time.perf_counter()))  # a rate is what is asked for

    def _write(self, file: int) -> None:
        os.write(file, LINE % self.written)
        self.written += 1

    def close(self) -> None:
        """Close them."""
        for file in self._files:
            os.close(file)


def measure(folder: Path, files: int, options: argparse.Namespace) -> tuple[int, list[Row]]:
    """Lines written, and what each program did."""
    logs = folder / "logs"
    logs.mkdir()
    paths = [logs / f"{number:05}.log" for number in range(files)]
    for path in paths:
        path.touch()
    every, writer = Writer(paths), Writer(paths[: options.busy])
    followers = [exporter(folder, logs), *(mtail(program, folder, logs) for program in options.mtail)]
    try:
        deadline = time.monotonic() + START_S
        while min(one.counted() for one in followers) < 0 or followers[0].followed() != files:
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {START_S:.0f} s not all programs answer and follow the {files} files")
            time.sleep(0.2)  # other processes, which only their metrics show
        time.sleep(SETTLE_S)  # the peers do not say when they have opened all
        every.once()  # one line in each file shows that it is followed
        deadline = time.monotonic() + 60
        while min(one.counted() for one in followers) < files and time.monotonic() < deadline:
            time.sleep(0.2)  # other processes, which only their metrics show
        time.sleep(SETTLE_S)  # no program says when the work of its start is over
        for one, share in zip(followers, shares(followers, options.seconds, None), strict=True):
            one.idle = share
        for one, share in zip(followers, shares(followers, options.seconds, writer), strict=True):
            one.busy = share
        written = every.written + writer.written
        deadline = time.monotonic() + 20
        while min(one.counted() for one in followers) < written and time.monotonic() < deadline:
            time.sleep(0.2)  # as above
        return written, [
            Row(one.name, one.idle, one.busy, one.resident_mib(), one.counted(), one.followed()) for one in followers
        ]
    finally:
        for one in followers:
            one.end()
        every.close()
        writer.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--busy", type=int, default=1000, help="files that get a line a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="at rest, and as long again with lines")
    parser.add_argument("--mtail", nargs="*", default=[shutil.which("mtail")], help="programs to run beside ours")
    options = parser.parse_args()
    options.mtail = [program for program in options.mtail if program]
    if not options.mtail:
        print("mtail, the peer, is not on PATH (Debian: apt-get install mtail): ours alone")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {most} descriptors")
    print(f"{'files':>6} {'':<24}{'idle':>8}{'busy':>8}{'MiB':>7}{'counted':>10}{'written':>10}{'followed':>10}")
    for files in options.files:
        with tempfile.TemporaryDirectory(prefix="bench-files-") as folder:
            written, rows = measure(Path(folder), files, options)
        for row in rows:
            figures = f"{row.idle:>8.1%}{row.busy:>8.1%}{row.resident_mib:>7.0f}{row.counted:>10,}{written:>10,}"
            print(f"{files:>6,} {row.name:<24}{figures}{'' if row.followed is None else row.followed:>10}", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
