"""Lines to counts: by any split of the lines the same, and what a reader of one line at a time makes of them."""

import json
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.aside import answer  # noqa: F401, the process's module must import
from exporter.logs.counts import COUNT, LAST, TOTAL, Counts, packed, unpacked
from exporter.logs.program import Program
from exporter.logs.reader import Reader
from exporter.logs.source import Label, Rule, Source
from exporter.logs.values import BILLION, all_billionths, billionths, shown, text_of
from foundation.errors import BadRecord

RULES = (
    Rule(counter="app_events_total", labels={"event": "{event}", "zone": "fixed"}),
    Rule(
        counter="app_logins_total", match={"event": "login"}, unless={"user": ("root", "^bot")}, labels={"u": "{user}"}
    ),
    Rule(counter="app_bytes_total", value="{bytes}", labels={"event": Label("event", values=("login", "logout"))}),
    Rule(gauge="app_queue_length", value="{bytes}", match={"event": ("log", "login")}),
    Rule(histogram="app_wait_seconds", value="{took}", unit="ms", buckets=(0.01, 1.0), labels={"u": "{user}/{event}"}),
)


def source(**more):
    return Source(**{"source": "app", "paths": ("/x",), "format": "json", "metrics": RULES} | more)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.integers(10**20, 10**20 + 3),
    st.sampled_from([0.5, 1.0, 2.25, 1e9]),
    st.sampled_from(["", "-", "1", "1.0", "true", "12ms", "1_0", "nan", "x", "7 s", "0.1"]),
    st.just([1, {"a": 2}]),
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "event": st.one_of(st.sampled_from(["login", "logout", "log", 1, 1.0, True, "1", None, "é"]), VALUES),
        "user": st.sampled_from(["root", "bot7", "anna", "", "1", 1, True]),
        "bytes": VALUES,
        "took": VALUES,
        "more": VALUES,
    },
)


def plain_text(value):
    """A field as a label has it, by a reader of its own."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def plain_number(value, per_unit):
    """A field's number, None where there is none; raises ValueError for what is no number."""
    text = plain_text(value)
    if text in ("", "-"):
        return None
    found = re.fullmatch(r"([+-]?[0-9.]+)(?:e\+?([0-9]+))? ?(ms|s)?", text)
    if not found:
        raise ValueError(text)
    number = Fraction(found[1]) * 10 ** int(found[2] or 0)
    return number * ({"ms": Fraction(1, 1000), "s": 1}[found[3]] if found[3] else per_unit)


def plain_counts(records):
    """What the rules above amount to, one record after the other."""
    sums = [{} for _ in RULES]
    unusable = [0] * len(RULES)

    def add(rule, labels, number, width=2):
        one = sums[rule].setdefault(labels, [0, Fraction(0), *([0] * (width - 2))])
        one[0] += 1
        one[1] = one[1] + number if rule != 3 else number
        if width > 2:
            one[2 + (number > Fraction("0.01")) + (number > 1)] += 1

    def value(rule, given, per_unit=1):
        try:
            number = plain_number(given, per_unit)
        except ValueError:
            unusable[rule] += 1
            return None
        if number is not None and number < 0 and rule == 2:  # a counter
            unusable[rule] += 1
            return None
        return number

    for record in records:
        event, user = plain_text(record.get("event")), plain_text(record.get("user"))
        add(0, (event, "fixed"), 1)
        if event == "login" and user != "root" and not user.startswith("bot"):
            add(1, (user,), 1)
        if (number := value(2, record.get("bytes"))) is not None:
            add(2, (event if event in ("login", "logout") else "other",), number)
        if event in ("log", "login") and (number := value(3, record.get("bytes"))) is not None:
            add(3, (), number)
        if (number := value(4, record.get("took"), Fraction(1, 1000))) is not None:
            add(4, (f"{user}/{event}",), number, width=5)
    return sums, unusable


def as_plain(counts):
    sums = [
        {labels: [one[COUNT], Fraction(one[TOTAL], BILLION), *one[TOTAL + 1 : ends]] for labels, one in rule.items()}
        for rule, ends in zip(counts.sums, (None, None, None, LAST, None), strict=True)
    ]
    return sums, counts.unusable


