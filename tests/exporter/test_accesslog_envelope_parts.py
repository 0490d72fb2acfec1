"""Lines that a program or a container engine cut in parts are joined, whatever comes between the parts."""

import json

import msgspec
import pytest
from enveloped import COMBINED, EDGES, cri, docker, read
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.formats import PRESETS, find_format
from exporter.accesslog.parse import opening
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import Tally


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


def test_parts_that_a_shipper_passes_on_are_joined():
    lines = [{"log": "GET /a", "logtag": "P"}, {"log": " HTTP/1.1 200", "logtag": "F"}]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert read(data, find_format("$request $status"), "shipper").hits == {(b"GET", b"/a", b"200"): [1, 0, 0]}


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
