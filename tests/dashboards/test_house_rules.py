"""What Grafana would show wrongly or not at all, and no board may have: each rule is a fault that was seen once."""

import re
from typing import Any

import promql_parser as promql
import pytest
from board_files import PANELS, RAW, SYSTEMS, defaults, exprs, of_kind, offenders, overrides

from dashboards import model, style
from dashboards.promql import step_s
from dashboards.resolution import WINDOWS_PX, most_points, points_asked, width_px

DETAILS = {  # label of a series to the variable that chooses one of its values
    "route": "route",
    "account_id": "account",
    "server": "server",
    "store_id": "store",
    "code": "code",
}
RANGES_S = (300, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 30 * 86_400, 90 * 86_400)
OF_GRAFANA = {"transparent", "dark-orange", "rgba(255,0,255,0.7)"}  # no line; fills and marks that are not shown
TOLD = ("timeseries", "stat", "gauge", "bargauge", "state-timeline", "status-history", "table")


def links_of(panel):
    """Every link of the panel, its series, rows and cells."""
    of_cells = [link for settings in overrides(panel).values() for link in settings.get("links", [])]
    return [*panel.get("links", []), *defaults(panel).get("links", []), *of_cells]


def colours(node):
    """Every colour that a board's JSON names."""
    if isinstance(node, dict):
        named = [value for key, value in node.items() if key in {"color", "fixedColor", "iconColor"}]
        yield from (value for value in named if isinstance(value, str))
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from colours(child)


def mapped(panel):
    """(what is shown, its colour) of every mapping of values."""
    found = [defaults(panel).get("mappings", [])]
    found += [settings.get("mappings", []) for settings in overrides(panel).values()]
    for mapping in (one for mappings in found for one in mappings):
        options = mapping["options"]
        results = options.values() if mapping["type"] == "value" else [options["result"]]
        yield from ((result["text"], result["color"]) for result in results)


@pytest.mark.parametrize("uid", sorted(RAW))
def test_marks_are_few_however_many_series_there_are(uid):
    """Pages of the board's own system, where each name begins to fire."""
    for one in RAW[uid].get("annotations", {}).get("list", []):
        tree: Any = promql.parse(one["expr"].replace("$__interval", "1m"))
        assert str(tree.op) == "unless"
        for side in (tree.lhs, tree.rhs):
            assert side.modifier.labels == ["alertname"]
            matchers = {matcher.name: matcher.value for matcher in side.expr.matchers.matchers}
            assert matchers["severity"] == "page"
            assert matchers["system"] == uid.removeprefix("tidewatch-")
        assert one["expr"].count("offset $__interval") == 1


@pytest.mark.parametrize(("uid", "panel"), of_kind("status-history", "heatmap"))
@pytest.mark.parametrize("window_px", WINDOWS_PX)
def test_cells_fit_their_panel(uid, panel, window_px):
    """Grafana draws no status history of more points than half its pixels."""
    wide = width_px(panel["gridPos"]["w"], window_px)
    most = max(
        points_asked(range_s, panel["maxDataPoints"], scrape_s) for range_s in RANGES_S for scrape_s in (1, 2, 15, 60)
    )
    assert most <= wide / 2


def test_grafanas_steps():
    """Its own table: how it rounds, and that it never asks for less than a scrape."""
    asked = {
        (300, 120): 2,
        (1800, 120): 15,
        (3600, 120): 30,
        (21_600, 120): 120,
        (86_400, 120): 600,
        (604_800, 120): 3600,
    }
    assert {key: step_s(*key, 2) for key in asked} == asked
    assert step_s(300, 120, 15) == 15
    assert step_s(90 * 86_400, 1, 15) == 365 * 86_400
    assert step_s(45 * 120, 120, 1) == 30, "a step on the border is the shorter one"
    assert points_asked(1800, 120, 2) == 121


@pytest.mark.parametrize("columns", range(1, 25))
def test_a_panel_grows_with_its_window_and_its_points_with_it(columns):
    wide = [width_px(columns, window_px) for window_px in WINDOWS_PX]
    assert wide == sorted(wide)
    assert most_points(columns) <= wide[0] / 4


def test_state_timelines_are_not_coloured_by_thresholds():
    """They would be merged by thresholds, without the names of their states."""
    assert offenders(["state-timeline"], lambda panel: defaults(panel)["color"]["mode"] == "thresholds") == []
    assert offenders(["state-timeline", "status-history"], lambda panel: not list(mapped(panel))) == []


def test_bands_have_no_pages():
    """Grafana's own 20 to a page takes the room of two bands for the number 1."""
    assert offenders(["state-timeline", "status-history"], lambda panel: panel["options"].get("perPage") != 0) == []


