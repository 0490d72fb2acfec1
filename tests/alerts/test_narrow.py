"""The receiver's pages on a phone, as Chromium lays them out: nothing is wider than 360 px."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from html import unescape

import pytest

from alerts.changes import Changes, Filter
from alerts.notifications import Alert
from alerts.page import alerts_page, runbooks_page
from alerts.receiver import runbooks

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not CHROMIUM, reason="chromium is not on PATH")]
NOW = datetime(2026, 11, 22, 6, 40, tzinfo=UTC)
LONG = "x" * 200
WIDTHS = """<pre></pre><script>
addEventListener('message', said => document.querySelector('pre').append(said.data + ' '))
</script>"""
SAY = "<script>parent.postMessage(document.title + '=' + document.documentElement.scrollWidth, '*')</script></body>"


def test_the_pages_fit_360_px(tmp_path):
    changes = Changes()
    links = {"runbook_url": f"http://a/{LONG}", "dashboard_url": f"http://b/{LONG}"}
    labels = {"alertname": LONG, "severity": "page", "source": LONG, "instance": LONG}
    changes.take(Alert("firing", NOW, NOW, labels, {"summary": LONG, "description": LONG, **links}), NOW)
    pages = {
        "alerts": alerts_page(changes, Filter(source=(LONG,)), "Watchdog never heard.", heartbeat_silent=True),
        "runbooks": runbooks_page(f"{runbooks()}\n### {LONG}\n\n{LONG}\n"),
    }
    frames = ""
    for name, html in pages.items():
        assert html.count("</body>") == 1
        titled = re.sub("<title>.*?</title>", f"<title>{name}</title>", html, flags=re.DOTALL)
        (tmp_path / f"{name}.html").write_text(titled.replace("</body>", SAY))
        frames += f'<iframe src="{name}.html" width="360" height="800" style="border: 0"></iframe>'
    (tmp_path / "frames.html").write_text(WIDTHS + frames)  # a window of Chromium's own is never so narrow
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    flags += ["--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/frames.html"]
    got = subprocess.run([CHROMIUM, *flags], capture_output=True, text=True, timeout=90, check=True).stdout
    widths = dict(pair.split("=") for pair in unescape(re.search("<pre>(.*?)</pre>", got)[1]).split())
    assert widths.keys() == pages.keys()
    assert {name for name, width in widths.items() if int(width) > 360} == set()
