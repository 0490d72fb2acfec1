"""Lines of the access log keep their shape whatever a client sends."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeserver.log_format import FORMATS, Served, combined, json_line, tab, tab_timed

PLAIN = Served(
    ip="192.0.2.7",
    method="GET",
    target="/blog?page=2",
    route="/blog",
    status=404,
    body_bytes=14,
    duration_s=0.0012345678,
    end_s=1795328999.25,
    http_version="HTTP/1.1",
    referer="-",
    user_agent="curl/8",
)


@pytest.mark.parametrize(
    ("make", "want"),
    [
        pytest.param(tab, b"192.0.2.7\tGET /blog\t404\t14\n", id="tab"),
        pytest.param(tab_timed, b"192.0.2.7\tGET /blog\t404\t14\t0.001235\n", id="tab-timed"),
        pytest.param(
            json_line,
            b'{"time":"2026-11-22T06:29:59.250Z","ip":"192.0.2.7","method":"GET","route":"/blog",'
            b'"status":404,"bytes":14,"duration_s":0.001235}\n',
            id="json",
        ),
        pytest.param(
            combined,
            b'192.0.2.7 - - [22/Nov/2026:06:29:59 +0000] "GET /blog?page=2 HTTP/1.1" 404 14 "-" "curl/8"\n',
            id="combined",
        ),
    ],
)
def test_each_format_by_example(make, want):
    assert make(PLAIN) == want


def test_an_empty_body_is_0_in_tab_and_a_dash_in_combined():
    empty = PLAIN._replace(body_bytes=0)
    assert tab(empty).endswith(b"\t404\t0\n")
    assert b'" 404 - "' in combined(empty)


def test_hostile_bytes_are_told_as_hex():
    hostile = PLAIN._replace(route='/a\tb\n"\\ \x7fé\udcff')
    assert tab(hostile) == b"192.0.2.7\tGET /a\\x09b\\x0a\\x22\\x5c\\x20\\x7f\\xc3\\xa9\\xff\t404\t14\n"


anything = st.text(st.characters(exclude_categories=[]) | st.sampled_from('\t\n\r"\\ \udc80'), max_size=30).filter(
    lambda text: not re.search("[\ud800-\udc7f\udd00-\udfff]", text)  # the parser only makes the surrogates of bytes
)


@given(route=anything, target=anything, referer=anything, agent=anything)
def test_every_line_is_one_line_with_its_fields(route, target, referer, agent):
    served = PLAIN._replace(route=route, target=target, referer=referer, user_agent=agent)
    lines = {name: make(served) for name, make in FORMATS.items()}
    assert {name: line.count(b"\n") for name, line in lines.items()} == dict.fromkeys(FORMATS, 1)
    assert all(line.isascii() and line.endswith(b"\n") for line in lines.values())
    assert len(lines["tab"].split(b"\t")) == 4
    assert len(lines["tab-timed"].split(b"\t")) == 5
    assert json.loads(lines["json"])["status"] == 404
    assert re.fullmatch(rb'\S+ - - \[[^\]]+\] "GET \S* HTTP/1\.1" 404 14 "[^"]*" "[^"]*"\n', lines["combined"])
