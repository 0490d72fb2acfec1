"""Whose fault a bad second is."""

import pytest

from trafficgen.meter.blame import Blame, Second
from trafficgen.meter.meter import Meter

SECOND = 1_000_000_000


def judged(*, late=0, behind=0, in_flight=0, **second):
    meter = Meter(("/",))
    blame = Blame(meter)
    meter.planned = 1000
    meter.dropped["behind"], meter.dropped["in_flight"] = behind, in_flight
    meter.lateness.record([200_000_000] * late)
    blame.judge(Second(**{"wall_ns": SECOND, "cpu_ns": 0, "lag_ns": 0, "handed_late": 0} | second))
    return meter.own_fault, meter.saturated


@pytest.mark.parametrize(
    ("second", "want"),
    [
        pytest.param({}, (0, False), id="calm"),
        pytest.param({"late": 500, "in_flight": 300}, (0, False), id="the-target-holds-all-connections"),
        pytest.param({"late": 500, "in_flight": 300, "cpu_ns": 95 * SECOND // 100}, (800, True), id="no-cpu-left"),
        pytest.param({"late": 500, "lag_ns": 20_000_000}, (500, True), id="another-process-has-the-cpu"),
        pytest.param({"cpu_ns": SECOND}, (0, False), id="busy-but-on-time"),
        pytest.param({"behind": 11}, (11, True), id="behind"),
        pytest.param({"handed_late": 10}, (10, False), id="a-hiccup-of-one-percent"),
    ],
)
def test_a_second_is_judged(second, want):
    assert judged(**second) == want
