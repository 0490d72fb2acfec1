"""The figures of a report."""

import pytest

from trafficgen.meter.meter import Meter
from trafficgen.report.report import make_report


def report_of(*, planned=1000, own_fault=0, seconds=10.0, plan_s=10.0):
    meter = Meter(("/",))
    meter.planned, meter.own_fault = planned, own_fault
    return make_report(meter, url="http://a/", seed=1, seconds=seconds, plan_s=plan_s, started_at=0.0)


@pytest.mark.parametrize(("own_fault", "want"), [(0, False), (10, False), (11, True)])
def test_over_one_percent_of_own_fault_voids_a_run(own_fault, want):
    assert report_of(own_fault=own_fault).saturated is want


@pytest.mark.parametrize(
    ("seconds", "plan_s", "want"),
    [(10.0, 10.0, 100.0), (10.8, 10.0, 100.0), (5.0, 10.0, 200.0), (10.0, None, 100.0), (0.0, 10.0, 0.0)],
    ids=["whole", "caught-up-after-the-end", "stopped", "endless", "nothing"],
)
def test_the_planned_rate_is_that_of_the_plans_own_time(seconds, plan_s, want):
    assert report_of(seconds=seconds, plan_s=plan_s).planned_per_s == want
