"""How the page is used: zooming and going back, addresses, the keyboard, narrow and wide windows, pages, links."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from browser import CHROMIUM, browser
from made_up import MadeUp, serve

pytestmark = pytest.mark.e2e
LINK = {
    "title": "Only this route",
    "url": "/d/detail?var-route=${__field.labels.route:percentencode}&${__url_time_range}",
}
CELL = {"title": "Its board", "url": '/d/detail?var-code=${__data.fields["Code"]}&${site:queryparam}'}
SITE = {"name": "site", "type": "query", "query": "label_values(x, site)", "current": {"value": "$__all"}}
SITE |= {"includeAll": True, "multi": True}
ROUTES = "sum by (route) (x)"


def target(expr, legend="", **more):
    return {"expr": expr, "refId": "A", "legendFormat": legend, **more}


def panel(number, kind, title, *targets, x=0, y=0, w=12, h=8, **more):
    place = {"x": x, "y": y, "w": w, "h": h}
    return {"id": number, "type": kind, "title": title, "gridPos": place, "targets": list(targets), **more}


def main_board():
    override = {"matcher": {"id": "byName", "options": "Code"}, "properties": [{"id": "links", "value": [CELL]}]}
    renamed = {"renameByName": {"code": "Code"}, "indexByName": {"code": 0, "Value": 1}}
    table = panel(2, "table", "Codes", target("sum by (code) (x)", instant=True, format="table"), x=12)
    table |= {"fieldConfig": {"defaults": {}, "overrides": [override]}}
    table |= {"transformations": [{"id": "organize", "options": renamed}]}
    legend = {"displayMode": "table", "calcs": ["lastNotNull"], "showLegend": True}
    return {
        "uid": "main",
        "title": "Main",
        "templating": {"list": [SITE]},
        "panels": [
            panel(1, "timeseries", "Routes", target(ROUTES, "{{route}}"), options={"legend": legend})
            | {"fieldConfig": {"defaults": {"links": [LINK]}}},
            table,
            panel(3, "state-timeline", "Many", target("sum by (server) (state)", "{{server}}"), y=8),
            panel(4, "stat", "Of $site", target('x{site=~"$site"}'), x=0, y=16, h=4, repeat="site", maxPerRow=2),
            {
                "id": 5,
                "type": "row",
                "title": "Folded",
                "gridPos": {"x": 0, "y": 20, "w": 24, "h": 1},
                "collapsed": True,
            }
            | {"panels": [panel(6, "stat", "Inside", target("x"), y=21, h=4)]},
            {"id": 7, "type": "row", "title": "Below", "gridPos": {"x": 0, "y": 21, "w": 24, "h": 1}},
            panel(8, "stat", "Last", target("x"), y=22, h=4),
        ],
    }


def all_board():
    """Bands without pages."""
    bands = panel(1, "state-timeline", "Many", target("sum by (server) (state)", "{{server}}"), options={"perPage": 0})
    legend = {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"], "showLegend": True}
    lines = panel(2, "timeseries", "Beside", target(ROUTES, "{{route}}"), x=12, options={"legend": legend})
    return {"uid": "all", "title": "All", "panels": [bands, lines]}


def strange_board():
    """What Grafana draws and this page does not."""
    joined = panel(1, "timeseries", "Joined", target(ROUTES), transformations=[{"id": "joinByField", "options": {}}])
    stacked = panel(2, "timeseries", "Stacked", target(ROUTES), x=12)
    stacked |= {"fieldConfig": {"defaults": {"custom": {"stacking": {"mode": "percent"}}}}}
    each = panel(3, "stat", "Each", target(ROUTES), y=8, options={"reduceOptions": {"values": True}})
    plain = panel(4, "timeseries", "Plain", target(ROUTES), x=12, y=8)
    return {"uid": "strange", "title": "Strange", "panels": [joined, stacked, each, plain]}


def many_board():
    panels = [
        panel(n, "timeseries", f"Panel {n}", target(ROUTES), x=n % 3 * 8, y=n // 3 * 8, w=8) for n in range(1, 31)
    ]
    return {"uid": "many", "title": "Many", "panels": panels}


FIRING = [
    {
        "state": "firing",
        "activeAt": "2023-11-14T20:00:00Z",
        "labels": {"alertname": f"Down{n}", "severity": "page" if n else "ticket", "site": f"site-{n}"},
        "annotations": {"summary": "s" * 300, "runbook_url": "http://127.0.0.1:9/#down"},
    }
    for n in range(5)
]


class Visit:
    """One browser on one preview, for all tests of the file."""

    def __init__(self, runner, page, url, prometheus):
        self.runner, self.page, self.url, self.prometheus = runner, page, url, prometheus

    def go(self, address="board=main", width=1600, height=1000):
        self.page.said.clear()
        self.do(self.page.size(width, height))
        self.do(self.page.go(f"{self.url}?refresh=0&{address}"))

    def do(self, work):
        return self.runner.run(work)

    def get(self, script):
        return self.do(self.page.run(script))

    def until(self, condition):
        return self.do(self.page.until(condition))

    def press(self, *names, **more):
        for name in names:
            self.do(self.page.key(name, **more))

    def drag(self, selector, start, end):
        place = self.do(self.page.place(selector))
        y = place["y"] + place["height"] / 2
        x0, x1 = (place["x"] + share * place["width"] for share in (start, end))
        for kind, x in (("mouseMoved", x0), ("mousePressed", x0), ("mouseMoved", x1), ("mouseReleased", x1)):
            self.do(self.page.mouse(kind, x, y))

    def double_click(self, selector):
        place = self.do(self.page.place(selector))
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        self.do(self.page.mouse("mouseMoved", x, y))
        for clicks in (1, 2):
            self.do(self.page.mouse("mousePressed", x, y, clicks))
            self.do(self.page.mouse("mouseReleased", x, y, clicks))


@pytest.fixture(scope="module")
def visit(tmp_path_factory) -> Iterator[Visit]:
    if CHROMIUM is None:
        pytest.skip("chromium is not on PATH")
    folder = tmp_path_factory.mktemp("boards")
    for board in (
        main_board(),
        many_board(),
        strange_board(),
        all_board(),
        {"uid": "detail", "title": "Detail", "panels": []},
    ):
        (folder / f"{board['uid']}.json").write_text(json.dumps(board))
    with serve(MadeUp((1.0, 2.0), series=25)) as prometheus, asyncio.Runner() as runner:
        prometheus.alerts.extend(FIRING)
        command = [sys.executable, "-m", "dashboards", "preview", "--port", "0", "--boards", str(folder)]
        process = subprocess.Popen([*command, "--prometheus", prometheus.url], stderr=subprocess.PIPE, text=True)
        url = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())[0]
        opening = browser(tmp_path_factory.mktemp("browser"))
        page = runner.run(opening.__aenter__())
        yield Visit(runner, page, url, prometheus)
        runner.run(opening.__aexit__(None, None, None))
        process.terminate()
        process.wait(20)
        process.stderr.close()


CHART = "[data-panel='1'] .u-over"
RANGE = "Number(new URLSearchParams(location.search).get('range'))"


@pytest.mark.parametrize("way", ["Escape", "double click", "Back"])
def test_a_zoom_goes_back(visit, way):
    visit.go("board=main&range=3600")
    visit.drag(CHART, 0.25, 0.5)
    narrow = visit.until(f"{RANGE} < 1000 && {RANGE}")
    assert 800 < narrow < 1000, "a quarter of an hour"
    assert visit.get("document.querySelector('#now').innerText") == "Back to now"
    if way == "Escape":
        visit.press("Escape")
    elif way == "Back":
        visit.get("history.back()")
    else:
        visit.double_click(CHART)
    visit.until(f"{RANGE} === 3600")
    assert visit.get("document.querySelector('#now').innerText") == "Now"
    assert visit.page.said == []


def test_escape_closes_what_is_open_before_it_goes_back(visit):
    visit.go("board=main&range=3600")
    visit.drag(CHART, 0.25, 0.5)
    visit.until(f"{RANGE} < 1000")
    visit.get("document.querySelector('.alerts').open = true")
    visit.press("Escape")
    assert visit.get("document.querySelector('.alerts').open") is False
    assert visit.get(RANGE) < 1000
    visit.press("Escape")
    visit.until(f"{RANGE} === 3600")


WRONG = {
    "board=nowhere": 'there is no board "nowhere": expected all, detail, main, many, strange',
    "board=main&range=abc": 'invalid range "abc": expected whole seconds from 60 to 34560000, for example 1800',
    "board=main&range=1": 'invalid range "1": expected whole seconds from 60 to 34560000, for example 1800',
    "board=main&from=yesterday": 'invalid from "yesterday": expected Unix milliseconds or for example now-6h',
    "board=main&viewPanel=99": '"Main" has no panel 99',
    "board=main&rage=60": 'unknown "rage" in the address: expected board, range, end, refresh, theme or var-NAME',
    "board=main&var-site=gone": 'site "gone" is not offered here: Grafana would show no data, this page shows All',
}


@pytest.mark.parametrize("address", WRONG)
def test_what_is_wrong_in_the_address_is_said_with_what_would_be_right(visit, address):
    visit.go(address)
    assert visit.get("document.querySelector('#wrong').innerText") == WRONG[address]
    visit.go("board=main&range=600&var-elsewhere=x")
    assert visit.get("document.querySelector('#wrong').hidden"), "variables of other boards come with links"


def test_addresses_of_grafana_open_the_range_and_show_the_panel(visit):
    visit.do(visit.page.size(1600, 500))
    visit.do(visit.page.go(f"{visit.url}d/main?from=1700000000000&to=1700003600000&viewPanel=8&var-source=site-b"))
    found = dict(visit.get("[...new URLSearchParams(location.search)]"))
    assert found == {"board": "main", "range": "3600", "end": "1700003600", "refresh": "10", "var-site": "site-b"}
    assert visit.get("document.querySelector('.aimed h3').innerText") == "Last"


def test_headings_stand_as_their_columns_do_and_sort(visit):
    visit.go()
    table = "document.querySelector('[data-panel=\"2\"] table')"
    side = "[...row].map((cell) => getComputedStyle(cell).textAlign)"
    sides = f"[{table}.querySelectorAll('th'), {table}.rows[1].cells].map((row) => {side})"
    heads, cells = visit.get(sides)
    assert heads == cells == ["left", "right"]
    first = f"[...{table}.querySelectorAll('tbody tr')].map((row) => row.cells[0].innerText)"
    unsorted = visit.get(first)
    visit.get(f"{table}.querySelector('th button').click()")
    assert visit.get(first) == sorted(unsorted, key=int)
    visit.get(f"{table}.querySelector('th button').click()")
    assert visit.get(first) == sorted(unsorted, key=int, reverse=True)
    assert visit.get(f"{table}.querySelector('th').ariaSort") == "descending"


def test_cut_names_stay_different(visit):
    visit.go()
    script = """import('/static/grafana/cut.js').then(({ cut, tailLength }) => {
      let seed = 7;
      const random = (n) => (seed = (seed * 16807) % 2147483647) % n;
      const name = () => Array.from({ length: random(60) }, () => 'ab/'[random(3)]).join('');
      for (let turn = 0; turn < 400; turn++) {
        const names = [...new Set(Array.from({ length: 1 + random(12) }, name))];
        const most = 8 + random(30);
        const short = cut(names, most);
        if (short.some((text) => text.length > most) || new Set(short).size < names.length) return [names, short];
      }
      const routes = ['/api/v1/accounts/{id}/summary', '/api/v2/accounts/{id}/summary'];
      return [cut(routes, 16), tailLength(routes)];
    })"""
    short, tail = visit.get(script)
    assert short == ["/api/v1/ac…mmary", "/api/v2/ac…mmary"]
    assert tail == 6


def test_alerts_are_one_line_that_opens(visit):
    visit.go()
    assert visit.get("document.querySelector('#alerts').offsetHeight") < 50
    line = visit.get("document.querySelector('.alerts summary').innerText")
    assert line.split("\n")[0] == "5 alerts fire, 4 of them page"
    visit.get("document.querySelector('.alerts summary').focus()")
    visit.press("Enter")
    rows = visit.get("[...document.querySelectorAll('.alerts li')].map((row) => row.innerText)")
    assert len(rows) == 5
    assert "site=site-1" in rows[0]
    assert visit.get("document.querySelectorAll('.alerts li a[href$=\"#down\"]').length") == 5


def test_the_line_of_alerts_is_never_wider_than_a_small_window(visit):
    visit.go(width=360)
    visit.get(
        "document.querySelector('.alerts summary b').textContent = '112 alerts fire, 111 of them page, 12 silenced'"
    )
    assert visit.get("document.documentElement.scrollWidth") <= 360
    assert visit.get("document.querySelector('.alerts summary .meta').getBoundingClientRect().right") <= 360


@pytest.mark.parametrize(("rows", "height_px", "font_px"), [(3, 190, 12), (14, 190, 10), (20, 190, 8), (20, 700, 12)])
def test_every_row_of_bands_has_its_name(visit, rows, height_px, font_px):
    """In letters that fit its height; 40 of the pixels are the time axis'."""
    visit.go()
    names = f"Array.from({{ length: {rows} }}, (_, i) => `Alert${{i}}`)"
    axis = f"names({names}, {{ clientWidth: 400, clientHeight: {height_px} }})"
    found = f"(({{ values, splits, font }}) => [values(), splits(), font])({axis})"
    values, places, font = visit.get(f"import('/static/axes.js').then(({{ names }}) => {found})")
    assert values == [f"Alert{n}" for n in range(rows)]
    assert places == [n + 0.5 for n in range(rows)]
    assert font.startswith(f"{font_px}px ")


