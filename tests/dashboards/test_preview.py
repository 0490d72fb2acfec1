"""The preview answers for the boards' own queries and for nothing else, and says what is wrong in one line."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from dashboards import model
from dashboards.preview.alerts import firing
from dashboards.preview.app import Preview, new_session
from dashboards.preview.asked import read
from dashboards.prometheus import Prometheus, scrape_interval_s
from foundation.errors import BadRecord, SourceError
from foundation.web import Guard, WebPolicy

NOW_S = 1_700_000_000.0
BOARD = json.loads((Path(model.__file__).parent / "json" / "tidewatch-site.json").read_text("utf-8"))
NUMBER = next(panel["id"] for panel in BOARD["panels"] if panel["title"] == "Planned, sent, logged and counted")
PANEL = f"/api/boards/tidewatch-site/panels/{NUMBER}"


class FakePrometheus:
    """Answers every query with one series, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: dict[str, Any] | None = None
        self.alerts = [{"state": "firing", "labels": {"alertname": "A", "severity": "page"}, "value": "1"}]
        self.rules = [{"name": "A"}]

    async def start(self) -> TestServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        server = TestServer(app)
        await server.start_server()
        return server

    async def handle(self, request: web.Request) -> web.Response:
        form = {**request.query, **await request.post()}
        if "query" in form:
            self.asked.append(form)
        if self.answer is not None:
            return web.json_response(self.answer, status=400)
        return web.json_response({"status": "success", "data": self.data(request.path, form)})

    def data(self, path: str, form: dict[str, str]) -> Any:
        if path.endswith("/values"):
            return ["shop", "site"]
        if path.endswith("/config"):
            return {"yaml": "global: {scrape_interval: 2s}"}
        if path.endswith("/alerts"):
            return {"alerts": self.alerts}
        if path.endswith("/rules"):
            return {"groups": [{"rules": self.rules}]}
        if path.endswith("/query"):
            return {"resultType": "vector", "result": [{"metric": {"code": "200"}, "value": [NOW_S, "NaN"]}]}
        pairs = [[float(form["start"]), "1.5"], [float(form["end"]), "+Inf"]]
        return {"resultType": "matrix", "result": [{"metric": {"code": "200"}, "values": pairs}]}


@pytest.fixture
async def prometheus():
    return FakePrometheus()


@contextlib.asynccontextmanager
async def client(prometheus, *boards):
    """A client of the preview's application, for the given boards or for the project's own."""
    server = await prometheus.start()
    files = {board["uid"]: model.read_file(json.dumps(board).encode()) for board in boards}
    async with new_session() as session:
        policy = WebPolicy(None, ["Board.Example.com"])
        asked = Prometheus(str(server.make_url("")), session)
        preview = Preview(files or model.load_files(model.JSON_DIR), asked, now=lambda: NOW_S)
        async with TestClient(TestServer(preview.app(Guard(policy)))) as client:
            yield client
    policy.close()
    await server.close()


@pytest.fixture
async def page(prometheus):
    """A client of the preview's application."""
    async with client(prometheus) as ready:
        yield ready


async def told(page: TestClient[Any, Any], url: str) -> tuple[int, Any]:
    response = await page.get(url)
    return response.status, json.loads(await response.read())


async def test_the_boards_are_listed_and_given_as_their_files(page):
    status, boards = await told(page, "/api/boards")
    assert status == 200
    assert [board["title"] for board in boards] == sorted(board["title"] for board in boards)
    for board in boards:
        file = model.JSON_DIR / f"{board['uid']}.json"
        assert await told(page, f"/api/boards/{board['uid']}") == (200, json.loads(file.read_text()))


async def test_a_panel_asks_its_own_queries_with_the_choices_in_them(page, prometheus):
    status, frame = await told(page, f"{PANEL}?range=600&points=100&var-site=site&var-window=10s")
    assert status == 200
    assert (frame["step_s"], frame["points"]) == (5, 121)
    assert frame["lines"][0]["name"] == "counted"
    assert frame["lines"][0]["values"] == [1.5, *[None] * 120]
    assert [form["query"] for form in prometheus.asked] == [
        'sum(rate(tidewatch_stats_responses_total{source=~"site"}[10s]))',
        'sum(rate(tidewatch_http_requests_total{source=~"site"}[10s]))',
        'sum(rate(trafficgen_sent_requests_total{source=~"site"}[10s]))',
        'sum(rate(trafficgen_planned_requests_total{source=~"site"}[10s]))',
    ]


