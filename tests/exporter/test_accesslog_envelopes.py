"""Lines inside lines: whatever a raw log amounts to, it amounts to in an envelope too, and nothing of it is lost."""

import json
from codecs import BOM_UTF8
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS, find_format
from exporter.accesslog.formats.envelope import OPENERS, PREFIXES, USUAL, chain, joined
from exporter.accesslog.infer import infer
from exporter.accesslog.parse import opening
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, Buckets, Tally

EDGES = Buckets((0.001, 0.1, 2.5))
SAMPLES = Path(__file__).parent / "accesslog_samples"
STAMP = b"2026-11-22T06:30:48.123456789Z"
COMBINED = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a?q=1 HTTP/1.1" 200 5 "-" "curl"'


def docker(text, *, stream="stdout", end="\n", **more):
    record = {"log": text.decode() + end, "stream": stream, **more, "time": STAMP.decode()}
    return json.dumps(record).encode().replace(b"&", rb"\u0026")


def cri(text, *, stream="stdout", tag="F", **_):
    return b"%b %b %b %b" % (STAMP, stream.encode(), tag.encode(), text)


def journal(text, *, as_bytes=False, **_):
    message = list(text) if as_bytes else text.decode()
    return json.dumps({"__REALTIME_TIMESTAMP": "1764225048000000", "_PID": "7", "MESSAGE": message}).encode()


def syslog(start):
    return lambda text, **_: start + text


WRAPPERS = {
    "docker": docker,
    "docker-attributes": lambda text, **_: docker(text, attrs={"tag": "web"}),
    "cri": cri,
    "cri-zone": lambda text, **_: b"2026-11-22T06:30:48.1+01:00 stdout F:x " + text,
    "journal": journal,
    "journal-bytes": lambda text, **_: journal(text, as_bytes=True),
    "syslog-3164": syslog(b"Nov 22 06:30:48 web-1 nginx: "),
    "syslog-no-host": syslog(b"Nov  2 06:30:48 haproxy[1278]: "),
    "syslog-priority": syslog(b"<134>Nov 22 06:30:48 2001:db8::1 haproxy[1278]: "),
    "syslog-iso": syslog(b"2026-11-22T06:30:48.123456+01:00 web-1 docker/web[7]: "),
    "console-compose": syslog(b"web-1  | "),
    "console-colours": syslog(b"\x1b[36mweb-1  |\x1b[0m "),
    "console-kubectl": syslog(b"[pod/web-5d9f/nginx] "),
    "console-times": syslog(b"2026-11-22T06:30:48.123456789Z "),
    "shipper-log": lambda text, **_: json.dumps({"date": 1764225048.5, "log": text.decode()}).encode(),
    "shipper-message": lambda text, **_: json.dumps({"log": {"offset": 1}, "message": text.decode()}).encode(),
    "syslog-5424": syslog(b"<165>1 2026-11-22T06:30:48.003Z web-1 app 7 ID47 - "),
    "syslog-5424-data": syslog(rb'<165>1 - - app - - [x@1 a="b \" ] \] c"][y@2 status="500"] ' + b"\xef\xbb\xbf"),
}
KINDS = {name: name.split("-")[0] for name in WRAPPERS}
TEXT_ONLY = ("docker", "docker-attributes", "journal", "shipper-log", "shipper-message")
"""Envelopes that hold text: what was not UTF-8 is lost before it gets here."""


def read(data, format_, envelope="auto", kept=None):
    reader = Reader(format_, EDGES, kept, envelope=envelope)
    tally = reader.read(data)
    tally.merge(reader.finish())
    return tally


def lines_of(name):
    good = st.sampled_from((SAMPLES / f"{name}.log").read_bytes().splitlines())
    hostile = st.sampled_from(
        [b"", b"\r", b"\0", b'"', b"\\", b"\xff", "é\u2028".encode(), b" P ", b"&<>", b'\\n"', b"\t"]
    )
    spoiled = st.builds(lambda line, bad, at: line[:at] + bad + line[at:], good, hostile, st.integers(0, 120))
    return st.lists(st.one_of(good, spoiled, st.binary(max_size=30).map(lambda b: b.replace(b"\n", b""))), max_size=6)


FORMATS = sorted(PRESETS)


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


def test_parts_are_joined_at_every_depth_over_batches_and_restarts():
    parts = [(b"GET /a", "P"), (b" HTTP/1.1", "P"), (b" 200", "F")]
    lines = [docker(cri(text, tag=tag)) for text, tag in parts]
    lines = [part for line in lines for part in (line[:40] + rb'","stream":"stdout","time":"t"}', line)][1::2]
    kept, total, format_ = None, Tally(), find_format("$request $status")
    for line in lines:
        reader = Reader(format_, EDGES, kept, envelope="docker+cri")
        total.merge(reader.read(line + b"\n", "p"))
        kept = reader.kept
    assert total.hits == {(b"GET", b"/a", b"200"): [1, 0, 0]}
    assert kept is None
    reader = Reader(format_, EDGES, envelope="docker+cri")
    reader.read(lines[0] + b"\n", "p")
    assert reader.finish("p").failed == {"format": 1}


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


