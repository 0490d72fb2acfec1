"""`grafana-check` against a server that answers as a Grafana 12.2 did, whose answers are in grafana-12.json.

That Grafana had the boards "Kinds", with one panel of each kind of fault, and "Well", without any, and asked the
Prometheus of conftest.py. Answers stand by method, path and, of a query, its first expression.
"""

import copy
import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from dashboards.cli import main
from dashboards.grafana_check import as_table, look
from foundation.errors import ConfigError, SourceError

RECORDED = json.loads((Path(__file__).parent / "grafana-12.json").read_text())
HEALTH = "GET /api/datasources/uid/main/health"
REQUESTS = 'POST /api/ds/query sum by (code) (rate(tidewatch_http_requests_total{source=~".+"}[$__rate_interval]))'


class Recorded:
    """The recorded answers, as a test changes them; and what was asked."""

    url: str

    def __init__(self):
        self.answers = copy.deepcopy(RECORDED)
        self.queries = {}
        self.tokens = set()

    async def answer(self, request):
        self.tokens.add(request.headers.get("Authorization", ""))
        key = f"{request.method} {request.path}"
        if request.method == "POST":
            body = await request.json()
            key = f"{key} {body['queries'][0]['expr']}"
            self.queries[key] = body
        given = self.answers.get(key, {"status": 404, "body": {"message": "Not found"}})
        if isinstance(given["body"], str):
            return web.Response(status=given["status"], text=given["body"], headers=given.get("headers"))
        return web.json_response(given["body"], status=given["status"])

    def board(self, uid):
        return self.answers[f"GET /api/dashboards/uid/{uid}"]["body"]["dashboard"]


@pytest.fixture
async def grafana():
    """The recorded Grafana, and its address."""
    recorded = Recorded()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", recorded.answer)
    async with TestServer(app) as server:
        recorded.url = str(server.make_url("/")).rstrip("/")
        yield recorded


async def seen(grafana, *uids, width_px=900, range_s=None, token_file=None):
    looked = await look(grafana.url, token_file, uids, width_px=width_px, range_s=range_s)
    return {(one.board, one.panel): one for one in looked.findings}


async def test_each_kind_of_fault_is_found_where_it_is(grafana):
    found = await seen(grafana)
    got = {panel: one.status for (board, panel), one in found.items() if board == "kinds"}
    assert got == {
        "(list of boards)": "error",
        "Requests": "ok",
        "Too fine": "too many points",
        "Fits": "ok",
        "Bare": "unit",
        "Ids": "unit",
        "Silent": "empty",
        "Quiet": "may be empty",
        "Broken": "error",
        "Forgotten": "error",
        "Inside": "ok",
        "Random": "not asked",
        "(annotation Firing)": "ok",
        "(annotation Everything)": "too many points",
    }
    assert {panel: one.status for (board, panel), one in found.items() if board == "well"} == {
        "(list of boards)": "ok",
        "Requests": "ok",
    }


async def test_a_finding_says_what_is_wrong_and_what_would_be_right(grafana):
    found = await seen(grafana, "kinds")
    details = {panel: one.detail for (_, panel), one in found.items() if one.detail}
    assert "placement 'inControlsMenu'" in details["(list of boards)"]
    assert details["Too fine"] == "Grafana shows an error instead: at most 96 points fit; set maxDataPoints"
    assert details["Bare"] == "no unit is set"
    assert "'short' is the default of all columns" in details["Ids"]
    assert details["Silent"] == "A: absent_metric"
    assert details["Quiet"] == "nothing is wrong."
    assert re.search(r"A: .*parse error", details["Broken"])
    assert details["Forgotten"] == "it uses 'gone', a variable that the board does not have"


