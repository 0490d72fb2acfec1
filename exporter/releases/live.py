"""The heatmap in a terminal, drawn again and again while records come in from a file or standard input."""

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from exporter.errors import SourceError
from exporter.releases.analysis import Analysis
from exporter.releases.heatmap import MOST_COLUMNS, Cells, cells
from exporter.releases.records import LineSplitter
from exporter.releases.report import show_time
from exporter.releases.tally import Tally

READ_BYTES = 1 << 20
POLL_S = 0.2
REDRAW_S = 1.0
SHARE = 0.2  # of the time may go into drawing: a long stream is drawn less often
COLOURS = ("#053061", "#2166ac", "#4393c3", "#92c5de", "#f7f7f7", "#f4a582", "#d6604d", "#b2182b", "#67001f")
STEP = 0.5  # of log2 of the ratio, from one colour to the next
NO_COLOUR = "=-+#"  # where there are none: equal, better, worse, much worse
GREY = "#d0d0d0"


def pieces(file: str) -> Iterator[bytes]:
    """What comes, as it comes, and b"" about every `POLL_S` while nothing does. Standard input ends; a file never does.

    Raises SourceError.
    """
    try:
        if file == "-":
            while True:
                ready, _, _ = select.select([0], [], [], POLL_S)
                data = os.read(0, READ_BYTES) if ready else b""
                if ready and not data:
                    return
                yield data
        with Path(file).open("rb") as stream:
            while True:
                data = stream.read(READ_BYTES)
                yield data
                if not data:
                    time.sleep(POLL_S)
    except OSError as exc:
        raise SourceError(f"{file}: {exc.strerror}") from exc


def follow(data: Iterable[bytes], analyse: Callable[[Tally], Analysis], console: Console) -> Tally:
    """Draw until the input ends or Ctrl-C; what was counted comes back. Without a terminal, only the last picture."""
    tally, splitter = Tally(), LineSplitter()
    due = 0.0
    with Live(console=console, auto_refresh=False) as live:
        with contextlib.suppress(KeyboardInterrupt):
            for piece in data:
                tally.add_lines(splitter.feed(piece))
                start = time.monotonic()
                if start >= due and console.is_terminal:
                    live.update(frame(tally, analyse(tally), console), refresh=True)
                    due = start + max(REDRAW_S, (time.monotonic() - start) / SHARE)
        tally.add_lines(splitter.end())
        live.update(frame(tally, analyse(tally), console), refresh=True)
    return tally


def frame(tally: Tally, analysis: Analysis, console: Console) -> Group:
    """One picture: a row a code with its last columns, worst codes first where not all fit, then what is proven."""
    candidates = [build for build in analysis.builds if build != analysis.baseline]
    if analysis.baseline is None or not candidates:
        return Group(Text(f"{tally.records} records of {len(analysis.builds)} builds; two are needed to compare"))
    build = candidates[-1]
    grid = cells(tally, analysis.baseline, build)
    room = max(4, min(MOST_COLUMNS, console.width - 12))
    rows = worst_rows(grid, analysis, build, max(4, console.height - 6))
    title = f"{build} against {analysis.baseline}, {tally.records} records, {grid.width_s} s a column, red is worse"
    shown = grid.log_ratio()[:, -room:]
    coloured = console.color_system is not None
    lines = [Text(title)]
    for row in rows:
        alarmed = any(f.alert.stop_s is None and f.alert.code == grid.codes[row] for f in analysis.alerts)
        line = Text(f"{grid.codes[row]:>9}{'!' if alarmed else ' '} ")
        for value in shown[row].tolist():
            line.append(*cell(value, coloured=coloured))
        lines.append(line)
    end = grid.start_s + grid.candidate.shape[1] * grid.width_s
    lines.append(Text(f"{'':>11}to {show_time(end)}; ! marks a code that is worse now"))
    return Group(*lines)


def worst_rows(grid: Cells, analysis: Analysis, build: str, most: int) -> list[int]:
    """Places of the codes to show, in the order of the codes: those with the most evidence, if not all fit."""
    evidence = {r.code: r.log_evidence for r in analysis.codes if r.candidate_build == build}
    by_evidence = sorted(range(len(grid.codes)), key=lambda i: -evidence.get(grid.codes[i], 0.0))
    return sorted(by_evidence[:most])


def cell(value: float, *, coloured: bool) -> tuple[str, str]:
    """A cell's character and style."""
    if np.isnan(value):
        return (" ", f"on {GREY}") if coloured else (".", "")
    middle = len(COLOURS) // 2
    place = middle + max(-middle, min(middle, round(value / STEP)))
    if coloured:
        return " ", f"on {COLOURS[place]}"
    return NO_COLOUR[0 if place == middle else 1 if place < middle else 2 if place < middle + 3 else 3], ""