def test_parts_that_a_shipper_passes_on_are_joined():
    lines = [{"log": "GET /a", "logtag": "P"}, {"log": " HTTP/1.1 200", "logtag": "F"}]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert read(data, find_format("$request $status"), "shipper").hits == {(b"GET", b"/a", b"200"): [1, 0, 0]}


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


parts = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.integers(1, 5)), min_size=1, max_size=8)


@pytest.mark.parametrize("kind", ["docker", "cri"])
@settings(max_examples=40, deadline=None)
@given(cuts=parts, batches=st.sets(st.integers(0, 40)), data=st.data())
def test_parts_are_joined_over_batches_and_restarts(kind, cuts, batches, data):
    """Each stream's lines come in parts, interleaved, and the reader begins anew between any two batches."""
    queues = {"stdout": [], "stderr": []}
    for number, (stream, pieces) in enumerate(cuts):
        text = COMBINED.replace(b"/a", b"/%d" % number)
        size = -(-len(text) // pieces)
        queues[stream] += [(text[i : i + size], i + size >= len(text)) for i in range(0, len(text), size)]
    wrapped = []
    while any(queues.values()):
        stream = data.draw(st.sampled_from([name for name, queue in queues.items() if queue]))
        text, last = queues[stream].pop(0)
        if kind == "docker":
            wrapped.append(docker(text, stream=stream, end="\n" if last else ""))
        else:
            wrapped.append(cri(text, stream=stream, tag="F" if last else "P"))
    tally, kept, batch = Tally(), None, []
    for number, line in enumerate(wrapped):
        batch.append(line + b"\n")
        if number in batches or number == len(wrapped) - 1:
            reader = Reader(PRESETS["combined"], EDGES, kept, envelope=kind)
            tally.merge(reader.read(b"".join(batch), "0.log"))
            kept, batch = reader.kept, []
    assert (tally.lines, tally.failed) == (len(cuts), {})
    assert {target: numbers[0] for (_, target, _), numbers in tally.hits.items()} == {
        b"/%d" % number: 1 for number in range(len(cuts))
    }
    assert Reader(PRESETS["combined"], EDGES, kept, envelope=kind).finish("0.log") == Tally()


def test_what_a_program_left_unfinished_is_a_line_of_its_own_where_it_is_one():
    data = docker(COMBINED, end="") + b"\n" + docker(COMBINED) + b"\n" + docker(COMBINED[:50], end="") + b"\n"
    tally = read(data + docker(COMBINED[50:]), PRESETS["combined"], "docker")
    assert (tally.lines, tally.failed, [one[0] for one in tally.hits.values()]) == (3, {}, [3])


def test_a_line_whose_parts_have_no_end_is_counted_once_too_long(monkeypatch):
    monkeypatch.setattr(opening, "LINE_BYTES", 100)
    kept = None
    tally = Tally()
    for line in [*[cri(b"x" * 40, tag="P")] * 9, cri(b"y"), cri(COMBINED)]:
        reader = Reader(PRESETS["combined"], EDGES, kept, envelope="cri")
        tally.merge(reader.read(line + b"\n"))
        kept = reader.kept
        assert kept is None or len(kept) < 300
    assert (tally.lines, tally.failed, len(tally.hits)) == (2, {"too_long": 1}, 1)


def test_parts_of_all_files_are_bounded_together(monkeypatch):
    monkeypatch.setattr(opening, "PARTS_BYTES", 1000)
    reader = Reader(PRESETS["combined"], EDGES, envelope="cri")
    for number in range(50):
        reader.read(cri(b"x" * 100, tag="P") + b"\n", f"{number}.log")
    assert len(reader.kept) < 4000
    ended = [reader.finish(f"{number}.log").failed for number in range(50)]
    assert ended == [{"too_long": 1}] * 40 + [{"format": 1}] * 10


def test_the_same_file_may_be_read_under_two_names():
    reader = Reader(PRESETS["combined"], EDGES, envelope="auto")
    assert reader.read(cri(COMBINED[:50], tag="P") + b"\n", "/pods/0.log", "/pods/0.log").lines == 0
    assert reader.read(cri(COMBINED[50:]) + b"\n", "/pods/0.log.20261122", "/pods/0.log").hits


def test_what_was_kept_before_there_were_envelopes_goes_on():
    kept = msgspec.msgpack.encode({"a.log": b"#Fields: cs-method cs-uri sc-status"})
    assert Reader(PRESETS["w3c"], EDGES, kept, envelope="auto").read(b"GET / 200\n", "a.log").hits


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


OUTSIDE = {
    "docker": rb"""{"log":"\n","stream":"stdout","time":"x"}|{"log":"a","x":"b\n","stream":"stdout","time":"x"}""",
    "cri": b"2026-11-22T06:30:48Z stdout P half|2026-11-22T06:30:48Z stdout F|2026-11-22 stdout F x",
    "syslog-3164": b"Nov 22 06:30:48 nginx: 2001:db8::1 - x|Nov 22 06:30:48 web-1 nginx: a: b: c|Nov 22 06:30:48 w",
    "syslog-5424": b'<165>1 - - app - - [x@1 a="]"] [b] x|<165>1 - - app - - x',
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


@pytest.mark.parametrize("wrapper", [name for name, kind in KINDS.items() if kind in PREFIXES and "data" not in name])
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