async def test_a_panel_is_asked_with_its_own_resolution(grafana):
    """maxDataPoints is the panel's own, else its width in pixels; steps are rounded; no step is below a scrape."""
    await seen(grafana, "kinds", width_px=900)
    asked = {name: body["queries"][0] for name, body in grafana.queries.items()}
    requests = asked[REQUESTS]
    assert (requests["maxDataPoints"], requests["intervalMs"]) == (430, 5000)
    assert (asked["POST /api/ds/query up"]["maxDataPoints"], asked["POST /api/ds/query up"]["intervalMs"]) == (
        60,
        30000,
    )
    body = grafana.queries[REQUESTS]
    assert int(body["to"]) - int(body["from"]) == 1800 * 1000
    assert body["queries"][1]["expr"] == 'sum(rate(tidewatch_http_requests_total{source=~".+"}[1m]))'


async def test_a_wider_window_asks_for_more_points_over_the_time_that_is_given(grafana):
    await seen(grafana, "well", width_px=2560, range_s=86400)
    body = grafana.queries[REQUESTS]
    assert (body["queries"][0]["maxDataPoints"], body["queries"][0]["intervalMs"]) == (1260, 60000)
    assert int(body["to"]) - int(body["from"]) == 86400 * 1000


async def test_a_panel_with_a_time_of_its_own_is_asked_over_that(grafana):
    grafana.board("well")["panels"][0]["timeFrom"] = "30d"
    await seen(grafana, "well", range_s=600)
    body = grafana.queries[REQUESTS]
    assert int(body["to"]) - int(body["from"]) == 30 * 86400 * 1000
    assert body["queries"][0]["intervalMs"] == 2 * 3600 * 1000


async def test_a_time_of_its_own_that_is_not_read_costs_that_panel_alone(grafana):
    grafana.board("kinds")["panels"][0]["timeFrom"] = "a while"
    found = await seen(grafana, "kinds")
    assert found["kinds", "Requests"].detail.startswith("its own time range is not read: invalid duration 'a while'")
    assert found["kinds", "Fits"].status == "ok"


async def test_what_no_points_limit_holds_at_one_width_fits_at_another(grafana):
    assert (await seen(grafana, "kinds", width_px=900))["kinds", "Too fine"].limit == 96
    assert (await seen(grafana, "kinds", width_px=2560))["kinds", "Too fine"].limit == 304


async def test_a_failing_data_source_is_said_once_and_its_boards_are_not_asked(grafana):
    grafana.answers[HEALTH] = {"status": 400, "body": {"status": "ERROR", "message": "connection refused"}}
    found = await seen(grafana)
    assert found["(data source)", "Prometheus"].status == "error"
    assert "connection refused" in found["(data source)", "Prometheus"].detail
    assert found["kinds", "(all panels)"].detail == "not asked: data source Prometheus fails"
    assert grafana.queries == {}


async def test_a_board_that_opens_with_another_source_than_the_default_is_found(grafana):
    other = {"name": "Aardvark", "type": "prometheus", "uid": "main", "isDefault": False}
    grafana.answers["GET /api/frontend/settings"]["body"]["datasources"]["Aardvark"] = other
    found = await seen(grafana)
    text = "the board opens with Aardvark; the default of Grafana is Prometheus"
    assert found["kinds", "(data source)"].detail == text
    assert ("well", "(data source)") not in found, "its variable says default"


async def test_a_variable_that_offers_nothing_is_found(grafana):
    key = "GET /api/datasources/uid/main/resources/api/v1/label/source/values"
    grafana.answers[key]["body"]["data"] = []
    assert (await seen(grafana, "well"))["well", "(variable site)"].status == "empty"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"panels": [{"id": "x", "type": "text"}]}, "$.panels[0].id: expected a whole number, got a string"),
        ({"time": {"from": "now/d"}}, "expected one such as now-30m"),
    ],
)
async def test_a_board_that_cannot_be_read_costs_that_board_alone(grafana, body, said):
    grafana.board("kinds").update(body)
    found = await seen(grafana)
    assert said in found["kinds", "(board)"].detail
    assert found["well", "Requests"].status == "ok"


