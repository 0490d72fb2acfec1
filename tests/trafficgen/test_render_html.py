"""The report as one HTML file."""

from html.parser import HTMLParser

from msgspec import structs

from trafficgen.meter.meter import Meter
from trafficgen.report.render_html import render_html
from trafficgen.report.report import make_report
from trafficgen.report.verdict import Verdict


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.curves, self.words, self.refers, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        if tag == "polyline":
            self.curves.append(values["points"].split())
        self.refers += [value for name, value in attributes if name in {"src", "href"}]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_has_its_curves_and_needs_nothing_else():
    meter = Meter(("/", "/<b>"))
    for _ in range(3):
        meter.series.add(100, 90, 80)
    meter.planned, meter.dropped["behind"], meter.codes[1] = 300, 30, {200: 240}
    meter.lateness.record([1_000_000] * 270)
    meter.from_plan.record([30_000_000] * 300)
    meter.no_answer["timeout"] = 30
    meter.from_send.record(list(range(1_000_000, 28_000_000, 100_000)))
    report = make_report(meter, url="http://a/?<", seed=1, seconds=3.0, plan_s=3.0, started_at=0.0)
    page = Reader()
    page.feed(render_html(report, meter))
    assert page.refers == []
    assert len(page.curves) == 5  # planned, sent, answered; latency from the plan and from the send
    assert [len(curve) for curve in page.curves] == [3, 3, 3, 1, len(meter.from_send.points()[0])]
    assert {"Traffic to http://a/?<", "/<b>", "30 (10.0 %; behind: 30)", "30 (11.1 %; timeout: 30)"} <= set(page.words)


def test_the_page_says_when_by_which_command_and_how_long_all_took():
    meter = Meter(("/",))
    meter.from_plan.record([30_000_000] * 90 + [50_000_000] * 10)
    meter.received_bytes = 1_234_567
    report = make_report(meter, url="http://a/", seed=1, seconds=90.4, plan_s=90.0, started_at=1_795_780_799.2)
    report = structs.replace(report, command="trafficgen --url http://a/ --header 'Authorization: ...'")
    page = Reader()
    page.feed(render_html(report, meter))
    words = [word for word in page.words if word.strip()]
    after = {word: words[at + 1 : at + 8] for at, word in enumerate(words)}
    assert after["begin"][0] == "2026-11-27 11:59:59 UTC"
    assert after["end"][0] == "2026-11-27 12:01:29 UTC (last request due)"
    assert after["received"][0] == "1,234,567 bytes"
    assert report.command in words
    assert after["mean"][:6] == ["p50", "p90", "p95", "p99", "p999", "max"]
    buckets = ["29.9 ms", *["49.9 ms"] * 4]  # their middles
    assert after["latency from plan"] == ["32 ms", *buckets, "50 ms"]
    assert after["send lateness"] == ["-"] * 7


def test_an_empty_run_has_a_page_too():
    report = make_report(Meter(("/",)), url="http://a/", seed=1, seconds=0.0, plan_s=None, started_at=0.0)
    assert "Traffic to http://a/" in render_html(report, Meter(("/",)))


def test_what_comes_from_outside_does_nothing_on_the_page():
    hostile = "</title><script>x()</script>\x1b[2J\x9b\u202e'\"><img src=http://a/ onerror=x()>"
    meter = Meter((hostile,))
    meter.codes[0] = {200: 1}
    meter.lateness.record([1])
    report = structs.replace(
        make_report(meter, url=hostile, seed=1, seconds=1.0, plan_s=1.0, started_at=0.0),
        failed=[hostile],
        expectations=[Verdict(expectation=hostile, held=False, why=hostile)],
        no_answer={hostile: 1},
    )
    text = render_html(report, meter)
    page = Reader()
    page.feed(text)
    assert page.refers == []
    assert not page.tags & {"script", "img"}
    assert sum(hostile[:10] in word for word in page.words) >= 6  # title, heading, verdict twice, no answer, targets
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
