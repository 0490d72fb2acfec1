"""JSON with many targets: bounded, and the same in bulk as line by line."""

import random
from operator import add

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.columns import Apart, Column, Columns
from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse import records
from exporter.accesslog.parse.records import Records
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import Buckets, Tally

BUCKETS = Buckets((0.001, 0.1, 2.5))
ROUTER = Router(["/items/{id}"])


def lines(targets):
    shape = '{{"method":"GET","uri":"{}","status":200,"body_bytes_sent":{},"request_time":0.25}}\n'
    return "".join(shape.format(target, len(target)) for target in targets).encode()


def by_route(tally):
    routed = msgspec.structs.replace(tally, hits={})
    for (method, target, code, *more), numbers in tally.hits.items():
        key = (method, ROUTER.route(target), code, *more)
        routed.hits[key] = list(map(add, routed.hits.get(key, [0] * len(numbers)), numbers))
    return routed


@pytest.mark.parametrize("most", [(3, 5), (3, 1000), (1000, 5)])
def test_what_is_forgotten_changes_no_count(most, monkeypatch):
    monkeypatch.setattr(records, "_PLACES", most[0])
    monkeypatch.setattr(records, "_REQUESTS", most[1])
    draw = random.Random(7)
    plain, routing = Records(PRESETS["json"], BUCKETS), Records(PRESETS["json"], BUCKETS, ROUTER)
    for _ in range(6):
        data = lines(draw.choice(("/items/{}", "/users/{}", "/a{}")).format(draw.randrange(9)) for _ in range(30))
        want = tally_scalar(data, PRESETS["json"], BUCKETS)
        assert plain.tally(data) == want
        found = routing.tally(data)
        assert by_route(found) == by_route(want)
        assert len(found.hits) == len(by_route(want).hits)


def test_values_that_come_again_are_looked_at_once(monkeypatch):
    """However many others there are: what is often asked is not forgotten with the rest."""
    monkeypatch.setattr(records, "_PLACES", 25)
    asked = []

    class Asked(Router):
        def route(self, target):
            asked.append(target)
            return super().route(target)

    reader, tally = Records(PRESETS["json"], BUCKETS, Asked([])), Tally()
    for chunk in range(20):
        tally.merge(reader.tally(lines(["/often", *(f"/once/{chunk}/{number}" for number in range(20))])))
    assert asked.count(b"/often") == 1
    assert tally.hits[b"GET", b"/often", b"200"][0] == 20
    assert len(tally.hits) == 2


REQUESTS = [
    "",
    "-",
    "/c",
    "GET /d?e HTTP/1.1",
    "GET /d?f HTTP/1.1",
    "GET /e HTTP/1.1",
    "get /e?",
    "GET /e ",
    "GET /items/7 a b c",
    "GET  /two HTTP/1.1",
    "GET http://h/items/9?b HTTP/1.1",
    "G?T /x HTTP/1.1",
    "http://h/a /x HTTP/1.1",
    "M-SEARCH * HTTP/1.1",
    "PUT /\u00e9\n HTTP/1.1",
    "\u00e9 /a HTTP/1.1",
]
VALUES = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "get", "", "-", "G?T", "PUT /a", "x y"]),
        "uri": st.sampled_from(
            [
                "/",
                "/items/7?a=1",
                "/items/8",
                "?a",
                "",
                "*",
                "-",
                "x",
                "http://h/items/9?b",
                "/\u00e9",
                "/a b",
                "//?",
                "/a#b?c",
            ]
        ),
        "status": st.sampled_from([200, 404, 0, 99, 1000, "200"]),
        "request": st.sampled_from(REQUESTS),
        "user_agent": st.sampled_from(["curl/8", "bot/1", "", "\u00e9", 7, None]),
    }
)


@settings(max_examples=40, deadline=None)
@given(first=VALUES, others=st.lists(VALUES, max_size=12), left=st.sets(st.sampled_from(["method", "request"])))
def test_the_path_of_a_request_does_not_decide_its_other_fields(first, others, left):
    some = [{key: value for key, value in one.items() if key not in left} for one in (first, *others, first)]
    data = b"".join(msgspec.json.encode(one) + b"\n" for one in some)
    want = tally_scalar(data, PRESETS["json"], BUCKETS)
    assert Records(PRESETS["json"], BUCKETS).tally(data) == want
    assert by_route(Records(PRESETS["json"], BUCKETS, ROUTER).tally(data)) == by_route(want)


def test_a_line_loses_one_carriage_return_however_often_it_is_looked_at(monkeypatch):
    """The last line is JSON to whoever takes both from its end, and almost JSON to nobody."""
    monkeypatch.setattr(records, "WORTH_BYTES", 1)
    data = lines(["/a"]) + b'{"status":200,"uri":"/b"}\n{"status":200,"uri":"/c","t":,}\r\r\n'
    data += b'{"status":200,"uri":"/c","t":}\r\r\n'
    assert Records(PRESETS["json"], BUCKETS).tally(data) == tally_scalar(data, PRESETS["json"], BUCKETS)


@pytest.mark.parametrize("field", ['"method":"GET","uri":"{}"', '"request":"GET {} HTTP/1.1"', '"request":"GET {}"'])
def test_no_line_with_a_path_is_read_on_its_own(field, monkeypatch):
    monkeypatch.setattr(records, "tally_normal", None)
    data = "".join(f'{{{field.format(f"/items/{number}?q")},"status":200}}\n' for number in range(50)).encode()
    found = Records(PRESETS["json"], BUCKETS, ROUTER).tally(data)
    assert {key: numbers[0] for key, numbers in found.hits.items()} == {(b"GET", b"/items/0", b"200"): 50}


COLUMNS = [
    Column("path", lambda texts: [str(len(text)) for text in texts]),
    Column("user_agent", lambda texts: ["bot" if "bot" in text else text[:1] for text in texts]),
    Column("code", lambda texts: [text[:1] for text in texts]),
]


@settings(max_examples=100, deadline=None)
@given(first=VALUES, others=st.lists(VALUES, max_size=12), left=st.sets(st.sampled_from(["method", "request", "uri"])))
def test_labels_of_any_field_are_those_of_each_line(first, others, left):
    """Whether it is the path or another field they are made of, with all paths or routes alone."""
    some = [{key: value for key, value in one.items() if key not in left} for one in (first, *others, first)]
    data = b"".join(msgspec.json.encode(one) + b"\n" for one in some)
    columns = Columns(PRESETS["json"], COLUMNS)
    want = columns.tally(tally_scalar(data, columns.format, BUCKETS))
    assert Records(columns.format, BUCKETS, None, columns).tally(data) == want
    found = Records(columns.format, BUCKETS, Apart(ROUTER, columns), columns).tally(data)
    assert by_route(found) == by_route(want)
