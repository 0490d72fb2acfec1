"""Two engines, one meaning: whatever the bytes, both make the same tally."""

from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import memory
from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.records import Records
from exporter.accesslog.parse.scalar import tally_normal, tally_scalar
from exporter.accesslog.tally import Buckets

BUCKETS = Buckets((0.001, 0.1, 2.5))
BULK = [name for name, one in PRESETS.items() if one.bulk or one.learn or one.same_keys]

HOSTILE = [
    b"",
    b"\r",
    b"\0",
    b"\x01",
    b'"',
    b"'",
    b"\\",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "é".encode(),
    b"NULL",
    b"#",
    b" ",
    b"\t",
    b"-",
    b"-1",
    b"+1",
    b"1_0",
    b"1e3",
    b"nan",
    b"inf",
    b"9" * 15,
    b"9" * 20,
    b"0.1, 0.2",
    b"\xe2\x80\xa8",
    b"\x0b\x0c",
    b"?x",
    b'"-"',
    b'""',
    b"null",
    b"007",
    b"12ms",
    b"1.5",
    b",",
    b"}",
    b"{",
    b"[1]",
    b'"status":1,',
    b"status=1 ",
    b"=",
]
SAMPLES = Path(__file__).parent / "accesslog_samples"
GOOD = {name: (SAMPLES / f"{name}.log").read_bytes().splitlines() for name in BULK}


@cache
def engine(name):
    return Records(PRESETS[name], BUCKETS) if PRESETS[name].same_keys else Columnar(PRESETS[name], BUCKETS)


def lines_of(name: str) -> st.SearchStrategy[bytes]:
    """Good lines, good lines with something hostile put somewhere, and junk; ended in every way."""
    good = st.sampled_from(GOOD[name])
    spoiled = st.builds(
        lambda line, bad, at: line[:at] + bad + line[at:], good, st.sampled_from(HOSTILE), st.integers(0, 120)
    )
    gap = b"\t" if b"\t" in GOOD[name][-1] else b" "
    swapped = st.builds(
        lambda line, bad, at: gap.join(bad if i == at else part for i, part in enumerate(line.split(gap))),
        good,
        st.sampled_from(HOSTILE),
        st.integers(0, 20),
    )
    line = st.one_of(good, spoiled, swapped, st.binary(max_size=30))
    ended = st.builds(bytes.__add__, line, st.sampled_from([b"\n", b"\r\n"]))
    return st.builds(bytes.__add__, st.lists(ended, max_size=8).map(b"".join), st.sampled_from([b"", b"tail"]))


def same_tally(name, text):
    assert engine(name).tally(text) == tally_scalar(text, PRESETS[name], BUCKETS)


@pytest.mark.parametrize("name", sorted(BULK))
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_both_engines_make_the_same_tally(name, data):
    same_tally(name, data.draw(lines_of(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BULK))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_both_engines_make_the_same_tally_of_much(name, data):
    same_tally(name, data.draw(lines_of(name)))


TAB_LINE = GOOD["tab"][0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        TAB_LINE + b"\r\r\n",
        b"\xef\xbb\xbf" + TAB_LINE,
        TAB_LINE + b"x" * 300_000 + b"\n" + TAB_LINE,
    ],
    ids=["nothing", "blank", "blanks", "two-returns", "byte-order-mark", "long-line"],
)
def test_the_columnar_engine_takes_odd_chunks(data):
    assert engine("tab").tally(data) == tally_scalar(data, PRESETS["tab"], BUCKETS)


@pytest.mark.parametrize("begins", [False, True], ids=["from-the-start", "later"])
def test_without_memory_for_duckdb_the_same_is_counted(monkeypatch, caplog, begins):
    columnar = Columnar(PRESETS["tab"], BUCKETS)
    data = b"\n".join([*GOOD["tab"], b"junk", b""])
    want = tally_scalar(data, PRESETS["tab"], BUCKETS)
    if begins:
        assert columnar.tally(data) == want
    monkeypatch.setattr(memory, "left", lambda: memory.Left(1 << 20, None))
    assert columnar.tally(data) == columnar.tally(data) == want
    monkeypatch.undo()
    assert columnar.tally(data) == want
    assert caplog.text.count("without DuckDB, logs are read more slowly: Cannot allocate memory") == 1