@given(st.lists(RECORDS, max_size=30))
def test_counts_are_what_one_record_after_the_other_amounts_to(records):
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    assert as_plain(Program(source()).count(lines)) == plain_counts(records)


@given(st.lists(RECORDS, max_size=20), st.lists(st.integers(0, 20), max_size=4))
def test_any_split_of_the_lines_amounts_to_the_whole(records, cuts):
    lines = [*(json.dumps(record).encode() for record in records), b"junk", b"", b'{"event":"login"']
    reader = Reader(source())
    parts, start = Counts.of(len(RULES)), 0
    for cut in [*sorted(cuts), len(lines)]:
        parts.merge(reader.read(b"".join(line + b"\n" for line in lines[start:cut])), reader.gauges)
        start = max(start, cut)
    whole = reader.read(b"".join(line + b"\n" for line in lines))
    assert parts == whole
    assert unpacked(packed(whole)) == whole
    assert (whole.failed["format"], whole.failed["blank"]) == (2, 1)
    assert whole.bad["format"].number == len(records) + 1


def test_labels_are_in_the_order_of_the_lines():
    """Also where values are summed: the same log has the same summary, and a limit keeps the first values."""
    names = [f"n{number}" for number in range(20)]
    kinds = ({"counter": "a_total"}, {"gauge": "a_ratio"}, {"histogram": "a_seconds", "buckets": (1.0,)})
    rules = tuple(Rule(**kind, value="{v}", labels={"n": "{n}"}) for kind in kinds)
    counts = Program(source(metrics=rules)).count([json.dumps({"n": name, "v": 1}).encode() for name in names])
    assert [[labels[0] for labels in one] for one in counts.sums] == [names] * 3


def test_values_that_python_takes_for_equal_are_told_apart():
    lines = [
        b'{"event":1}',
        b'{"event":true}',
        b'{"event":1.0}',
        b'{"event":"true"}',
        b'{"event":[1]}',
        b'{"event":[true]}',
    ]
    counts = Program(source()).count(lines)
    assert {labels[0]: one[COUNT] for labels, one in counts.sums[0].items()} == {
        "1": 2,
        "true": 2,
        "[1]": 1,
        "[true]": 1,
    }


@pytest.mark.parametrize(
    "beside",
    [b'{"event":"x"}', b'{"event":1.5}', b'{"event":[1]}', b"junk", b'{"event":-}', b'{"event":1,"took":true}'],
)
@pytest.mark.parametrize(
    "line", [b'{"event":"a","more":"\xff"}', b'{"event":"a","more":1e999}', b'{"event":1.5}', b"{}"]
)
def test_what_becomes_of_a_line_does_not_depend_on_the_one_beside_it(line, beside):
    rule = Rule(counter="app_events_total", labels={"event": "{event}"})
    program = Program(source(metrics=(rule, RULES[4])))
    alone, other, both = program.count([line]), program.count([beside]), program.count([line, beside])
    other.merge(alone, frozenset())
    assert (both.sums, both.failed, both.unusable) == (other.sums, other.failed, other.unusable)


def test_a_key_named_line_goes_before_the_line():
    rules = (
        Rule(counter="app_lines_total", labels={"a": "{line}"}),
        Rule(counter="app_marked_total", match={"line": "mark"}),
    )
    lines = [b'{"line":"a mark"}', b'{"mark":1}', b'{"line":null}', b'{"line":1.5,"mark":2}']
    counts = Program(source(metrics=rules)).count(lines)
    assert {labels[0]: one[COUNT] for labels, one in counts.sums[0].items()} == {
        "a mark": 1,
        '{"mark":1}': 1,
        "": 1,
        "1.5": 1,
    }
    assert counts.sums[1][()][COUNT] == 2


@pytest.mark.parametrize(
    ("template", "value"), [("}{a}{", "}x{"), ("{a}{b}", "x{a}"), ("{{a}}", "{x}"), ("", ""), ("{}", "{}")]
)
def test_braces_that_hold_no_field_stand_for_themselves(template, value):
    rule = Rule(counter="app_lines_total", labels={"t": template})
    counts = Program(source(metrics=(rule,))).count([b'{"a":"x","b":"{a}"}'])
    assert list(counts.sums[0]) == [(value,)]


