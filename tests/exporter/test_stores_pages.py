"""The pages of stores, and the API's report over a range: what is asked, which rows, and that nothing of them acts."""

import json
import re
from zoneinfo import ZoneInfo

import pytest
from multidict import MultiDict
from store_reports import WORLD, a_report

from exporter.stores.asking import choose, parse_asked
from exporter.stores.figures import store_table
from exporter.stores.openapi import DOCUMENT
from exporter.stores.pages import choices, docs_page, stores_page
from exporter.stores.report import Piece
from exporter.stores.timeline import hours_in_words, timeline
from foundation.errors import ConfigError

HOUR = 3_600_000_000


def ids(**query):
    rows, total = choose(store_table(WORLD), parse_asked(query))
    return list(rows[0].values), total


def test_rows_are_searched_sorted_and_cut():
    assert ids() == (["a", "=b", "c", "d"], 4)
    assert ids(sort="availability_percent") == (["a", "=b", "c", "d"], 4)  # those without a value come last
    assert ids(sort="availability_percent", order="desc") == (["=b", "a", "c", "d"], 4)
    assert ids(sort="store_id", order="desc", limit="2", offset="1") == (["c", "a"], 4)
    assert ids(q="LOW cov") == (["=b"], 1)
    assert ids(q="berlin", limit="1") == (["a"], 4)
    assert ids(q="nobody") == ([], 0)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"sort": "name"}, "invalid sort 'name': expected one of store_id"),
        ({"order": "up"}, "expected asc or desc"),
        ({"format": "xml"}, "expected csv or json or ndjson or parquet"),
        ({"group_by": "a b"}, "for example timezone"),
        ({"limit": "-1"}, "expected a number from 0"),
        ({"limit": "1000000"}, "to 100000"),
        ({"range": "x=1"}, "for example last=30d"),
        ({"month": " "}, "for example 2026-10"),
        ({"month": "\N{FULLWIDTH DIGIT TWO}026-10"}, "for example 2026-10"),
        ({"q": "x" * 201}, "at most 200 characters"),
        ({"limit": ""}, "expected a number from 0"),
        ({"monht": "2026-10"}, "unknown parameter 'monht': expected range, from"),
        (MultiDict([("q", "a"), ("q", "b")]), "duplicate parameter"),
        ({"tz": "Mars/Olympus"}, "invalid time zone"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_could(query, words):
    with pytest.raises(ConfigError, match=words):
        choose(store_table(WORLD), parse_asked(query))


def test_a_form_without_a_choice_asks_for_the_last_week():
    for query in ({}, {"range": "", "from": "", "month": "", "q": "", "group_by": ""}):
        assert parse_asked(query).wanted.last == "7d"
    assert parse_asked({"range": "month=2026-10"}).wanted.month == "2026-10"
    assert parse_asked({"range": "last=1d", "from": "2026-10-01"}).wanted[:5] == ("2026-10-01", None, None, None, None)


def test_the_page_has_each_store_its_caveats_and_downloads():
    page = stores_page(WORLD, parse_asked({"month": "2026-10"}), {"month": "2026-10"})
    assert 'href="view/a?month=2026-10"' in page
    assert "low coverage: of the business time" in page
    assert re.findall(r"download>(\w+)<", page) == ["CSV", "JSON", "NDJSON", "Parquet"]
    assert "month=2026-10&amp;format=csv" in page
    assert '<option value="month=2026-10" selected>' in page
    assert "Nothing was judged" in stores_page(a_report([]), parse_asked({}), {})


def test_nothing_of_a_store_acts_on_its_page():
    evil = '"><script>alert(1)</script>\u202e'
    page = stores_page(a_report([(evil, 1, 0, 0, 1)]), parse_asked({"q": evil}), {"q": evil})
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_a_page_holds_a_hundred_rows_with_links_to_the_others():
    many = a_report([(f"{n:03}", 1, 0, 0, 1) for n in range(250)])
    first = stores_page(many, parse_asked({}), {})
    assert first.count('<td class="id">') == 100
    assert ('rel="next"' in first, 'rel="prev"' in first) == (True, False)
    last = stores_page(many, parse_asked({"offset": "200"}), {"offset": "200"})
    assert last.count('<td class="id">') == 50
    assert ('rel="next"' in last, 'rel="prev"' in last) == (False, True)


def test_groups_are_a_table_too():
    page = stores_page(WORLD, parse_asked({"group_by": "timezone"}), {"group_by": "timezone"})
    assert "Europe/Berlin</a>" in page
    assert "4 stores" in page


def test_ranges_to_choose_are_the_last_days_months_and_quarters():
    found = [text for _, text, _ in choices(WORLD.as_of_us, {})]
    assert found[:5] == ["last 24 hours", "last 7 days", "last 30 days", "last 90 days", "November 2026"]
    assert found[-3:] == ["2026 Q4", "2026 Q3", "2026 Q2"]
    assert [value for value, _, chosen in choices(WORLD.as_of_us, {"last": "5d"}) if chosen] == ["last=5d"]


def test_every_operation_of_the_document_stands_on_its_page():
    page = docs_page(DOCUMENT)
    operations = [told["operationId"] for path in DOCUMENT["paths"].values() for told in path.values()]
    assert re.findall(r'<details[^>]* id="(\w+)"', page) == operations
    assert json.dumps(DOCUMENT["paths"]["/report"]["get"]["summary"])[1:-1] in page


CHICAGO = ZoneInfo("America/Chicago")


def bars(svg, kind):
    return [
        tuple(map(float, found))
        for found in re.findall(rf'x="([\d.]+)" y="(\d+)" width="([\d.]+)" [^>]*class="{kind}"', svg)
    ]


def test_the_picture_has_a_row_a_day_and_an_opening_in_one_place_when_clocks_change():
    start = 1_793_422_800 * 1_000_000  # 2026-10-31 00:00 in Chicago, whose clocks go back on the next day
    days = [0, 24, 49]
    pieces = [Piece(start + (d + 9) * HOUR, start + (d + 17) * HOUR, "up", True, None) for d in days]
    pieces[1] = pieces[1]._replace(start_us=start + 34 * HOUR, end_us=start + 42 * HOUR, state="down", observed=False)
    svg = timeline(pieces, start, start + 73 * HOUR, CHICAGO)
    (up, other), (down,) = bars(svg, "up"), bars(svg, "down assumed")
    assert up[0] == other[0] == down[0]
    assert up[2] == other[2] == down[2] == 240
    assert len(bars(svg, "closed")) == 3
    assert "down assumed, Sun 01 Nov 09:00 to 17:00" in svg


def test_a_long_range_is_drawn_in_weeks_and_neighbours_as_one():
    pieces = [Piece(n * HOUR, (n + 1) * HOUR, "up", True, n) for n in range(200 * 24)]
    svg = timeline(pieces, 0, 200 * 24 * HOUR, ZoneInfo("UTC"))
    assert len(bars(svg, "closed")) == 29
    assert len(bars(svg, "up")) == 29


def test_lengths_are_in_words():
    assert [hours_in_words(m * HOUR // 60) for m in (5, 60, 200)] == ["5 min", "1 h 00 min", "3 h 20 min"]