def test_bands_without_pages_show_all_rows(visit):
    """A board says 0 for all, and nothing for Grafana's twenty."""
    visit.go("board=all")
    assert visit.get("document.querySelectorAll('.pager').length") == 0
    assert visit.get("document.querySelector('.chart').ariaLabel").startswith("Many, over time: ")
    visit.go("board=main")
    assert visit.get("document.querySelector('.pager span').textContent") == "1 - 20 of 25 rows"


@pytest.mark.parametrize(
    ("values", "ends", "soft", "want"),
    [
        ([0, 0.03], {"max": 1}, {"min": 0, "max": 0.55}, [0, 0.55]),  # to the soft end, not the hard one
        ([0, 0.03], {"max": 1}, {"min": 0}, [0, 1]),
        ([0, 0.95], {"max": 1}, {"min": 0, "max": 0.55}, [0, 1]),  # 0.95 and a tenth is more than the hard end
        ([-0.5, 0.03], {"min": -1, "max": 1}, {}, [-1, 1]),
    ],
)
def test_an_axis_ends_where_grafanas_does(visit, values, ends, soft, want):
    visit.go()
    given = ", ".join(map(json.dumps, (values, ends, soft)))
    module = "import('/static/panels/timeseries.js')"
    assert visit.get(f"{module}.then(({{ reach }}) => reach({given}))") == want


