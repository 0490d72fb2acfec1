from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notifications import Alert, Notification
from alerts.page import anchor, notifications_page, runbooks_page

NOW = datetime(2026, 11, 22, 6, 40, 13, tzinfo=UTC)


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def page(*alerts, heartbeat="Watchdog last heard 1 s ago.", silent=False):
    notifications = [Notification(alert.status, [alert], "ticket", NOW) for alert in alerts]
    return notifications_page(notifications, heartbeat, heartbeat_silent=silent)


def alert(**annotations):
    return Alert("firing", NOW, NOW, {"alertname": "LogStalled", "severity": "page"}, annotations)


PLAIN = Tags(page(alert(summary="plain"))).tags


@given(st.text())
def test_no_text_of_an_alert_becomes_markup(text):
    hostile = Alert("firing", NOW, NOW, {"alertname": text, "severity": text}, {"summary": text})
    assert Tags(page(hostile)).tags == PLAIN


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "data:text/html,x", "//127.0.0.1/", "file:///etc/passwd"])
def test_only_web_addresses_become_links(scheme):
    assert Tags(page(alert(summary="plain", runbook_url=scheme, dashboard_url=scheme))).tags == PLAIN


def test_runbook_and_dashboard_are_links():
    html = page(alert(runbook_url='http://127.0.0.1/r#"x', dashboard_url="http://127.0.0.1/d?a=1&b=2"))
    links = [value for name, value in Tags(html).attributes if name == "href"]
    assert links[:2] == ['http://127.0.0.1/r#"x', "http://127.0.0.1/d?a=1&b=2"]


def test_the_page_can_be_read_without_eyes():
    """Language, title, a caption, scoped headings, times for machines; status in words, not in colour alone."""
    html = page(alert(summary="plain"))
    attributes = Tags(html).attributes
    assert ("lang", "en") in attributes
    assert {"title", "caption", "main", "h1", "time"} <= set(PLAIN)
    assert ("scope", "col") in attributes
    assert ("scope", "row") in attributes
    assert ">firing</td>" in html


def test_silence_of_the_watchdog_stands_out():
    assert ("class", "silent") in Tags(page(silent=True)).attributes
    assert ("class", "silent") not in Tags(page()).attributes


def test_an_empty_page_says_so():
    assert "Nothing was delivered yet" in page()


def test_runbooks_keep_their_text_and_headings_get_anchors():
    html = runbooks_page("# A\n\n### LogStalled\n\n1 < 2 & `x`\n")
    assert '<h3 id="logstalled">LogStalled</h3>' in html
    assert "1 &lt; 2 &amp; `x`" in html


@pytest.mark.parametrize(
    ("heading", "want"), [("LogStalled", "logstalled"), ("What is where, and how?", "what-is-where-and-how")]
)
def test_anchors_are_those_of_markdown_viewers(heading, want):
    assert anchor(heading) == want
