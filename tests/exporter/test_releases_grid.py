"""Bins of whole inputs: none left out, none made up beyond a bound."""

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.releases.bulk import grid
from exporter.releases.bulk.grid import MARGIN_BINS, blocks
from exporter.releases.bulk.reading import Reading
from exporter.releases.compare.settings import Settings
from exporter.releases.report import analyse
from exporter.releases.state import Limits
from exporter.releases.stream import Stream

LEAP = 20 * MARGIN_BINS


def table_of(records):
    reading = Reading()
    reading.add(b"".join(b"%d\t%s\t%d\n" % (time_s, build, code) for time_s, build, code in records))
    return reading.end().table


records = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 300), st.integers(LEAP, LEAP + 300)), st.sampled_from([b"1", b"2"]), st.integers(0, 2)
    ),
    min_size=1,
    max_size=60,
)


@given(records=records, width=st.sampled_from([1, 10, 60]), cells=st.integers(1, 3000))
def test_every_whole_bin_has_its_counts_whatever_the_blocks(records, width, cells):
    table = table_of(records)
    with mock.patch.object(grid, "_CELLS", cells):
        found = list(blocks(table, width))
    end = (max(records)[0] + 1) // width
    counted = {}
    for block in found:
        for n, counts in enumerate(block.sums().sum((1, 2)).tolist()):
            start_s = block.start_s + n * width
            assert start_s not in counted
            counted[start_s] = counts
    whole = [r for r in records if r[0] // width < end]
    assert sum(counted.values()) == len(whole)
    assert {r[0] // width * width for r in whole} <= counted.keys()
    assert sorted(counted) == list(counted)


def test_a_record_with_a_wrong_year_makes_no_millions_of_bins():
    table = table_of([(1000, b"1", 3), (1000, b"2", 3), (40_000_000_000, b"2", 3), (40_000_000_009, b"1", 3)])
    assert sum(block.size for block in blocks(table, 10)) == 1 + 2 * MARGIN_BINS + 1


def streamed(records):
    stream = Stream(Settings(), Limits(max_codes=3))
    stream.expect(["1", "2"], ["0", "1", "2"])
    for time_s, build, code in records:
        stream.take({(time_s, build.decode(), str(code)): 1})
    stream.flush()
    return stream


@pytest.mark.slow
@pytest.mark.timeout(300)  # under 20 s on a quiet machine
@given(records=records)
def test_a_file_and_a_stream_of_the_same_records_give_the_same_alerts(records):
    """Worse at first, then whatever comes; the stream sees single bins, with gaps left out by the same rule."""
    worse = [(s, b"2", 1) for s in range(200) for _ in range(4)] + [(s, b"1", 1) for s in range(200)]
    every = sorted([*records, *worse, (LEAP + 309, b"1", 0)])
    with mock.patch.object(grid, "MARGIN_BINS", 30):
        found, stream = analyse(table_of(every), Settings()), streamed(every)
    wanted = {(a.detector, a.code, a.start_s) for _, a in stream.state.alerts}
    assert {"evidence", "onset"} <= {detector for detector, _, _ in wanted}
    got = [f.alert for f in found.alerts if f.alert.detector != "mean-threshold"]
    assert {(a.detector, a.code, a.start_s) for a in got} == wanted
