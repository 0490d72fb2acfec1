"""A picture shows the whole board once its panels are drawn; where none can be taken, it is said why."""

import struct

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dashboards import grafana_check, grafana_pictures
from foundation.errors import ConfigError, SourceError

PAGE = """<title>a board</title><body style="margin:0;background:%s">
<section data-testid="data-testid Panel header Requests">
<div id="bar" aria-label="Panel loading bar" style="position:fixed;inset:0;background:red"></div></section>
<script>setTimeout(() => document.getElementById("bar").remove(), 1500)</script>"""


def looked(url):
    board = grafana_check.LookedAt("b", provisioned=True, rows=4, findings=[])
    return grafana_check.Looked(url, msgspec.convert({}, grafana_check.Settings), [board], [])


@pytest.mark.e2e
@pytest.mark.skipif(grafana_pictures.browser() is None, reason="chromium is not on PATH")
async def test_a_picture_is_of_the_whole_board_and_taken_when_no_panel_waits(tmp_path):
    asked = []

    async def page(request):
        asked.append(request.path_qs)
        return web.Response(text=PAGE % request.query["theme"].replace("dark", "black"), content_type="text/html")

    app = web.Application()
    app.router.add_get("/d/b", page)
    async with TestServer(app) as server:
        one = looked(str(server.make_url("/")).rstrip("/"))
        taken = [path async for path in grafana_pictures.take(one, tmp_path / "new", width_px=640, range_s=600)]
    assert [path.name for path in taken] == ["b-dark-640.png", "b-light-640.png"]
    assert [path.read_bytes()[:8] for path in taken] == [b"\x89PNG\r\n\x1a\n"] * 2
    assert {struct.unpack(">II", path.read_bytes()[16:24]) for path in taken} == {(640, 180 + 4 * 38)}
    assert asked[0] == "/d/b?theme=dark&refresh=1d&from=now-600s&to=now&kiosk"
    red = max(path.stat().st_size for path in taken)
    assert red < 3000, "one plain colour: the bar of a waiting panel is gone"


def browser_in(folder, monkeypatch, script="exit 3"):
    program = folder / "chromium"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


async def test_a_browser_that_ends_at_once_is_an_error(tmp_path, monkeypatch):
    browser_in(tmp_path, monkeypatch)
    with pytest.raises(SourceError, match=r"chromium did not start within 30 s: exit code 3"):
        [path async for path in grafana_pictures.take(looked("http://g"), tmp_path, width_px=640, range_s=None)]


async def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--pictures .*file/x: Not a directory"):
        [path async for path in grafana_pictures.take(looked(""), tmp_path / "file" / "x", width_px=640, range_s=None)]


def test_where_no_picture_can_be_taken_a_line_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert grafana_pictures.without(anonymous=True).startswith("no pictures: none of chromium, ")
    browser_in(tmp_path, monkeypatch)
    assert "asks for a login" in grafana_pictures.without(anonymous=False)
    assert grafana_pictures.without(anonymous=True) == ""


def test_a_board_is_shown_over_its_own_time_where_no_other_is_asked_for():
    assert (
        grafana_pictures.address("http://g/x", "a b", "light", None)
        == "http://g/x/d/a%20b?theme=light&refresh=1d&kiosk"
    )