async def test_several_values_and_all_are_choices_too(page, prometheus):
    assert (await told(page, f"{PANEL}?var-site=site&var-site=shop"))[0] == 200
    assert (await told(page, f"{PANEL}?var-site=$__all"))[0] == 200
    sources = [form["query"].split('"')[1] for form in prometheus.asked]
    assert sources == ["(site|shop)"] * 4 + [".+"] * 4


async def test_a_panels_own_resolution_goes_before_the_pages_width(prometheus):
    panel = {"id": 7, "type": "status-history", "maxDataPoints": 60, "targets": [{"expr": "up", "refId": "A"}]}
    slow = panel | {"id": 8, "interval": "10m"}
    async with client(prometheus, {"uid": "one", "title": "One", "panels": [panel, slow]}) as page:
        points = [(await told(page, f"/api/boards/one/panels/{n}?range=3600&points=900"))[1]["points"] for n in (7, 8)]
    assert points == [61, 7]


async def test_a_panels_own_range_goes_before_the_boards(prometheus):
    panel = {"id": 7, "type": "timeseries", "timeFrom": "30d", "targets": [{"expr": "up", "refId": "A"}]}
    async with client(prometheus, {"uid": "one", "title": "One", "panels": [panel]}) as page:
        _, frame = await told(page, "/api/boards/one/panels/7?range=3600&points=900")
    assert (frame["points"] - 1) * frame["step_s"] == 30 * 86_400


async def test_numbers_that_json_does_not_have_reach_the_page(page, prometheus):
    _, frame = await told(page, f"{PANEL}?range=600&points=100")
    assert frame["lines"][0]["odd"] == {"120": "+Inf"}
    assert frame["lines"][0]["labels"] == {"code": "200"}


ANNOTATION = {"name": "Firing", "expr": 'ALERTS{site=~"$site"}', "iconColor": "orange", "titleFormat": "{{code}}"}
SITE = {"name": "site", "type": "query", "query": "label_values(up, site)", "includeAll": True, "multi": True}
MARKED = {
    "uid": "marked",
    "title": "Marked",
    "templating": {"list": [SITE | {"current": {"value": "$__all"}}]},
    "annotations": {"list": [ANNOTATION, {"name": "Annotations & Alerts", "builtIn": 1}]},
    "panels": [{"id": 1, "type": "timeseries", "targets": [{"expr": 'up{site=~"$site"}', "refId": "A"}]}],
}


async def test_annotations_are_asked_as_grafana_asks_them_with_the_choices_in_them(prometheus):
    async with client(prometheus, MARKED) as page:
        status, [got] = await told(page, "/api/boards/marked/annotations?range=3600&var-site=shop")
    assert status == 200
    assert [form["query"] for form in prometheus.asked] == ['ALERTS{site=~"shop"}']
    assert prometheus.asked[0]["step"] == "30"
    end_s = NOW_S // 30 * 30
    marks = [{"start_s": at, "end_s": at, "title": "200", "text": "", "tags": []} for at in (end_s - 3600, end_s)]
    assert got == {"name": "Firing", "colour": "orange", "panels": [], "exclude": False, "marks": marks, "left_out": 0}


@pytest.mark.parametrize("points", [10, 1500])
async def test_marks_have_their_own_steps_whatever_those_of_panels_are(prometheus, points):
    """A start that is sought a panel's short step back falls between two of the marks' steps."""
    starts = {"name": "Starts", "enable": True, "expr": "ALERTS unless ALERTS offset $__interval"}
    async with client(prometheus, {**MARKED, "annotations": {"list": [starts]}}) as page:
        status, _ = await told(page, f"/api/boards/marked/annotations?range=3600&points={points}")
    assert status == 200
    assert [(form["query"], form["step"]) for form in prometheus.asked] == [("ALERTS unless ALERTS offset 30s", "30")]


@pytest.mark.parametrize(
    ("query", "want"),
    [
        ("var-source=shop", 'up{site=~"shop"}'),  # what the boards' first variables were once called
        ("var-source=shop&var-site=site", 'up{site=~"site"}'),
        ("var-source=$__all", 'up{site=~".+"}'),
    ],
)
async def test_an_old_address_chooses_by_the_boards_first_variable(prometheus, query, want):
    async with client(prometheus, MARKED) as page:
        assert (await told(page, f"/api/boards/marked/panels/1?{query}"))[0] == 200
        assert (await told(page, f"/api/boards/marked/variables?{query}"))[0] == 200
        assert (await told(page, "/api/boards/marked/panels/1?var-source=other"))[0] == 400
    assert [form["query"] for form in prometheus.asked] == [want]


