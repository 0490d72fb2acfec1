"""The report's pictures as SVG inside its page, whose CSS classes are the colours; `Markup` escapes values."""

from collections.abc import Sequence
from datetime import UTC, datetime
from unicodedata import east_asian_width

import numpy as np
from markupsafe import Markup

from exporter.hosting.cycle import Outage
from exporter.hosting.maintenance import Maintenance, downtimes
from exporter.hosting.render.text import number, plain
from exporter.hosting.report import AccountRow
from exporter.hosting.routing import Picture
from exporter.hosting.window import Window
from exporter.timeline import intersect, subtract, union
from foundation.terminal import printable

WIDTH = 920
LEFT = 150  # room for names
RIGHT = 90  # room for figures
_MAX_BARS = 40
_HISTOGRAM_BARS = 41


def downtime_bars(rows: Sequence[AccountRow], allowed_minutes: float) -> Markup:
    """Each customer's downtime by cause against the allowance, the worst first."""
    worst = sorted(rows, key=lambda row: -row.downtime_minutes)[:_MAX_BARS]
    top = max([allowed_minutes, *(row.downtime_minutes for row in worst)]) * 1.02
    scale = (WIDTH - LEFT - RIGHT) / top
    parts = []
    for i, row in enumerate(worst):
        y = 24 + 24 * i
        silent = row.silent_minutes * scale
        parts += [
            _text(LEFT - 8, y + 13, _label(plain(row.account_name), row.account_id), "end"),
            _rect((LEFT, y, silent, 16), "silent", f"silent {number(row.silent_minutes)} min"),
            _rect(
                (LEFT + silent, y, row.overload_minutes * scale, 16),
                "overload",
                f"overload {number(row.overload_minutes)} min",
            ),
            _text(
                LEFT + row.downtime_minutes * scale + 6,
                y + 13,
                number(row.downtime_minutes),
                css="bad" if row.violates_cycle else "",
            ),
        ]
    x, bottom = LEFT + allowed_minutes * scale, 24 + 24 * len(worst)
    parts.append(_line("limit", (x, x), (18, bottom)))
    parts.append(_text(x, 12, f"allowed {number(allowed_minutes)} min", "middle", "bad"))
    return _svg(bottom + 6, parts, "Downtime of each customer against the allowance")


def server_timeline(
    servers: Sequence[int], outages: Sequence[Outage], window: Window, maintenance: Maintenance
) -> Markup:
    """When each server was down, by cause, over the cycle; outages closer than a pixel are drawn as one."""
    scale = (WIDTH - LEFT - RIGHT) / (window.end_s - window.start_s)
    pixel_s = max(1, round(1 / scale))
    parts, down = [], downtimes(outages)
    for i, server in enumerate(servers[:_MAX_BARS]):
        y = 8 + 28 * i
        parts += [
            _text(LEFT - 8, y + 15, f"server {server}", "end"),
            _rect((LEFT, y, (window.observed_s - window.start_s) * scale, 20), "up", "up"),
        ]
        windows = intersect(maintenance.windows(server), [(window.start_s, window.end_s)])
        for cause in ("overload", "silent", "maintenance"):
            of_cause = down.get(server, {}).get(cause, [])
            mine = windows if cause == "maintenance" else subtract(of_cause, windows)
            for start, end in union((start, max(end, start + pixel_s)) for start, end in mine):
                x = LEFT + (start - window.start_s) * scale
                parts.append(_rect((x, y, (end - start) * scale, 20), cause, f"{cause} from {_when(start)} UTC"))
    bottom = 8 + 28 * len(servers[:_MAX_BARS])
    for share in range(5):
        moment = window.start_s + (window.end_s - window.start_s) * share // 4
        x = LEFT + (WIDTH - LEFT - RIGHT) * share / 4
        parts.append(_line("axis", (x, x), (4, bottom)))
        parts.append(_text(x, bottom + 14, _when(moment), "middle", "quiet"))
    return _svg(bottom + 20, parts, "When each server was down")


def rank_bars(picture: Picture) -> Markup:
    """How often the least loaded server on offer was chosen, the second least, and so on; line: by constants alone."""
    ranks = min(len(picture.rank_share), 12)
    top = max(float(picture.rank_share.max()), float(picture.rank_expected.max()), 1e-9) * 1.1
    room, height = 400 / max(ranks, 1), 120
    parts = []
    for i in range(ranks):
        x, y = 20 + i * room, 10 + height * (1 - picture.rank_share[i] / top)
        expected = 10 + height * (1 - picture.rank_expected[i] / top)
        parts += [
            _rect((x, y, room * 0.7, 10 + height - y), "bar", f"{picture.rank_share[i]:.1%}"),
            _line("limit", (x, x + room * 0.7), (expected, expected)),
            _text(x + room * 0.35, height + 26, "least" if i == 0 else str(i + 1), "middle", "quiet"),
        ]
    parts.append(
        _text(20, height + 42, "rank of the chosen server by workload; line: by the constants alone", css="quiet")
    )
    return _svg(height + 48, parts, "Chosen servers by rank of workload", width=430)


def shift_histogram(picture: Picture) -> Markup:
    """The scores that come out when workloads are shifted against choices, and the score as observed."""
    if not picture.shifted.size:
        return Markup()
    reach = max(float(np.abs(picture.shifted).max()), abs(picture.observed)) * 1.05 or 1.0
    counts, _ = np.histogram(picture.shifted, bins=_HISTOGRAM_BARS, range=(-reach, reach))
    room, height = 400 / _HISTOGRAM_BARS, 120
    parts = [
        _rect(
            (20 + i * room, 10 + height * (1 - n / counts.max()), room * 0.9, height * n / counts.max()),
            "bar",
            f"{n} shifts",
        )
        for i, n in enumerate(counts.tolist())
    ]
    x = 20 + 400 * (picture.observed + reach) / (2 * reach)
    parts.append(_line("observed", (x, x), (4, height + 10)))
    parts.append(_text(min(max(x, 60), 380), height + 26, "observed", "middle", "bad"))
    parts.append(_text(20, height + 42, "score under every shift; 0 in the middle", css="quiet"))
    return _svg(height + 48, parts, "Scores under shifts", width=430)


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _label(name: str, account_id: int) -> str:
    """A name and its id, in the space left of the bars: 20 columns, of which wide characters take two."""
    room = max(20 - len(f" ({account_id})"), 4)
    if sum(map(_columns, name)) > room:
        while sum(map(_columns, name)) > room - 1:
            name = name[:-1]
        name += "…"
    return f"{name} ({account_id})"


def _columns(char: str) -> int:
    return 2 if east_asian_width(char) in "WF" else 1


def _rect(box: tuple[float, float, float, float], css: str, title: str) -> Markup:
    """`box` is x, y, width and height."""
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return Markup()
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(css, x, y, max(width, 0.7), height, printable(title))


def _line(css: str, x: tuple[float, float], y: tuple[float, float]) -> Markup:
    """A line from (`x[0]`, `y[0]`) to (`x[1]`, `y[1]`)."""
    return Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>').format(css, *x, *y)


def _text(x: float, y: float, text: str, anchor: str = "start", css: str = "") -> Markup:
    shape = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>')
    return shape.format(x, y, anchor, css, printable(text))


def _svg(height: float, parts: Sequence[Markup], title: str, width: int = WIDTH) -> Markup:
    head = Markup('<svg viewBox="0 0 {0} {1:.0f}" width="{0}" role="img" aria-label="{2}">')
    return head.format(width, height, title) + Markup().join(parts) + Markup("</svg>")
