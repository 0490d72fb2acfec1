import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markup import Markup

from alerts.changes import Changes, Filter
from alerts.notifications import Alert
from alerts.page import MOST_SHOWN, alerts_page, anchor, runbooks_page

NOW = datetime(2026, 11, 22, 6, 40, 13, tzinfo=UTC)


def page(*alerts, heartbeat="Watchdog last heard 1 s ago.", silent=False, **asked):
    changes = Changes()
    for one in alerts:
        changes.take(one, NOW)
    return alerts_page(changes, Filter(**asked), heartbeat, heartbeat_silent=silent)


def of(name, severity="page", source="site", status="firing"):
    labels = {"alertname": name, "severity": severity, "source": source}
    return Alert(
        status=status, starts_at=NOW, ends_at=NOW, labels=labels, annotations={"summary": f"{name} of {source}"}
    )


def shown(html):
    """The summaries on the page, and the names above them."""
    return re.findall(r"<p>(\w+ of [^<]*)</p>", html), re.findall(r"<h2><a [^>]*>([^<]*)<", html)


def words(html):
    """The words of the filters, and where they lead."""
    links = re.findall(r'<a href="([^"]*)"(?: aria-current="true")?>([^<]*?) \d+</a>', html)
    return {unescape(word): unescape(address) for address, word in links}


def alert(**annotations):
    return Alert(
        status="firing",
        starts_at=NOW,
        ends_at=NOW,
        labels={"alertname": "LogStalled", "severity": "page"},
        annotations=annotations,
    )


PLAIN = Markup(page(alert(summary="plain"))).tags


@given(st.text())
def test_no_text_of_an_alert_becomes_markup(text):
    hostile = Alert(
        status="firing",
        starts_at=NOW,
        ends_at=NOW,
        labels={"alertname": text, "severity": text, "source": text},
        annotations={"summary": text},
    )
    plain = Alert(
        status="firing",
        starts_at=NOW,
        ends_at=NOW,
        labels={"alertname": "a", "severity": "b", "source": "c"},
        annotations={"summary": "d"},
    )
    assert Markup(page(hostile)).tags == Markup(page(plain)).tags
    assert {name for name, _ in Markup(page(hostile)).attributes if name.startswith("on")} == set()


@pytest.mark.parametrize("scheme", ["javascript:alert(1)", "data:text/html,x", "//127.0.0.1/", "file:///etc/passwd"])
def test_only_web_addresses_become_links(scheme):
    assert Markup(page(alert(summary="plain", runbook_url=scheme, dashboard_url=scheme))).tags == PLAIN


def test_runbook_and_dashboard_are_links():
    html = page(alert(runbook_url='http://127.0.0.1/r#"x', dashboard_url="http://127.0.0.1/d?a=1&b=2"))
    links = [value for name, value in Markup(html).attributes if name == "href" and value.startswith("http")]
    assert links == ['http://127.0.0.1/r#"x', "http://127.0.0.1/d?a=1&b=2"]


def test_the_page_can_be_read_without_eyes():
    """Language, title, headings, named filters, times for machines; status in words, not in colour alone."""
    html = page(alert(summary="plain"))
    attributes = Markup(html).attributes
    assert ("lang", "en") in attributes
    assert {"title", "main", "nav", "h1", "h2", "time"} <= set(PLAIN)
    assert ("aria-label", "Filters") in attributes
    assert ">firing</span>" in html
    assert ("aria-current", "true") in Markup(page(of("A"), state=("firing",))).attributes


def test_alerts_are_grouped_by_name_the_firing_and_loud_ones_first():
    told = [of("Old", status="resolved"), of("Quiet", "info"), of("Loud", source="a"), of("Loud", source="b")]
    html = page(*told, of("Loud", source="c", status="resolved"))
    summaries, names = shown(html)
    assert names == ["Loud", "Quiet", "Old"]
    assert summaries == ["Loud of b", "Loud of a", "Loud of c", "Quiet of site", "Old of site"]
    assert "2 firing" in html
    assert "1 resolved" in html


def test_the_page_is_bounded_and_says_so_and_keeps_the_firing_and_loud_alerts():
    told = [of("Loud"), *(of("Quiet", "info", f"s{n}") for n in range(MOST_SHOWN)), of("Old", status="resolved")]
    html = page(*told)
    assert len(shown(html)[0]) == MOST_SHOWN
    assert shown(html)[1] == ["Loud", "Quiet"]
    assert "And 2 more" in html
    assert "more: choose" not in page(*told, source=("s[0-9]*",))


@pytest.mark.parametrize(
    ("asked", "want"),
    [
        ({}, {"A of x", "A of y", "B of x"}),
        ({"severity": ("page",)}, {"A of x", "A of y"}),
        ({"source": ("x",)}, {"A of x", "B of x"}),
        ({"source": ("x",), "severity": ("page",)}, {"A of x"}),
        ({"source": ("x", "y")}, {"A of x", "A of y", "B of x"}),
        ({"alert": ("B*",)}, {"B of x"}),
        ({"state": ("resolved",)}, {"B of x"}),
        ({"state": ("gone",)}, set()),
    ],
)
def test_the_page_shows_what_is_asked_for(asked, want):
    html = page(of("A", source="x"), of("A", source="y"), of("B", "ticket", "x", "resolved"), **asked)
    assert set(shown(html)[0]) == want
    assert ("No alert is state gone" in html) == (not want)


def test_the_words_of_a_filter_lead_to_what_they_say_and_back():
    told = [of("A", source="x"), of("A", source="a*&b"), of("A", source="axx&b"), of("B", "ticket", "x")]
    plain = words(page(*told))
    assert plain["page"] == "./?severity=page"
    asked = {key: tuple(values) for key, values in parse_qs(plain["a*&b"].removeprefix("./?")).items()}
    html = page(*told, **asked)
    assert shown(html)[0] == ["A of a*&amp;b"], "a word is meant as it is written"
    assert words(html)["a*&b"] == "./"
    assert parse_qs(words(html)["ticket"].removeprefix("./?"))["severity"] == ["ticket"]
    assert parse_qs(words(html)["ticket"].removeprefix("./?"))["source"] == list(asked["source"])


def test_silence_of_the_watchdog_stands_out():
    assert ("class", "silent") in Markup(page(silent=True)).attributes
    assert ("class", "silent") not in Markup(page()).attributes


def test_an_empty_page_says_so():
    assert "Nothing was delivered yet" in page()


def test_runbooks_keep_their_text_and_headings_get_anchors():
    html = runbooks_page("# A\n\n### LogStalled\n\n1 < 2 &\n`<x>` **y**\n")
    assert '<h3 id="logstalled"><span id="LogStalled">LogStalled</span></h3>' in html, "by its name, too"
    assert "<p>1 &lt; 2 &amp; <code>&lt;x&gt;</code> <strong>y</strong></p>" in html


@pytest.mark.parametrize(
    ("heading", "want"), [("LogStalled", "logstalled"), ("What is where, and how?", "what-is-where-and-how")]
)
def test_anchors_are_those_of_markdown_viewers(heading, want):
    assert anchor(heading) == want
