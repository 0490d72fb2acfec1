"""Words fit the room that Grafana gives them: titles, names, columns of tables and controls, in small windows."""

import pytest
from board_files import PANELS, RAW, SYSTEMS, offenders, overrides

from alerts.rulefiles import every_alert
from dashboards import style
from dashboards.resolution import panel_px, width_px
from dashboards.systems import SYSTEMS as TITLED

TITLES = [system.title for system in TITLED]


def letters_px(words):
    """About how wide words are in the letters of a panel's title."""
    narrow, wide = "iljtrf.,:; ", "mwMW"
    return sum(4.7 if one in narrow else 11.5 if one in wide else 9 if one.isupper() else 7.9 for one in words)


def test_titles_fit_a_small_window():
    """With the menu open, where Grafana takes 54 pixels of a title's room for signs."""

    def cut(panel):
        return letters_px(panel["title"]) > width_px(panel["gridPos"]["w"], 1280) - 54

    assert [(uid, panel["title"]) for uid, panel in PANELS if cut(panel)] == []


def test_names_of_bars_fit():
    """Grafana measures the first of the longest in letters of 12 pixels, whatever their size is."""
    assert offenders(["bargauge"], lambda panel: panel["options"]["text"]["titleSize"] > 11) == []


def test_names_of_alerts_are_not_cut():
    """In a cut one nobody sees which alert it is."""
    rooms = [room_px(panel, "Alert") for _, panel in PANELS if "Alert" in overrides(panel)]
    assert rooms
    assert min(rooms) > 50 + letters_px("ReleaseCodeIncreasedOverall")  # larger letters than a title's, and borders


def room_px(panel, heading):
    """What a column of a table has at least."""
    return overrides(panel)[heading].get("custom.width") or overrides(panel)[heading]["custom.minWidth"]


def test_the_names_of_systems_are_not_cut():
    shown = [
        room_px(panel, heading)
        for _, panel in PANELS
        for heading, settings in overrides(panel).items()
        if panel["type"] == "table" and "Load generator" in str(settings.get("mappings"))
    ]
    assert shown
    assert min(shown) >= 16 + max(map(letters_px, TITLES))


@pytest.mark.parametrize("uid", sorted(uid for uid in RAW if uid.removeprefix("tidewatch-") in SYSTEMS))
def test_what_fires_can_be_read_in_a_small_window(uid):
    """Its name, for how long, and all that tells it from others, without the menu."""
    [table] = [panel for panel in RAW[uid]["panels"] if panel["id"] == style.HEAD_IDS[2]]
    rooms = {heading: room_px(table, heading) for heading in overrides(table)}
    assert sum(rooms.values()) <= panel_px(table["gridPos"]["w"], 1232) - 18
    assert rooms.get("Service level", 999) > 20 + letters_px("hosting-availability")


def test_what_an_alert_is_about_can_be_read_in_a_small_window():
    """On the boards of several systems it is one column, which gets what the others leave; without the menu."""
    tables = [panel for _, panel in PANELS if "About" in overrides(panel)]
    assert len(tables) == 2

    def left_px(table):
        others = sum(room_px(table, heading) for heading in overrides(table) if heading != "About")
        return panel_px(table["gridPos"]["w"], 1232) - 18 - others

    assert min(map(left_px, tables)) > letters_px("platform account 100 hosting-availability")


@pytest.mark.parametrize("uid", sorted(uid for uid in RAW if uid.removeprefix("tidewatch-") in SYSTEMS))
def test_the_names_of_bands_are_not_cut(uid):
    """Grafana gives them two fifths of the panel, and "ReleaseCodeIncreasedOverall" was "seCodeIncreasedOverall"."""
    [bands] = [panel for panel in RAW[uid]["panels"] if panel["id"] == style.HEAD_IDS[3]]
    names = [rule.alert for rule in every_alert() if rule.labels.get("system") == uid.removeprefix("tidewatch-")]
    assert 0.85 * max(map(letters_px, names)) <= 0.4 * (width_px(bands["gridPos"]["w"], 1280) - 32)


CONTROLS_PX = {"datasource": 89, "query": 115, "custom": 65}  # without the letters of a label
GAP_PX = 9  # between controls
LINE_PX = 1600 - 464  # of a window without the menu, less what chooses the range and its margins


@pytest.mark.parametrize("uid", sorted(RAW))
def test_the_controls_are_one_line(uid):
    """In a window of 1600 pixels; each second line takes the room of a row of figures."""
    variables = [one for one in RAW[uid]["templating"]["list"] if one["type"] in CONTROLS_PX]
    wide = [CONTROLS_PX[one["type"]] for one in variables]
    wide += [20 + 0.85 * letters_px(one["label"]) for one in variables if one["type"] != "datasource"]
    wide += [63 + 0.85 * letters_px(one["name"]) for one in RAW[uid]["annotations"].get("list") or []]
    wide += [20 + 0.85 * letters_px(one["title"]) for one in RAW[uid]["links"]]
    assert sum(wide) + GAP_PX * len(wide) <= LINE_PX
