"""Envelopes that are opened many lines at a time amount to what they do one at a time."""

import json
from functools import cache

import pytest
from enveloped import COMBINED, EDGES, KINDS, SAMPLES, TEXT_ONLY, WRAPPERS, lines_of, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS
from exporter.accesslog.formats.envelope import OPENERS, PREFIXES, USUAL, joined
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import Tally

BULK = sorted(name for name, one in PRESETS.items() if (one.bulk or one.learn or one.same_keys) and not one.reshape)


@cache
def bulk_reader(name, kind):
    return Reader(PRESETS[name], EDGES, envelope=kind)


def same_in_bulk(wrapper, name, lines):
    if wrapper in TEXT_ONLY:
        lines = [line.decode("utf-8", "replace").encode() for line in lines]
    wrapped = b"".join(WRAPPERS[wrapper](line) + b"\n" for line in lines)
    tally = bulk_reader(name, KINDS[wrapper]).read(wrapped)
    want = read(b"".join(line + b"\n" for line in lines), PRESETS[name], "none")
    assert (tally.lines, tally.failed, tally.hits) == (want.lines, want.failed, want.hits)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_engines_make_the_same_tally_in_any_envelope(wrapper, data, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", 1)
    name = data.draw(st.sampled_from(["combined", "json", "tab", "logfmt"]))
    same_in_bulk(wrapper, name, data.draw(lines_of(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", BULK)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_engines_make_the_same_tally_of_much_in_envelopes(name, data, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", 1)
    same_in_bulk(data.draw(st.sampled_from(sorted(WRAPPERS))), name, data.draw(lines_of(name)))


@pytest.mark.parametrize("name", ["combined", "json", "tab"])
@pytest.mark.parametrize("wrapper", ["none", "console-colours", "docker"])
def test_marks_of_byte_order_before_lines_are_no_part_of_them_wherever_a_batch_begins(name, wrapper, monkeypatch):
    """Logs that begin with one, joined to one log, are cut anywhere."""
    good = {
        "combined": COMBINED,
        "json": b'{"time": "2026-11-22T06:30:48Z", "method": "GET", "path": "/a", "status": 200, "bytes": 5}',
        "tab": b"192.0.2.1\tGET /a\t200\t5",
    }[name]
    lines = [b"\xef\xbb\xbf" + good, good, b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf" + good, b"\xef\xbb\xbfx"]
    for least in (1, 1 << 30):
        monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", least)
        for at in range(len(lines) + 1):
            parts = [lines[:at], lines[at:]] if wrapper == "none" else [lines]
            wrap = WRAPPERS.get(wrapper, lambda line: line)
            reader = bulk_reader(name, KINDS.get(wrapper, "none"))
            tally = Tally()
            for part in parts:
                tally.merge(reader.read(b"".join(wrap(line) + b"\n" for line in part)))
            assert (tally.lines, tally.failed, sum(one[0] for one in tally.hits.values())) == (
                5, {"format": 1, "blank": 1}, 3
            )  # fmt: skip


OUTSIDE = {
    "docker": rb"""{"log":"\n","stream":"stdout","time":"x"}|{"log":"a","x":"b\n","stream":"stdout","time":"x"}""",
    "cri": b"2026-11-22T06:30:48Z stdout P half|2026-11-22T06:30:48Z stdout F|2026-11-22 stdout F x",
    "syslog-3164": b"Nov 22 06:30:48 nginx: 2001:db8::1 - x|Nov 22 06:30:48 web-1 nginx: a: b: c|Nov 22 06:30:48 w",
    "syslog-5424": b'<165>1 - - app - - [x@1 a="]"] [b] x|<165>1 - - app - - x',
    "syslog-short": b"<134>x|<134>web:|<134>|<134>Nov 22 06:30:48 web: x|<134>1 - - app - - - x|<134>a: b: x",
}


@pytest.mark.parametrize("wrapper", OUTSIDE)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_an_envelope_may_hold_is_opened_alike_in_bulk(wrapper, data, monkeypatch):
    good = [WRAPPERS[wrapper](COMBINED), *OUTSIDE[wrapper].split(b"|")]
    bad = st.sampled_from(
        [b"\r", b"\t", b"\x02", b'"', b"\\", b"\\n", b"\\u0026", b"\\u0041", b"\xef\xbb\xbf", b" ", b":", b"]"]
    )
    spoiled = st.builds(
        lambda line, bad, at: line[:at] + bad + line[at:], st.sampled_from(good), bad, st.integers(0, 160)
    )
    lines = data.draw(st.lists(st.one_of(st.sampled_from(good), spoiled), min_size=1, max_size=6))
    text = b"".join(line + b"\n" for line in [good[0], *lines])
    want = read(text, PRESETS["combined"], KINDS[wrapper])
    monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", 1)
    reader = bulk_reader("combined", KINDS[wrapper])
    got = reader.read(text)
    got.merge(reader.finish())
    assert (got.lines, got.failed, got.hits) == (want.lines, want.failed, want.hits)


@pytest.mark.parametrize(
    "wrapper",
    [name for name, kind in KINDS.items() if kind in PREFIXES and "data" not in name and name != "syslog-short"],
)
@pytest.mark.parametrize("name", ["combined", "tab", "logfmt"])
def test_usual_lines_after_a_prefix_are_not_opened(wrapper, name):
    line = next(one for one in (SAMPLES / f"{name}.log").read_bytes().splitlines() if one.isascii())
    data = (WRAPPERS[wrapper](line) + b"\n") * 30
    tally, odd = Columnar(PRESETS[name], EDGES, KINDS[wrapper]).take(data)
    assert (odd, sum(numbers[0] for numbers in tally.hits.values())) == (b"", 30)


@pytest.mark.parametrize("wrapper", [name for name in WRAPPERS if name != "journal-bytes"])
def test_usual_lines_in_envelopes_are_opened_many_at_once(wrapper):
    lines = [line for line in (SAMPLES / "combined.log").read_bytes().splitlines() if line.isascii()]
    piece = b"".join(WRAPPERS[wrapper](line) + b"\n" for line in lines)
    assert opened_at_once(KINDS[wrapper], piece) == (b"".join(line + b"\n" for line in lines), b"")


def opened_at_once(kind, piece):
    usual = USUAL[kind](piece)
    return usual and (joined(usual.lines, usual.end), joined(usual.errors, usual.end))


def opened_each(kind, piece):
    """What the openers make of lines, if each is one line more of the log."""
    opened = [OPENERS[kind](line) for line in piece[:-1].split(b"\n")]
    if any(one is None or one.more for one in opened):
        return None
    lines, errors = (b"".join(one.text + b"\n" for one in opened if one.is_error == is_error) for is_error in (0, 1))
    return lines, errors


FRAMES = [
    '{"log":"%s\\n","stream":"stdout","time":"2026-11-22T06:30:48Z"}',
    '{"log":"%s\\n","stream":"stderr","time":"2026-11-22T06:30:48Z"}',
    '{"log":"%s\\n","stream":"stdout","attrs":{"tag":"web"},"time":"2026-11-22T06:30:48.5Z"}',
    '{"stream":"stdout","log":"%s\\n","time":"2026-11-22T06:30:48Z"}',
    '{"log":"%s\\n","stream":"stdout","time":"x\\n","stream":"stdout","time":"y"}',
    '{"log":"%s\\n\\n","stream":"stdout","time":"2026-11-22T06:30:48Z"}',
    '{"__CURSOR":"c","MESSAGE":"%s","__REALTIME_TIMESTAMP":"1"}',
    '{ "_CMDLINE" : "a \\"b\\"", "MESSAGE" : "%s", "_PID" : "7" }',
    '{"MESSAGE":"%s","MESSAGE":"x"}',
    '{"MESSAGE":"%s","CODE_LINE":"7","CONTAINER_ID":"c","PRIORITY":"3"}',
    '{"MESSAGE":"%s","_LINE_BREAK":"eof"}',
    '{"_PID":7,"MESSAGE":"%s","__REALTIME_TIMESTAMP":null}',
    "%s",
]
TEXTS = [
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a?q=1&b=2 HTTP/1.1" 200 5 "-" "curl"',
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a&b/é HTTP/1.1" 200 5 "-" "x<y>"',
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a\\x22 HTTP/1.1" 404 - "-" "a\\\\u0026b"',
    '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a\x7f HTTP/1.1" 200 5 "-" "\'"',
]
ESCAPES = [r"\u0026", r"\u00e9", r"\\", r"\"", r"\t", r"\/", r"\n", r"\u0041", r"\ud83d", "&", "\x7f", '"', "\\"]


@pytest.mark.parametrize("kind", ["docker", "journal"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_escape_anywhere_is_opened_alike_many_at_once(kind, data):
    frame, text, escaped = st.sampled_from(FRAMES), st.sampled_from(TEXTS), st.sampled_from(ESCAPES)
    lines = []
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(frame) % json.dumps(data.draw(text), ensure_ascii=data.draw(st.booleans()))[1:-1]
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, 140))
            line = line[:at] + data.draw(escaped) + line[at:]
        lines.append(line)
    piece = "\n".join([*lines, ""]).encode()
    assert opened_at_once(kind, piece) in (None, opened_each(kind, piece))


@pytest.mark.parametrize("wrapper", OUTSIDE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_text_envelopes_are_opened_alike_many_at_once(wrapper, data):
    good = [WRAPPERS[wrapper](COMBINED), WRAPPERS[wrapper](COMBINED, stream="stderr"), *OUTSIDE[wrapper].split(b"|")]
    bad = st.sampled_from([b"\n", b"\r", b"\t", b"\x02", b'"', b"\\", b"\xef\xbb\xbf", b" ", b":", b"]", b"\xff"])
    spoiled = st.builds(
        lambda line, bad, at: line[:at] + bad + line[at:], st.sampled_from(good), bad, st.integers(0, 160)
    )
    lines = data.draw(st.lists(st.one_of(st.sampled_from(good), spoiled), min_size=1, max_size=4))
    piece = b"".join(line + b"\n" for line in lines)
    assert opened_at_once(KINDS[wrapper], piece) in (None, opened_each(KINDS[wrapper], piece))


@pytest.mark.parametrize("name", ["combined", "json", "tab", "logfmt"])
@pytest.mark.parametrize("engine", ["lines", "bulk"])
def test_syslog_may_be_a_priority_alone(name, engine, monkeypatch):
    """As HAProxy's `format short` has it, also between messages with a header."""
    lines = (SAMPLES / f"{name}.log").read_bytes().splitlines()
    starts = [b"<134>", b"<134>web: ", b"<134>Nov 22 06:30:48 web-1 nginx: ", b"<0>"]
    wrapped = b"".join(starts[n % 4] + line + b"\n" for n, line in enumerate(lines))
    want = read(b"".join(line + b"\n" for line in lines), PRESETS[name], "none")
    if engine == "bulk":
        monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", 1)
    assert read(wrapped, PRESETS[name], "syslog") == want
    assert sum(one[0] for one in want.hits.values()) > 0
