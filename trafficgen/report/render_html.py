"""The report as one HTML file that needs nothing else: tables, and curves as inline SVG. Pure."""

import html
import math
from collections.abc import Iterable, Sequence

from trafficgen.meter.histogram import Histogram
from trafficgen.meter.meter import Meter
from trafficgen.report.report import Report, format_seconds
from trafficgen.report.verdict import describe

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 960, 260, 70, 30
_MAX_POINTS = 600  # a curve with more has no more detail on a screen
_COLOURS = ("#8a8f98", "#1f77b4", "#2a9d4a")
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { text-align: left; padding: .2em 1em .2em 0; vertical-align: top; }
th { font-weight: 600; }
td.n { font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: currentColor; }
.bad { color: #c62828; font-weight: 600; }
"""


def render_html(report: Report, meter: Meter) -> str:
    """The page."""
    rows = meter.series.all_rows()
    width_s = meter.series.width_s
    curves = [[row[at] / width_s for row in rows] for at in range(3)]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>trafficgen: {_text(report.url)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>Traffic to {_text(report.url)}</h1>",
            _banner(report),
            _table(_summary(report)),
            "<h2>Requests a second</h2>",
            _chart(curves, ("planned", "sent", "answered"), x_label="s", step=float(width_s)),
            "<h2>Latency</h2>",
            "<p>How long a share of all answers took at most: from the plan, and from the send.</p>",
            _percentiles((("from the plan", meter.from_plan), ("from the send", meter.from_send))),
            "<h2>Answers by target</h2>",
            _table((target, _parts(codes)) for target, codes in report.targets.items()),
            "</body></html>\n",
        ]
    )


def _banner(report: Report) -> str:
    lines = [describe(verdict) for verdict in report.expectations] + report.failed
    if report.saturated:
        lines.insert(0, "INVALID: the generator itself was the limit, not the target")
    return "".join(f'<p class="{"" if line.startswith("held") else "bad"}">{_text(line)}</p>' for line in lines)


def _summary(report: Report) -> Iterable[tuple[str, str]]:
    yield "planned", f"{report.planned:,} in {report.seconds:,.2f} s, {report.planned_per_s:,.1f}/s; seed {report.seed}"
    yield "sent", f"{report.sent:,}, {report.rate_per_s:,.1f}/s"
    yield "answered", f"{report.answered:,}: {_parts(report.codes)}"
    yield "errors", _parts(report.errors) or "none"
    yield "dropped", _parts(report.dropped) or "none"
    for name, values in (
        ("latency from the plan", report.latency_from_plan_s),
        ("latency from the send", report.latency_from_send_s),
        ("send lateness", report.send_lateness_s),
    ):
        yield name, ", ".join(f"{quantile} {format_seconds(value)}" for quantile, value in values.items())


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {number:,}" for name, number in counts.items())


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return (
        "<table>" + "".join(f'<tr><th>{_text(a)}</th><td class="n">{_text(b)}</td></tr>' for a, b in rows) + "</table>"
    )


def _chart(curves: Sequence[Sequence[float]], names: Sequence[str], *, x_label: str, step: float) -> str:
    """Curves over equal steps from 0 on; points are averaged where there are more than a screen shows."""
    count = max(map(len, curves), default=0)
    bunch = max(1, math.ceil(count / _MAX_POINTS))
    drawn = [
        [sum(curve[i : i + bunch]) / len(curve[i : i + bunch]) for i in range(0, count, bunch)] for curve in curves
    ]
    top = _nice(max((value for curve in drawn for value in curve), default=1.0))
    lines = [
        [(i / max(len(curve) - 1, 1), value / top) for i, value in enumerate(curve)]
        for curve in drawn
    ]  # fmt: skip
    x_ticks = [(share, f"{share * count * step:.4g} {x_label}") for share in (0, 0.25, 0.5, 0.75, 1)]
    y_ticks = [(share, f"{share * top:,.4g}") for share in (0, 0.5, 1)]
    return _svg(lines, names, x_ticks, y_ticks)


def _percentiles(histograms: Sequence[tuple[str, Histogram]]) -> str:
    """Latency (log) over the share of answers, with the tail stretched: 0, 90, 99, 99.9, 99.99 % at equal distances."""
    points = []
    for _, histogram in histograms:
        middles, counts = histogram.points()
        below = (counts.cumsum() - counts) / max(histogram.count, 1)  # the share of answers before each bucket
        points.append(
            [(min(-math.log10(1 - share), 4) / 4, value) for share, value in zip(below, middles, strict=True)]
        )
    values = [value for curve in points for _, value in curve] or [0.001]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    span = max(high - low, 1)
    lines = [[(x, (math.log10(value) - low) / span) for x, value in curve] for curve in points]
    x_ticks = [(i / 4, f"{100 * (1 - 10.0**-i):.6g} %") for i in range(5)]
    y_ticks = [((power - low) / span, format_seconds(10.0**power)) for power in range(low, high + 1)]
    return _svg(lines, [name for name, _ in histograms], x_ticks, y_ticks)


def _svg(
    lines: Sequence[Sequence[tuple[float, float]]],
    names: Sequence[str],
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
) -> str:
    """Lines in the unit square, with ticks and a legend."""
    wide, high = _WIDTH - _LEFT - 40, _HEIGHT - _BOTTOM - 25
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">']
    for share, label in y_ticks:
        y = 25 + high * (1 - share)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_LEFT + wide}" stroke="currentColor" opacity=".2"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_text(label)}</text>')
    for share, label in x_ticks:
        parts.append(
            f'<text x="{_LEFT + wide * share:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{_text(label)}</text>'
        )
    colours = _COLOURS[-len(names) :]
    for number, (line, name, colour) in enumerate(zip(lines, names, colours, strict=True)):
        path = " ".join(f"{_LEFT + wide * x:.1f},{25 + high * (1 - y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(f'<text x="{_LEFT + 130 * number}" y="14" style="fill:{colour}">&#9632; {_text(name)}</text>')
    return "".join(parts) + "</svg>"


def _nice(value: float) -> float:
    """The next round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value)


def _text(text: str) -> str:
    return html.escape(text)