@pytest.mark.parametrize(("width", "right"), [(390, False), (1280, True)])
def test_a_legend_leaves_the_chart_its_room(visit, width, right):
    """At the right, as in Grafana; on a phone below, where it would take half of the panel and be cut."""
    visit.go("board=all", width=width)
    chart, legend, figures = visit.get("""['.chart', '.legend', '.legend td:last-child'].map((name) =>
      document.querySelector(`.beside ${name}`).getBoundingClientRect().toJSON())""")
    assert (legend["left"] >= chart["right"]) == right
    assert chart["width"] > 250
    assert figures["right"] <= legend["right"]


@pytest.mark.parametrize("width", [360, 900, 1600, 2560])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_stands_over_anything_else_at_any_width(visit, width, theme):
    visit.go(f"board=main&theme={theme}", width=width)
    assert visit.get("document.documentElement.scrollWidth") <= width
    covered = """[...document.querySelectorAll('.panel')].flatMap((a, i, all) => {
      const [p, q] = [a.getBoundingClientRect(), all[i + 1]?.getBoundingClientRect()];
      const apart = !q || p.right <= q.left || q.right <= p.left || p.bottom <= q.top || q.bottom <= p.top;
      return apart ? [] : [a.ariaLabel];
    })"""
    assert visit.get(covered) == []
    assert visit.get("[...document.querySelectorAll('.panel')].every((one) => one.dataset.state === 'drawn')")
    assert visit.page.said == []


