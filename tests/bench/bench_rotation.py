"""Lines lost and counted twice through rotations, beside mtail, which follows the very same logs at the same time.

Prints a table; asserts nothing. `--seconds` is how long each log is written.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from log_writer import CODES, KINDS
from ports import free_ports
from rotation_matrix import FAST, TRICKLE, Exporter, Peer, name_of

PROGRAM = r"""counter lines by file, code
/^\S+\tGET \S+\t(?P<code>\d+)\t\d+$/ {
  lines[getfilename()][$code]++
}
"""
SAMPLE = re.compile(r'^lines\{code="(\d+)",file="([^"]+)",[^}]*\} (\d+)$', re.MULTILINE)


class Mtail:
    """mtail on the same logs; their folders tell them apart, whatever their files are called by then."""

    def __init__(self, folder: Path, paths: dict[str, str]) -> None:
        """Start it and wait until it answers."""
        programs = folder / "programs"
        programs.mkdir()
        (programs / "lines.mtail").write_text(PROGRAM)
        self._folders = {str(Path(path).parent): cell for cell, path in paths.items()}
        [port] = free_ports(1)
        self._url = f"http://127.0.0.1:{port}/metrics"
        command = ["mtail", f"--progs={programs}", "--address=127.0.0.1", f"--port={port}", "--logtostderr"]
        self._process = subprocess.Popen(
            [*command, *(f"--logs={path}" for path in paths.values())], stderr=subprocess.DEVNULL
        )
        while True:
            try:
                self.counts()
            except OSError:
                time.sleep(0.05)  # another process, ready once it answers
            else:
                return

    def counts(self) -> dict[str, Counter[int]]:
        """Lines by code, by log."""
        with urllib.request.urlopen(self._url, timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, Counter[int]] = {cell: Counter() for cell in self._folders.values()}
        for code, file, count in SAMPLE.findall(text):
            found[self._folders[str(Path(file).parent)]][int(code)] += int(count)
        return found

    def end(self) -> None:
        """Stop it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def measure(rate: int, seconds: float, folder: Path) -> list[tuple[str, int, int, int, int, int]]:
    """(kind, lines written, lost and twice by us, lost and twice by mtail) of logs with eight rotations each."""
    writer = Peer()
    paths = writer.ask("open", folder=str(folder / "logs"), cells=[(kind, rate) for kind in KINDS])
    exporter, mtail = Exporter(folder, paths), Mtail(folder, paths)
    try:
        writer.ask("run")
        for _ in range(8):
            time.sleep(seconds / 8)  # lines are being written; the rotations are spread over them
            writer.ask("rotate", destroy=True)
        written = writer.ask("end")
        found = exporter.wait_for(lambda f: all(f[name_of(c)]["http_requests_total"] >= written[c][0] for c in paths))
        time.sleep(1)  # mtail looks four times a second
        theirs = mtail.counts()
    finally:
        exporter.end(signal.SIGKILL)
        mtail.end()
        writer.end()
    rows = []
    for cell, (lines, _) in written.items():
        want = Counter(200 + number % CODES for number in range(lines))
        ours = Counter({code: int(found[name_of(cell)][f"code {code}"]) for code in want})
        differences = [
            (one - other).total() for got in (ours, theirs[cell]) for one, other in ((want, got), (got, want))
        ]
        rows.append((cell.rpartition("/")[0], lines, *differences))
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    seconds = parser.parse_args().seconds
    if shutil.which("mtail") is None:
        sys.exit("bench_rotation: mtail, the peer, is not on PATH (Debian: apt-get install mtail)")
    head = f"{'rotation, 8 times in ' + str(seconds) + ' s':<34}{'lines/s':>8}{'written':>10}"
    print(f"{head}{'lost':>9}{'twice':>7}{'mtail: lost':>14}{'twice':>9}")
    for rate in (TRICKLE, FAST // 10):
        with tempfile.TemporaryDirectory(prefix="bench-rotation-") as folder:
            for kind, lines, lost, twice, their_lost, their_twice in measure(rate, seconds, Path(folder)):
                share = f"{their_lost / lines:.1%}"
                print(f"{kind:<34}{rate:>8,}{lines:>10,}{lost:>9,}{twice:>7,}{share:>14}{their_twice / lines:>9.1%}")


if __name__ == "__main__":
    main()
