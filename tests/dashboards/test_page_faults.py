"""The page shows what Grafana would: each fault of the boards of old, in small models of their JSON, and its mend.

Every test looks at both, so none passes because the page shows nothing at all.
"""

import asyncio
import json
import re
import subprocess
import sys

import pytest
from browser import CHROMIUM, browser
from made_up import NOTHING, MadeUp, serve

pytestmark = pytest.mark.e2e
UP_DOWN = [{"type": "value", "options": {"1": {"text": "up", "color": "green"}, "2": {"text": "down", "color": "red"}}}]
ONE_STEP = {"mode": "absolute", "steps": [{"value": None, "color": "text"}]}
GREEN = {"mode": "absolute", "steps": [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]}
NO_DATA = {"type": "special", "options": {"match": "null", "result": {"text": "no data", "color": "#8e8e8e"}}}
ALERTS = {"name": "Firing alerts", "expr": "ALERTS", "iconColor": "red", "enable": True, "titleFormat": "{{alertname}}"}


def target(expr, legend="", **more):
    return {"expr": expr, "refId": "A", "legendFormat": legend, **more}


def panel(number, kind, title, targets, **more):
    place = {"x": 0, "y": 8 * number, "w": 24, "h": 8}
    return {"id": number, "type": kind, "title": title, "gridPos": place, "targets": targets, **more}


def board(uid, *, broken):
    """The five panels, as they were or mended."""
    colour = {"mode": "thresholds" if broken else "palette-classic"}
    states = {"mappings": UP_DOWN, "color": colour, "thresholds": ONE_STEP, "unit": "short"}
    nothing = {"thresholds": GREEN, "color": {"mode": "thresholds"}, "noValue": "no data"}
    ids = {"defaults": {"unit": "short"} if broken else {}, "overrides": []}
    table = target("max by (store_id) (x)", instant=True, format="table")
    variable = {"name": "source" if broken else "site", "type": "query", "multi": True, "includeAll": True}
    variable |= {"query": "label_values(x, source)", "current": {"value": "$__all"}}
    return {
        "uid": uid,
        "title": uid.capitalize(),
        "annotations": {"list": [ALERTS | {"enable": broken}]},
        "links": [{"type": "dashboards", "tags": ["x"], "includeVars": broken, "keepTime": True}],
        "templating": {"list": [variable]},
        "panels": [
            panel(1, "timeseries", "Traffic", [target("sum by (route) (x)", "{{route}}")]),
            panel(2, "status-history", "Worse", [target("x", "w")], maxDataPoints=None if broken else 120),
            panel(3, "state-timeline", "Up", [target("state", "a server")], fieldConfig={"defaults": states}),
            panel(4, "table", "Ids", [table], fieldConfig=ids),
            panel(
                *(5, "stat", "Promises", [target(NOTHING)]),
                fieldConfig={"defaults": nothing | ({} if broken else {"mappings": [NO_DATA]})},
            ),
        ],
    }


OTHER = {"name": "source", "type": "query", "query": "label_values(other, host)", "current": {"value": "$__all"}}
OTHER |= {"includeAll": True, "multi": True}


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    """Opens the preview of the boards at an address in a browser; gives the values of JavaScript expressions."""
    if CHROMIUM is None:
        pytest.skip("chromium is not on PATH")
    folder = tmp_path_factory.mktemp("faults")
    boards = [board("broken", broken=True), board("mended", broken=False)]
    boards.append({"uid": "other", "title": "Other", "panels": [], "templating": {"list": [OTHER]}})
    for one in boards:
        (folder / f"{one['uid']}.json").write_text(json.dumps(one))
    made_up = MadeUp((1.0, 2.0), labels=("alertname",))
    with serve(made_up) as prometheus, asyncio.Runner() as runner:
        command = [sys.executable, "-m", "dashboards", "preview", "--port", "0", "--boards", str(folder)]
        command += ["--prometheus", prometheus.url]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        url = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())[0]
        opening = browser(tmp_path_factory.mktemp("browser"))
        page = runner.run(opening.__aenter__())

        async def see(address, *scripts, width=1600):
            page.said.clear()
            await page.size(width, 1000)
            await page.go(f"{url}?refresh=0&theme=dark&{address}")
            found = [await page.run(script) for script in scripts]
            assert page.said == []
            return found

        yield lambda *args, **more: runner.run(see(*args, **more))
        runner.run(opening.__aexit__(None, None, None))
        process.terminate()
        process.wait(20)
        process.stderr.close()


def text_of(number):
    return f"document.querySelector('[data-panel=\"{number}\"] .body').innerText"


def test_an_annotation_of_every_alert_paints_each_panel_over(look):
    marks = "document.querySelectorAll('[data-panel=\"1\"] .mark.region').length"
    wide = (
        "[...document.querySelectorAll('[data-panel=\"1\"] .mark.region')].reduce((sum, m) => sum + m.clientWidth, 0)"
        " / document.querySelector('[data-panel=\"1\"] .u-over').clientWidth"
    )
    [count, share] = look("board=broken", marks, wide)
    assert count >= 4
    assert share > 2, "regions over regions"
    assert look("board=mended", marks) == [0]


def test_a_status_history_of_too_many_points_is_refused(look):
    assert "Too many points to visualize properly (901 points)" in look("board=broken", text_of(2))[0]
    [text, canvases] = look("board=mended", text_of(2), "document.querySelectorAll('[data-panel=\"2\"] canvas').length")
    assert "Too many" not in text
    assert canvases == 1
    assert "Too many" in look("board=broken&range=86400", text_of(2), width=900)[0]


def test_a_timeline_that_merges_by_thresholds_loses_its_states(look):
    [text] = look("board=broken", text_of(3))
    assert text.split() == ["-∞+"]
    [text] = look("board=mended", text_of(3))
    assert {"up", "down"} <= set(text.split())
    assert "∞" not in text


def test_a_default_unit_writes_ids_as_numbers(look):
    assert "118 Mil" in look("board=broken", text_of(4))[0]
    [text] = look("board=mended", text_of(4))
    assert "118042313" in text
    assert "Mil" not in text


def test_no_data_has_the_colour_of_the_base_step(look):
    colour = "getComputedStyle(document.querySelector('[data-panel=\"5\"] .value')).color"
    assert look("board=broken", text_of(5), colour) == ["no data", "rgb(115, 191, 105)"]
    assert look("board=mended", text_of(5), colour) == ["no data", "rgb(142, 142, 142)"]


def test_links_that_carry_a_variable_of_another_meaning_say_that_nothing_is_there(look):
    href = "document.querySelector('nav a[href*=\"board=other\"]').search"
    [carried] = look("board=broken&var-source=source-a", href)
    assert "var-source=source-a" in carried
    [said] = look(carried.lstrip("?"), "document.querySelector('#wrong').innerText")
    assert said == 'source "source-a" is not offered here: Grafana would show no data, this page shows All'
    [carried, said] = look("board=mended&var-site=source-a", href, "document.querySelector('#wrong').innerText")
    assert "var-" not in carried
    assert said == ""
