"""Custom labels: values, limits, births, and what a restart and a reload do to them."""

import json
from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.agents import agent
from exporter.accesslog.explain import Explanation
from exporter.accesslog.kept.state import forget, kept_routes
from exporter.accesslog.metrics import families
from exporter.accesslog.own_labels import Label, Labelling, column
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.parse.records import Records
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.parse.vector import Vector
from exporter.accesslog.report.backfill import Backfill
from exporter.accesslog.selftest import check_source
from exporter.accesslog.source import Example, Limits, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Buckets, normal
from exporter.accesslog.tryout import try_source
from exporter.checkpoint import Changes, Checkpoint, encoded
from foundation.clock import SystemClock
from foundation.config import parse_config
from foundation.errors import ConfigError

REQUESTS, FOLDED = "tidewatch_http_requests_total", "tidewatch_http_folded_requests_total"
BUCKETS = Buckets((0.1,))


class _Config(msgspec.Struct):
    """The part of the configuration with access logs."""

    accesslog: list[Source]


def source(**changes):
    return Source(**{"source": "site", "paths": ("access.log",), "format": "vhost-combined", **changes})


def line(host="a.example.org", agent="curl/8.1", code=200):
    text = f'{host} 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" {code} 10 "-" "{agent}"\n'
    return text.encode()


def counted(one, data, traffic=None):
    traffic = traffic or Traffic(one, 1.0)
    traffic.add(Reader(one.parsed_format(), Buckets(one.buckets), columns=one.columns()).read(data), 2.0)
    return traffic


def series(traffic, name=REQUESTS):
    return {
        tuple(zip(family.metric.labels[1:], labels[1:], strict=True)): value
        for family in families(traffic)
        if family.metric.name == name
        for labels, value in family.series
    }


def by(traffic, *names, name=REQUESTS):
    found = {}
    for labels, value in series(traffic, name).items():
        key = tuple(dict(labels)[one] for one in names)
        found[key] = found.get(key, 0) + value
    return found


@pytest.mark.parametrize(
    ("label", "texts", "want"),
    [
        (Label("host"), ["a", "", "x" * 200, "x" * 201, "\x1b[1m"], ["a", "", "x" * 200, "other", r"\x1b[1m"]),
        (Label("host", values=("a", 7)), ["a", "7", "b", "A", ""], ["a", "7", "other", "other", "other"]),
        (Label("code", match="(.).*", replace=r"\1xx"), ["200", "503", ""], ["2xx", "5xx", "other"]),
        (Label("code", match="(?P<first>.)..", replace=r"\g<first>xx"), ["200", "20"], ["2xx", "other"]),
        (Label("path", match="/api/(v[0-9]+)/.*", replace=r"\1"), ["/api/v2/x", "/api/v2"], ["v2", "other"]),
        (Label("path", match="/a.*"), ["/ab", "/b", "/a\nb", "/a\0"], ["/ab", "other", "other", r"/a\x00"]),
        (Label("path", match="/(a|b)?x", replace=r"<\1\\\1>"), ["/ax", "/x"], [r"<a\a>", r"<\>"]),
        (Label("path", match="(.*)", replace=r"\1", values=("k",)), ["k", "l"], ["k", "other"]),
        (Label("path", match=r"(?P<a>\pL+)-(.)", replace=r"köln \2\g<a>\g<0>"), ["é-1", "1"], ["köln 1éé-1", "other"]),
        (Label("path", match="/(.*)"), ["/a\udcff"], ["/a\ufffd"]),
        (Label("code", shape="status"), ["200", "101", "404", "000", "-", "999", "2000"],
         ["2xx", "1xx", "4xx", "none", "none", "other", "other"]),
        (Label("agent", shape="agent", values=("bot",)), ["Googlebot/2.1", "curl/8"], ["bot", "other"]),
    ],
)  # fmt: skip
def test_a_text_of_a_field_has_its_value(label, texts, want):
    assert Labelling("one", label)(texts) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "browser"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Version/17.1 Safari/604.1",
            "browser",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.example.org/bot.html)", "bot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0)", "bot"),
        ("facebookexternalhit/1.1", "bot"),
        ("kube-probe/1.29", "probe"),
        ("ELB-HealthChecker/2.0", "probe"),
        ("Blackbox Exporter/0.24.0", "probe"),
        ("curl/8.1.2", "library"),
        ("python-requests/2.31.0", "library"),
        ("Go-http-client/1.1", "library"),
        ("okhttp/4.9", "library"),
        ("Cubot X30", "other"),
        ("-", "other"),
        ("", "other"),
    ],
)
def test_a_client_is_of_a_kind(text, want):
    assert agent(text) == want


