"""How many points a panel can show, and how many it gets: Grafana's widths, over its steps. Pure.

Grafana draws no status history with more points than half its pixels, and cells of a heatmap that are thinner than a
few pixels run together. It asks for the range over `maxDataPoints` and rounds that step to a usual length, often
downwards, so that up to twice as many points come back.
"""

from dashboards.promql import step_s

WINDOWS_PX = (900, 1600, 2560)  # windows in which every panel must be readable
COLUMNS = 24  # of the grid
FRAME_PX = 18  # a panel's own border and padding
_GAP_PX = 8  # between panels
_PAGE_PX = 48  # the page's padding and scroll bar
_MENU_PX = 300  # the menu at the side, which windows from _MENU_FROM_PX on have open
_MENU_FROM_PX = 1200
_CELL_PX = 7  # a cell's width in the narrowest window, its gap included


def panel_px(columns: int, grid_px: int) -> float:
    """The width of a panel of this many columns, in a grid of that width."""
    return (columns / COLUMNS) * (grid_px + _GAP_PX) - _GAP_PX


def width_px(columns: int, window_px: int) -> int:
    """The inner width of a panel of this many columns in a window, with the menu open where there is room."""
    grid_px = window_px - _PAGE_PX - (_MENU_PX if window_px >= _MENU_FROM_PX else 0)
    return int(panel_px(columns, grid_px)) - FRAME_PX


def most_points(columns: int) -> int:
    """`maxDataPoints` with which cells can be distinguished in the narrowest window."""
    return width_px(columns, WINDOWS_PX[0]) // _CELL_PX


def points_asked(range_s: float, points: int, scrape_interval_s: float) -> int:
    """How many points a panel with this `maxDataPoints` gets over a range."""
    return int(range_s / step_s(range_s, points, scrape_interval_s)) + 1
