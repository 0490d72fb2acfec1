"""Bytes of a stream to syslog messages: whole, byte by byte, and where the sender lies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.syslog.frames import MAX_SKIPPED_BYTES, Frames, FramingError, one_line

A, B = b"<14>Nov 27 06:25:00 web nginx: a", b"<14>1 2026-11-27T06:25:00Z web nginx - - - b"


def counted(*messages):
    return b"".join(b"%d %s" % (len(one), one) for one in messages)


def fed(stream, limit=100, step=None):
    frames = Frames(limit)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)] if step else [stream]
    return b"".join(map(frames.feed, pieces)), frames


@pytest.mark.parametrize("step", [None, 1, 7], ids=["whole", "byte by byte", "in sevens"])
@pytest.mark.parametrize(
    ("stream", "want"),
    [
        pytest.param(A + b"\n" + B + b"\n", A + b"\n" + B + b"\n", id="lines"),
        pytest.param(A + b"\r\n" + B + b"\0\n", A + b"\n" + B + b"\n", id="lines that end in CR and NUL"),
        pytest.param(counted(A, B), A + b"\n" + B + b"\n", id="counted"),
        pytest.param(counted(A + b"\n", b"<1>a\nb"), A + b"\n<1>a b\n", id="counted, with line feeds inside"),
        pytest.param(b"2026-11-27T06:25:00Z web nginx: a\n", b"2026-11-27T06:25:00Z web nginx: a\n", id="no priority"),
        pytest.param(b"200 GET /\n", b"200 GET /\n", id="a number and no priority is a line"),
        pytest.param(b"\n" + A + b"\n", b"\n" + A + b"\n", id="a blank line is one"),
        pytest.param(b"<1>\xff\0\xfe\n", b"<1>\xff\0\xfe\n", id="NUL and broken UTF-8 inside stay"),
        pytest.param(b"x" * 101 + b"\n" + A + b"\n", A + b"\n", id="a line too long"),
        pytest.param(counted(b"<" + b"x" * 100, A), A + b"\n", id="a counted message too long"),
    ],
)
def test_messages_become_lines(stream, want, step):
    got, frames = fed(stream, step=step)
    assert got == want
    assert not frames.is_inside


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize(
    ("stream", "dropped"), [(b"x" * 250 + b"\nok\n", 251), (counted(b"<" + b"x" * 249, b"<1>ok"), 250)]
)
def test_a_message_too_long_is_counted_once_with_its_bytes(stream, dropped, step):
    _, frames = fed(stream, step=step)
    assert (frames.too_long, frames.too_long_bytes) == (1, dropped)


@pytest.mark.parametrize(
    ("stream", "before"),
    [
        pytest.param(counted(A) + B, A + b"\n", id="no count behind the first message"),
        pytest.param(b"4 " + A, b"<14>\n", id="a count too small"),
        pytest.param(counted(A) + b"0 ", A + b"\n", id="a count of 0"),
        pytest.param(counted(A) + b"12345678901 ", A + b"\n", id="a count of 11 digits"),
        pytest.param(b"%d <" % (MAX_SKIPPED_BYTES + 1), b"", id="a count beyond all messages"),
    ],
)
def test_a_count_that_lies_ends_the_connection_and_keeps_what_came_before(stream, before):
    frames = Frames(100)
    with pytest.raises(FramingError):
        frames.feed(stream)
    assert frames.take() == before


def test_a_message_that_never_ended_is_seen():
    for stream in (A, counted(A)[:-1], b"12", b"x" * 200):
        assert fed(stream)[1].is_inside
    assert not fed(b"")[1].is_inside


@given(
    st.lists(st.binary(max_size=30).map(lambda text: b"<1>" + text)),
    st.booleans(),
    st.lists(st.integers(0, 200)),
)
def test_where_a_stream_is_cut_does_not_matter(messages, is_counted, cuts):
    if is_counted:
        stream = counted(*messages)
    else:
        messages = [one.replace(b"\n", b"") for one in messages]
        stream = b"".join(one + b"\n" for one in messages)
    frames, at, got = Frames(100), 0, b""
    for cut in [*sorted(cuts), len(stream)]:
        got += frames.feed(stream[at:cut]) if cut > at else b""
        at = max(at, cut)
    assert got == b"".join(map(one_line, messages))
    assert not frames.is_inside
