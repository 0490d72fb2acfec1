"""Codes by time, coloured by how the candidate compares with the baseline.

A cell's colour is log2 of the rate ratio, red where the candidate is worse; it is grey where the two builds had too few
errors to compare. The default width of a column gives enough errors to compare.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.releases.bulk.table import Table
from exporter.releases.compare.exposure import ALIKE, Exposure
from exporter.releases.compare.pair import Pair
from exporter.releases.report import Analysis, BuildAlert
from exporter.releases.standing import divided
from exporter.releases.times import show_time
from foundation.errors import ConfigError

LEAST_EVENTS = 5
"""Cells with fewer errors of both builds together are grey: a ratio of 1 to 2 means nothing."""
FEW = 2.0
"""Errors added to both builds, so that 5 against 0 is not the darkest red, but 50 against 5 is."""
WANTED_EVENTS = 7.0
MOST_COLUMNS = 240
CODE_CHARS = 30  # of a code beside its row
MOST_CELLS_WIDE = 50_000
NICE_S = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
FORMATS = (".png", ".svg", ".pdf", ".jpg")


class Cells(NamedTuple):
    """Counts by code and column. counts: (codes, columns) each."""

    start_s: int
    column_s: int
    codes: list[str]
    counts: Pair[NDArray[np.int64]]

    @property
    def columns(self) -> int:
        """Columns from the first record to the last."""
        return int(self.counts.candidate.shape[1])

    def log_ratio(self, exposure: float | NDArray[np.float64] = 1.0) -> NDArray[np.float64]:
        """log2 of candidate to baseline, drawn to equal by `FEW`; nan where errors are too few. (codes, columns).

        exposure: users of the candidate for one of the baseline, of each column where they vary; nan is grey.
        """
        baseline, candidate = self.counts
        ratio = np.log2((candidate + FEW) / (baseline * exposure + FEW))
        return np.where(candidate + baseline >= LEAST_EVENTS, ratio, np.nan)


def cells(table: Table, builds: Pair[str], column_s: int | None = None) -> Cells:
    """Count by code and column. Raises ConfigError when there is nothing to draw."""
    if not len(table.second):
        raise ConfigError("no records to draw: the input has none that could be read")
    first, last = int(table.second[0]), int(table.second[-1])
    column_s = column_s or nice_width(last + 1 - first, table.records / len(table.codes))
    start = first // column_s * column_s
    columns = (last - start) // column_s + 1
    if columns > MOST_CELLS_WIDE:
        raise ConfigError(
            f"{columns:,} columns of {column_s} s are more than a picture can have: --column sets the seconds"
        )

    def counted(build: str) -> NDArray[np.int64]:
        """Counts of a build, shaped (codes, columns)."""
        rows = table.build == table.builds.index(build)
        place = table.code[rows] * columns + (table.second[rows] - start) // column_s
        grid = np.zeros((len(table.codes), columns), np.int64)
        np.add.at(grid.reshape(-1), place, table.count[rows])
        return grid

    return Cells(start, column_s, table.codes, Pair(*map(counted, builds)))


def nice_width(span_s: int, events_per_code: float) -> int:
    """A round number of seconds for a column: enough events in it, not too many columns."""
    wanted = max(span_s * WANTED_EVENTS / max(events_per_code, 1e-9), span_s / MOST_COLUMNS)
    fits = [width for width in NICE_S if wanted <= width <= max(span_s / 6, NICE_S[0])]
    return fits[0] if fits else max((w for w in NICE_S if w <= span_s / 6), default=NICE_S[0])


def format_of(path: Path) -> str:
    """The format of a picture, by its name. Raises ConfigError."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path}: expected a name that ends in one of {', '.join(FORMATS)}")
    return path.suffix[1:].lower()