WRONG = [
    (
        "{ip: {field: adress}}",
        "labels: ip: the format has no field adress; it has method, path, code, host, remote_addr",
    ),
    ("{ip: '{adress}'}", "labels: ip: the format has no field adress"),
    ("{ip: adress}", "labels: ip: expected one field in braces, for example '{host}'"),
    ("{ip: '{host}-{code}'}", "labels: ip: expected one field in braces"),
    ("{code: {field: host}}", "labels: code: the label name is already used"),
    ("{job: {field: host}}", "labels: job: the label name is already used"),
    ("{a-b: {field: host}}", "labels: a-b: a label's name has letters, digits and _"),
    ("{a: {field: host, replace: x}}", "labels: a: replace needs match, because it uses the groups of match"),
    ("{a: {field: host, match: '('}}", "labels: a: the regex '(' is not a valid RE2 regex: missing )"),
    ("{a: {field: host, match: '(a)', replace: '\\g<b>'}}", r"labels: a: replace '\\g<b>': invalid group reference"),
    (
        "{a: {field: host, match: '(a)', replace: '\\0'}}",
        r"labels: a: replace '\\0': expected groups as \1 or \g<name>",
    ),
    ("{a: {field: host, match: '(a)', replace: 'a\\'}}", r"labels: a: replace 'a\\': expected groups as"),
    (
        "{a: {field: host, match: '(?=x)y'}}",
        "labels: a: the regex '(?=x)y' is not a valid RE2 regex: invalid perl operator",
    ),
    ("{a: {field: host, match: '(a)', replace: '\\2'}}", r"labels: a: replace '\\2': invalid group reference"),
    ("{a: {field: host, match: a, shape: agent}}", "labels: a: expected shape or match, not both"),
    ("{a: {field: host, shape: agents}}", "agent"),
    (
        f"{{a: {{field: host, values: [{'x' * 201}]}}}}",
        "labels: a: values: 'xxxxxxxxxxxxxxxxxxxx'... has more than 200",
    ),
    ("{a: {field: host, values: [x, y, z]}}", "labels: 6 series would be created at once, more than limits: series"),
]


@pytest.mark.parametrize(("labels", "said"), WRONG)
def test_a_label_that_cannot_be_is_told(labels, said):
    text = (
        "accesslog:\n  - source: site\n    paths: [access.log]\n    format: vhost-combined\n    routes: [/]\n"
        f"    codes: [200, 500]\n    limits: {{series: 5}}\n    labels: {labels}\n"
    )
    with pytest.raises(ConfigError) as told:
        parse_config(text, _Config)
    assert said in str(told.value)


def test_labels_are_counted_and_declared_ones_are_born():
    one = source(
        labels={
            "vhost": Label("host", values=("a.example.org", "b.example.org")),
            "class": Label("code", match="(.).*", replace=r"\1xx", values=("2xx", "5xx")),
        },
        routes=("/",),
        codes=(200, 500),
    )
    traffic = counted(one, line() + line(host="c.example.org", code=503) + line(code=200))
    assert by(traffic, "vhost", "class", "code") == {
        **dict.fromkeys(product(("a.example.org", "b.example.org"), ("2xx", "5xx"), ("200", "500")), 0),
        ("a.example.org", "2xx", "200"): 2,
        ("other", "5xx", "200"): 0,
        ("other", "5xx", "500"): 0,
        ("other", "5xx", "503"): 1,
    }  # fmt: skip
    assert by(traffic, "label", name=FOLDED)["vhost",] == 1
    assert by(traffic, "label", name=FOLDED)["class",] == 0


def test_a_label_that_declares_nothing_is_born_with_its_first_line():
    one = source(labels={"vhost": "{host}"}, routes=("/",), codes=(200, 500))
    traffic = Traffic(one, 1.0)
    assert series(traffic) == {}
    assert by(counted(one, line(), traffic), "vhost", "code") == {
        ("a.example.org", "200"): 1,
        ("a.example.org", "500"): 0,
    }


def test_values_beyond_a_limit_fold_and_are_counted_by_label():
    labels = {"vhost": Label("host", limit=2), "client": Label("user_agent")}
    one = source(labels=labels, limits=Limits(values=3))
    data = b"".join(line(host=f"h{number}", agent=f"a{number}") for number in range(5))
    traffic = counted(one, data)
    assert by(traffic, "vhost") == {("h0",): 1, ("h1",): 1, ("other",): 3}
    assert by(traffic, "client") == {("a0",): 1, ("a1",): 1, ("a2",): 1, ("other",): 2}
    folded = by(traffic, "label", name=FOLDED)
    assert (folded["vhost",], folded["client",], folded["series",]) == (3, 2, 0)