async def test_an_old_address_chooses_by_the_variable_for_the_label_that_it_named(prometheus):
    job = SITE | {"name": "job", "query": "label_values(up, job)", "current": {"value": "$__all"}}
    stream = job | {"name": "stream", "query": 'label_values(a{job=~"$job"}, source)'}
    panels = [{"id": 1, "type": "stat", "targets": [{"expr": 'up{job=~"$job", source=~"$stream"}', "refId": "A"}]}]
    board = {"uid": "itself", "title": "Itself", "templating": {"list": [job, stream]}, "panels": panels}
    async with client(prometheus, board) as page:
        assert (await told(page, "/api/boards/itself/panels/1?var-source=shop"))[0] == 200
    assert [form["query"] for form in prometheus.asked] == ['up{job=~".+", source=~"shop"}']


async def test_an_old_address_opens_a_board_without_variables(prometheus):
    panels = [{"id": 1, "type": "stat", "targets": [{"expr": "up", "refId": "A"}]}]
    async with client(prometheus, {"uid": "home", "title": "Home", "panels": panels}) as page:
        assert (await told(page, "/api/boards/home/panels/1?var-source=shop"))[0] == 200


HOSTILE = {
    "a query of one's own": (f"{PANEL}?query=up", 400),
    "an expr of one's own": (f"{PANEL}?expr=up", 400),
    "a value that is not offered": (f"{PANEL}?var-site=other", 400),
    "a way out of the matcher": (f'{PANEL}?var-site=site"}})+or+up%23', 400),
    "a regex": (f"{PANEL}?var-site=.%2A", 400),
    "a window of one's own": (f"{PANEL}?var-window=1y", 400),
    "two windows": (f"{PANEL}?var-window=1m&var-window=10m", 400),
    "All where it is not offered": (f"{PANEL}?var-window=$__all", 400),
    "an unknown variable": (f"{PANEL}?var-job=x", 400),
    "Grafana's own variable": (f"{PANEL}?var-__range=100y", 400),
    "a range without end": (f"{PANEL}?range=99999999999", 400),
    "a range that is no number": (f"{PANEL}?range=1e3", 400),
    "more points than a screen has": (f"{PANEL}?points=100000", 400),
    "an end in the far future": (f"{PANEL}?end=99999999999", 400),
    "a parameter twice": (f"{PANEL}?range=60&range=600", 400),
    "a parameter that is a book": (f"{PANEL}?var-site={'x' * 3000}", 400),
    "hundreds of parameters": (f"{PANEL}?{'&'.join(['var-site=site'] * 101)}", 400),
    "a panel that is not there": ("/api/boards/tidewatch-site/panels/999", 404),
    "a row": ("/api/boards/tidewatch-site/panels/1", 404),
    "a panel that is no number": ("/api/boards/tidewatch-site/panels/9e9", 404),
    "a board that is not there": ("/api/boards/other/panels/9", 404),
    "a file beside the boards": ("/api/boards/..%2F..%2Fcli.py", 404),
    "a file beside the page": ("/static/..%2Fapp.py", 404),
    "Prometheus' own API": ("/api/v1/query?query=up", 404),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_requests_are_refused_in_one_line(page, prometheus, name):
    url, want = HOSTILE[name]
    response = await page.get(aiohttp.client.URL(url, encoded=True))
    error = json.loads(await response.read())["error"]
    assert response.status == want
    assert error.strip()
    assert "\n" not in error.strip()
    assert prometheus.asked == [], "nothing of it reached Prometheus"


async def test_only_reading_is_possible(page):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert (await page.request(method, "/api/alerts")).status == 405


@pytest.mark.parametrize(
    ("host", "want"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("board.example.com", 200),
        ("evil.example.com", 421),
        ("evil.example.com:8000", 421),
        ("127.0.0.1.example.com", 421),
        ("localhost@example.com", 421),
        ("", 421),
    ],
)
async def test_the_page_answers_only_under_known_names(page, host, want):
    """A foreign name that leads here is DNS rebinding."""
    assert (await page.get("/api/boards", headers={"Host": host})).status == want


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/boards", "/api/boards/x", "/nowhere"])
async def test_every_answer_forbids_what_does_not_come_from_here(page, path):
    response = await page.get(path)
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert ("script-src 'self'" in policy) is (path == "/")
    assert "unsafe" not in str(policy)
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_page_asks_nothing_of_other_machines_and_says_what_it_is(page):
    files = sorted(path for path in (model.JSON_DIR.parent / "preview/static").rglob("*") if path.is_file())
    texts = {path.name: path.read_text() for path in files}
    assert {"index.html", "page.css", "uPlot.iife.min.js", "uPlot.min.css", "LICENSE"} <= texts.keys()
    for name, text in texts.items():
        foreign = [line for line in text.splitlines() if "http://" in line or "https://" in line]
        known = ("www.w3.org", "github.com/leeoniya/uPlot", "The above copyright")  # namespaces, uPlot's own header
        assert [line[:80] for line in foreign if not any(word in line for word in known)] == [], name
    assert "Preview, not Grafana" in texts["index.html"]


async def test_an_unreachable_prometheus_is_said_in_the_panel_and_the_page_lives():
    async with new_session() as session:
        preview = Preview(model.load_files(model.JSON_DIR), Prometheus("http://127.0.0.1:9", session))
        async with TestClient(TestServer(preview.app(Guard(WebPolicy())))) as client:
            status, answer = await told(client, PANEL)
            assert status == 502
            assert answer["error"].startswith("Prometheus cannot be reached at http://127.0.0.1:9: ")
            assert (await client.get("/")).status == 200
            assert (await told(client, "/api/boards"))[0] == 200


async def test_a_password_in_prometheus_address_is_never_told():
    async with new_session() as session:
        prometheus = Prometheus("http://user:secret@127.0.0.1:9/p", session)
        with pytest.raises(SourceError, match=r"cannot be reached at http://127\.0\.0\.1:9/p: "):
            await prometheus.alerts()


async def test_prometheus_own_words_reach_the_panel(page, prometheus):
    await told(page, PANEL)
    prometheus.answer = {"status": "error", "errorType": "execution", "error": "query timed out"}
    assert await told(page, PANEL) == (502, {"error": "Prometheus refuses the query: query timed out"})


async def test_panels_asked_together_share_one_look_at_the_variables(page, prometheus):
    seen: list[str] = []
    data = prometheus.data
    prometheus.data = lambda path, form: seen.append(path) or data(path, form)
    await asyncio.gather(*(told(page, PANEL) for _ in range(5)))
    labels = [path.split("/")[-2] for path in seen if path.endswith("/values")]
    assert labels == ["source", "route"], "each once"


async def test_a_choice_that_is_gone_gives_way_to_the_first_one(page):
    """A bookmark may outlive a source."""
    status, answer = await told(page, "/api/boards/tidewatch-site/variables?var-site=gone&var-window=10m")
    assert status == 200
    assert answer["chosen"] == {"site": ["$__all"], "route": ["$__all"], "window": ["10m"]}
    assert answer["offers"]["site"] == ["shop", "site"]
    assert answer["offers"]["window"] == ["10s", "1m", "10m"]


async def test_addresses_of_boards_in_grafana_lead_to_the_same_boards_here(page):
    response = await page.get("/d/tidewatch-site?var-site=shop&orgId=1", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "../?board=tidewatch-site&var-site=shop")
    assert (await page.get("/d/other")).status == 404


async def test_firing_alerts_are_told(page):
    status, [alert] = await told(page, "/api/alerts")
    assert (status, alert["name"], alert["severity"], alert["silenced"]) == (200, "A", "page", False)


async def test_where_no_rule_is_loaded_nobody_says_that_all_is_well(page, prometheus):
    prometheus.alerts = []
    assert await told(page, "/api/alerts") == (200, [])
    prometheus.rules = []
    status, got = await told(page, "/api/alerts")
    assert (status, got["error"]) == (502, "Prometheus has no alert rules, so that none can fire")


def test_the_watchdog_is_left_out_silenced_alerts_come_last_and_pages_first():
    def alert(name, severity, state="firing"):
        return {"state": state, "labels": {"alertname": name, "severity": severity}, "annotations": {"summary": name}}

    alerts = [
        alert("ticket", "ticket"),
        alert("quiet", "page"),
        alert("watchdog", "none"),
        alert("pending", "page", "pending"),
        alert("page", "page"),
    ]
    got = firing(alerts, [{"alertname": "quiet", "severity": "page", "extra": "x"}])
    assert [(one["name"], one["silenced"]) for one in got] == [("page", False), ("ticket", False), ("quiet", True)]


@pytest.mark.parametrize("text", ["0", "59", "34560001", "-60", "6_0", "60.0", "٦٠", ""])
def test_a_range_is_a_whole_number_within_limits(text):
    with pytest.raises(BadRecord, match="range"):
        read([("range", text)], NOW_S)


@pytest.mark.parametrize(
    ("config", "want"),
    [
        ("global: {scrape_interval: 2s, evaluation_interval: 1m}\nrule_files: [x]", 2),
        ("global:\n  scrape_interval: 1m30s", 90),
        ("global: {scrape_interval: 1x}", 15),
        ("global: {}", 15),
        ("", 15),
        ("{", 15),
        ("[" * 2000, 15),
    ],
)
def test_the_scrape_interval_is_that_of_prometheus_configuration(config, want):
    assert scrape_interval_s(config) == want