def test_every_action_is_reached_by_tab_and_shows_its_focus(visit):
    visit.go()
    usable = "filter((one) => one.checkVisibility() && !one.disabled)"
    actions = f"[...document.querySelectorAll('a[href], button, select, input, summary')].{usable}"
    wanted = visit.get(f"{actions}.forEach((one, i) => (one.dataset.n = i)) || {actions}.length")
    reached, bare = set(), []
    for _ in range(wanted + 30):
        visit.press("Tab")
        one = "document.activeElement"
        found = visit.get(f"[{one}.dataset.n, getComputedStyle({one}).outlineStyle, {one}.outerHTML.slice(0, 99)]")
        reached.add(found[0])
        if found[0] is not None and found[1] == "none":
            bare.append(found[2])
    assert bare == []
    assert {str(n) for n in range(wanted)} - reached == set()


def test_reduced_motion_moves_nothing(visit):
    visit.go()
    moving = "filter((one) => getComputedStyle(one).transitionDuration !== '0s').length"
    moves = f"[...document.querySelectorAll('*')].{moving}"
    visit.get("document.querySelectorAll('.panel').forEach((one) => one.classList.add('loading'))")
    assert visit.get(moves) > 0
    reduce = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    visit.do(visit.page.send("Emulation.setEmulatedMedia", features=reduce))
    assert visit.get(moves) == 0
    visit.do(visit.page.send("Emulation.setEmulatedMedia", features=[]))


