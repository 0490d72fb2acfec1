"""Clocks that are wrong, in a stream that runs: their records are refused and counted, and move nobody else's."""

import pytest

from exporter.releases.compare.settings import Settings
from exporter.releases.live import refused
from exporter.releases.state import Limits
from exporter.releases.stream import Stream
from exporter.releases.tally import Tally

NOW = 1_800_000_000
GOOD = [b"%d\t5.%d\t3" % (NOW + second, build) for second in range(100) for build in (1, 2)]
WRONG = {
    "iso": b"1970-01-01T00:00:07Z\t5.1\t3",
    "unix": b"7.25\t5.1\t3",
    "time of day": b"0:00:07\t5.1\t3",
    "2099": b"2099-01-01T00:00:00Z\t5.1\t3",
    "ahead": b"%d\t5.1\t3" % (NOW + 100_000),
    "2001": b"2001-01-01T00:00:00Z\t5.1\t3",
}


def taken(*batches):
    """The stream, and what was refused by reason."""
    stream, tally, late = Stream(Settings(), Limits()), Tally(), 0
    for lines in batches:
        tally.add_lines(lines, NOW + 130, dated=stream.is_dated())
        counts, tally.counts = dict(tally.counts), type(tally.counts)()
        late += stream.take(counts)[0].late
    stream.flush()
    return stream, dict(tally.failed) | ({"late": late} if late else {})


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("place", [1, 57, 199])
def test_a_record_of_a_wrong_clock_moves_nobody_else(wrong, place):
    want, none = taken(GOOD[:100], GOOD[100:])
    lines = [*GOOD[:place], wrong, *GOOD[place:]]
    for cut in (50, 100, len(lines)):
        got, failed = taken(*pieces(lines, cut))
        assert sum(failed.values()) + (b"2001" in wrong and got.state.accepted == 201) == 1
        if b"2001" not in wrong:
            assert (got.state.totals, got.state.closed_to_s) == (want.state.totals, want.state.closed_to_s)
    assert none == {}


def pieces(lines, size):
    return [lines[at : at + size] for at in range(0, len(lines), size)]


def test_one_that_comes_first_and_alone_does_not_shut_the_others_out():
    got, failed = taken([WRONG["iso"]], GOOD)
    assert (got.state.accepted, failed) == (201, {})


@pytest.mark.parametrize(("line", "reason"), [(WRONG["iso"], "mixed"), (WRONG["2099"], "future")])
def test_a_sender_hears_why(line, reason):
    (one,) = refused([GOOD[0], line], [1, 2], NOW + 130, dated=True)
    assert (one.line, one.reason) == (2, reason)
    assert refused([WRONG["iso"]], [1], NOW + 130, dated=False) == []