def test_many_lines_take_the_columnar_way(monkeypatch):
    """Only what is odd goes to the scalar engine; otherwise the comparison above would compare it with itself."""
    seen = []

    def spy(data, *rest):
        seen.append(data)
        return tally_normal(data, *rest)

    monkeypatch.setattr("exporter.accesslog.parse.columnar.tally_normal", spy)
    data = b"\n".join([*GOOD["tab-timed"][:2], b"junk", b"nul\0", b"192.0.2.1\tGET /\t200\t7\t-\r"] * 100)
    tally = engine("tab-timed").tally(data)
    assert tally.lines == 500
    assert sorted(seen[0].splitlines()) == [b"junk"] * 100 + [b"nul\0"] * 100


def test_clean_tab_lines_need_no_regex(monkeypatch):
    data = b"a\tGET /b?c\t200\t1\t0.5\n" * 10
    want = tally_scalar(data, PRESETS["tab-timed"], BUCKETS)
    assert engine("tab-timed").tally(data + b"bad\n").lines == 11
    monkeypatch.setattr("exporter.accesslog.parse.columnar_sql.by_regex", None)
    assert engine("tab-timed").tally(data) == want


@pytest.mark.parametrize(
    "line",
    [b"a\tGET?b /c\t200\t1", b"a\tGET\t200\t1", b"a\tGET /\t\t1", b"a\tGET /\t200\t", b"a\tGET /\t200\t+1", b"\t\t\t"],
)
def test_what_columns_cannot_tell_the_regex_does(line):
    data = TAB_LINE + b"\n" + line
    assert engine("tab").tally(data) == tally_scalar(data, PRESETS["tab"], BUCKETS)


PIECES = st.sampled_from(
    [
        *('"GET"', '"/a"', '"/a?b"', '""', '"-"', "null", "200", '"200"', "0", "-1", "1.5", '"1.5"', '"12ms"', "true"),
        *('"GET /a HTTP/1.1"', '{"method":"GET"}', "[1]", "007", "1e3", '"a b"', '"é"', r'"\u0041"', "0.25", "7"),
        *("12345678901234567890", '"ok"', '"0.25"', "58", '"58"', "1.0", '"PUT"', '"a#b"', "404"),
    ]
)
KEYS = st.sampled_from(
    [
        *("method", "uri", "request", "status", "bytes", "request_time", "upstream_response_time", "duration_ms"),
        *("req.method", "request.method", "url", "code", "x", "latency", "body_bytes_sent", "a.b", "took"),
        *("service", "status_code", "http_method", "route", "size", "elapsedMs"),
    ]
)


def json_of(pairs):
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


def logfmt_of(pairs):
    return " ".join(f"{key}={value if ' ' in value else value.replace(chr(34), '')}" for key, value in pairs)


@pytest.mark.parametrize("name", ["json", "logfmt"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_lines_like_one_that_was_learned_mean_what_they_mean(name, data):
    """Lines with the keys of the first, and other values at some of them; the first has any keys and values."""
    start = [("method", '"GET"'), ("uri", '"/a"'), ("status", "200"), ("bytes", "7"), ("request_time", "0.25")]
    more = data.draw(st.lists(st.tuples(KEYS, PIECES), max_size=4))
    pairs = data.draw(st.permutations(start[data.draw(st.integers(0, 2)) :] + more))
    lines = [pairs]
    for _ in range(8):
        changed = list(pairs)
        for at in data.draw(st.sets(st.integers(0, len(pairs) - 1), max_size=2)):
            changed[at] = (pairs[at][0], data.draw(PIECES))
        lines.append(changed)
    make = json_of if name == "json" else logfmt_of
    same_tally(name, "".join(make(one) + "\n" for one in lines).encode())


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.learn])
def test_lines_with_names_take_the_columnar_way(name, monkeypatch):
    """A shape is learned from the lines, and everything of that shape is counted by it."""
    line = next(line for line in GOOD[name] if PRESETS[name].learn(line))
    data = (line + b"\n") * 50
    want = tally_scalar(data, PRESETS[name], BUCKETS)
    monkeypatch.setattr("exporter.accesslog.parse.columnar.tally_normal", None)
    assert Columnar(PRESETS[name], BUCKETS).tally(data) == want
    assert sum(numbers[0] for numbers in want.hits.values()) == 50


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.same_keys])
def test_lines_of_json_with_the_same_keys_are_read_together(name, monkeypatch):
    line = next(line for line in GOOD[name] if PRESETS[name].same_keys(line))
    data = (line + b"\n") * 50
    want = tally_scalar(data, PRESETS[name], BUCKETS)
    monkeypatch.setattr("exporter.accesslog.parse.records.tally_normal", None)
    assert Records(PRESETS[name], BUCKETS).tally(data) == want
    assert sum(numbers[0] for numbers in want.hits.values()) == 50


