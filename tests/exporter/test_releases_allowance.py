"""However records come, no more than a second's worth is ahead of the rate when more may come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.releases.ingest.allowance import Allowance


@given(
    rate=st.floats(0.5, 1e6),
    pieces=st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 5)), min_size=1, max_size=30),
)
def test_over_any_time_the_rate_holds(rate, pieces):
    """A sender that waits as it is told, and then some."""
    allowance, now, sent = Allowance(rate), 100.0, 0
    for records, pause in pieces:
        assert sent <= rate * (now - 100.0) + rate * 1.001
        allowance.charge(records, now)
        sent += records
        now += allowance.wait_s(now) + pause


def test_no_limit_never_waits():
    allowance = Allowance(None)
    allowance.charge(10**9, 1.0)
    assert allowance.wait_s(1.0) == 0


def test_a_pause_pays_back_what_was_owed():
    allowance = Allowance(10)
    allowance.charge(40, 0.0)
    assert allowance.wait_s(0.0) == pytest.approx(3)
    assert allowance.wait_s(2.5) == pytest.approx(0.5)
    assert allowance.wait_s(3.1) == 0
