"""The page in a real browser, over a real Prometheus: each panel is drawn, and nothing is wrong on the way."""

import asyncio
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import CHROMIUM, browser
from click.testing import CliRunner

from dashboards import model, style
from dashboards.build import JSON_DIR
from dashboards.cli import main
from dashboards.style import Text, query

pytestmark = pytest.mark.e2e


class Seen(HTMLParser):
    """What stands in a page: its panels by title with their state, and its words."""

    def __init__(self, html):
        super().__init__()
        self.panels = {}
        self.canvases = 0
        self.words = []
        self.unlabelled = []
        self._labels = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "data-panel" in attributes:
            self.panels[attributes["aria-label"]] = attributes["data-state"]
        self.canvases += tag == "canvas"
        self._labels += tag == "label"
        if tag == "select" and not self._labels:
            self.unlabelled.append(attributes)

    def handle_endtag(self, tag):
        self._labels -= tag == "label"

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


@pytest.fixture
def preview(request):
    """Starts the preview as a user does; gives its URL, and ends it with the test."""
    processes = []

    def start(*arguments):
        command = [sys.executable, "-m", "dashboards", "preview", "--port", "0", *arguments]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stderr.readline()
        match = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert match, line
        return match[0]

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, "SIGTERM ends it well"
        process.stderr.close()


@pytest.fixture
def browse(tmp_path):
    """Opens a URL in headless Chromium; gives what is seen once all is drawn, and what the console said."""
    if CHROMIUM is None:
        pytest.skip("chromium is not on PATH")

    async def look(url):
        async with browser(tmp_path) as page:
            await page.size(1600, 1400)
            await page.go(url)
            return Seen(await page.run("document.documentElement.outerHTML")), page.said

    return lambda url: asyncio.run(look(url))


@pytest.mark.parametrize("uid", ["tidewatch-site", "tidewatch-itself"])
def test_every_panel_is_drawn_from_a_real_prometheus_without_a_word_in_the_console(
    uid, real_prometheus, preview, browse
):
    seen, console = browse(f"{preview('--prometheus', real_prometheus)}?board={uid}&refresh=0")
    board = model.load(JSON_DIR)[uid]
    wanted = {panel.title: panel.may_be_empty for panel in board.every_panel() if panel.type != "row"}
    assert console == []
    assert seen.panels.keys() == wanted.keys()
    silent = {title for title, state in seen.panels.items() if state != "drawn" and not wanted[title]}
    assert silent == set()
    assert seen.canvases >= len(wanted) // 2
    assert seen.unlabelled == []
    assert "Preview, not Grafana" in seen.text
    assert "${" not in seen.text
    assert "site answered 12 requests with a 5xx in 5 minutes" in seen.text
    assert "Watchdog" not in seen.text.partition("Now")[0], "the watchdog is no alarm"


def test_a_page_without_prometheus_says_so_in_each_panel_and_lives(preview, browse):
    seen, console = browse(f"{preview('--prometheus', 'http://127.0.0.1:9')}?board=tidewatch-site&refresh=0")
    assert set(seen.panels.values()) == {"failed"}
    assert seen.text.count("Prometheus cannot be reached at http://127.0.0.1:9: Connection refused") > 10
    assert "Tidewatch itself" in seen.text, "the header stands"
    assert console == []


def test_every_kind_of_panel_can_be_drawn(real_prometheus, preview, browse, tmp_path):
    (tmp_path / "kinds.json").write_text(style.rendered(kinds()))
    url = preview("--prometheus", real_prometheus, "--boards", str(tmp_path))
    seen, console = browse(f"{url}?refresh=0")
    assert console == []
    assert seen.panels == dict.fromkeys((*KINDS, "note"), "drawn")
    assert "a b c" in " ".join(seen.text.split())
    assert "${" not in seen.text


