"""Every page and report that is not a board, as if one hand had made them: one stylesheet, two themes, any width."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner
from store_reports import a_report

from alerts.changes import Changes, Filter
from alerts.notifications import Alert
from alerts.page import alerts_page, runbooks_page
from alerts.receiver import runbooks
from exporter.hosting.cli import hosting
from exporter.releases.cli import releases
from exporter.stores.asking import parse_asked
from exporter.stores.openapi import DOCUMENT
from exporter.stores.pages import docs_page, stores_page
from foundation.page import render
from timeserver.pages import as_html
from trafficgen.feeds.hosting import write_at_once
from trafficgen.feeds.hosting_world import Settings, World
from trafficgen.meter.meter import Meter
from trafficgen.report.compare import compare
from trafficgen.report.render_compare_html import render_comparison_html
from trafficgen.report.render_html import render_html
from trafficgen.report.report import make_report

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NOW = datetime(2026, 11, 22, 6, 40, tzinfo=UTC)
LONG = "x" * 200
WIDTHS = (360, 1600, 2560)
PACKAGES = ("alerts", "dashboards", "exporter", "foundation", "timeserver", "trafficgen")
TEMPLATES = [path for package in PACKAGES for path in sorted((ROOT / package).glob("**/templates/*.html"))]
STYLE = (ROOT / "foundation/templates/style.css").read_text()
WORDS = """<pre></pre><script>
addEventListener('message', said => document.querySelector('pre').append(said.data + ' '))
</script>"""
SAY = """<script>
parent.postMessage([document.title, innerWidth, document.documentElement.scrollWidth].join('='), '*')
</script></body>"""


STORES = a_report([(f"{LONG}{n}", 3, 1, 0, 5) for n in range(5)])


def make_pages(folder):
    """Each kind of page by its name, with long and hostile words in it."""
    changes = Changes()
    links = {"runbook_url": f"http://a/{LONG}", "dashboard_url": f"http://b/{LONG}"}
    for name, severity, status in (
        (LONG, "page", "firing"),
        ("SiteServerErrors", "page", "firing"),
        ("LogStalled", "ticket", "resolved"),
    ):
        labels = {"alertname": name, "severity": severity, "source": name, "instance": name}
        changes.take(
            Alert(
                status=status,
                starts_at=NOW,
                ends_at=NOW,
                labels=labels,
                annotations={"summary": f"{name} is what it is", **links},
            ),
            NOW,
        )
    sources = [("accesslog", "site"), ("hosting", LONG)]
    write_at_once(World(Settings(start_s=1_455_494_400, minutes=3000)), folder, shuffle=False)
    records = "".join(f"0:00:{n % 60:02}\t5.{n % 2}\t{n % 3}\n" for n in range(600))
    meter = Meter(("/", f"/{LONG}"))
    for _ in range(30):
        meter.series.add(100, 90, 80)
    meter.codes[1] = {200: 240}
    meter.from_plan.record([30_000_000] * 240)
    meter.from_send.record(list(range(1_000_000, 25_000_000, 100_000)))
    meter.planned = 240
    for times in (meter.late_ns, meter.plan_ns, meter.send_ns, meter.ended):
        times.append(0)
    meter.close_second()
    report = make_report(meter, url=f"http://a/{LONG}", seed=1, seconds=30.0, plan_s=30.0, started_at=0.0)
    return {
        "alerts": alerts_page(changes, Filter(source=(LONG,)), "Watchdog never heard.", heartbeat_silent=True),
        "filters": alerts_page(changes, Filter(), "Watchdog last heard 1 s ago.", heartbeat_silent=False),
        "runbooks": runbooks_page(f"{runbooks()}\n### {LONG}\n\n{LONG}\n"),
        "exporter": render(
            "exporter.web",
            "landing.html",
            version="1.0",
            links={"/metrics": "./metrics", "/probe": "./probe"},
            sources=sources,
        ),
        "stores": stores_page(STORES, parse_asked({"q": LONG}), {"q": LONG}),
        "stores-api": docs_page(DOCUMENT),
        "time": as_html("/", "06:40:13 UTC\n").decode(),
        "stats": as_html("/stats", "time: 1\n200s: 7\n").decode(),
        "missing": as_html(f"/{LONG}", "404 Not Found\n").decode(),
        "hosting": CliRunner().invoke(hosting, ["report", str(folder / "logs.json"), "--format", "html"]).stdout,
        "release": CliRunner().invoke(releases, ["report", "-", "--format", "html"], input=records).stdout,
        "load": render_html(report, meter),
        "compared": render_comparison_html(compare((LONG, report), ("b", report), allowed={}), report, report),
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return make_pages(tmp_path_factory.mktemp("pages"))


@pytest.mark.slow
def test_every_page_has_the_one_stylesheet_and_the_same_frame(pages):
    for name, html in pages.items():
        assert STYLE in html, name
        for once in ("<header>", "<main>", "<h1", '<html lang="en">', "</body>"):
            assert html.count(once) == 1 or (name, once) == ("runbooks", "<h1"), (name, once)
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//(?!a/|b/)""", html), f"{name} loads from elsewhere"
        for scroll in re.findall(r'<div class="scroll"[^>]*>', html):
            assert "tabindex=" in scroll, "it can be scrolled with keys"
            assert "aria-label=" in scroll


