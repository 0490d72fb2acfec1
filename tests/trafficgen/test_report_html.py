"""The report as one HTML file."""

from html.parser import HTMLParser

from trafficgen.load import LoadConfig, make_run
from trafficgen.mix import parse_mix
from trafficgen.patterns import parse_patterns
from trafficgen.plan import Phase
from trafficgen.report_html import render_html


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.curves, self.words, self.refers = [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "polyline":
            self.curves.append(values["points"].split())
        self.refers += [value for name, value in attributes if name in {"src", "href"}]

    def handle_data(self, data):
        self.words.append(data)


async def test_the_page_has_its_curves_and_needs_nothing_else(site):
    phases = (Phase(parse_patterns((), 100), 1.2),)
    run = make_run(LoadConfig(site.url, phases, mix=parse_mix("/=1,/<b>=1"), seed=1))
    report = await run.execute()
    page = Reader()
    page.feed(render_html(report, run.meter))
    assert page.refers == []
    assert len(page.curves) == 5  # planned, sent, answered; latency from the plan and from the send
    assert [len(curve) for curve in page.curves[:3]] == [2, 2, 2]
    assert all(curve for curve in page.curves)
    assert f"Traffic to {site.url}" in page.words
    assert "/<b>" in page.words
