"""What `style` promises to those who write boards."""

import promql_parser as promql
import pytest

from dashboards import style
from dashboards.style import Text, query


def test_a_state_becomes_its_number():
    got = style.state_number("server_state", ("up", "down"), by="server", matchers='server=~"$server"')
    assert got == (
        'sum by (server) (server_state{server=~"$server", state="up"} * 1 '
        'or server_state{server=~"$server", state="down"} * 2)'
    )
    assert promql.parse(got)


def board(*panels):
    return style.Board("tidewatch-test", "Test", "For a test.", [style.window_variable()], [style.Row("Row", panels)])


def test_panels_and_queries_are_numbered_in_their_order():
    asked = (query("a"), query("b"))
    model = style.to_json(board(style.timeseries(Text("one", "."), *asked, unit="s"), style.text("two", "note")))
    assert [(panel["id"], panel["title"]) for panel in model["panels"]] == [(1, "Row"), (2, "one"), (3, "two")]
    assert [target["refId"] for target in model["panels"][1]["targets"]] == ["A", "B"]


def test_when_a_panel_may_be_empty_stands_in_its_description():
    [_, panel] = style.to_json(board(style.stat(Text("t", "What.", "no sale yet."), query("a"), unit="s")))["panels"]
    assert panel["description"] == "What.\n\nMay be empty: no sale yet."


@pytest.mark.parametrize("name", ["timeseries", "stat", "histogram", "heatmap"])
def test_every_kind_asks_the_chosen_data_source(name):
    [_, panel] = style.to_json(board(getattr(style, name)(Text("t", "."), query("a"), unit="s")))["panels"]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert [target["datasource"] for target in panel["targets"]] == [chosen]


def test_colours_and_looks_of_one_series_are_one_override():
    panel = style.timeseries(
        Text("t", "."), query("a"), unit="s", colours={"/^5/": "red", "sent": "green"}, looks={"sent": {"lineWidth": 3}}
    )
    overrides = style.to_json(board(panel))["panels"][1]["fieldConfig"]["overrides"]
    assert [(one["matcher"]["id"], one["matcher"]["options"], len(one["properties"])) for one in overrides] == [
        ("byRegexp", "/^5/", 1),
        ("byName", "sent", 2),
    ]


def test_a_column_opens_its_links_and_names_its_words():
    named = {"page": ("page", "red")}
    links = {"Open its board": f"/d/a?{style.KEPT}"}
    column = style.Column("System", states=named, opens=links)
    panel = style.table(Text("t", "."), query("a"), columns={"system": column}, sort=[("System", False)])
    found = {
        one["matcher"]["options"]: {part["id"]: part["value"] for part in one["properties"]}
        for one in style.to_json(board(panel))["panels"][1]["fieldConfig"]["overrides"]
    }
    [link] = found["System"]["links"]
    assert (link["title"], link["url"]) == ("Open its board", "/d/a?${__url_time_range}&${datasource:queryparam}")
    assert found["System"]["mappings"][0]["options"]["page"]["text"] == "page"