@pytest.mark.parametrize(
    ("format_", "line", "labels"),
    [
        ("logfmt", 'level=info msg="a \\"b\\" c" user=anna debug', ("info", 'a "b" c', "anna")),
        (r"(?P<level>\w+) \[(?P<user>[^\]]*)\] (?P<msg>.*)", "info [anna] a b", ("info", "a b", "anna")),
        ("%{LOGLEVEL:level} %{WORD:user}: %{GREEDYDATA:msg}", "info anna: a b", ("info", "a b", "anna")),
        ("json", '{"level":"info","msg":"a b","user":"anna"}', ("info", "a b", "anna")),
    ],
)
def test_every_format_has_its_fields(format_, line, labels):
    rule = Rule(counter="app_lines_total", labels={"a": "{level}", "b": "{msg}", "c": "{user}"})
    counts = Reader(source(format=format_, metrics=(rule,))).read(f"{line}\n".encode())
    assert counts.sums == [{labels: [1, BILLION]}]


NGINX = '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "-" "$http_user_agent" $request_time'


def test_an_access_log_has_the_fields_of_its_format():
    line = b'192.0.2.1 - - [27/Nov/2026:14:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "agent" 0.25\n'
    rules = (
        Rule(counter="site_requests_total", labels={"m": "{method}", "p": "{path}", "c": "{code}"}),
        Rule(counter="site_bytes_total", value="{bytes}"),
        Rule(histogram="site_seconds", value="{duration}", buckets=(0.1, 1.0)),
    )
    counts = Reader(source(format=NGINX, metrics=rules)).read(line + b"junk\n")
    assert counts.sums[0] == {("200", "GET", "/a"): [1, BILLION]}
    assert counts.sums[1] == {(): [1, 512 * BILLION]}
    assert counts.sums[2] == {(): [1, BILLION // 4, 0, 1, 0]}
    assert counts.failed == {"format": 1}


def test_groups_of_a_condition_are_fields_of_its_rule():
    rules = (
        Rule(
            counter="job_runs_total",
            match={"line": r"job (?P<job>\w+) (?P<how>done|failed)"},
            labels={"j": "{job}", "how": "{how}"},
        ),
        Rule(counter="job_seconds_total", match={"line": r"took (?P<took>[0-9.]+ ?m?s)"}, value="{took}"),
        Rule(counter="job_errors_total", match={"line": "ERROR"}, unless={"line": "ignored"}),
    )
    lines = b"job a done took 250ms\njob b failed took 1.5 s\nERROR x\nERROR ignored\n"
    counts = Reader(source(format="line", metrics=rules)).read(lines)
    assert counts.sums == [
        {("done", "a"): [1, BILLION], ("failed", "b"): [1, BILLION]},
        {(): [2, 1_750_000_000]},
        {(): [1, BILLION]},
    ]


def test_a_group_goes_before_a_field_of_another_rule_with_its_name():
    rules = (
        Rule(counter="a_total", labels={"user": "{user}"}),
        Rule(counter="b_total", match={"text": r"user (?P<user>\w+)"}, labels={"user": "{user}"}),
    )
    counts = Program(source(metrics=rules)).count([b'{"user":"field","text":"user group"}'])
    assert [list(one) for one in counts.sums] == [[("field",)], [("group",)]]


def test_what_a_field_holds_is_not_taken_for_another_field():
    rule = Rule(counter="a_total", labels={"pair": "{a}/{b}"})
    counts = Program(source(metrics=(rule,))).count([b'{"a":"{b}","b":"x"}'])
    assert list(counts.sums[0]) == [("{b}/x",)]


@pytest.mark.parametrize("line", ['a="b ' * 50_000, "a=" * 100_000, 'k="' + "\\" * 200_000, "x " * 200_000], ids=len)
def test_a_hostile_line_of_logfmt_is_looked_at_once(line):
    """A quadratic look at any of these takes minutes; the limit of the test run would end it."""
    counts = Reader(source(format="logfmt")).read(f"{line}\nevent=login\n".encode())
    assert counts.lines == 2
    assert sum(counts.sums[0][labels][COUNT] for labels in counts.sums[0] if labels[0] == "login") == 1


def test_almost_json_of_a_servers_template_is_read():
    counts = Program(source()).count([b'{"event":"login","bytes":-,"user":"a"}'])
    assert (counts.failed, list(counts.sums[0])) == ({}, [("login", "fixed")])


def test_a_relabelled_value_takes_the_groups_of_its_regex():
    label = Label("code", match="(.)..", replace=r"\1xx", values=("2xx", "5xx"))
    counts = Program(source(metrics=(Rule(counter="site_total", labels={"class": label}),))).count(
        [b'{"code":%s}' % code for code in (b"200", b"204", b"503", b"404", b"2000", b"null")]
    )
    assert {labels[0]: one[COUNT] for labels, one in counts.sums[0].items()} == {"2xx": 2, "5xx": 1, "other": 3}


def test_a_line_whose_regex_takes_too_long_is_bad_and_the_others_count():
    rule = Rule(counter="app_lines_total", match={"line": r"^(?:a+)+(?!c)b$"})
    hostile = b"a" * 40 + b"X\n"
    counts = Reader(source(format="line", metrics=(rule,))).read(b"aab\n" * 5 + hostile + b"aab\n" * 5)
    assert (counts.lines, counts.failed, counts.sums) == (11, {"slow": 1}, [{(): [10, 10 * BILLION]}])
    assert counts.bad["slow"].number == 6


@pytest.mark.parametrize("envelope", ["docker", "cri"])
def test_lines_of_containers_are_read_whatever_stream_they_came_from(envelope):
    inner = ['{"event":"login","user":"anna"}', '{"event":"logout"}']
    if envelope == "docker":
        lines = [
            json.dumps({"log": f"{one}\n", "stream": s, "time": "2026-11-27T14:00:00Z"})
            for one, s in zip(inner, ("stdout", "stderr"), strict=True)
        ]
    else:
        lines = [f"2026-11-27T14:00:00Z {s} F {one}" for one, s in zip(inner, ("stdout", "stderr"), strict=True)]
    counts = Reader(source()).read("".join(f"{line}\n" for line in lines).encode())
    assert (counts.lines, counts.failed, len(counts.sums[0])) == (2, {}, 2)


INTEGERS = st.integers(-(10**30), 10**30)
TEXTS = st.one_of(
    INTEGERS.map(str),
    st.decimals("-1e7", "1e7", places=6).map(str),
    st.sampled_from(
        ["", "-", "x", "12ms", "7 s", "+5", "--1", ".", ".5", "1.", "1e3", "1e005", "1_0", "\u0663", " 4 "]
    ),
    st.sampled_from(["0" * 40 + "1", "1" + "0" * 29, "9" * 31, "0." + "1" * 31]),
)
NUMBERS = st.one_of(
    *map(
        st.lists,
        (
            INTEGERS,
            st.integers(0, 10**6),
            st.one_of(st.integers(-(10**7), 10**7), st.floats(allow_nan=False, allow_infinity=False)),
            st.sampled_from(["1.0000000005", "0.0000000025", "999999.9999999995", "7.5"]),
            TEXTS,
            TEXTS.map(str.encode),
            st.decimals(0, 1000, places=4).map(lambda number: str(number).encode()),
            st.one_of(st.none(), st.just("-"), st.integers(0, 9).map(str)),
            st.one_of(st.none(), st.booleans(), INTEGERS, TEXTS, TEXTS.map(str.encode)),
        ),
    )
)


@pytest.mark.parametrize("value", [10**30, -(10**30), 10**4299, "1" + "0" * 30, b"9" * 5000, 1e300])
@pytest.mark.parametrize("unit", [None, "ms", "GB"])
def test_a_number_that_no_sample_can_hold_is_none(value, unit):
    assert all_billionths([value, 1], None) == ([None, BILLION], 1)
    with pytest.raises(BadRecord, match="is not a number"):
        billionths(value, unit)


@given(NUMBERS, st.sampled_from([None, "ns", "ms", "s", "h", "KiB", "percent"]))
def test_many_numbers_are_what_each_is_by_itself(values, unit):
    alone, unusable = [], 0
    for value in values:
        try:
            alone.append(billionths(value, unit))
        except BadRecord:
            alone.append(None)
            unusable += 1
    assert all_billionths(values, unit) == (alone, unusable)


def test_a_sum_is_shown_as_the_number_that_it_is():
    assert [shown(5 * BILLION), shown(BILLION // 2), shown(0), shown(-3 * BILLION)] == [5, 0.5, 0, -3]
    assert text_of(b"\xff") == "�"
