"""Every board, held to the rules of Grafana's dashboard-linter and to the catalogue of metrics."""

import json
import re
from collections.abc import Iterator

import promql_parser as promql
import pytest

from alerts.rulefiles import every_rule
from dashboards import build, model
from dashboards.promql import as_text, built_in, span, substitute
from exporter.catalogue import every_metric

BOARDS = model.load(build.JSON_DIR)
RAW = {path.stem: json.loads(path.read_text()) for path in build.JSON_DIR.glob("*.json")}
PANELS = [
    pytest.param(board, panel, id=f"{board.uid}-{panel.title}")
    for board in BOARDS.values()
    for panel in board.every_panel()
    if panel.type not in {"row", "text"}
]
TARGETS = [
    pytest.param(board, panel, target, id=f"{board.uid}-{panel.title}-{target.ref_id}")
    for board in BOARDS.values()
    for panel in board.every_panel()
    for target in panel.targets
]
KINDS = {
    *("timeseries", "stat", "gauge", "bargauge", "table", "text", "row"),
    *("state-timeline", "status-history", "heatmap", "histogram"),
}
CATALOGUE = {metric.name: metric for metric in every_metric()}
OURS_ELSEWHERE = ("timeserver_", "trafficgen_")
FOREIGN = {  # what Prometheus makes itself, and what every client library tells of its process
    "up": {"job", "instance"},
    "scrape_duration_seconds": {"job", "instance"},
    "scrape_samples_scraped": {"job", "instance"},
    "process_cpu_seconds_total": {"job", "instance"},
    "process_resident_memory_bytes": {"job", "instance"},
    "prometheus_notifications_alertmanagers_discovered": set(),
    "prometheus_target_interval_length_seconds": set(),
    "ALERTS": {"source", "job", "instance", "account_id", "server", "store_id", "candidate", "code"},
    "ALERTS_FOR_STATE": {"source", "job", "instance", "account_id", "server", "store_id", "candidate", "code"},
}
RECORDED = {rule.record for rule in every_rule() if rule.record}
COUNTER_SUFFIXES = ("_total", "_bucket", "_count", "_sum")
COUNTER_FUNCTIONS = {"rate", "increase", "irate"}
FIXED = {"1h": "hour", "10s": "10 s", "1m": "1 min", "10m": "10 min"}
"""Ranges that nobody chooses, and what the panel says of them."""


def parsed(board: model.Board, expr: str) -> promql.Expr:
    """The query as Grafana asks it when the board opens."""
    first = {variable.name: as_text(variable, [variable.first]) for variable in board.variables}
    return promql.parse(substitute(expr, {**built_in(span(1e9, 3600, 600, 2), 2), **first}))


def nodes(expr: promql.Expr, *, summed: bool = False) -> Iterator[tuple[promql.Expr, bool]]:
    """Every node below, each with whether an aggregation stands above it."""
    yield expr, summed
    below = summed or isinstance(expr, promql.AggregateExpr)
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if isinstance(child := getattr(expr, name, None), promql.Expr):
            yield from nodes(child, summed=below)
    for child in getattr(expr, "args", []):
        yield from nodes(child, summed=below)


def selectors(expr: promql.Expr) -> list[promql.VectorSelector]:
    return [node for node, _ in nodes(expr) if isinstance(node, promql.VectorSelector)]


def named(selector: promql.VectorSelector) -> list[str]:
    """The metric, or the recordings that the regex of its name stands for."""
    by_name = [matcher.value for matcher in selector.matchers.matchers if matcher.name == "__name__"]
    return [selector.name] if selector.name else [name for name in RECORDED if re.fullmatch(by_name[0], name)]


def is_of_rules(selector: promql.VectorSelector) -> bool:
    """Whether it selects metrics that the user's rules have named, by a choice: all but the exporter's own."""
    return any(one.name == "__name__" and one.value == "tidewatch_.+" for one in selector.matchers.matchers)


def labels_of(name: str) -> set[str]:
    """The labels that a metric is known to have; a recording's name begins with them."""
    if name in RECORDED:
        return set(name.partition(":")[0].split("_"))
    base = next((name.removesuffix(end) for end in ("_bucket", "_count", "_sum") if name.endswith(end)), name)
    declared = CATALOGUE.get(name) or CATALOGUE.get(base)
    return set(declared.labels) if declared else FOREIGN.get(name, set())


def test_the_two_boards_of_the_main_circle_exist():
    assert {"tidewatch-site", "tidewatch-itself"} <= BOARDS.keys()


def test_uids_are_told_apart_and_are_the_file_names():
    assert sorted(BOARDS) == sorted(RAW)
    assert all(uid.startswith("tidewatch-") or uid == "tidewatch" for uid in BOARDS)


