"""How every board looks: the house defaults, and the only package that touches the Grafana Foundation SDK.

A board module says what is asked (`style.timeseries(style.Text("Requests by route", ...), style.query(...))`); what a
panel looks like, which datasource it asks and how ids are given is decided here. The JSON is Grafana's classic
dashboard model (v1); the preview page reads the same files.
"""

from dashboards.style.board import TAG, Board, Row, rendered, round_trip, to_json
from dashboards.style.fields import CODE_COLOURS, GOOD_BAD, PanelBuilder, States, Steps, Text
from dashboards.style.panels import (
    bargauge,
    gauge,
    heatmap,
    histogram,
    stat,
    state_timeline,
    status_history,
    table,
    text,
    timeseries,
)
from dashboards.style.queries import (
    ALL,
    KEPT,
    Query,
    Variable,
    choice_variable,
    label_variable,
    query,
    state_number,
    window_variable,
)

__all__ = [
    "ALL",
    "CODE_COLOURS",
    "GOOD_BAD",
    "KEPT",
    "TAG",
    "Board",
    "PanelBuilder",
    "Query",
    "Row",
    "States",
    "Steps",
    "Text",
    "Variable",
    "bargauge",
    "choice_variable",
    "gauge",
    "heatmap",
    "histogram",
    "label_variable",
    "query",
    "rendered",
    "round_trip",
    "stat",
    "state_number",
    "state_timeline",
    "status_history",
    "table",
    "text",
    "timeseries",
    "to_json",
    "window_variable",
]