def test_what_is_not_known_is_no_state_of_a_legend():
    """A text for no value becomes a state of its own there, in a colour of the palette."""
    assert offenders(["state-timeline", "status-history"], lambda panel: "noValue" in defaults(panel)) == []


@pytest.mark.parametrize(("uid", "panel"), of_kind("timeseries", "heatmap", "bargauge", "table"))
def test_an_empty_panel_says_why(uid, panel):
    why = panel["description"].partition(model.MAY_BE_EMPTY)[2]
    assert defaults(panel)["noValue"] == (why or "no data")


def test_a_quantile_of_nothing_is_not_drawn():
    """Not a number is a value: Grafana would draw an empty panel, and not say why."""
    every = [expr for _, panel in PANELS for expr in exprs(panel) if "histogram_quantile(" in expr]
    assert every
    assert [expr for expr in every if expr.count("histogram_quantile(") != expr.count(" >= 0")] == []


def test_identifiers_in_tables_are_no_amounts():
    """A unit formats what looks like a number, so that store 118000000 was "118 Mil"."""

    def wrong(panel):
        _, arranged = panel["transformations"][-2:]
        headings = arranged["options"]["renameByName"]
        labels = [heading for name, heading in headings.items() if not name.startswith("Value")]
        return [heading for heading in labels if overrides(panel)[heading].get("unit") != "string"]

    assert offenders(["table"], lambda panel: "unit" in defaults(panel)) == []
    assert offenders(["table"], wrong) == []


def test_links_carry_variables_that_mean_the_same_on_every_board():
    meant = {}
    for raw in RAW.values():
        for one in raw["templating"]["list"]:
            label = re.sub(r".*, *(\w+)\)$", r"\1", one["query"]) if one["type"] == "query" else one["query"]
            meant.setdefault(one["name"], set()).add((one["type"], label, one["label"]))
    assert {name: what for name, what in meant.items() if len(what) > 1} == {}


def test_what_is_not_known_is_grey():
    def wrong(panel):
        return ("no data", style.ABSENT) not in list(mapped(panel))

    assert offenders(["stat", "gauge", "bargauge"], wrong) == []


def test_links_stand_where_every_version_shows_them():
    for raw in RAW.values():
        placed = [*raw["links"], *raw.get("annotations", {}).get("list", [])]
        placed += [link for panel in raw["panels"] if panel["type"] != "row" for link in links_of(panel)]
        assert [one for one in placed if "placement" in one] == []


def test_heatmaps_read_in_both_themes():
    """One hue, turned over by Grafana in the dark theme; and no more rows than can be told apart."""
    one_hue = {"Blues", "Greens", "Greys", "Oranges", "Purples", "Reds"}
    assert offenders(["heatmap"], lambda panel: panel["options"]["color"]["scheme"] not in one_hue) == []
    by_series = [
        expr for _, panel in PANELS if panel["type"] == "heatmap" for expr in exprs(panel) if "(le)" not in expr
    ]
    assert [expr for expr in by_series if not re.search(r"topk\(20,", expr)] == []


def test_tables_begin_with_what_matters_and_colour_it():
    assert offenders(["table"], lambda panel: not panel["options"]["sortBy"]) == []

    def plain(panel):
        return "Value" in str(panel["transformations"]) and not any(
            "mappings" in one for one in overrides(panel).values()
        )

    assert offenders(["table"], plain) == []


@pytest.mark.parametrize("uid", sorted(uid for uid in RAW if uid.removeprefix("tidewatch-") in SYSTEMS))
def test_every_board_begins_with_its_alerts(uid):
    heading, count, table, course = RAW[uid]["panels"][:4]
    assert [one["id"] for one in (heading, count, table, course)] == list(style.HEAD_IDS)
    counted = re.match(r"count\((?P<firing>max by .*\))\) or 0", exprs(count)[0])
    rows = re.match(r"max by \((?P<labels>.*?)\) \((?P<series>ALERTS.*)\)", counted["firing"])
    by_severity, age = exprs(table)
    assert f"by ({rows['labels']})" in by_severity
    assert f"by ({rows['labels']})" in age, "the stat counts the rows of the table"
    assert rows["series"] in age
    assert f'system="{uid.removeprefix("tidewatch-")}"' in rows["series"]
    shown = overrides(table)
    assert {"Severity", "Alert", "For"} < shown.keys()
    assert shown["Alert"]["links"][0]["url"].startswith("${runbooks}#")
    assert course["type"] == "state-timeline"


@pytest.mark.parametrize("uid", sorted(RAW))
def test_every_board_leads_to_its_siblings_and_to_runbooks(uid):
    links = {link["title"]: link for link in RAW[uid]["links"]}
    assert links["Tidewatch"]["tags"] == ["tidewatch"]
    assert links["Tidewatch"]["keepTime"]
    of_panels = {link["title"]: link["url"] for panel in RAW[uid]["panels"] for link in panel.get("links") or []}
    assert of_panels["Runbooks"] == "${runbooks}"
    choices = [one["name"] for one in RAW[uid]["templating"]["list"] if one.get("includeAll")]
    back = links["Show all"]["url"] if choices else ""
    assert [name for name in choices if f"var-{name}=%24__all" not in back] == []


