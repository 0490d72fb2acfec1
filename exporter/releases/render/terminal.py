"""The heatmap in a terminal, redrawn while records arrive from a file or standard input."""

import asyncio
import contextlib
import glob
import os
import select
from collections.abc import AsyncIterator, Callable

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from exporter.releases.bulk.files import is_lines
from exporter.releases.bulk.reading import Input, Reading
from exporter.releases.bulk.table import Table
from exporter.releases.compare.pair import Pair
from exporter.releases.render.picture import MOST_COLUMNS, Cells, cells, shortened
from exporter.releases.report import Analysis
from exporter.releases.standing import divided
from exporter.releases.times import show_time
from exporter.sources.tail import Batch, Tail
from foundation.clock import Clock
from foundation.errors import ConfigError, SourceError, in_words

READ_BYTES = 1 << 20
WAIT_S = 0.2  # for standard input; also the delay of signals
REDRAW_S = 1.0
SHARE = 0.2  # maximum share of time for drawing: a long stream is drawn less often
COLOURS = ("#053061", "#2166ac", "#4393c3", "#92c5de", "#f7f7f7", "#f4a582", "#d6604d", "#b2182b", "#67001f")
STEP = 0.5  # of log2 of the ratio, from one colour to the next
NO_COLOUR = "=-+#"  # where there are none: equal, better, worse, much worse
GREY = "#d0d0d0"


async def batches(file: str, clock: Clock) -> AsyncIterator[Batch]:
    """What comes, as it comes: standard input to its end, a file for ever and through its rotations.

    Raises ConfigError where that is not lines.
    """
    if file == "-":
        begun = False
        while True:
            ready, data = await asyncio.to_thread(_read_input)
            if ready and not data:
                return
            if data and not begun:
                _check(data)
                begun = True
            yield Batch(data, file)
    try:
        with open(file, "rb") as stream:  # noqa: ASYNC230, PTH123, the beginning of a file on a disk
            _check(stream.read(READ_BYTES))
    except OSError as exc:
        raise SourceError(f"{file}: {in_words(exc)}") from exc
    tail = Tail([glob.escape(file)], from_start=True, clock=clock)
    try:
        async for batch in tail.batches():
            yield batch
    finally:
        await tail.close()


def _check(start: bytes) -> None:
    if not is_lines(start):
        raise ConfigError(
            "--follow: expected plain lines of timestamp, build and code; --output reads any form of file"
        )


def _read_input() -> tuple[bool, bytes]:
    """Whether standard input had data within `WAIT_S`, and the data; none at its end."""
    ready, _, _ = select.select([0], [], [], WAIT_S)
    return bool(ready), os.read(0, READ_BYTES) if ready else b""


async def follow(
    data: AsyncIterator[Batch], compare: Callable[[Table], Analysis], console: Console, clock: Clock
) -> Input:
    """Draw until the input ends or this is cancelled. Returns the counts, drawn a last time.

    Without a terminal, only that last picture is drawn.
    """
    reading, came = Reading(), asyncio.Event()
    with Live(console=console, auto_refresh=False) as live:

        def show(table: Table) -> None:
            """Draw the comparison of a table."""
            live.update(frame(table, compare(table), console), refresh=True)

        async def redraw() -> None:
            """Draw again when data came; the pause grows with the time that drawing takes."""
            while True:
                await came.wait()
                came.clear()
                start = clock.monotonic()
                show(reading.table())
                await clock.sleep_until(start + max(REDRAW_S, (clock.monotonic() - start) / SHARE))

        drawing = asyncio.create_task(redraw()) if console.is_terminal else None
        with contextlib.suppress(asyncio.CancelledError):
            async for batch in data:
                if batch.begins:
                    reading.begin()
                reading.add(batch.data)
                if batch.data:
                    came.set()
        if drawing:
            drawing.cancel()
            await asyncio.wait([drawing])
        given = reading.end()
        show(given.table)
    return given


def frame(table: Table, analysis: Analysis, console: Console) -> Group:
    """One picture: a row for each code with its last columns, the worst codes if not all fit; and the worse codes."""
    candidates = [build for build in analysis.builds if build != analysis.baseline]
    if analysis.baseline is None or not candidates:
        return Group(Text(f"{table.records} records of {len(analysis.builds)} builds; two are needed to compare"))
    build = candidates[-1]
    grid = cells(table, Pair(analysis.baseline, build))
    room = max(4, min(MOST_COLUMNS, console.width - 12))
    rows = worst_rows(grid, analysis, build, max(4, console.height - 6))
    title = f"{build} against {analysis.baseline}, {table.records} records, {grid.column_s} s a column, red is worse"
    shown = grid.log_ratio()[:, -room:]
    coloured = console.color_system is not None and not console.no_color
    lines = [Text(title)]
    now = [found for found in divided(analysis)[0] if found.build == build and found.alert.stop_s is None]
    alarmed = {found.alert.code for found in now}
    for row in rows:
        line = Text(f"{shortened(grid.codes[row], 9):>9}{'!' if grid.codes[row] in alarmed else ' '} ")
        for value in shown[row].tolist():
            line.append(*cell(value, coloured=coloured))
        lines.append(line)
    end = grid.start_s + grid.columns * grid.column_s
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
