"""Lines inside lines: whatever a raw log amounts to, it amounts to in an envelope too, and nothing of it is lost."""

import json
from codecs import BOM_UTF8

import pytest
from enveloped import (
    COMBINED,
    EDGES,
    FORMATS,
    KINDS,
    SAMPLES,
    TEXT_ONLY,
    WRAPPERS,
    cri,
    docker,
    journal,
    lines_of,
    read,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS, find_format
from exporter.accesslog.formats.envelope import OPENERS, chain
from exporter.accesslog.infer import infer
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, Tally


@pytest.mark.parametrize("wrapper", WRAPPERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_log_amounts_to_the_same_in_any_envelope(wrapper, data):
    name = data.draw(st.sampled_from(FORMATS))
    lines = data.draw(lines_of(name))
    if wrapper in TEXT_ONLY:
        lines = [line.decode("utf-8", "replace").encode() for line in lines]
    if wrapper == "syslog-5424":  # where a byte order mark before a message is the envelope's
        lines = [line.removeprefix(BOM_UTF8) for line in lines]
    raw = b"".join(line + b"\n" for line in lines)
    wrapped = b"".join(WRAPPERS[wrapper](line) + b"\n" for line in lines)
    assert read(wrapped, PRESETS[name], KINDS[wrapper]) == read(raw, PRESETS[name], "none")


@pytest.mark.parametrize("wrapper", sorted({*WRAPPERS} - {"console-colours", "console-kubectl", "shipper-message"}))
@pytest.mark.parametrize("name", FORMATS)
def test_the_envelope_is_found(wrapper, name):
    lines = (SAMPLES / f"{name}.log").read_bytes().splitlines()
    if wrapper in TEXT_ONLY:
        lines = [line.decode("utf-8", "replace").encode() for line in lines]
    wrapped = b"".join(WRAPPERS[wrapper](line) + b"\n" for line in lines)
    assert read(wrapped, PRESETS[name]) == read(b"\n".join(lines), PRESETS[name], "none")


NESTED = {
    "docker+syslog": ("docker", "syslog-3164"),
    "syslog+docker": ("syslog-5424", "docker"),
    "journal+cri": ("journal", "cri"),
    "cri+docker+syslog": ("cri", "docker", "syslog-iso"),
    "console+console": ("console-compose", "console-times"),
    "docker+shipper": ("docker", "shipper-log"),
}


def wrapped_in(names, text):
    for name in reversed(names):
        text = WRAPPERS[name](text)
    return text


@pytest.mark.parametrize("setting", NESTED)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_log_amounts_to_the_same_in_envelopes_in_envelopes(setting, data):
    name = data.draw(st.sampled_from(FORMATS))
    lines = [line.decode("utf-8", "replace").encode().removeprefix(BOM_UTF8) for line in data.draw(lines_of(name))]
    wrapped = b"".join(wrapped_in(NESTED[setting], line) + b"\n" for line in lines)
    raw = b"".join(line + b"\n" for line in lines)
    assert read(wrapped, PRESETS[name], setting) == read(raw, PRESETS[name], "none")


@pytest.mark.parametrize("setting", NESTED)
@pytest.mark.parametrize("name", ["combined", "json", "pino", "logfmt", "uvicorn", "squid", "tab"])
def test_envelopes_in_envelopes_are_found(setting, name):
    lines = (SAMPLES / f"{name}.log").read_bytes().splitlines()
    wrapped = b"".join(wrapped_in(NESTED[setting], line) + b"\n" for line in lines)
    assert read(wrapped, PRESETS[name]) == read(b"\n".join(lines), PRESETS[name], "none")


def test_the_standard_error_stays_so_in_what_is_inside():
    data = docker(b"Nov 22 06:30:48 web: no request", stream="stderr") + b"\n"
    assert read(data, PRESETS["combined"], "docker+syslog") == Tally(lines=1)


@pytest.mark.parametrize(
    "setting", ["", "dockr", "docker+", "docker+none", "auto+docker", "docker+syslog+cri+journal", "docker,syslog"]
)
def test_what_is_no_envelope_is_refused(setting):
    with pytest.raises(ValueError, match=r"invalid envelope .*expected auto, none, or at most 3 of"):
        chain(setting)


JSON = b'{"method":"GET","path":"/a?b=c","status":200,"bytes":5,"duration_ms":12}'


@pytest.mark.parametrize(
    "start",
    [
        b"2026-11-22T06:30:48.000Z INFO ",
        b"2026-11-22 06:30:48,669 [http-8080-exec-1] INFO  c.e.Access - ",
        b"[web-1] access: ",
        b"I1122 06:30:48.000000 7 server.go:12] {} ",
        b"web-1  | ",
        b"level=info msg=",
    ],
)
def test_json_behind_any_text_is_found(start):
    data = (start + JSON + b"\n") * 3 + start + b"no request\n"
    want = {(b"GET", b"/a", b"200"): [3, 15, 36_000_000, 0, 3, 0, 0]}
    guess = infer(data)
    assert (guess.format, guess.envelope) in (("json", "text"), ("json", "console"))
    for reader in (Reader(PRESETS["json"], EDGES, envelope="auto"), Reader(PRESETS["json"], EDGES, envelope="text")):
        tally = reader.read(data)
        assert (tally.hits, tally.failed) == (want, {"format": 1})


@pytest.mark.parametrize(
    "record",
    [
        {"log": "", "message": "LINE"},
        {"log": "LINE\n"},
        {"log": "LINE", "stream": "stdout", "kubernetes": {"pod_name": "web-1"}},
        {"@timestamp": "2026-11-22T06:30:48Z", "message": "LINE", "log": {"file": {"path": "/a"}}},
        {"textPayload": "LINE", "insertId": "x"},
        {"short_message": "LINE", "version": "1.1"},
        {"level": "info", "message": "LINE"},
    ],
    ids=["empty", "newline", "kubernetes", "filebeat", "gcp", "gelf", "winston"],
)
def test_what_shippers_make_of_a_line_is_found(record):
    line = json.dumps(record).encode().replace(b"LINE", COMBINED.replace(b'"', rb"\""))
    guess = infer((line + b"\n") * 3)
    assert (guess.format, guess.envelope) == ("combined", "shipper")
    assert read(line + b"\n", PRESETS["combined"]).hits == {(b"GET", b"/a", b"200"): [1, 5, 0]}


@pytest.mark.parametrize("name", FORMATS)
def test_a_log_in_no_envelope_means_what_it_meant(name):
    data = (SAMPLES / f"{name}.log").read_bytes()
    assert read(data, PRESETS[name]) == read(data, PRESETS[name], "none")


def test_a_format_written_for_the_whole_line_keeps_its_meaning():
    raw = find_format("$time $stream $flag $request_method $request_uri $status $request_time")
    data = b"2026-11-22T06:30:48Z stderr P GET /a 200 0.5\n2026-11-22T06:30:48Z stdout F GET /a 200 0.5\n"
    assert read(data, raw) == read(data, raw, "none") != Tally()
    own = find_format(r".* F (?P<method>\S+) (?P<path>\S+) (?P<code>\d+).*")
    assert read(cri(b"GET /a 200") + b"\n", own).hits == {(b"GET", b"/a", b"200"): [1, 0, 0]}
    assert read(cri(b"GET /a 200") + b"\n", own, "cri").failed == {"format": 1}


@pytest.mark.parametrize(
    "start",
    [
        b"2026/11/22 06:30:48.669\tINFO\thttp.log.access\thandled request\t",
        b"2026/11/22 06:30:48.6\t\x1b[34mINFO\x1b[0m\thttp.log.access.log0\thandled request\t",
    ],
    ids=["plain", "coloured"],
)
def test_caddys_console_has_json_inside(start):
    line = b'{"request":{"method":"GET","uri":"/a?x"},"duration":0.5,"size":7,"status":200}'
    assert read(start + line + b"\n", PRESETS["caddy"]).hits == {
        (b"GET", b"/a", b"200"): [1, 7, 500_000_000, 0, 0, 1, 0]
    }


@pytest.mark.parametrize("wrap", [docker, cri])
def test_what_goes_to_the_standard_error_is_a_request_or_nothing(wrap):
    lines = [wrap(b"starting", stream="stderr"), wrap(COMBINED), wrap(b"[error] x", stream="stderr"), wrap(b"junk")]
    lines += [wrap(COMBINED, stream="stderr"), wrap(b"", stream="stderr")]
    tally = read(b"\n".join(lines), PRESETS["combined"])
    assert (tally.lines, tally.failed) == (6, {"format": 1})
    assert [numbers[0] for numbers in tally.hits.values()] == [2]


def test_before_a_request_was_seen_the_standard_error_is_no_bad_line():
    reader = Reader(PRESETS["combined"], EDGES, envelope="auto")
    assert reader.read(docker(b"starting", stream="stderr") + b"\n").failed == {}
    assert reader.read(docker(COMBINED) + b"\n").hits


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (docker(b"x"), 1795329048.123456),
        (cri(b"x"), 1795329048.123456),
        (journal(b"x"), 1764225048.0),
        (b"2026-11-22T06:30:48.5+01:00 web app: x", 1795325448.5),
        (b"<165>1 2026-11-22T06:30:48Z web app - - - x", 1795329048.0),
        (b"Nov 22 06:30:48 web app: x", None),
        (b"<165>1 - web app - - - x", None),
    ],
    ids=["docker", "cri", "journal", "syslog-iso", "syslog-5424", "no-year", "no-time"],
)
def test_an_envelope_may_tell_the_time(line, want):
    opened = next(one for open_line in OPENERS.values() if (one := open_line(line)))
    assert opened.text == b"x"
    if want is None:
        with pytest.raises(ValueError, match=r"zone|isoformat"):
            opened.instant_s()
    else:
        assert opened.instant_s() == pytest.approx(want)