def test_links_name_no_host():
    """So that they work in anybody's Grafana; where runbooks are is one constant of a board."""
    urls = [link["url"] for _, panel in PANELS for link in links_of(panel)]
    urls += [link["url"] for raw in RAW.values() for link in raw["links"] if "url" in link]
    assert urls
    assert [url for url in urls if not url.startswith(("/d/", "${runbooks}"))] == []
    of_any_system = {"tidewatch-${__value.raw}", "${__value.raw}"}  # by a cell of a table
    assert {
        url.split("?")[0].removeprefix("/d/") for url in urls if url.startswith("/d/")
    } <= RAW.keys() | of_any_system


def test_a_figure_honours_every_choice():
    """What the exporter has summed over accounts cannot be asked for one of them."""
    for uid, raw in RAW.items():
        names = {one["name"] for one in raw["templating"]["list"]}
        summed = re.compile("|".join(rf"tidewatch_\w+_{name}s\b" for name in sorted(names & {"account"})) or r"\Z.")
        assert [
            expr for panel in raw["panels"] for expr in map(str, panel.get("targets", [])) if summed.search(expr)
        ] == [], uid


@pytest.mark.parametrize(("uid", "panel"), of_kind(*TOLD, "heatmap"))
def test_a_series_leads_to_its_detail(uid, panel):
    """A line, band, bar or row of one route, account, server, store or code; and the board can show all again."""
    choices = {one["name"] for one in RAW[uid]["templating"]["list"]}
    if panel["type"] == "table":
        labels = set(panel["transformations"][-1]["options"]["renameByName"])
    else:
        labels = {
            label for target in panel["targets"] for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))
        }
    wanted = {DETAILS[label] for label in labels & DETAILS.keys()} & choices
    led = {name for link in links_of(panel) for name in re.findall(r"var-(\w+)=", link["url"])}
    assert bool(wanted & led) == bool(wanted)


def test_the_data_source_is_at_first_the_default_one():
    """Of two, Grafana would take the first by name."""
    for raw in RAW.values():
        assert raw["templating"]["list"][0]["current"] == {"selected": True, "text": "default", "value": "default"}


def test_legends_fit():
    """A table at the right of a wide panel; a line below a narrow one."""

    def wrong(panel):
        legend = panel["options"]["legend"]
        shown = (legend["displayMode"], legend["placement"], legend["calcs"])
        narrow = ("list", "bottom", ["lastNotNull"])
        return shown != (narrow if panel["gridPos"]["w"] < 12 else ("table", "right", ["lastNotNull", "max"]))

    assert offenders(["timeseries"], wrong) == []


def test_a_lone_value_is_drawn():
    """Of a range of a month there may be one; without points its panel has a legend, axes and no line."""

    def hidden(panel):
        return defaults(panel)["custom"]["showPoints"] != "auto"

    assert offenders(["timeseries"], hidden) == []


PEAKS = ["Evidence", "Onset"]  # what rose, though it fell since


def test_the_line_that_matters_is_in_sight():
    """A legend shows the first ten rows: what is high at the end, and where an alarm is looked for, what was high."""
    found = {
        panel["title"]: panel["options"]["legend"]["sortBy"]
        for _, panel in PANELS
        if panel["type"] == "timeseries" and panel["options"]["legend"]["displayMode"] == "table"
    }
    assert {title for title, first in found.items() if first == "Max"} == set(PEAKS)
    assert set(found.values()) == {"Max", "Last *"}


def test_no_line_runs_through_a_figure():
    assert offenders(["stat"], lambda panel: panel["options"]["graphMode"] != "none") == []


def test_an_axis_of_nothing_does_not_reach_a_hundred():
    """Its soft end is above; where a share is of a whole the axis is all of it, and beside a soft end would not be."""

    def wrong(panel):
        return bool(defaults(panel)["custom"].get("axisSoftMax")) == ("max" in defaults(panel))

    assert offenders(["timeseries"], wrong) == []


@pytest.mark.parametrize("uid", sorted(RAW))
def test_no_row_is_half_empty(uid):
    panels = [panel["gridPos"] for panel in RAW[uid]["panels"]]
    cells = {
        (x, y) for at in panels for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    }
    assert len(cells) == 24 * len({y for _, y in cells})