@pytest.mark.e2e
@pytest.mark.skipif(not CHROMIUM, reason="chromium is not on PATH")
def test_every_page_fits_from_360_to_2560_px(pages, tmp_path):
    frames = ""
    for name, html in pages.items():
        titled = re.sub("<title>.*?</title>", f"<title>{name}</title>", html, flags=re.DOTALL)
        (tmp_path / f"{name}.html").write_text(titled.replace("</body>", SAY))
        for width in WIDTHS:  # a window of Chromium's own is never so narrow
            frames += f'<iframe src="{name}.html" width="{width}" height="800" style="border: 0"></iframe>'
    (tmp_path / "frames.html").write_text(WORDS + frames)
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    flags += ["--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/frames.html"]
    got = subprocess.run([CHROMIUM, *flags], capture_output=True, text=True, timeout=90, check=True).stdout
    told = [words.split("=") for words in unescape(re.search("<pre>(.*?)</pre>", got)[1]).split()]
    assert {(name, int(width)) for name, width, _ in told} == {(name, width) for name in pages for width in WIDTHS}
    assert [words for words in told if int(words[2]) > int(words[1])] == []


@pytest.mark.parametrize(
    "template",
    TEMPLATES,
    ids=lambda p: p.parent.parent.name + "-" + p.stem,
)
def test_a_template_has_no_colour_of_its_own(template):
    """It uses the stylesheet's names, so that it has both themes; the mark in the frame is the exception."""
    text = template.read_text()
    if template.name == "base.html":
        return
    is_macros = template.name == "parts.html"
    assert is_macros or '{% extends "foundation/base.html" %}' in text
    assert "style=" not in text
    block = r"{% macro style\(\) %}(.*?){% endmacro %}" if is_macros else r"{% block style %}(.*?){% endblock %}"
    style = re.search(block, text, re.DOTALL)
    assert not re.search(
        r"#[0-9a-f]{3,8}\b|\brgba?\(|\bhsl|light-dark|color-scheme|:\s*(?:white|black)\b", style[1] if style else ""
    )


def themes():
    """The stylesheet's colours by name: light, dark."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert len(blocks) == 2
    return [dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in blocks]


def test_both_themes_have_the_same_names():
    light, dark = themes()
    assert light.keys() == dark.keys()


def test_the_names_mean_what_they_mean_on_the_preview_page():
    css = (ROOT / "dashboards/preview/static/page.css").read_text()
    preview = {}
    for selector, block in re.findall(r"(:root[^{]*)\{(.*?)\}", css, re.DOTALL):
        preview.setdefault("light" in selector, {}).update(re.findall(r"--([\w-]+): (#\w{6});", block))
    for ours, theirs in zip(themes(), (preview[True], preview[False]), strict=True):
        shared = ours.keys() & theirs.keys()
        assert len(shared) >= 8
        assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    ours, theirs = (
        re.search(r'system-ui,\s*-apple-system,\s*"Segoe UI",\s*Roboto,\s*"Noto Sans"', t) for t in (STYLE, css)
    )
    assert ours
    assert theirs


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["page", "panel", "raised"])
@pytest.mark.parametrize("name", ["text", "soft", "focus", "good-words", "bad-words"])
def test_words_can_be_read_on_every_ground(theme, ground, name):
    """WCAG's contrast of 4.5 to 1."""
    colours = themes()[theme]
    lighter, darker = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_nothing_moves_for_those_who_ask_for_that():
    calm = re.sub(r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", "", STYLE, flags=re.DOTALL)
    assert calm != STYLE
    assert not re.search("transition|animation|scroll-behavior", calm)
    for template in TEMPLATES:
        assert not re.search(r"transition:|animation:", template.read_text())