@pytest.mark.parametrize("uid", sorted(RAW))
def test_a_board_is_read_only_tagged_and_templated(uid):
    raw = RAW[uid]
    variables = raw["templating"]["list"]
    assert raw["editable"] is False
    assert raw["tags"] == ["tidewatch"]
    assert variables[0]["type"] == "datasource"
    assert (variables[0]["name"], variables[0]["label"]) == ("datasource", "Data source")
    assert [
        variable["name"] for variable in variables if variable["type"] == "query" and variable["refresh"] != 2
    ] == []
    assert [link["tags"] for link in raw["links"] if link["type"] == "dashboards"] == [["tidewatch"]]


@pytest.mark.parametrize("uid", sorted(RAW))
def test_panel_ids_are_unique_and_no_panel_covers_another(uid):
    panels = list(BOARDS[uid].every_panel())
    cells = [
        (panel.grid_pos.x + dx, panel.grid_pos.y + dy)
        for panel in panels
        for dx in range(panel.grid_pos.w)
        for dy in range(panel.grid_pos.h)
    ]
    assert len({panel.id for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_has_title_description_unit_datasource_and_queries(board, panel):
    raw = next(one for one in RAW[board.uid]["panels"] if one["id"] == panel.id)
    assert panel.type in KINDS
    assert panel.title
    assert len(panel.description.split()) >= 6
    assert panel.type == "table" or panel.field_config["defaults"]["unit"]
    assert raw["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert [target.ref_id for target in panel.targets] == list("ABCDEFGH"[: len(panel.targets)])
    assert panel.targets


@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_a_query_is_promql_over_known_metrics(board, panel, target):
    for selector in selectors(parsed(board, target.expr)):
        assert named(selector) or is_of_rules(selector), selector
        for name in named(selector):
            known = labels_of(name) or name in FOREIGN or name in CATALOGUE
            assert known or name.startswith(OURS_ELSEWHERE), name


@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_metrics_chosen_by_name_are_those_of_rules_alone(board, panel, target):
    """With all of them chosen, the names match whatever Prometheus has."""
    chosen = [one for one in selectors(parsed(board, target.expr)) if is_of_rules(one)]
    assert target.expr.count("and on (source, metric) tidewatch_logs_series") == len(chosen)


@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_a_query_honours_the_choices_of_the_reader(board, panel, target):
    """A metric that has the label of a variable is selected by that variable, unless its panel says "of all routes"."""
    offered = {variable.label_values[1]: variable.name for variable in board.variables if variable.label_values}
    for selector in selectors(parsed(board, target.expr)):
        labels = {label for name in named(selector) for label in labels_of(name)}
        wanted = {offered[label] for label in labels & offered.keys()}
        wanted -= {name for name in wanted if f"of all {name}s" in panel.description}
        assert wanted <= set(re.findall(r"\$\{?(\w+)", target.expr)), selector.name


@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_rates_are_of_counters_are_aggregated_and_follow_the_resolution(board, panel, target):
    for node, summed in nodes(parsed(board, target.expr)):
        if isinstance(node, promql.Call) and node.func.name in COUNTER_FUNCTIONS:
            [range_selector] = node.args
            if isinstance(range_selector, promql.SubqueryExpr):  # a rate of what has its name as a label
                assert all(map(is_of_rules, selectors(range_selector)))
                continue
            assert range_selector.vector_selector.name.endswith(COUNTER_SUFFIXES)
            assert summed, "rate first, then an aggregation that names the labels kept"
    ranges = set(re.findall(r"\[(\$\w+|\d+[smhdwy])\]", target.expr)) - {"$window", "$__rate_interval", "$__range"}
    assert ranges <= FIXED.keys()
    assert [text for text in map(FIXED.get, ranges) if text not in panel.title + panel.description] == []


@pytest.mark.parametrize("uid", sorted(BOARDS))
def test_variables_ask_for_labels_of_known_metrics(uid):
    board = BOARDS[uid]
    for variable in board.variables:
        assert variable.label, variable.name
        if variable.type == "query":
            assert variable.label_values is not None, variable.query
            assert parsed(board, variable.label_values[0])
        else:
            assert variable.first in {option.value for option in variable.options}


@pytest.mark.parametrize("name", ["rate(x)", "sum by (x) rate(a[5m])", "holt_winters(a[5m], 0.1, 0.1"])
def test_the_parser_refuses_what_prometheus_would(name):
    with pytest.raises(ValueError):
        promql.parse(name)


def test_the_stores_board_shows_every_reason_why_hours_and_zones_are_not_known():
    """What the exporter counts of stores without hours or zone, or with such as cannot be read."""
    [panel] = [panel for panel in BOARDS["tidewatch-stores"].every_panel() if panel.title == "Hours and zones"]
    shown = {re.search(r'reason="(\w+)"', target.expr)[1] for target in panel.targets}
    assert shown == {"timezone_missing", "timezone_unknown", "hours_missing", "hours_unknown"}