def test_the_board_stands_before_any_question_is_answered(visit):
    """First paint waits for no query, however slow Prometheus is."""
    visit.go()
    visit.prometheus.answering.clear()
    try:
        visit.do(visit.page.send("Page.navigate", url=f"{visit.url}?board=many&refresh=0"))
        visit.until("document.querySelectorAll('.panel h3').length === 30")
        assert visit.get("document.querySelectorAll('nav a').length") == 5
        assert visit.get("document.querySelectorAll('[data-state=new]').length") == 30
    finally:
        visit.prometheus.answering.set()
    visit.do(visit.page.drawn())
    assert visit.get("document.querySelectorAll('[data-state=drawn]').length") == 30


def test_a_connection_that_breaks_once_is_no_fault(visit):
    visit.go()
    script = """import('/static/ask.js').then(async ({ ask }) => {
      const real = window.fetch;
      let left = BREAKS;
      window.fetch = (url) => (left-- > 0 ? Promise.reject(new TypeError('reset')) : real(url));
      const told = await ask('api/boards').then((boards) => boards.length, (error) => error.message);
      window.fetch = real;
      return told;
    })"""
    assert visit.get(script.replace("BREAKS", "1")) == 5
    assert "is `python -m dashboards preview` still running?" in visit.get(script.replace("BREAKS", "2"))