@pytest.mark.parametrize("kind", OPENERS)
@settings(max_examples=60, deadline=None)
@given(line=st.binary(max_size=200))
def test_any_bytes_can_be_tried(kind, line):
    opened = OPENERS[kind](line.replace(b"\n", b""))
    assert opened is None or b"\n" not in opened.text


def test_durations_come_through_every_envelope():
    line = b'{"method":"GET","uri":"/u","status":200,"request_time":0.05}'
    for wrapper, wrap in WRAPPERS.items():
        (numbers,) = read(wrap(line) + b"\n", PRESETS["json"]).hits.values()
        assert numbers[BUCKETS:] == [0, 1, 0, 0], wrapper


@pytest.mark.parametrize(
    "more",
    [
        '"MESSAGE":["line","other"]',
        '"MESSAGE":[[108,105,110,101],"other"]',
        '"MESSAGE":"line","PRIORITY":["6","3"]',
        '"MESSAGE":[108,105,110,101],"_LINE_BREAK":["eof","line-max"]',
    ],
)
def test_of_a_field_that_a_record_of_the_journal_has_twice_the_first_counts(more):
    """`journalctl` shows a list of the values, one of which may be a list of bytes."""
    record = f'{{"__REALTIME_TIMESTAMP":"1764225048000000",{more}}}'.encode()
    opened = OPENERS["journal"](record)
    assert opened is not None
    assert (opened.text, opened.more, opened.is_error) == (b"line", False, False)