def test_the_limit_on_series_holds_for_the_product_of_all_labels():
    one = source(labels={"vhost": "{host}", "client": "{user_agent}"}, limits=Limits(series=10))
    data = b"".join(line(host=f"h{a}", agent=f"a{b}") for a in range(9) for b in range(9))
    traffic = counted(one, data)
    assert len(series(traffic)) == 11  # and the one that the others folded into
    assert sum(series(traffic).values()) == 81
    assert by(traffic, "vhost", "client", "route")["other", "other", "other"] == 71
    assert by(traffic, "label", name=FOLDED)["series",] == 71


VALUES = st.one_of(
    st.sampled_from(["a.example.org", "b", "-", "x" * 250, r"a\x22b", "café", "\u2028", "\x7f", "'", "0", "é" * 300]),
    st.text(st.characters(blacklist_characters='\n\r" \\', blacklist_categories=("Cs",)), max_size=12),
)
RAW = st.one_of(VALUES.map(str.encode), st.binary(max_size=12).map(lambda raw: raw.translate(None, b'\n "\\')))
LABELS = {
    "plain": Label("host"),
    "listed": Label("host", values=("a.example.org", "b", "café")),
    "matched": Label("user_agent", match="(?P<first>.)(.*)", replace=r"\g<first>\2"),
    "agent": Label("user_agent", shape="agent"),
    "class": Label("code", shape="status"),
    "top": Label("path", match="(/[a-z]*)/?.*", replace=r"\1"),
}


def engines(format_):
    one = source(format=format_, labels=LABELS)
    columns = Reader(one.parsed_format(), BUCKETS, columns=one.columns()).columns
    kind = Records if format_ == "json" else Columnar
    return columns, kind(columns.format, BUCKETS, router=one.router(), columns=columns)


def tally_by_route(tally, router):
    """Targets stand for their routes in bulk, where a router is."""
    hits = {}
    for key, numbers in tally.hits.items():
        one = (key[0], router.route(key[1]), *key[2:])
        hits[one] = [a + b for a, b in zip(numbers, hits.get(one, [0] * len(numbers)), strict=True)]
    return tally.lines, tally.failed, hits


def same(format_, data, known={}):  # noqa: B006, engines that remember what they have seen
    columns, bulk = known.setdefault(format_, engines(format_))
    router = source().router()
    want = columns.tally(tally_scalar(data, columns.format, BUCKETS))
    assert tally_by_route(bulk.tally(data), router) == tally_by_route(want, router)
    if format_ == "json":
        return
    vector = known.setdefault("vector", Vector(columns.format, BUCKETS, router, columns))
    tally, odd = vector.read(normal(data))
    tally.merge(columns.tally(tally_normal(odd, columns.format, BUCKETS)))
    assert tally_by_route(tally, router) == tally_by_route(want, router)


@settings(max_examples=30, deadline=None)
@given(lines=st.lists(st.tuples(RAW, RAW, st.sampled_from(["200", "503", "-", "000"])), max_size=8))
def test_both_engines_give_lines_the_same_labels(lines):
    start, rest = b" 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] ", b' 10 "-" "'
    data = b"".join(
        host + start + b'"GET /a/' + host + b' HTTP/1.1" ' + code.encode() + rest + client + b'"\n'
        for host, client, code in lines
    )
    same("vhost-combined", data)


KEYED = st.one_of(
    VALUES,
    st.integers(-5, 10**20),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.just(["x"]),
    st.just({"a": 1}),
)


@settings(max_examples=30, deadline=None)
@given(lines=st.lists(st.tuples(KEYED, KEYED, st.booleans()), max_size=8))
def test_both_engines_give_objects_the_same_labels(lines):
    data = b""
    for host, client, has_host in lines:
        record = {"method": "GET", "path": "/a/b", "status": 200, "user_agent": client}
        data += json.dumps(record | ({"host": host} if has_host else {})).encode() + b"\n"
    same("json", data)


def test_ten_thousand_values_are_the_same_in_both_engines():
    data = b"".join(line(host=f"h{number % 7}", agent=f"agent {number}") for number in range(10_000))
    for _ in range(2):
        same("vhost-combined", data)


def saved(traffic):
    puts = traffic.changes(everything=True)
    return {key: encoded(value) for key, value in puts.items()}, traffic.ended()


def test_labelled_series_are_the_same_after_a_restart():
    one = source(labels={"vhost": "{host}", "client": Label("user_agent", shape="agent")}, format="vhost-combined")
    before = counted(one, line() + line(host="b", agent="Googlebot") + line(host='q"\\'))
    after = Traffic(one, 5.0, saved(before)[0])
    assert (series(after), after.created, after.unreadable) == (series(before), before.created, {})
    assert counted(one, line(), after).requests["site", "GET", "/", "200", "library", "a.example.org"].count == 2