async def test_a_query_without_an_answer_costs_that_panel_alone(grafana):
    grafana.answers["POST /api/ds/query count(up)"] = {"status": 500, "body": {"message": "plugin is gone"}}
    found = await seen(grafana, "kinds")
    assert found["kinds", "Bare"].detail == "Grafana refuses the query: plugin is gone"
    assert found["kinds", "Requests"].status == "ok"


async def test_the_token_is_sent_and_stays_out_of_every_message(grafana, tmp_path):
    file = tmp_path / "token"
    file.write_text("glsa_secret\n")
    file.chmod(0o600)
    await seen(grafana, "well", token_file=file)
    assert grafana.tokens == {"Bearer glsa_secret"}
    grafana.answers["GET /api/search"] = {"status": 401, "body": {"message": "Invalid API key"}}
    with pytest.raises(ConfigError, match=r"token: Grafana at .* refuses this token \(Invalid API key\)") as caught:
        await seen(grafana, token_file=file)
    assert "glsa_secret" not in str(caught.value)


async def test_a_grafana_with_login_asks_for_a_token(grafana):
    grafana.answers["GET /api/search"] = {"status": 401, "body": {"message": "Unauthorized"}}
    with pytest.raises(ConfigError, match="asks for a login: give --token-file FILE"):
        await seen(grafana)


@pytest.mark.parametrize(
    "health",
    [
        {"status": 200, "body": "<html>hello</html>"},
        {"status": 200, "body": {"status": "ok"}},
        {"status": 200, "body": [1]},
        {"status": 404, "body": {"message": "Not found"}},
        {"status": 302, "body": "moved", "headers": {"Location": "http://user:pass@elsewhere/grafana"}},
    ],
)
async def test_what_is_not_a_grafana_is_said_to_be_none(grafana, health):
    grafana.answers["GET /api/health"] = health
    with pytest.raises(
        SourceError, match=r"no Grafana at http://127.*: /api/health answered \d+.*for example"
    ) as caught:
        await seen(grafana)
    assert "pass" not in str(caught.value)


async def test_no_boards_at_all_is_an_error(grafana):
    grafana.answers["GET /api/search"]["body"] = []
    with pytest.raises(SourceError, match="shows no boards to this user: expected some"):
        await seen(grafana)


async def test_the_table_begins_with_the_grafana_and_ends_with_what_is_wrong(grafana):
    looked = await look(grafana.url, None, (), width_px=900, range_s=None)
    lines = as_table(looked, 900).splitlines()
    assert re.match(r"Grafana 12\.2\.\S+ at http://127\S+: 2 boards, 2 from files; anybody may look; window", lines[0])
    assert lines[1].split() == ["board", "panel", "kind", "series", "points", "limit", "unit", "status"]
    good = [bool(re.search(r"  (ok|may be empty|not asked)( |$)", line)) for line in lines[2:-1]]
    assert good == sorted(good, reverse=True)
    assert lines[-1] == "12 panels, 8 findings need attention"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["127.0.0.1:3000"], 2, "dashboards: invalid URL '127.0.0.1:3000': expected http:// or https://"),
        (["http://"], 2, "dashboards: invalid URL 'http://': expected"),
        (["http://u:hunter2@x y/"], 2, "dashboards: invalid URL 'http://x y/': expected"),
        (["http://127.0.0.1:9"], 3, "dashboards: Grafana cannot be reached at http://127.0.0.1:9: "),
        (["http://127.0.0.1:9", "--token-file", "/nowhere"], 3, "dashboards: /nowhere: No such file"),
    ],
)
def test_what_the_user_did_wrong_is_one_line(arguments, code, message):
    got = CliRunner().invoke(main, ["grafana-check", *arguments])
    assert got.exit_code == code, got.output
    assert got.stderr.startswith(message)
    assert got.stderr.count("\n") == 1
    assert "hunter2" not in got.output


async def test_a_board_that_is_not_there_is_named_with_those_that_are(grafana):
    with pytest.raises(ConfigError, match="--board x: no such board; there are kinds, well"):
        await seen(grafana, "x")
