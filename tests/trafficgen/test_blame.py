"""Whose fault a bad second is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficgen.meter.blame import Blame, Second
from trafficgen.meter.meter import DROP_REASONS, OWN_LIMITS, Meter

SECOND = 1_000_000_000


def judged(*, late=0, **second):
    """(own fault by cause, lateness by whom, whether the generator was the limit) of a second with 1000 requests."""
    meter = Meter(("/",))
    blame = Blame(meter)
    meter.planned = 1000
    for reason in set(second) & set(meter.dropped):
        meter.dropped[reason] = second.pop(reason)
    meter.lateness.record([200_000_000] * late)
    blame.judge(Second(**{"wall_ns": SECOND, "cpu_ns": 0, "lag_ns": 0, "handed_late": 0} | second))
    told = [{name: count for name, count in counts.items() if count} for counts in (meter.own_fault, meter.late_by)]
    return *told, meter.saturated


BUSY = 95 * SECOND // 100


@pytest.mark.parametrize(
    ("second", "want"),
    [
        pytest.param({}, ({}, {}, False), id="calm"),
        pytest.param(
            {"late": 500, "in_flight": 300}, ({}, {"target": 500}, False), id="the-target-holds-all-connections"
        ),
        pytest.param(
            {"late": 500, "in_flight": 300, "cpu_ns": BUSY},
            ({"processor": 800}, {"processor": 500}, True),
            id="no-cpu-left",
        ),
        pytest.param(
            {"late": 500, "lag_ns": 20_000_000},
            ({"wakeups": 500}, {"wakeups": 500}, True),
            id="another-process-has-the-cpu",
        ),
        pytest.param({"cpu_ns": SECOND}, ({}, {}, False), id="busy-but-on-time"),
        pytest.param({"behind": 11}, ({"wakeups": 11}, {}, True), id="behind"),
        pytest.param({"behind": 11, "cpu_ns": BUSY}, ({"processor": 11}, {}, True), id="behind-and-busy"),
        pytest.param(
            {"late": 12, "handed_late": 10}, ({"wakeups": 10}, {"wakeups": 10, "target": 2}, False), id="a-hiccup"
        ),
        *(
            pytest.param(
                {reason: 20, "late": 30, "no_connection": 5}, ({reason: 55}, {reason: 30}, True), id=f"{reason}-at-all"
            )
            for reason in OWN_LIMITS
        ),
        pytest.param({"connect_refused": 900, "connect_failed": 50}, ({}, {}, False), id="the-target-refuses"),
    ],
)
def test_a_second_is_judged(second, want):
    assert judged(**second) == want


@given(
    st.dictionaries(st.sampled_from(DROP_REASONS), st.integers(0, 300)),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(0, SECOND),
    st.integers(0, 50_000_000),
)
def test_all_lateness_has_somebody_to_blame(dropped, late, handed_late, cpu_ns, lag_ns):
    own, late_by, _ = judged(late=late, **dropped, handed_late=handed_late, cpu_ns=cpu_ns, lag_ns=lag_ns)
    assert sum(late_by.values()) == late
    assert sum(own.values()) >= sum(late_by.values()) - late_by.get("target", 0)
    assert all(own.get(reason, 0) >= dropped.get(reason, 0) for reason in OWN_LIMITS)
