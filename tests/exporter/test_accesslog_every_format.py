"""What docs/accesslog.md promises of lines, held for every format that has a name, on lines of its server."""

import json
import re
from functools import cache
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.bad import BadLines
from exporter.accesslog.formats import PRESETS, UNITS_NS, complete, find_format
from exporter.accesslog.formats.keyed.field_paths import GENERIC
from exporter.accesslog.infer import infer
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.proposal import propose
from exporter.accesslog.report.summary import summarize
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, COUNT, DURATION_NS, Buckets
from exporter.accesslog.tryout import try_source

SAMPLES = Path(__file__).parent / "accesslog_samples"
EDGES = Buckets((1.0,))
every_format = pytest.mark.parametrize("name", sorted(PRESETS))


@cache
def sample(name):
    return (SAMPLES / f"{name}.log").read_bytes()


def lines_of(name):
    return sample(name).splitlines(keepends=True)


def tally_of(data, format_):
    return Reader(format_, EDGES).read(data)


def timed(tally):
    return sum(sum(numbers[BUCKETS:]) for numbers in tally.hits.values())


# 1. A number without a unit is no duration.


def duration_span(line, format_):
    """Where the usual line has its duration, if that is a plain number."""
    match = re.fullmatch(complete(format_.pattern).encode(), line) if format_.pattern else None
    found = match and re.fullmatch(rb"[0-9]+(?:\.[0-9]+)?", match["duration"])
    return match.span("duration") if found else None


NUMBERED = [
    (name, line, span)
    for name, format_ in sorted(PRESETS.items())
    for line in lines_of(name)[:3]
    if (span := duration_span(line.rstrip(b"\r\n"), format_))
]


@pytest.mark.parametrize(("name", "line", "span"), NUMBERED, ids=[name for name, *_ in NUMBERED])
@settings(max_examples=5)
@given(amount=st.integers(0, 10**6), unit=st.sampled_from(sorted(UNITS_NS)))
def test_a_unit_that_the_user_names_is_that_of_the_number(name, line, span, amount, unit):
    changed = line[: span[0]] + b"%d" % amount + line[span[1] :]
    (numbers,) = tally_of(changed, find_format(name, time_unit=unit)).hits.values()
    assert (numbers[DURATION_NS], sum(numbers[BUCKETS:])) == (amount * UNITS_NS[unit], 1)


# 2. A request that got no answer is a request.

CODE_NAMES = rb'("?(?:DownstreamStatus|EdgeResponseStatus|response_code|(?:response_)?status|statusCode)"?[=:] ?"?)'
ALWAYS_ANSWERED = {"uvicorn", "gin", "php-fpm"}
"""What these write is the program's own answer, always of three digits."""


def without_answer(name, line, code):
    format_ = PRESETS[name]
    if format_.pattern is not None:
        match = re.fullmatch(complete(format_.pattern).encode(), line.rstrip(b"\r\n"))
        return match and line[: match.start("code")] + code + line[match.end("code") :]
    bare = b"0" if code == b"000" and b"=" not in line else code  # a number of JSON has no leading zero
    return re.sub(CODE_NAMES + rb"[0-9]{1,3}\b", lambda found: found[1] + bare, line, count=1)


@every_format
@pytest.mark.parametrize("code", [b"000", b"0", b"-"])
def test_a_request_without_an_answer_is_counted(name, code):
    if name in ALWAYS_ANSWERED and code != b"000":
        return
    found = 0
    for line in lines_of(name):
        before = tally_of(line, PRESETS[name])
        changed = without_answer(name, line, code)
        if before.requests != 1 or not changed or changed == line:
            continue
        if changed.lstrip().startswith(b"{") and code == b"-":
            changed = re.sub(rb"([=:] ?)-([,}])", rb'\1"-"\2', changed)
        after = tally_of(changed, PRESETS[name])
        ((*start, _),), ((*changed_start, now),) = before.hits, after.hits
        assert (start, now, after.failed) == (changed_start, b"000", {})
        found += 1
    assert found or name in ("w3c", "cloudfront", "csv")


# 5. One field never hides another.

METHODS, TARGETS = ("method", "verb", "http_method"), ("uri", "path", "url", "request_uri")


@pytest.mark.parametrize("name", ["json", "logfmt"])
@given(
    others=st.lists(st.sampled_from((*METHODS, *TARGETS)), unique=True),
    empty=st.lists(st.sampled_from(GENERIC.methods + GENERIC.targets + GENERIC.codes), unique=True, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_what_the_client_sent_is_hidden_by_nothing(name, others, empty, order):
    record = {path: "" for path in empty if "." not in path}
    record |= dict.fromkeys(others, "PUT") | {key: "/made" for key in others if key in TARGETS}
    record |= {"request": "GET /sent?x HTTP/1.1", "status_code": "204"} | ({"status": ""} if "status" in record else {})
    items = [(key, value) for key, value in record.items()]
    order.shuffle(items)
    line = json.dumps(dict(items)) if name == "json" else " ".join(f'{key}="{value}"' for key, value in items)
    assert list(tally_of(line.encode(), PRESETS[name]).hits) == [(b"GET", b"/sent", b"204")]


# 7. Nothing that was read is forgotten in silence.

JUNK = st.sampled_from([b"junk\n", b"\n", b"\x00\xff\n", b"  \n", b'{"a": \n', b"a=1\n", b"[x\n", b"a\tb\n", b"{}\n"])


@every_format
@settings(max_examples=12)
@given(data=st.data())
def test_every_line_is_a_request_a_bad_line_or_another_message(name, data):
    format_ = PRESETS[name]
    piece = st.one_of(st.sampled_from(lines_of(name)), JUNK)
    lines = lines_of(name) + data.draw(st.lists(piece, max_size=8))
    reader, bad = Reader(format_, EDGES), BadLines()
    cut = data.draw(st.integers(0, len(lines)))
    total = reader.read(b"".join(lines[:cut]))
    total.merge(reader.read(b"".join(lines[cut:])))
    bad.add(total, "a.log", lines_before=0)
    result = summarize(total, bad, None)
    requests = sum(one.count for one in result.requests)
    assert result.lines == len(lines) == requests + sum(result.failed.values()) + result.other
    assert set(result.first_bad) == set(result.failed)
    whole = tally_of(b"".join(lines), format_)
    assert (whole.failed, whole.bad) == (total.failed, total.bad)
    assert {key: numbers[COUNT] for key, numbers in whole.hits.items()} == {
        key: numbers[COUNT] for key, numbers in total.hits.items()
    }


# 8. What can be read once is read once, and 9. what infer proposes works as it is.


@every_format
def test_a_pipe_gives_what_a_file_gives(name, run, monkeypatch, tmp_path):
    want = run("summary", "--json", SAMPLES / f"{name}.log")
    with (SAMPLES / f"{name}.log").open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file})())
        code, out, err = run("summary", "--json", "-")
    assert (code, json.loads(out)["requests"], err) == (0, json.loads(want[1])["requests"], want[2])


@every_format
def test_what_infer_proposes_reads_every_line(name, tmp_path):
    (tmp_path / "a.log").write_bytes(sample(name))
    text = propose(str(tmp_path / "a.log"), sample(name), infer(sample(name)))
    (block,) = yaml.safe_load(text)["accesslog"]
    source = msgspec.convert(block, Source)
    assert [finding for finding in try_source(source) if "not used as a duration" not in finding.text] == []
    assert tally_of(sample(name), source.parsed_format()).requests == tally_of(sample(name), PRESETS[name]).requests
    assert timed(tally_of(sample(name), source.parsed_format())) == timed(tally_of(sample(name), PRESETS[name]))
