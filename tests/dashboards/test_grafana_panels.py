"""Grafana's arithmetic for a board at a width, and what it says of the board's head."""

import msgspec
import pytest

from dashboards.grafana_api import DataFrame, DataSource, Result
from dashboards.grafana_panels import (
    Counted,
    chosen_source,
    counted,
    dropdown_fault,
    limit,
    panel_px,
    range_s,
    readable,
    source_of,
    unit,
    unit_fault,
)
from dashboards.model import GridPos, Panel
from dashboards.promql import step_s

ONE = DataSource("Aardvark", "prometheus", "a")
DEFAULT = DataSource("Prometheus", "prometheus", "p", is_default=True)
OTHER = DataSource("Alertmanager", "alertmanager", "am")
SOURCES = [ONE, OTHER, DEFAULT]


def frame(**columns):
    """A frame of Grafana's; a column's name begins with its type."""
    fields = [{"name": name, "type": name.partition("_")[0]} for name in columns]
    return msgspec.convert({"schema": {"fields": fields}, "data": {"values": list(columns.values())}}, DataFrame)


@pytest.mark.parametrize(
    ("since", "want"), [("now-30m", 1800), ("now-24h", 86400), ("now-7d/d", 604800), ("now-1M", 30 * 86400)]
)
def test_a_boards_time_is_read(since, want):
    assert range_s(since) == want


@pytest.mark.parametrize("since", ["now", "now/d", "2026-11-01", "now-", "now-x", "now-0s", ""])
def test_a_time_of_another_form_is_refused(since):
    with pytest.raises(ValueError, match=r"expected"):
        range_s(since)


@pytest.mark.parametrize("window_px", [900, 1280, 1600, 2560])
def test_the_panels_of_a_line_and_the_space_between_them_fill_the_window(window_px):
    for widths in ((24,), (12, 12), (8, 8, 8), (4,) * 6, (5, 7, 12)):
        filled = sum(panel_px(width, window_px) for width in widths) + 8 * (len(widths) - 1)
        assert abs(filled - (window_px - 32)) <= len(widths)


def test_only_a_status_history_is_refused_for_its_points():
    place = GridPos(w=24)
    assert limit(Panel(1, "status-history", grid_pos=place), 1600) == (1600 - 32 - 18) // 2
    assert limit(Panel(1, "state-timeline", grid_pos=place), 1600) is None


@pytest.mark.parametrize(
    ("range_s", "points", "least_s", "want"),
    [(1800, 1568, 2, 2), (86400, 2560, 2, 30), (1800, 120, 2, 15), (1800, 120, 60, 60), (60, 3000, 0.5, 1)],
)
def test_the_step_is_rounded_as_grafana_rounds_it(range_s, points, least_s, want):
    assert step_s(range_s, points, least_s) == want


def panel(kind, defaults=None, properties=(), **options):
    overrides = [{"matcher": {}, "properties": list(properties)}]
    return Panel(1, kind, field_config={"defaults": defaults or {}, "overrides": overrides}, options=options)


@pytest.mark.parametrize(
    ("shown", "want", "fault"),
    [
        (panel("timeseries", {"unit": "reqps"}), "reqps", ""),
        (panel("timeseries"), "", "no unit is set"),
        (panel("stat", properties=[{"id": "unit", "value": "s"}]), "s", ""),
        (panel("stat", {"mappings": [{"type": "value"}]}), "", ""),
        (panel("stat", textMode="name"), "", ""),
        (panel("heatmap", yAxis={"unit": "s"}), "s", ""),
        (panel("timeseries", yAxis={"unit": "s"}), "", "no unit is set"),
        (panel("text"), "", ""),
        (panel("state-timeline"), "", ""),
        (panel("table", {"unit": "string"}), "string", ""),
        (panel("table", properties=[{"id": "unit", "value": "s"}]), "s", ""),
        (panel("table", {"unit": "short"}), "short", "the unit 'short' is the default of all columns: "),
    ],
)
def test_a_number_has_a_unit_and_a_table_has_none_for_all_columns(shown, want, fault):
    assert unit(shown) == want
    assert unit_fault(shown).startswith(fault)
    assert bool(unit_fault(shown)) is bool(fault)


