"""One record's text: the times that a receiver takes."""

import pytest

from exporter.releases.parse import CLOCK_LIMIT_S, check_time
from foundation.errors import BadRecord

NOW = 1_800_000_000


@pytest.mark.parametrize("time_s", [NOW, NOW - 1, CLOCK_LIMIT_S])
def test_a_unix_time_up_to_the_horizon_is_taken(time_s):
    check_time(time_s, NOW)


@pytest.mark.parametrize(("time_s", "horizon_s"), [(NOW + 1, NOW), (CLOCK_LIMIT_S, CLOCK_LIMIT_S - 1)])
def test_a_unix_time_past_the_horizon_is_refused(time_s, horizon_s):
    with pytest.raises(BadRecord) as refused:
        check_time(time_s, horizon_s)
    assert refused.value.reason == "future"


def test_a_clock_time_has_no_horizon():
    """It is of no day, so no clock can be ahead."""
    check_time(CLOCK_LIMIT_S - 1, 0)