def test_units_are_what_a_person_says():
    """No 1.67 hours of downtime, no fractions of a second's age, no operations where rows or files are counted."""
    age = re.compile(r"\bage\b|last (?:line|record|new polls)", re.IGNORECASE)
    ages = [panel for _, panel in PANELS if panel["type"] == "stat" and age.search(panel["title"])]
    assert ages
    assert {defaults(panel)["decimals"] for panel in ages} == {0}
    assert offenders(TOLD, lambda panel: defaults(panel).get("unit") == "ops") == []
    downtimes = [panel for _, panel in PANELS if "downtime" in panel["title"].lower()]
    assert {defaults(panel)["unit"] for panel in downtimes} == {"suffix:min"}


def test_codes_are_in_the_order_of_their_numbers():
    rows = [
        (panel["title"], expr)
        for _, panel in PANELS
        if panel["type"] in {"status-history", "heatmap"}
        for expr in exprs(panel)
    ]
    by_code = [(title, expr) for title, expr in rows if "code)" in expr]
    assert by_code
    assert [title for title, expr in by_code if '"_order"' not in expr] == []


def test_a_colour_means_one_thing():
    """Of the one palette; and what is named has the same colour wherever it is named."""
    assert {colour for raw in RAW.values() for colour in colours(raw)} - style.PALETTE <= OF_GRAFANA
    named = {}
    for _, panel in PANELS:
        for text, colour in mapped(panel):
            named.setdefault(text, set()).add(colour)
        for name, settings in overrides(panel).items():
            if "fixedColor" in settings.get("color", {}):
                named.setdefault(name, set()).add(settings["color"]["fixedColor"])
    assert {name: found for name, found in named.items() if len(found) > 1} == {}


def test_limits_are_lines():
    """A rule's threshold is on the axis, not only in the text."""
    drawn = {
        panel["title"]
        for _, panel in PANELS
        if panel["type"] == "timeseries"
        and defaults(panel)["custom"].get("thresholdsStyle", {}).get("mode") == "dashed"
    }
    assert {"Workload", "Burn rate", "Time a report takes", "Generator saturated"} <= drawn


@pytest.mark.parametrize(("uid", "panel"), of_kind("table"))
def test_a_cell_without_a_value_does_not_read_as_a_table_without_rows(uid, panel):
    """Grafana gives both the text of the panel, such as "nothing is wrong.", unless the column has its own."""
    own = [{one["id"]: one["value"] for one in each["properties"]} for each in panel["fieldConfig"]["overrides"]]
    assert [each.get("noValue") for each in own] == ["-"] * len(own)


def test_a_figure_is_of_the_end_of_the_range():
    """The last value of a range is shown for as long as the range is, also where nothing is measured any more."""
    asked = [target["instant"] for _, panel in PANELS if panel["type"] == "stat" for target in panel["targets"]]
    assert asked
    assert all(asked)


def test_a_single_bar_is_no_block():
    """Grafana takes the greatest height of a bar only where bars are sized by hand."""
    assert offenders(["bargauge"], lambda panel: panel["options"]["sizing"] != "manual") == []
    assert offenders(["bargauge"], lambda panel: panel["options"]["maxVizHeight"] > 48) == []


def test_nothing_is_not_a_good_figure():
    """A 0 that stands for no series at all is green where nobody is asked any more."""
    asked = [(panel["title"], expr) for _, panel in PANELS if panel["type"] == "stat" for expr in exprs(panel)]
    assert [title for title, expr in asked if expr.endswith("or vector(0)")] == []


def test_an_age_is_not_below_zero():
    """A scrape that takes its time gives values that are newer than itself; "-529 ms" is no age of a record."""
    since = re.compile(r"(clamp_min\()?time\(\) - .{0,24}[a-z_]+_timestamp_seconds")
    ages = [(panel["title"], expr) for _, panel in PANELS for expr in exprs(panel) if since.match(expr)]
    assert len(ages) > 5
    assert [title for title, expr in ages if not expr.startswith("clamp_min(time() - (")] == []


def test_reasons_are_those_that_there_were():
    """A panel that says to be empty where nothing happened has no line at 0 for each of seven reasons."""
    asked = [
        (panel["title"], target["expr"])
        for _, panel in PANELS
        if panel["type"] == "timeseries"
        for target in panel["targets"]
        if re.search("{{(reason|cause)}}", target["legendFormat"])
    ]
    assert asked
    assert [title for title, expr in asked if "[$__range] @ end()" not in expr] == []


def test_a_panel_can_be_as_empty_as_it_says():
    """One query that is 0 where nothing happened, and nobody ever reads that nothing happened."""
    asked = [
        (panel["title"], expr)
        for _, panel in PANELS
        if panel["type"] == "timeseries" and panel["description"].partition(model.MAY_BE_EMPTY)[2].endswith("range.")
        for expr in exprs(panel)
    ]
    assert len(asked) > 5
    assert [title for title, expr in asked if not ("[$__range] @ end()" in expr or expr.endswith("> 0"))] == []
