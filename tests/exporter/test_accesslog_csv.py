"""CSV with a header: the names in it say what the fields are, however they are spelled and parted."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS, UserPaths, find_format
from exporter.accesslog.infer import infer
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BYTES, DURATION_NS, Buckets, Tally

EDGES = Buckets((1.0,))


def read(data, format_=PRESETS["csv"], path="p", reader=None):
    return (reader or Reader(format_, EDGES)).read(data, path)


SPELLINGS = {
    "method": ["method", "Method", "HTTP Method", "cs-method", "cs_method", "CsMethod", "requestMethod"],
    "path": ["path", "Request Path", "cs-uri-stem", "CsUriStem", "url", "Request URI", "requestUri"],
    "status": ["status", "Status Code", "sc-status", "ScStatus", "http_status", "statusCode"],
    "bytes": ["bytes", "sc-bytes", "ScBytes", "Body Bytes Sent", "Response Size"],
    "duration": ["duration_ms", "Response Time (ms)", "Latency ms", "elapsed-ms", "Duration [ms]", "durationMs"],
    "other": ["Referer", "user agent", "cs(Host)", "x-cache"],
}


@settings(max_examples=60)
@given(st.data())
def test_a_record_is_read_whatever_its_header_looks_like(data):
    names = {role: data.draw(st.sampled_from(some), label=role) for role, some in SPELLINGS.items()}
    target = data.draw(st.text(st.characters(codec="ascii", exclude_characters="?\n\r\0"), max_size=8))
    values = {"method": "GET", "path": f"/{target}", "status": "404", "bytes": "7", "duration": "12"}
    values["other"] = data.draw(st.sampled_from(['a "b", c', "", "x;y|z"]))
    order = data.draw(st.permutations(sorted(names)))
    text = io.StringIO()
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(text, delimiter=data.draw(st.sampled_from(",;\t|")), lineterminator="\n", quoting=quoting)
    writer.writerows([[names[role] for role in order], [values[role] for role in order]])
    tally = read(text.getvalue().encode())
    ((key, numbers),) = tally.hits.items()
    assert key == (b"GET", f"/{target}".encode(), b"404")
    assert (numbers[BYTES], numbers[DURATION_NS], tally.failed) == (7, 12_000_000, {})


@pytest.mark.parametrize(
    ("header", "line", "duration_ns", "unitless"),
    [
        ("c-ip,s-sitename,cs-method,cs-uri-stem,sc-status,time-taken", "1,W,GET,/a,200,58", 58_000_000, None),
        ("CsMethod,CsUriStem,ScStatus,TimeTaken", "GET,/a,200,58", 58_000_000, None),
        ("date,x-edge-location,cs-method,cs-uri-stem,sc-status,time-taken", "d,F,GET,/a,200,1.5", 1_500_000_000, None),
        ("method,path,status,time-taken", "GET,/a,200,58", 0, b"58"),
        ("Method,Path,Status,Duration", "GET,/a,200,58", 0, b"58"),
        ("Method,Path,Status,Duration", "GET,/a,200,58ms", 58_000_000, None),
    ],
    ids=["iis", "azure", "cloudfront", "unknown", "no unit", "in the value"],
)
def test_a_unit_is_known_by_the_names_or_it_is_no_duration(header, line, duration_ns, unitless):
    reader = Reader(PRESETS["csv"], EDGES)
    ((_, numbers),) = read(f"{header}\n{line}\n".encode(), reader=reader).hits.items()
    assert numbers[DURATION_NS] == duration_ns
    found = reader.find_unitless(line.encode(), "p")
    assert (found.text if found else None) == unitless


@pytest.mark.parametrize("code", ["", "-", "0", "000", "-1"])
def test_a_request_without_an_answer_is_counted(code):
    data = f"method,path,status\nGET,/a,{code}\n".encode()
    assert read(data).hits.keys() == {(b"GET", b"/a", b"000")}


def test_a_header_is_remembered_over_batches_and_restarts_and_may_change():
    reader = Reader(PRESETS["csv"], EDGES)
    assert read(b"method,path,status\n", reader=reader) == Tally(lines=1)
    reader = Reader(PRESETS["csv"], EDGES, reader.kept)
    assert read(b"GET,/a,200\nmethod,path,status\nGET,/a,200\n", reader=reader).requests == 2
    assert read(b"GET,/a,200\nmethod,bytes,path,status\nGET,7,/b,200\n", reader=reader).hits.keys() == {
        (b"GET", b"/a", b"200"),
        (b"GET", b"/b", b"200"),
    }
    assert read(b"Path;Status;Method\n/c;500;PUT\n", reader=reader).hits.keys() == {(b"PUT", b"/c", b"500")}
    assert read(b"GET,/a,200\n", path="another", reader=reader).failed == {"format": 1}


LINES = st.sampled_from(
    [
        b"method,path,status",
        b"Path;Status;Method",
        b"bytes,status,path,method",
        b'\xef\xbb\xbf"HTTP Status Code","url","verb"\r',
        b"GET,/status,200",
        b"/b;500;PUT",
        b"7,404,/code,HEAD",
        b'"503","/c","POST"',
        b"code,status,path",
        b"junk",
        b"",
    ]
)


@given(st.lists(LINES, max_size=12))
def test_a_header_holds_from_its_line_on_wherever_a_batch_begins(lines):
    """A program that starts again with other columns appends its header to the same file."""
    whole = read(b"".join(line + b"\n" for line in lines))
    reader, alone = Reader(PRESETS["csv"], EDGES), Tally()
    for line in lines:
        alone.merge(read(line + b"\n", reader=reader))
    assert (whole.lines, whole.failed, whole.hits, whole.bad) == (alone.lines, alone.failed, alone.hits, alone.bad)


@pytest.mark.parametrize(
    "line",
    ["GET,/a,200", "a,b,c", "method,path,bytes", "status,code,bytes", "method,path,path,status", "path status method"],
)
def test_what_is_no_header_announces_nothing(line):
    assert read(f"{line}\nGET,/a,200\n".encode()).failed == {"format": 2}
    with pytest.raises(ValueError, match="is not known"):
        find_format(line)


@pytest.mark.parametrize("cell", [b'"a"\rb', b'"' + b"x" * 200_000 + b'"'])
@pytest.mark.parametrize("first", [b"", b"method,path,status\n"])
def test_what_is_not_even_csv_is_a_bad_line_wherever_it_is(cell, first):
    reader = Reader(PRESETS["csv"], EDGES)
    read(b"method,path,status\n", reader=reader)
    tally = read(first + b"GET," + cell + b",200\nGET,/a,200\n", reader=reader)
    assert (tally.requests, tally.failed) == (1, {"format": 1})


def test_a_line_with_other_fields_than_the_header_is_bad():
    tally = read(b'method,path,status\nGET,/a\nGET,/a,200,5\nGET,"/a,200\nGET,/a,abc\n')
    assert (tally.requests, tally.failed) == (0, {"format": 3, "code": 1})


def test_the_instant_may_be_in_two_fields():
    format_ = find_format("date,time,cs-method,cs-uri-stem,sc-status")
    assert format_.read_instant_s(b"2026-11-22,06:30:48,GET,/a,200") == 1795329048.0


def test_infer_finds_it_and_fields_and_unit_of_the_user_hold():
    assert infer(b"Time;HTTP Method;Path;Status\n2026-11-22T06:30:48Z;GET;/a;200\n").format == "csv"
    format_ = PRESETS["csv"]
    assert read(b"method,path,status,took\nGET,/a,200,58\n", format_).hits == {(b"GET", b"/a", b"200"): [1, 0, 0, 0, 0]}
    own = find_format("csv", fields=UserPaths(code="Result", duration="Spent"), time_unit="ms")
    data = b"method,path,Result,Spent\nGET,/a,200,58\n"
    assert read(data, own).hits == {(b"GET", b"/a", b"200"): [1, 0, 58_000_000, 1, 0]}
