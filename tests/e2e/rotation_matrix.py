"""The acceptance test of the tail, as a table: every kind of rotation, at two rates, however the exporter runs.

    python tests/e2e/rotation_matrix.py [--seconds 20]

One process writes and rotates the logs and knows what it wrote; the exporter follows them, is left running, or stopped
or killed in mid-stream and started again after two rotations. Lines counted twice must be 0 always, lost ones 0
wherever their bytes existed while the exporter ran, and bytes destroyed while it was down must be told to the byte.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from log_writer import CODES, KINDS, PIECE

MODES = ("running", "stopped", "killed")
TRICKLE, FAST = 50, 20_000  # lines/s
HALF = len(KINDS) // 2
GROUPS = (  # of logs written at the same time
    [(kind, TRICKLE) for kind in KINDS] + [(kind, FAST) for kind in list(KINDS)[:HALF]],
    [(kind, FAST) for kind in list(KINDS)[HALF:]],
)
WITHIN_S = 100  # a bound for a busy machine, where a start alone may take half a minute

_SAMPLE = re.compile(r'(?P<name>\w+)\{source="(?P<source>[^"]+)"(?P<labels>[^}]*)\} (?P<value>\S+)$')


class Row(NamedTuple):
    """One cell of the matrix: lines and bytes, by the writer and by the exporter."""

    kind: str
    mode: str
    rate: int
    written: int
    twice: int
    lost: int
    gone_bytes: int
    told_bytes: int
    rotations: str

    @property
    def good(self) -> bool:
        """Whether the promise holds."""
        return self.twice == self.lost == 0 and self.gone_bytes == self.told_bytes


class Peer:
    """A process that answers each line of JSON by one."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("log_writer.py")
        self._process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, do: str, **arguments):
        """Send a command; its answer."""
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """Let it end."""
        self._process.communicate()