@pytest.mark.parametrize(
    ("results", "want"),
    [
        ({}, Counted(0, 0, 0)),
        ({"A": Result(frames=None)}, Counted(0, 0, 0)),
        ({"A": Result([frame(time=[1, 2, 3], number=[1, None, 2])])}, Counted(1, 2, 3)),
        ({"A": Result([frame(time=[1, 2], number=[1, 1]), frame(time=[2, 3], number=[1, 1])])}, Counted(2, 4, 3)),
        ({"A": Result([frame(time=[1, 2], number_a=[1, 1], number_b=[1, None])])}, Counted(2, 3, 2)),
        ({"A": Result([frame(time=[5, 5], string=["a", "b"], number=[1, None])])}, Counted(2, 1, 2)),
        ({"A": Result([frame(time=[], number=[])])}, Counted(1, 0, 0)),
    ],
)
def test_series_samples_and_instants_are_counted(results, want):
    assert counted(results) == want


def test_a_table_of_prometheus_has_a_row_a_series():
    instant = Result([frame(time=[9], number=[1]), frame(time=[9], number=[2])])
    assert counted({"A": instant}, rows=True) == Counted(2, 2, 2)


@pytest.mark.parametrize(
    ("links", "fault"),
    [
        ([{"type": "dashboards", "tags": ["a"]}], ""),
        ([{"type": "dashboards", "placement": ""}], ""),
        ([{"type": "dashboards", "placement": "inControlsMenu"}], "placement 'inControlsMenu'"),
        ([{"type": "link", "url": "/"}], "none"),
        ([], "none"),
        (None, "none"),
    ],
)
def test_the_list_of_boards_is_there_in_every_version(links, fault):
    assert dropdown_fault({"links": links}).startswith(fault)
    assert bool(dropdown_fault({"links": links})) is bool(fault)


def with_variable(**current):
    variable = {"type": "datasource", "name": "datasource", "query": "prometheus", **current}
    return {"templating": {"list": [{"type": "custom", "name": "other"}, variable]}}


@pytest.mark.parametrize(
    ("dashboard", "want"),
    [
        (with_variable(), ONE),
        (with_variable(current={"value": "default"}), DEFAULT),
        (with_variable(current={"value": "p"}), DEFAULT),
        (with_variable(current={"value": "Prometheus"}), DEFAULT),
        (with_variable(current={"value": "gone"}), ONE),
        (with_variable(current={}), ONE),
        ({}, None),
        ({"templating": {"list": None}}, None),
    ],
)
def test_a_board_opens_with_its_own_choice_else_the_first_by_name(dashboard, want):
    assert chosen_source(dashboard, "datasource", SOURCES) is want


@pytest.mark.parametrize(
    ("ref", "want"),
    [
        (None, DEFAULT),
        ({"type": "prometheus", "uid": "a"}, ONE),
        ("Aardvark", ONE),
        ({"uid": "${datasource}"}, ONE),
        ("$datasource", ONE),
        ({"uid": "gone"}, None),
        ({"uid": "$gone"}, None),
    ],
)
def test_a_panels_data_source_is_found(ref, want):
    assert source_of(ref, with_variable(), SOURCES) is want


def test_other_peoples_boards_are_read_as_far_as_they_are_promql():
    loki = {"refId": "A", "queryType": "range", "query": "{}"}
    hidden = {"refId": "B", "expr": "x", "hide": True}
    asked = {"refId": "C", "expr": "y"}
    inner = {"id": 2, "type": "timeseries", "targets": [loki, asked], "title": None, "maxDataPoints": None}
    row = {"id": 1, "type": "row", "panels": [inner], "targets": None}
    board = readable({"uid": "b", "title": "B", "panels": [row, {**inner, "id": 3, "targets": [hidden]}]})
    assert [[target.expr for target in one.targets] for one in board.every_panel()] == [[], ["y"], []]
