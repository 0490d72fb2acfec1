"""How many points a panel can show, and how many it gets: Grafana's widths and its rounding of steps. Pure.

Grafana draws no status history with more points than half its pixels, and cells of a heatmap that are thinner than a
few pixels run together. It asks for the range over `maxDataPoints` and rounds that step to a usual length, often
downwards, so that up to twice as many points come back.
"""

import bisect

WINDOWS_PX = (900, 1600, 2560)  # windows in which every panel must be readable
COLUMNS = 24  # of the grid
_GAP_PX = 8  # between panels
_FRAME_PX = 18  # a panel's own border and padding
_PAGE_PX = 48  # the page's padding and scroll bar
_MENU_PX = 300  # the menu at the side, which windows from _MENU_FROM_PX on have open
_MENU_FROM_PX = 1200
_CELL_PX = 7  # a cell's width in the narrowest window, its gap included

# (steps shorter than this many seconds, become this): Grafana's roundInterval
_ROUNDED_S = (
    *((1.5, 1), (3.5, 2), (7.5, 5), (12.5, 10), (17.5, 15), (25, 20), (45, 30)),
    *((90, 60), (210, 120), (450, 300), (750, 600), (1050, 900), (1500, 1200), (2700, 1800)),
    *((5400, 3600), (9000, 7200), (16_200, 10_800), (32_400, 21_600), (86_400, 43_200), (604_800, 86_400)),
)
_WEEK_S = 604_800


def width_px(columns: int, window_px: int) -> int:
    """How wide the inside of a panel of so many columns is in a window."""
    page = window_px - _PAGE_PX - (_MENU_PX if window_px >= _MENU_FROM_PX else 0)
    column = (page - (COLUMNS - 1) * _GAP_PX) / COLUMNS
    return int(columns * column + (columns - 1) * _GAP_PX - _FRAME_PX)


def most_points(columns: int) -> int:
    """`maxDataPoints` with which cells can be told apart in the narrowest window."""
    return width_px(columns, WINDOWS_PX[0]) // _CELL_PX


def step_s(range_s: float, points: int, scrape_interval_s: float) -> float:
    """The step that Grafana asks for: never shorter than a scrape, else rounded."""
    wanted = range_s / points
    if wanted < scrape_interval_s:
        return scrape_interval_s
    place = bisect.bisect_right([limit for limit, _ in _ROUNDED_S], wanted)
    return _ROUNDED_S[place][1] if place < len(_ROUNDED_S) else _WEEK_S


def points_asked(range_s: float, points: int, scrape_interval_s: float) -> int:
    """How many points a panel with this `maxDataPoints` gets over a range."""
    return int(range_s / step_s(range_s, points, scrape_interval_s)) + 1
