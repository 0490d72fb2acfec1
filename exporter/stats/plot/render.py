"""Rates to a picture: one panel for each delta, one time axis."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import IO, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from exporter.stats.plot.rates import Floats, outline
from foundation.terminal import printable

WIDTH_IN, PANEL_IN, MARGIN_IN, DPI = 12.0, 3.0, 0.9, 110
BINS = 2400  # pixel columns that a line is thinned to; more than the picture has
MAX_RESET_MARKS = 50
_COLOURS = {"200": "#2f7d4f", "404": "#d08700", "500": "#c0392b"}
_OTHER_COLOURS = ("#3b6fb6", "#7d5ba6", "#4d9a9a", "#8c6d46", "#66707a", "#b0588d")
_MARK_COLOUR = "#66707a"


class Panel(NamedTuple):
    """Rates over one delta. rates: (times, series)."""

    delta_s: float
    rates: Floats


def draw(
    times: Floats, names: Sequence[str], panels: Sequence[Panel], *, resets: Floats, title: str, zone: tzinfo
) -> Figure:
    """Draw `panels` above each other; `resets` are the times at which a counter was reset."""
    figure = Figure(figsize=(WIDTH_IN, MARGIN_IN + PANEL_IN * len(panels)), dpi=DPI, layout="constrained")
    figure.suptitle(printable(title), x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    days = times / 86400.0
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, days, names, panel, resets[:MAX_RESET_MARKS] / 86400.0)
    _time_axis(axes[-1], times, zone)
    return figure


def save(figure: Figure, stream: IO[bytes], kind: Literal["png", "jpeg", "gif", "svg"]) -> None:
    """Write the picture."""
    if kind != "gif":
        figure.savefig(stream, format=kind)
        return
    canvas = FigureCanvasAgg(figure)  # not every matplotlib writes GIF
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    Image.fromarray(pixels).convert("RGB").quantize(64).save(stream, "GIF")


def _draw_panel(ax: Axes, days: Floats, names: Sequence[str], panel: Panel, reset_days: Floats) -> None:
    lines, rows = [], []
    for number, name in enumerate(names):
        values = panel.rates[:, number]
        colour = _COLOURS.get(name) or _OTHER_COLOURS[number % len(_OTHER_COLOURS)]
        line = outline(days, values, BINS)
        lone = "." if np.isfinite(values).sum() <= 3 else None  # a line of one point would be invisible
        lines += ax.plot(line.times, line.values, color=colour, linewidth=1.4, marker=lone)
        rows.append(legend_row(name, values))
    marks = [ax.axvline(day, color=_MARK_COLOUR, linestyle=":", linewidth=1.2) for day in reset_days]
    ax.set_title(f"{delta_words(panel.delta_s)} rate", loc="left", fontsize=10)
    ax.set_ylabel("responses per second")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6))
    ax.grid(visible=True, color="#e3e6e8", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    legend = ax.legend(  # handles of our own: a label that begins with _ would be left out
        [*lines, *marks[:1]],
        [*rows, *["counter reset"][: len(marks)]],
        loc="upper left",
        bbox_to_anchor=(1.0, 1.03),
        frameon=False,
        prop={"family": "monospace", "size": 9},
        title=f"{'':4}{'last':>9}{'mean':>9}{'max':>9}",
        title_fontproperties={"family": "monospace", "size": 9},
        alignment="right",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may hold a $


def legend_row(name: str, values: Floats) -> str:
    """`name`, and the last, mean and greatest of the rates that there are."""
    there = values[np.isfinite(values)]
    if not len(there):
        return f"{printable(name):<4}{'no rate':>27}"
    return f"{printable(name):<4}" + "".join(f"{value:>9.4g}" for value in (there[-1], there.mean(), there.max()))


def delta_words(delta_s: float) -> str:
    """60 as `1-minute`, 10 as `10-second`."""
    for unit_s, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if delta_s >= unit_s and delta_s % unit_s == 0:
            return f"{delta_s / unit_s:g}-{unit}"
    return f"{delta_s:g}-second"


def _time_axis(ax: Axes, times: Floats, zone: tzinfo) -> None:
    locator = AutoDateLocator(tz=zone, minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    ax.set_xlabel(f"time ({datetime.fromtimestamp(times[-1], zone).tzname()})")
    ax.margins(x=0.01)
