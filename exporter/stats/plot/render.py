"""Rates and gauges to a picture: one panel for each delta and each gauge, one time axis."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import IO, Literal, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from exporter.stats.parse import is_code
from exporter.stats.plot.clockticks import axis_title, clock_ticks
from exporter.stats.plot.rates import Floats, broken, lone, outline
from foundation.terminal import printable

WIDTH_IN, PANEL_IN, ROW_IN, MARGIN_IN, DPI = 12.0, 3.0, 0.2, 0.9, 110
BINS = 2400  # pixel columns that a line is thinned to; more than the picture has
MAX_RESET_LINES = 50  # more of them would hide the curves, and are ticks at the panel's foot
MAX_NAME = 28  # characters of a name in the legend
_COLOURS = {"200": "#2f7d4f", "404": "#d08700", "500": "#c0392b"}
_OTHER_COLOURS = ("#3b6fb6", "#7d5ba6", "#4d9a9a", "#8c6d46", "#66707a", "#b0588d")
_MARK_COLOUR = "#66707a"
_HEADROOM = 1.05


class Panel(NamedTuple):
    """Lines of one kind. values: (times, series)."""

    title: str
    names: Sequence[str]
    values: Floats
    are_rates: bool
    why_empty: str  # shown where there is no value at all


def draw(
    times: Floats,
    panels: Sequence[Panel],
    *,
    gaps: NDArray[np.bool_],
    resets: Floats,
    title: str,
    zone: tzinfo,
) -> Figure:
    """Draw `panels` above each other, those of rates on one scale.

    Args:
        times: (times,), Unix seconds.
        panels: what to draw.
        gaps: (times,), true where no line may lead to the next time.
        resets: the times at which a counter was reset.
        title: of the picture.
        zone: of the time axis.
    """
    heights = [max(PANEL_IN, ROW_IN * (len(panel.names) + 4)) for panel in panels]
    figure = Figure(figsize=(WIDTH_IN, MARGIN_IN + sum(heights)), dpi=DPI, layout="constrained")
    figure.suptitle(printable(title), x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    tops = [np.nanmax(panel.values) for panel in panels if panel.are_rates and np.isfinite(panel.values).any()]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, times, panel, gaps, resets if panel.are_rates else resets[:0])
        if panel.are_rates:
            ax.set_ylim(0, max(tops, default=0.0) * _HEADROOM or 1.0)
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


def _draw_panel(ax: Axes, times: Floats, panel: Panel, gaps: NDArray[np.bool_], resets: Floats) -> None:
    lines, rows = [], []
    width = max(4, *(len(_short(name)) for name in panel.names))
    for number, name in enumerate(panel.names):
        values = panel.values[:, number]
        colour = _COLOURS.get(name) or _OTHER_COLOURS[number % len(_OTHER_COLOURS)]
        lines += _draw_line(ax, *broken(times, values, gaps), colour)
        rows.append(legend_row(name, values, width))
    ax.set_title(printable(panel.title), loc="left", fontsize=10, parse_math=False)
    if panel.are_rates:
        ax.set_ylabel("responses per second" if all(map(is_code, panel.names)) else "per second")
    elif not np.any(panel.values < 0):
        ax.set_ylim(bottom=0)
    if not np.isfinite(panel.values).any():
        ax.text(0.5, 0.5, panel.why_empty, transform=ax.transAxes, ha="center", va="center", color=_MARK_COLOUR)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6))
    ax.grid(visible=True, color="#e3e6e8", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    marks = _mark_resets(ax, resets)
    _legend(ax, [*lines, *marks], [*rows, *[_reset_words(len(resets))][: len(marks)]], width)


def _draw_line(ax: Axes, times: Floats, values: Floats, colour: str) -> list[Artist]:
    """The line, thinned to what can be seen, and the points that it does not reach as dots."""
    line = outline(times, values, BINS)
    at = lone(values)
    seen = np.unique((times[at] - times[0]) * (BINS / max(1e-9, np.ptp(times))) // 1, return_index=True)[1]
    ax.plot(times[at[seen]], values[at[seen]], ".", color=colour, markersize=4)
    return list(ax.plot(line.times, line.values, color=colour, linewidth=1.4))


def _mark_resets(ax: Axes, resets: Floats) -> list[Artist]:
    """A dotted line at each reset or, where they are many, a tick at the foot; returns what the legend shows."""
    if not len(resets):
        return []
    if len(resets) <= MAX_RESET_LINES:
        lines: list[Artist] = [ax.axvline(at_s, color=_MARK_COLOUR, linestyle=":", linewidth=1.2) for at_s in resets]
        return lines[:1]
    foot = np.full(len(resets), 0.03)
    return list(
        ax.plot(resets, foot, "|", color=_MARK_COLOUR, markersize=6, transform=ax.get_xaxis_transform(), alpha=0.6)
    )


def _reset_words(count: int) -> str:
    return "counter reset" if count == 1 else f"{count} counter resets"


def _legend(ax: Axes, handles: list[Artist], rows: list[str], width: int) -> None:
    legend = ax.legend(  # handles of our own: a label that begins with _ would be left out
        handles,
        rows,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.03),
        frameon=False,
        prop={"family": "monospace", "size": 9},
        title=f"{'':{width}}{'last':>9}{'mean':>9}{'max':>9}",
        title_fontproperties={"family": "monospace", "size": 9},
        alignment="right",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may hold a $


def legend_row(name: str, values: Floats, width: int = 4) -> str:
    """`name`, and the last, mean and greatest of the values that there are."""
    there = values[np.isfinite(values)]
    if not len(there):
        return f"{_short(name):<{width}}{'no rate':>27}"
    return f"{_short(name):<{width}}" + "".join(f"{v:>9.4g}" for v in (there[-1], there.mean(), there.max()))


def _short(name: str) -> str:
    """A name for the legend: its beginning and its end distinguish names of one page."""
    shown = printable(name)
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME // 2 - 2]}...{shown[-MAX_NAME // 2 + 1 :]}"


def delta_words(delta_s: float) -> str:
    """60 as `1-minute`, 10 as `10-second`."""
    for unit_s, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if delta_s >= unit_s and delta_s % unit_s == 0:
            return f"{delta_s / unit_s:g}-{unit}"
    return f"{delta_s:g}-second"


def _time_axis(ax: Axes, times: Floats, zone: tzinfo) -> None:
    start_s, end_s = float(times[0]), float(times[-1])
    ticks = clock_ticks(start_s, end_s, zone)
    margin_s = 0.01 * (end_s - start_s) or 1.0
    ax.set_xlim(start_s - margin_s, end_s + margin_s)
    ax.set_xticks([tick.at_s for tick in ticks], [tick.label for tick in ticks])
    ax.set_xlabel(axis_title(start_s, end_s, zone))