def test_many_rows_stand_in_pages_of_twenty(visit):
    visit.go()
    pager = "document.querySelector('[data-panel=\"3\"] .pager')"
    assert "1 - 20 of 25 rows" in visit.get(f"{pager}.innerText")
    visit.get(f"{pager}.querySelector('[title=\"Next page\"]').click()")
    assert "21 - 25 of 25 rows" in visit.get(f"{pager}.innerText")


def test_links_of_values_lead_to_boards_on_this_page_and_keep_time_and_choices(visit):
    visit.go("board=main&end=1700003600&range=3600&var-site=site-a")
    legend = visit.get("document.querySelector('[data-panel=\"1\"] .legend tbody a').getAttribute('href')")
    assert legend == "?board=detail&var-route=%2F&from=1700000000000&to=1700003600000"
    cell = visit.get("document.querySelector('[data-panel=\"2\"] td a').getAttribute('href')")
    assert cell == "?board=detail&var-code=200&var-site=site-a"


def test_a_link_that_needs_what_the_row_does_not_have_is_no_link(visit):
    """A cell without a value keeps the link that another column fills."""
    script = """import('/static/grafana/links.js').then(({ links }) => {
        const config = { links: ["Name", "Age"].map((one) => ({ url: `/d/x?var-y=\\${__data.fields["${one}"]}&z` })) };
        config.links.push({ url: "/d/x?var-y=${__value.raw}" }, { url: "/d/x?var-y=${__field.labels.y}" });
        config.links.push({ url: "/d/all" });
        const fields = [{ name: "Name", values: ["a", null] }, { name: "Age", values: [null, 0], config, labels: {} }];
        const board = { range: { from: 0, to: 1 }, variables: {} };
        return [0, 1].map((row) => links(fields[1], row, fields, board).map(({ url }) => url));
    })"""
    visit.go()
    assert visit.get(script) == [
        ["?board=x&var-y=a&z", "?board=all"],
        ["?board=x&var-y=0&z", "?board=x&var-y=0", "?board=all"],
    ]


def test_a_panel_stands_once_for_each_value_and_a_folded_row_opens(visit):
    visit.go()
    titles = "[...document.querySelectorAll('.panel h3')].map((one) => one.innerText)"
    assert visit.get(titles) == ["Routes", "Codes", "Many", "Of site-a", "Of site-b", "Last"]
    asked = [form["query"] for form in visit.prometheus.asked]
    assert 'x{site=~"site-a"}' in asked
    top = "document.querySelector('[data-panel=\"8\"]').getBoundingClientRect().top + scrollY"
    before = visit.get(top)
    visit.get("document.querySelector('#row-5 button').click()")
    visit.until(f"{titles}.includes('Inside')")
    assert visit.get(top) > before, "what is below makes room"
    assert visit.get("document.activeElement.parentElement.id") == "row-5"


def test_several_values_can_be_ticked(visit):
    visit.go()
    visit.get("document.querySelector('#var-site summary').click()")
    visit.get("document.querySelector('#var-site input[value=site-b]').click()")
    visit.until("location.search.includes('var-site=site-b')")
    assert visit.get("document.querySelector('#var-site b').innerText") == "site-b"
    visit.get("document.querySelector('#var-site input[value=site-a]').click()")
    visit.until("location.search.includes('var-site=site-b&var-site=site-a')")
    visit.until("document.querySelectorAll('.panel h3').length === 6")


def test_what_the_page_does_not_draw_is_named_in_its_panel(visit):
    visit.go("board=strange")
    notes = visit.get("[...document.querySelectorAll('.panel')].map((one) => one.querySelector('.note').textContent)")
    left_out = ["joinByField", "stacking in per cent", "a figure for each value"]
    assert notes == [*(f"the preview leaves out {what}" for what in left_out), ""]
