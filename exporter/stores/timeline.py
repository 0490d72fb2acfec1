"""One store's time as a picture: a row a day of its own clock, or a week where there are many; SVG. Pure.

The text carries class names only; their colours are the page's, in light and dark.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta, tzinfo

from markupsafe import Markup, escape

from exporter.stores.calendar import DAY_US, HOUR_US, from_us, local_moment
from exporter.stores.report import Piece

MAX_DAY_ROWS = 100
_LEFT, _WIDTH, _ROW, _BAR, _TOP = 104, 720, 18, 13, 20


def timeline(pieces: Sequence[Piece], start_us: int, end_us: int, zone: tzinfo) -> Markup:
    """The pieces of business hours in `[start_us, end_us)`; what is between them is closed."""
    rows = list(_rows(start_us, end_us, zone))
    days = 7 if len(rows) > 1 and rows[0][1] - rows[0][0] > 2 * DAY_US else 1
    span_us = days * DAY_US
    height = _TOP + _ROW * len(rows)
    what = "week" if days == 7 else "day"
    size = f'viewBox="0 0 {_LEFT + _WIDTH + 36} {height + 4}" width="{_LEFT + _WIDTH + 36}"'
    parts = [f'<svg {size} role="img" class="timeline" aria-label="States over time, a row a {what}">']
    for n in range(5):
        label = f"+{n * 7 / 4:g} d" if days == 7 else f"{n * 6:02}:00"
        parts.append(f'<text x="{_LEFT + _WIDTH * n / 4:.0f}" y="13" class="tick">{label}</text>')
    for number, (row_start, row_end) in enumerate(rows):
        y = _TOP + number * _ROW
        day = from_us(row_start).astimezone(zone)
        parts.append(f'<text x="0" y="{y + 11}">{day:%a %d %b %y}</text>')
        shown = [piece for piece in pieces if piece.start_us < row_end and piece.end_us > row_start]
        midnight_us = _wall_us(row_start, zone)

        def place(edges: tuple[int, int], midnight_us: int = midnight_us) -> tuple[float, float]:
            """Where a clock's times are in the row, so that an opening is in one place also when clocks change."""
            low, high = (min(max(0, _wall_us(edge, zone) - midnight_us), span_us) for edge in edges)
            return low / span_us, (high or span_us) / span_us

        parts.append(_bar(place((max(row_start, start_us), min(row_end, end_us))), y, "closed", "closed"))
        for piece in _merged(shown):
            at = max(piece.start_us, row_start), min(piece.end_us, row_end)
            kind = piece.state if piece.observed or piece.state == "unknown" else f"{piece.state} assumed"
            begin, end = (from_us(edge).astimezone(zone) for edge in at)
            title = f"{kind}, {begin:%a %d %b %H:%M} to {end:%H:%M}"
            parts.append(_bar(place(at), y, kind, title))
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704, made of numbers, dates and words of this module


def _rows(start_us: int, end_us: int, zone: tzinfo) -> Iterator[tuple[int, int]]:
    step = 1 if end_us - start_us <= MAX_DAY_ROWS * DAY_US else 7
    day = from_us(start_us).astimezone(zone).date()
    at_us = local_moment(zone, day, 0, last=False)
    while at_us < end_us:
        day += timedelta(days=step)
        next_us = local_moment(zone, day, 0, last=False)
        yield at_us, next_us
        at_us = next_us


def _merged(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Neighbours that look alike as one."""
    last: Piece | None = None
    for piece in pieces:
        if last is not None and (last.end_us, last.state, last.observed) == (
            piece.start_us,
            piece.state,
            piece.observed,
        ):
            last = last._replace(end_us=piece.end_us)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _wall_us(time_us: int, zone: tzinfo) -> int:
    """What the zone's clock shows, as microseconds."""
    offset = from_us(time_us).astimezone(zone).utcoffset() or timedelta()
    return time_us + offset // timedelta(microseconds=1)


def _bar(at: tuple[float, float], y: int, kind: str, title: str) -> str:
    x, width = _WIDTH * at[0], _WIDTH * (at[1] - at[0])
    return (
        f'<rect x="{_LEFT + x:.2f}" y="{y}" width="{max(width, 0.4):.2f}" height="{_BAR}" class="{kind}">'
        f"<title>{escape(title)}</title></rect>"
    )


def hours_in_words(time_us: int) -> str:
    """A length as text: 3 h 20 min."""
    minutes = round(time_us / (HOUR_US / 60))
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
