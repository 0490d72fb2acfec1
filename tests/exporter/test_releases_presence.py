"""Zeros of a build that is not there are no evidence: not before it comes, and not after it has gone."""

import numpy as np
import pytest

from exporter.releases.bulk.reading import Reading
from exporter.releases.compare.presence import Presence
from exporter.releases.compare.settings import Settings
from exporter.releases.report import analyse

RATE = 5  # errors a second of each build, in four codes


def table_of(*stretches):
    """Builds with the seconds in which they are there."""
    random = np.random.default_rng(7)
    reading = Reading()
    for build, first, last in stretches:
        for second in range(first, last):
            codes = random.integers(0, 4, random.poisson(RATE)).tolist()
            reading.add(b"".join(b"%d\t%s\t%d\n" % (second, build, code) for code in codes))
    return reading.end().table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stretches", "shared"),
    [
        ([(b"5.1", 0, 900), (b"5.2", 0, 900)], 90),
        ([(b"5.1", 0, 900), (b"5.2", 303, 900)], 59),
        ([(b"5.1", 303, 900), (b"5.2", 0, 900)], 59),
        ([(b"5.1", 0, 600), (b"5.2", 300, 900)], 30),
    ],
    ids=["all-the-time", "candidate-comes-later", "baseline-comes-later", "rollout"],
)
def test_only_the_time_that_two_builds_share_is_compared(stretches, shared):
    found = analyse(table_of(*stretches), Settings())
    assert (found.bins, found.compared) == (90, {"5.2": shared})
    assert [f.alert for f in found.alerts if f.alert.detector != "mean-threshold"] == []
    for result in found.codes:
        assert result.rate_ratio_low < 1 < result.rate_ratio_high
        assert result.baseline == pytest.approx(shared * 10 * RATE / 4, rel=0.2)


@pytest.mark.slow
def test_a_candidate_that_is_worse_and_taken_back_does_not_stay_in_alarm():
    """Its silence beside a baseline that goes on is told, and its alert ends."""
    worse = [(b"5.2", 0, 300)] * 4
    found = analyse(table_of((b"5.1", 0, 900), *worse), Settings(), detectors=["evidence"])
    assert [f.alert.code for f in found.alerts] == ["0", "1", "2", "3"]
    assert all(f.alert.stop_s and f.alert.stop_s < 400 for f in found.alerts)
    assert [(gap.build, gap.start_s, gap.stop_s, gap.code) for gap in found.silent] == [("5.2", 300, 900, None)]


@pytest.mark.parametrize(
    ("records", "there"),
    [
        ([50, 0, 0, 50], [True, False, False, True]),
        ([2] * 5 + [0] * 6 + [2], [True] * 5 + [True] * 4 + [False] * 2 + [True]),
        ([0, 0, 0], [True, True, True]),
        ([4, 0, 4, 0, 0, 0, 0, 0, 4], [True] * 6 + [False] * 2 + [True]),
    ],
    ids=["busy", "slow", "not-come-yet", "zeros-count-once-it-is-back"],
)
def test_a_build_is_gone_once_ten_of_its_records_are_missing(records, there):
    presence = Presence()
    assert [presence.step(count) for count in records] == there
