"""Texts and colours of every field of every panel: Grafana's own library says them, and the preview says the same.

The library comes from npm into the user's cache, pinned by the lock beside `grafana_data/compare.mjs`. What it needs in
a browser only is replaced by `grafana_data/nothing`, so that a fifth of its packages is installed.
"""

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path

import aiohttp
import msgspec
import pytest
from from_npm import installed
from made_up import MadeUp

from dashboards import asking, model
from dashboards.build import JSON_DIR
from dashboards.prometheus import Prometheus
from dashboards.promql import span

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FOLDER = Path(__file__).parent / "grafana_data"
OURS = Path(model.__file__).parent / "preview" / "static" / "grafana"
NOW_S = 1_700_000_000


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    """Asks Grafana's library and the preview's modules; gives what differs. Skips where the library cannot be had."""
    folder = tmp_path_factory.mktemp("grafana_data")
    shutil.copytree(OURS, folder / "static")
    for name in ("compare.mjs", "package.json"):
        shutil.copy(FOLDER / name, folder)
    shutil.copytree(installed(FOLDER), folder / "node_modules", symlinks=True)
    shutil.copytree(FOLDER / "nothing", folder / "nothing")

    def ask(cases, *, extras=False):
        text = json.dumps({"cases": cases, "extras": extras})
        command = ["node", "compare.mjs"]
        got = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, timeout=300, check=False)
        assert got.returncode == 0, got.stderr[-3000:]
        return json.loads(got.stdout)

    return ask


async def cases(prometheus, boards, end_s):
    """Each panel that shows data, as it is in its board's file, with its frame."""
    found = []
    for board, text in boards.values():
        plain = {panel["id"]: panel for panel in every(json.loads(text)["panels"])}
        asked = span(end_s, 1800, 60, 2)
        resolved = await asking.resolve(prometheus, board, {}, asked, strict=False)
        for panel in board.every_panel():
            if not panel.targets or panel.type == "text":
                continue
            frame = await asking.ask(prometheus, panel, resolved.texts, asked, 2)
            name = f"{board.uid} / {panel.title}"
            found.append({"name": name, "panel": plain[panel.id], "frame": msgspec.to_builtins(frame)})
    return found


def every(panels):
    return [one for panel in panels for one in [panel, *panel.get("panels", [])]]


def test_every_field_of_every_panel_reads_as_in_grafana(compare):
    found = asyncio.run(cases(MadeUp(), model.load_files(JSON_DIR), NOW_S))
    got = compare(found)
    assert got["different"][:20] == []
    assert got["asked"] > 100 * len(found)


@pytest.mark.parametrize("later_s", [0, 420], ids=["as it ends", "minutes after its end"])
def test_real_frames_read_as_in_grafana(compare, real_prometheus, later_s):
    boards = model.load_files(JSON_DIR)

    async def ask():
        async with aiohttp.ClientSession() as session:
            real = {uid: boards[uid] for uid in ("tidewatch-site", "tidewatch-itself")}
            return await cases(Prometheus(real_prometheus, session), real, time.time() + later_s)

    got = compare(asyncio.run(ask()))
    assert got["different"][:20] == []
    assert got["asked"] > 5000


def test_every_unit_and_colour_scheme_is_grafanas(compare):
    got = compare([], extras=True)
    assert got["different"][:20] == []
    assert got["asked"] > 8000


STEPS = {"mode": "absolute", "steps": [{"value": None, "color": "green"}, {"value": 1, "color": "#EAB839"}]}
PERCENT = {"mode": "percentage", "steps": [{"value": None, "color": "dark-purple"}, {"value": 50, "color": "text"}]}
SPECIAL = {"type": "special", "options": {"match": "null+nan", "result": {"text": "no data", "color": "gray"}}}
RANGE = {"type": "range", "options": {"from": 1, "to": None, "result": {"text": "much", "color": "light-red"}}}
REGEX = {"type": "regex", "options": {"pattern": "/^code-(.*)$/", "result": {"text": "code $1", "color": "blue"}}}
VALUE = {"type": "value", "options": {"2": {"text": "two", "color": "semi-dark-orange"}, "7": {"color": "red"}}}


def override(name, matcher="byName", **properties):
    listed = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": name}, "properties": listed}


SETTINGS = {
    "thresholds": {"defaults": {"unit": "s", "thresholds": STEPS, "color": {"mode": "thresholds"}}},
    "shares of the range": {"defaults": {"thresholds": PERCENT, "color": {"mode": "thresholds"}}},
    "nothing said": {"defaults": {}},
    "no base step": {"defaults": {"thresholds": {"mode": "absolute", "steps": [{"value": 5, "color": "red"}]}}},
    "mappings": {"defaults": {"unit": "short", "noValue": "none", "mappings": [VALUE, SPECIAL, RANGE, REGEX]}},
    "decimals": {"defaults": {"unit": "percentunit", "decimals": 1, "noValue": "no data"}},
    "fixed": {"defaults": {"color": {"mode": "fixed", "fixedColor": "super-light-yellow"}}},
    "palette": {"defaults": {"color": {"mode": "palette-classic"}}},
    **{
        f"continuous {name}": {"defaults": {"color": {"mode": f"continuous-{name}"}}}
        for name in ("GrYlRd", "RdYlGr", "BlYlRd", "YlRd", "BlPu", "YlBl", "blues", "reds", "greens", "purples")
    },
    "range of each field": {"defaults": {"fieldMinMax": True, "color": {"mode": "continuous-blues"}}},
    "overrides": {
        "defaults": {"unit": "short", "mappings": [VALUE]},
        "overrides": [
            override("code-1", unit="bytes", color={"mode": "fixed", "fixedColor": "purple"}, min=0, max=10),
            override("/-[23]$/", "byRegexp", unit="ms", thresholds=STEPS, mappings=[RANGE]),
            override("string", "byType", unit="string"),
            override("Value", unit=None, decimals=2),
        ],
    },
}


KINDS = ("timeseries", "stat", "table", "bargauge", "state-timeline")


def test_settings_that_no_board_uses_yet_read_as_in_grafana(compare):
    panels = []
    for kind in KINDS:
        target = {"expr": "by (code)", "refId": "A", "legendFormat": "{{code}}", "instant": kind == "table"}
        for name, config in SETTINGS.items():
            one = {"type": kind, "title": f"{kind}, {name}", "targets": [target], "fieldConfig": config}
            panels.append({"id": len(panels) + 1, **one})
    board = model.read_file(json.dumps({"uid": "all", "title": "All", "panels": panels}).encode())
    got = compare(asyncio.run(cases(MadeUp(series=6), {"all": board}, NOW_S)))
    assert got["different"][:20] == []
    assert got["asked"] > 50_000


def test_the_library_is_of_the_version_that_the_boards_are_shown_with():
    """So that what is compared is what people see."""
    wanted = json.loads((FOLDER / "package.json").read_text())["dependencies"]["@grafana/data"]
    images = (Path(model.__file__).parents[1] / ".env").read_text()
    assert f"grafana:{wanted}@" in images