def test_what_a_version_without_labels_saved_is_read():
    old = {
        "totals": b'{"lines":3,"failed":{},"folded":{}}',
        '["GET","/","200"]': b"[3,30,1.0]",
        '["GET","/"]': b"[[0.1],[2,1],5,1.0]",
    }
    traffic = Traffic(source(buckets=(0.1,)), 5.0, old)
    assert traffic.unreadable == {}
    assert by(traffic, "route", "code") == {("/", "200"): 3}
    assert saved(traffic)[0].keys() == old.keys()


def test_with_other_labels_all_series_begin_anew_and_the_old_ones_are_forgotten():
    plain, labelled = source(), source(labels={"vhost": "{host}"})
    traffic = counted(plain, line())
    assert saved(traffic)[1] == set()
    traffic.configure(labelled, 7.0)
    assert series(traffic) == {}
    assert traffic.totals.lines == 1
    assert saved(traffic)[1] == {'["GET","/","200"]'}
    counted(labelled, line(), traffic)
    assert by(traffic, "vhost") == {("a.example.org",): 1}
    assert set(traffic.created.values()) == {2.0}
    restarted = Traffic(plain, 8.0, saved(traffic)[0])
    assert (series(restarted), restarted.totals.lines) == ({}, 2)
    assert saved(restarted)[1] == {'["GET","/","200",{"vhost":"a.example.org"}]'}


def test_routes_of_labelled_series_can_be_listed_and_forgotten(tmp_path):
    one = source(labels={"vhost": "{host}"})
    with Checkpoint(tmp_path / "exporter.db", SystemClock()) as checkpoint:
        traffic = counted(one, line() + line(host="b"))
        checkpoint.commit_now(
            "accesslog/site", Changes(puts=traffic.changes(everything=True), deletes=frozenset(), everything=True)
        )
    assert [(kept.route, kept.requests) for kept in kept_routes(tmp_path, one)] == [("/", 2)]
    assert forget(tmp_path, one, ["/"]) == 2
    assert kept_routes(tmp_path, one) == []


def test_series_of_labels_that_stay_go_on_whatever_their_values():
    before = source(labels={"vhost": Label("host", values=("a.example.org", "b"))})
    traffic = counted(before, line())
    traffic.configure(source(labels={"vhost": Label("host", values=("b",))}), 7.0)
    assert by(traffic, "vhost") == {("a.example.org",): 1}


def test_explain_shows_labels_and_what_they_feed():
    one = source(labels={"client": Label("user_agent", shape="agent"), "vhost": Label("host", values=("b",))})
    text = "\n".join(Explanation(one, "access.log").of(line()))
    assert "client=library  vhost=other" in text
    assert '{source="site",method="GET",route="/",code="200",client="library",vhost="other"} +1' in text
    assert f'folded   {FOLDED}{{source="site",label="vhost"}} +1' in text


def test_tests_of_a_source_may_name_labels():
    lines = (line().decode().rstrip("\n"),)
    good = {f'{REQUESTS}{{vhost="a.example.org"}}': 1.0, f'{REQUESTS}{{vhost="b"}}': 0.0}
    one = source(labels={"vhost": Label("host", values=("a.example.org", "b"))}, routes=("/",), codes=(200,))
    tests = [{"lines": lines, "samples": good}]
    one = source(labels=one.labels, routes=("/",), codes=(200,), tests=tuple(Example(**test) for test in tests))
    assert check_source(one) == []


def test_backfill_has_labels():
    one = source(labels={"vhost": "{host}"})
    backfill = Backfill(one, 60, {})
    backfill.add(line() + line(host="b"), "access.log")
    found = [text for text in backfill.lines() if text.startswith(REQUESTS) and " 0 " not in text]
    assert {text.partition("vhost=")[2].partition("}")[0] for text in found} == {'"a.example.org"', '"b"'}


def test_check_tells_of_a_label_that_would_explode(tmp_path):
    log = tmp_path / "access.log"
    log.write_bytes(b"".join(line(host=f"h{number}") for number in range(300)))
    (found,) = [one for one in try_source(source(paths=(str(log),), labels={"ip": "{host}"})) if one.is_wrong]
    assert "label ip would have 300 values in the first 300 lines; at most 100 are kept" in found.text


def test_a_column_of_declared_values_is_an_expression():
    assert column("a", Label("host", values=("it's",))).sql("x") == "CASE WHEN x IN ('it''s') THEN x ELSE 'other' END"