def test_several_sets_of_keys_in_one_chunk_are_all_counted(monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.records.WORTH_BYTES", 1)
    lines = [b'{"method":"GET","uri":"/%d","status":200,"k%d":1}' % (i, i % 4) for i in range(40)]
    data = b"\n".join([*lines, b"junk", b'{"a":1}', b""])
    want = tally_scalar(data, PRESETS["json"], BUCKETS)
    seen = []
    monkeypatch.setattr(
        "exporter.accesslog.parse.records.tally_normal",
        lambda rest, *more: seen.append(rest) or tally_normal(rest, *more),
    )
    assert Records(PRESETS["json"], BUCKETS).tally(data) == want
    assert set(b"".join(seen).splitlines()) == {b"junk", b'{"a":1}'}


@pytest.mark.parametrize(
    "steps", [b"0.001 0.2 0.003", b"0.1 -1 0.2", b"-1 -1 -1", b"1 2 3", b"999999999 1 1", b"- 0.1 0.1"]
)
def test_a_balancers_three_times_are_added_up_alike(steps):
    line = next(one for one in GOOD["elb"] if b" 0.0" in one)
    first, *rest = line.split(b" ")
    data = b" ".join([first, *rest[:3], steps, *rest[6:]]) + b"\n"
    assert tally_scalar(data, PRESETS["elb"], BUCKETS).lines == 1
    same_tally("elb", data)


@pytest.mark.parametrize("numbers", [(b"0.5", b"12"), (b"12", b"0.5"), (b"-", b"7"), (b"7", b"-"), (b"", b"0.1")])
def test_numbers_with_and_without_a_unit_may_be_mixed(numbers):
    start = GOOD["combined-timed"][0].rpartition(b" ")[0]
    same_tally("combined-timed", b"".join(b"%b %b\n" % (start, number) for number in numbers * 5))


@pytest.mark.parametrize("value", ['"-"', '""', "null", '"-x"', '"?x"', '"/a b"'])
@pytest.mark.parametrize("key", ["method", "request_uri", "status", "bytes", "request_time"])
def test_a_value_that_is_empty_here_and_not_in_the_learned_line_gives_way_alike(key, value):
    line = (
        '{"method":"GET","request_uri":"/a","uri":"/b","status":200,"code":404,"bytes":1,"size":2,"request_time":0.5}'
    )
    changed = "".join(
        f'"{key}":{value},' if part.startswith(f'"{key}"') else f"{part}," for part in line[1:-1].split(",")
    )
    same_tally("json", f"{line}\n{{{changed[:-1]}}}\n".encode())


NUMBERS = st.one_of(
    st.integers(-3, 10**20), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0, 0.0, 1e15, 1e6, 1e9])
)
AS_TEXT = st.sampled_from(
    ["", "-", "7", "0.5", ".5", "5.", "1.2.3", "1e3", " 1", "1_0", "0.1, 0.2", "12ms", "\u0665", "9" * 30]
)