OPEN_ON_A_SITE = [
    "tidewatch",
    "tidewatch-generator",
    "tidewatch-itself",
    "tidewatch-service-levels",
    "tidewatch-site",
]


@pytest.mark.parametrize("uid", OPEN_ON_A_SITE)
def test_query_all_finds_data_for_every_panel(real_prometheus, uid):
    got = CliRunner().invoke(main, ["query-all", "--prometheus", real_prometheus, "--board", uid])
    assert got.exit_code == 0, got.output
    assert re.search(r"\d+ panels, \d+ queries, 0 of them need attention", got.stdout)


def test_a_taken_port_is_one_line(preview):
    port = preview().rsplit(":", 1)[1].rstrip("/")
    command = [sys.executable, "-m", "dashboards", "preview", "--port", port]
    got = subprocess.run(command, capture_output=True, text=True, check=False)
    assert got.returncode == 3
    assert got.stderr == f"dashboards: cannot listen on 127.0.0.1:{port}: the port is taken; --port chooses another\n"


RATE = 'sum by (code) (rate(tidewatch_stats_responses_total{source=~"site"}[10m]))'
STEPS = ((None, "green"), (5, "orange"), (20, "red"))
BANDS = tuple(style.Band(style.LOWEST if least is None else least, f"from {least}", colour) for least, colour in STEPS)
UP = "max by (job) (up)"
KINDS = {
    "timeseries": lambda told: style.timeseries(told, query(RATE, "{{code}}"), unit="reqps"),
    "stacked": lambda told: style.timeseries(told, query(RATE, "{{code}}"), unit="reqps", stacked=True),
    "stat": lambda told: style.stat(told, query(RATE, "{{code}}"), unit="reqps", width=12),
    "stat with states": lambda told: style.stat(
        told, query(UP, "{{job}}"), unit="short", width=12, states=style.GOOD_BAD
    ),
    "gauge": lambda told: style.gauge(
        told, query(RATE, "{{code}}"), unit="reqps", least=0, most=400, steps=STEPS, width=12
    ),
    "bargauge": lambda told: style.bargauge(
        told, query(RATE, "{{code}}", instant=True), unit="reqps", steps=STEPS, named_by="code"
    ),
    "timeline": lambda told: style.state_timeline(told, query(UP, "{{job}}"), states=style.GOOD_BAD, width=12),
    "history": lambda told: style.status_history(told, query(RATE, "{{code}}"), bands=BANDS, width=12),
    "history of states": lambda told: style.status_history(told, query(UP, "{{job}}"), states=style.GOOD_BAD, width=12),
    "heatmap": lambda told: style.heatmap(
        told,
        query("sum by (le) (rate(tidewatch_http_request_duration_seconds_bucket[1m]))", "{{le}}", form="heatmap"),
        unit="s",
    ),
    "heatmap by series": lambda told: style.heatmap(told, query(RATE, "{{code}}"), unit="short"),
    "histogram": lambda told: style.histogram(told, query(RATE, "{{code}}"), unit="reqps"),
    "table": lambda told: style.table(
        told,
        query("max by (job, instance) (scrape_duration_seconds)", instant=True, form="table"),
        query(UP.replace("job", "job, instance"), instant=True, form="table"),
        columns={
            "job": style.Column("Job"),
            "instance": style.Column("Instance"),
            "Value #A": style.Column("Scrape", unit="s"),
            "Value #B": style.Column("State", states=style.GOOD_BAD),
        },
        sort=[("Job", False)],
    ),
}


def kinds():
    panels = [make(Text(title, "Each kind of panel once.")) for title, make in KINDS.items()]
    note = style.text("note", "a **b** `c`\n\n<script>alert(1)</script>")
    return style.Board("tidewatch-kinds", "Kinds", "Each kind of panel.", [], [style.Row("All", [*panels, note])])


if __name__ == "__main__":  # writes the board of all kinds, to be looked at
    Path(sys.argv[1]).write_text(style.rendered(kinds()))
