"""The data set of task 004, to the last digit, and laws of the comparison."""

import math
import os
from pathlib import Path

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from exporter.releases.bulk.reading import Input, Reading
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.settings import Settings
from exporter.releases.compare.statistics import log_evidence, p_values, q_values, rate_ratios
from exporter.releases.report import analyse

SHARED = Path(os.environ.get("TIDEWATCH_SHARED") or Path(__file__).resolve().parents[3] / "shared")
DATA = SHARED / "data" / "004-streaming-metrics"
OLD, NEW = "5.0007.510.011", "5.0007.610.011"


def read(data: bytes, piece: int = 1 << 20) -> Input:
    reading = Reading()
    for i in range(0, len(data), piece):
        reading.add(data[i : i + piece])
    return reading.end()


@pytest.mark.skipif(not DATA.exists(), reason="the data set of task 004 is not beside the project")
@pytest.mark.parametrize("name", ["ErrorStreamSetA.csv", "ErrorStreamSetA.comma-crlf.csv"])
def test_the_tasks_data_set_gives_its_known_totals_and_alert(name):
    source = read((DATA / name).read_bytes())
    found = analyse(source.table, Settings(), detectors=["mean-threshold", "evidence"])
    assert (source.table.records, dict(source.failed), found.baseline) == (14_000, {}, OLD)
    assert found.builds == {OLD: 5968, NEW: 8032}
    counts = {r.code: (r.baseline, r.candidate) for r in found.codes}
    assert len(counts) == 32
    known = {2: (591, 1007), 3: (397, 1739), 4: (258, 559), 0: (894, 858), 1: (796, 823), -1: (834, 820)}
    assert {code: counts[str(code)] for code in known} == known
    printed = [
        (a.alert.start_s, a.alert.stop_s, a.alert.value, a.alert.threshold)
        for a in found.alerts
        if a.alert.code == "3" and a.alert.detector == "mean-threshold" and a.alert.start_s == 3540
    ]
    assert printed == [(3540, 3580, 1.9000000000000004, 1.25)]
    assert {a.alert.code for a in found.alerts if a.alert.detector == "evidence"} == {"2", "3", "4"}


@pytest.mark.parametrize(("y", "x"), [(0, 13), (2, 19), (5, 26), (10, 36)])
def test_the_evidence_alarms_at_the_published_counts(y, x):
    """33 codes at alpha 0.05: the smallest X that alarms beside each Y."""
    below, at = log_evidence(Pair(baseline=[y, y], candidate=[x - 1, x]))
    assert below < math.log(33 / 0.05) <= at


@pytest.mark.slow
@given(x=st.integers(0, 300), y=st.integers(0, 300))
def test_p_values_and_intervals_are_scipys(x, y):
    if x + y == 0:
        return
    test = scipy.stats.binomtest(x, x + y, 0.5, "greater")
    assert p_values(Pair(y, x)) == pytest.approx(test.pvalue)
    share = scipy.stats.binomtest(x, x + y, 0.5).proportion_ci(method="exact")
    got = rate_ratios(Pair(y, x))
    assert got.low == pytest.approx(share.low / (1 - share.low))
    if y:
        assert got.high == pytest.approx(share.high / (1 - share.high))


@pytest.mark.slow
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_values_are_scipys(p):
    assert q_values(p) == pytest.approx(scipy.stats.false_discovery_control(p))


rows = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from([OLD, NEW, "6"]), st.integers(-3, 3)), min_size=1, max_size=60
)


@given(rows=rows, data=st.data(), end=st.sampled_from([b"\n", b"\r", b"\r\n"]), sep=st.sampled_from([b"\t", b","]))
def test_order_and_cuts_and_spelling_change_nothing(rows, data, end, sep):
    lines = [
        b"%d:%02d:%02d" % (t // 3600, t // 60 % 60, t % 60) + sep + b.encode() + sep + b"%d" % c for t, b, c in rows
    ]
    shuffled = data.draw(st.permutations(lines))
    piece = data.draw(st.integers(1, 50))
    plain = read(b"\n".join(lines)).table
    other = read(b"\xef\xbb\xbfTimestamp" + end + end.join(shuffled), piece).table
    assert (other.builds, other.codes) == (plain.builds, plain.codes)
    for column in ("second", "build", "code", "count"):
        assert getattr(other, column).tolist() == getattr(plain, column).tolist()