@pytest.mark.parametrize("size_key", ["bytes", "size"])
@pytest.mark.parametrize("duration_key", ["request_time", "duration_ms", "elapsed", "took_s"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_numbers_of_records_are_what_they_are_line_by_line(size_key, duration_key, data):
    """Numbers and texts of numbers, as sizes and as times in a known unit, in none and in one that needs a point."""
    plain = data.draw(st.sampled_from([(7, 0.25), ("7", "0.25"), (7, 3), ("7", "12ms")]))
    kinds = [st.one_of(NUMBERS, AS_TEXT) if data.draw(st.booleans()) else st.just(one) for one in plain]
    pairs = [plain, *data.draw(st.lists(st.tuples(*kinds), max_size=8))]
    lines = [{"status": 200, "uri": "/a", size_key: size, duration_key: time} for size, time in pairs]
    same_tally("json", b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


@pytest.mark.parametrize("first", [(7, 0.25), ("7", "0.25")])
@pytest.mark.parametrize(
    "change",
    [(-1, 0.25), (2**62, 0.25), (2**70, 0.25), (7, -0.25), (7, 3), (7, 0), (7, 1e6), (7, 1e300)],
)
def test_numbers_that_are_odd_are_read_alike_in_bulk(first, change):
    """The unit of nginx's times holds for numbers with a point; a size is not negative; not every sum fits 64 bits."""
    kind = type(first[0])
    changed = tuple(map(kind, change)) if kind is str else change
    lines = [{"status": 200, "uri": "/a", "bytes": size, "request_time": time} for size, time in (first, changed)]
    same_tally("json", b"".join(msgspec.json.encode(line) + b"\n" for line in lines * 3))


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_may_stand_before_the_first_record_only(start):
    line = b'{"status":200,"uri":"/a"}\n'
    assert tally_scalar(start + line + line, PRESETS["json"], BUCKETS).failed == {}
    same_tally("json", start + line + line + b"\xef\xbb\xbf" + line)


NESTED = {"req": {"method": "GET", "url": "/a?b"}, "res": {"statusCode": 200}, "took_ms": 5, "x": {"y": [1]}}


@pytest.mark.parametrize(
    "change",
    [
        {"x": {"y": {"z": 1}}},
        {"x": None},
        {"req": {"method": "GET", "url": "/a", "originalUrl": "/c"}},
        {"req": {"url": "/a"}},
        {"req": None},
        {"req": {"method": "GET", "url": "b"}},
        {"req.method": "PUT"},
        {"res": {"statusCode": "no"}},
        {"method": "PUT"},
        {"uri": "/before"},
        {"more": 1},
    ],
)
def test_a_record_of_other_keys_or_values_means_what_it_means_alone(change):
    encode = msgspec.json.encode
    lines = [encode(NESTED), encode(NESTED | change), encode(dict(reversed((NESTED | change).items())))]
    same_tally("json", b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize(
    "line",
    [
        b'{"status":200,"uri":"/a","service":"shop"}{"status":200,"uri":"/a","service":"shop"}',
        b'{"status":200,"uri":"/a",\n"service":"shop"}',
        b'{"status":200,"uri":"/a","service":"shop",}',
        b'{"status":200,"uri":"/a","service":"shop","status":404}',
        b'{"status":200,"uri":"/a","service":"5ms"}',
        b'{"status":200,"uri":"/a","service":"\\x22"}',
        b'{"status":200,"uri":"/\\ud800","service":"shop"}',
        b'{"status":200,"uri":"/\xff","service":"shop"}',
        b'{"status":200,"uri":"/a","service":"shop","deep":%b}' % (b"[" * 2000 + b"]" * 2000),
        b'{"status":200,"uri":"/a","service":"shop","big":1e400}',
        b' {"uri":"/a","service":"shop","st\\u0061tus":200} \r',
    ],
)
def test_json_that_is_odd_is_read_alike_in_bulk(line):
    first = b'{"status":200,"uri":"/a","service":"shop"}'
    assert PRESETS["json"].same_keys(first)
    same_tally("json", b"\n".join([first, line, first, b"", line, b""]))