class Exporter:
    """The exporter as its user runs it, on a port of its own choice."""

    def __init__(self, folder: Path, paths: dict[str, str]) -> None:
        self._config = folder / "exporter.yml"
        sources = [{"source": name_of(name), "paths": [path]} for name, path in paths.items()]
        self._config.write_text(json.dumps({"state_dir": str(folder / "state"), "accesslog": sources}))
        self._log = folder / "exporter.log"
        self.start()

    def start(self) -> None:
        """Start, and wait until it tells its address."""
        command = [Path(sys.executable).with_name("exporter"), f"--config.file={self._config}"]
        with self._log.open("a") as output:
            told = output.tell()
            self._process = subprocess.Popen([*command, "--web.listen-address=127.0.0.1:0"], stderr=output)
        deadline = time.monotonic() + WITHIN_S
        while not (found := re.findall(r"listening on (http://[\d.:]+)", self._log.read_text()[told:])):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.02)
        self._address = found[0]

    def end(self, number: signal.Signals) -> None:
        """Send a signal, wait for the end."""
        self._process.send_signal(number)
        self._process.wait(WITHIN_S)

    def metrics(self) -> dict[str, dict[str, float]]:
        """By source: samples by name, and requests by `code`."""
        with urllib.request.urlopen(f"{self._address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for match in filter(None, map(_SAMPLE.match, text.splitlines())):
            of, name, value = found[match["source"]], match["name"].removeprefix("tidewatch_"), float(match["value"])
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match["labels"]))
            of[name] += value
            if name == "http_requests_total":
                of[f"code {labels['code']}"] += value
            if name == "log_rotations_total" and value:
                of[f"kind {labels['kind']}"] = value
        committed = re.search(r"^tidewatch_checkpoint_last_commit_timestamp_seconds (\S+)$", text, re.MULTILINE)
        found[""]["committed"] = float(committed[1]) if committed else 0.0
        return found

    def wait_for(self, holds) -> dict[str, dict[str, float]]:
        """The metrics once `holds(metrics)`, or as they are when that takes too long."""
        deadline = time.monotonic() + WITHIN_S
        while not holds(found := self.metrics()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


def name_of(cell: str) -> str:
    """A cell as the name of a source."""
    return re.sub(r"[^a-z0-9/]+", "-", cell)


def run(mode: str, cells: list[tuple[str, int]], seconds: float, folder: Path) -> list[Row]:
    """Write, rotate twice, and compare."""
    writer = Peer()
    paths = writer.ask("open", folder=str(folder / "logs"), cells=cells)
    exporter = Exporter(folder, paths)
    try:
        writer.ask("run")
        time.sleep(seconds / 4)
        _leave_pieces(mode, writer, exporter, paths)
        time.sleep(seconds / 4)
        if mode != "running":
            exporter.end(signal.SIGTERM if mode == "stopped" else signal.SIGKILL)
        writer.ask("rotate", destroy=True)
        time.sleep(seconds / 4)
        if mode == "running":  # what is destroyed next has been there for long enough only once it was seen
            mortal = [name_of(cell) for cell in paths if KINDS[cell.rpartition("/")[0]].destroys]
            exporter.wait_for(lambda found: all(found[cell]["log_rotations_total"] for cell in mortal))
        writer.ask("rotate", destroy=mode == "running")
        time.sleep(seconds / 4)
        if mode != "running":
            exporter.start()
            time.sleep(seconds / 4)
        written = writer.ask("end")
        found = exporter.wait_for(lambda found: all(_is_complete(found[name_of(c)], *written[c]) for c in paths))
        found = exporter.metrics()
    finally:
        exporter.end(signal.SIGKILL)
        writer.end()
    return [_row(mode, cell, found[name_of(cell)], *written[cell]) for cell in paths]


def _leave_pieces(mode: str, writer: Peer, exporter: Exporter, paths: dict[str, str]) -> None:
    """Where bytes will be destroyed: half a line, that the exporter has seen, and put on record that it has."""
    kinds = [kind for kind, log in KINDS.items() if log.destroys and (mode != "running" or "truncate" in kind)]
    cells = [name_of(cell) for cell in paths if cell.rpartition("/")[0] in kinds]
    if cells:
        writer.ask("piece", kinds=kinds)
        seen = exporter.wait_for(lambda found: all(found[cell]["log_lag_bytes"] == len(PIECE) for cell in cells))
        exporter.wait_for(lambda found: found[""]["committed"] > seen[""]["committed"] + 1)


def _is_complete(found: dict[str, float], lines: int, gone: int) -> bool:
    return found["http_requests_total"] >= lines and found["log_lost_bytes_total"] >= gone


def _row(mode: str, cell: str, found: dict[str, float], lines: int, gone: int) -> Row:
    kind, _, rate = cell.rpartition("/")
    want = Counter(200 + number % CODES for number in range(lines))
    got = Counter({code: int(found[f"code {code}"]) for code in want})
    bytes_differ = found["http_response_bytes_total"] != lines * (lines - 1) // 2
    rotations = ", ".join(f"{k[5:]} {v:.0f}" for k, v in sorted(found.items()) if k.startswith("kind "))
    twice, lost = (got - want).total(), (want - got).total()
    if bytes_differ and twice == lost == 0:  # one line too often and another missing, under the same code
        twice = lost = 1
    return Row(kind, mode, int(rate), lines, twice, lost, gone, int(found["log_lost_bytes_total"]), rotations)


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = [
        f"{'rotation':<28}{'exporter':<10}{'lines/s':>8}{'written':>9}{'twice':>7}{'lost':>6}{'gone':>7}{'told':>7} as",
        *(
            f"{row.kind:<28}{row.mode:<10}{row.rate:>8,}{row.written:>9,}{row.twice:>7}{row.lost:>6}"
            f"{row.gone_bytes:>7}{row.told_bytes:>7} {row.rotations}{'' if row.good else '  <-- WRONG'}"
            for row in sorted(rows)
        ),
        "twice, lost: lines; gone: bytes destroyed before they could be counted; told: those the exporter tells of",
    ]
    return "\n".join(lines)


def matrix(seconds: float, folder: Path) -> list[Row]:
    """Every cell; `seconds` is how long each is written."""
    rows = []
    for mode in MODES:
        for number, cells in enumerate(GROUPS):
            place = folder / f"{mode}-{number}"
            place.mkdir()
            rows += run(mode, cells, seconds, place)
    return rows


def main() -> int:
    """Print the table; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each log is written")
    with tempfile.TemporaryDirectory(prefix="rotation-matrix-") as folder:
        rows = matrix(parser.parse_args().seconds, Path(folder))
    print(table(rows))
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