def draw(
    table: Table,
    analysis: Analysis,
    output: IO[bytes],
    form: str = "png",
    *,
    exposure: Exposure = ALIKE,
    column_s: int | None = None,
) -> None:
    """Draw one panel a candidate build. Raises ConfigError where there is nothing to compare or too much to draw."""
    candidates = [build for build in analysis.builds if build != analysis.baseline]
    counted, others = divided(analysis)
    if analysis.baseline is None or not candidates:
        raise ConfigError("cannot compare one build; expected two or more builds in the input")
    from matplotlib.figure import Figure  # noqa: PLC0415, slow to import, and only pictures need it

    panels = [cells(table, Pair(analysis.baseline, build), column_s) for build in candidates]
    alone = len(candidates) == 1
    rows = sum(len(panel.codes) for panel in panels)
    row_in = 0.22 if rows <= 60 else 0.12
    figure = Figure(figsize=(12, 1.6 * len(panels) + row_in * rows), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, panel, build in zip(axes, panels, candidates, strict=True):
        image = axis.imshow(
            np.ma.masked_invalid(panel.log_ratio(_users(panel, Pair(analysis.baseline, build), exposure, alone=alone))),
            cmap=_colours(),
            vmin=-2.5,
            vmax=2.5,
            aspect="auto",
            interpolation="nearest",
        )
        _label(axis, panel, f"{build} against {analysis.baseline}, {panel.column_s} s a column")
        _mark(axis, panel, [found for found in counted if found.build == build])
        _mark(axis, panel, [found for found, _ in others if found.build == build], counted=False)
        bar = figure.colorbar(image, ax=axis, extend="both", pad=0.01, shrink=min(1.0, 3 / (row_in * len(panel.codes))))
        bar.set_ticks([-2, -1, 0, 1, 2], labels=["1/4", "1/2", "equal", "2x", "4x"])
    marks = {line.get_label(): line for axis in axes for line in axis.lines}
    if marks:  # below all panels, where the layout keeps a room for it
        figure.legend(handles=list(marks.values()), loc="outside lower left", ncols=4, fontsize=8, frameon=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of a build's name; a box is drawn instead
        figure.savefig(output, format=form, dpi=110)


def _users(panel: Cells, builds: Pair[str], exposure: Exposure, *, alone: bool) -> NDArray[np.float64]:
    """Users of the candidate for one of the baseline in each column; nan where unknown or none. (columns,)."""
    starts = [panel.start_s + column * panel.column_s for column in range(panel.columns)]
    users = exposure.ratios(builds, starts, panel.column_s, alone=alone)
    return np.where(np.isfinite(users) & (users > 0), users, np.nan)


def _colours() -> Any:
    from matplotlib import colormaps  # noqa: PLC0415, as above

    return colormaps["RdBu_r"].with_extremes(bad="#d0d0d0")


def _label(axis: Any, panel: Cells, title: str) -> None:
    every = max(1, len(panel.codes) // 100)
    shown = range(0, len(panel.codes), every)
    axis.set_yticks(shown, labels=[_shown(panel.codes[i]) for i in shown], fontsize=8 if len(panel.codes) <= 60 else 6)
    ticks = range(0, panel.columns, max(1, panel.columns // 12))
    axis.set_xticks(ticks, labels=[show_time(panel.start_s + i * panel.column_s) or "" for i in ticks], fontsize=8)
    axis.set_ylabel("error code")
    text = f"{title}; grey: fewer than {LEAST_EVENTS} errors; triangle: alarm"
    axis.set_title(text, fontsize=10, loc="left", parse_math=False)  # a build's name may hold a $


def shortened(code: str, chars: int) -> str:
    """A code with a maximum length, cut if it is longer."""
    return code if len(code) <= chars else f"{code[: chars - 1]}…"


def _shown(code: str) -> str:
    return shortened(code, CODE_CHARS).replace("$", r"\$")  # not a formula


def _mark(axis: Any, panel: Cells, alerts: Sequence[BuildAlert], *, counted: bool = True) -> None:
    """A triangle where the evidence or an onset alarmed, a hollow one where that does not count.

    The rule of the task's text alarms too often to be marked.
    """
    rows = {code: i for i, code in enumerate(panel.codes)}
    for detector, marker in (("evidence", "^"), ("onset", "v")):
        points = [(found.alert.start_s, found.alert.code) for found in alerts if found.alert.detector == detector]
        if not points:  # a line without points and without clipping would reach to the figure's corner
            continue
        xs = [(start - panel.start_s) / panel.column_s - 0.5 for start, _ in points]
        ys = [rows[code] for _, code in points]
        label, fill = (detector, "black") if counted else (f"{detector}, not counted", "none")
        axis.plot(xs, ys, marker, color="black", markerfacecolor=fill, markersize=6, label=label, clip_on=False)
