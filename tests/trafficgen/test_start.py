"""`--start-at`: which moment is meant, and the wait for it on a virtual clock."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.start import describe_start, parse_start, wait_for_start

NOW = datetime(2026, 11, 27, 12, 0, 30, tzinfo=UTC)


def at(text, now=NOW):
    return datetime.fromtimestamp(parse_start(text, now.timestamp()), UTC).isoformat()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("12:01:00Z", "2026-11-27T12:01:00+00:00"),
        ("12:01Z", "2026-11-27T12:01:00+00:00"),
        ("12:00:30.5 UTC", "2026-11-27T12:00:30.500000+00:00"),
        ("13:01:00+01:00", "2026-11-27T12:01:00+00:00"),
        ("00:30:00+09:00", "2026-11-27T15:30:00+00:00"),  # tomorrow there, today in UTC
        ("22:30:00-10:00", "2026-11-28T08:30:00+00:00"),
        ("11:00:30Z", "2026-11-28T11:00:30+00:00"),  # an hour ago: tomorrow's
        ("2026-11-27T12:01:00Z", "2026-11-27T12:01:00+00:00"),
        ("2026-11-28 01:00:00+01:00", "2026-11-28T00:00:00+00:00"),
        ("1795780861", "2026-11-27T12:01:01+00:00"),
    ],
)
def test_which_moment_is_meant(text, want):
    assert at(text) == want


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("12:00:00Z", "12:00:00Z: 2026-11-27T12:00:00Z was 30s ago; expected a time to come, .* 2026-11-27T12:01:30Z"),
        ("11:00:31Z", "was 59m59s ago"),
        ("12:00:30Z", "was 0s ago"),
        ("2026-11-27T11:00:00Z", "was 1h30s ago"),
        ("2026-12-05T12:00:00Z", "more than 7d ahead"),
        ("12:01:00", "expected a time of day or an instant with its zone"),
        ("2026-11-27T12:01:00", "with its zone"),
        ("25:00:00Z", "with its zone"),
        ("noon", "with its zone"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(text, says):
    with pytest.raises(ConfigError, match=f"^--start-at: .*{says}"):
        at(text)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 86_399), st.integers(-14, 14))  # noqa: DTZ001
def test_a_time_of_day_is_that_one_within_a_day_or_just_past(now, second, offset):
    now = now.replace(tzinfo=UTC)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    ago = (now.timestamp() + offset * 3600 - second) % 86_400  # since that time of day was last there
    if ago < 3600:
        with pytest.raises(ConfigError, match="ago"):
            at(f"{clock}{offset:+03}:00", now)
    else:
        start = parse_start(f"{clock}{offset:+03}:00", now.timestamp())
        assert start - now.timestamp() == pytest.approx(86_400 - ago, abs=1e-3)


class Clock:
    """Moves when it is slept on, and by `steps` of somebody who sets it."""

    def __init__(self, now, steps=()):
        self.now, self.steps, self.slept = now, list(steps), []

    def wall(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds + (self.steps.pop(0) if self.steps else 0.0)


async def test_the_wait_ends_half_a_second_before():
    clock = Clock(1000.0)
    await wait_for_start(1075.0, wall=clock.wall, sleep=clock.sleep)
    assert (clock.now, clock.slept) == (1074.5, [30.0, 30.0, 14.5])


@pytest.mark.parametrize("step", [-20.0, 20.0])
async def test_a_clock_that_is_set_meanwhile_is_followed(step):
    clock = Clock(1000.0, [step])
    await wait_for_start(1100.0, wall=clock.wall, sleep=clock.sleep)
    assert clock.now == pytest.approx(1099.5)


async def test_a_start_that_has_passed_meanwhile_is_refused():
    clock = Clock(1000.0, [60.0])
    with pytest.raises(ConfigError, match="too late for 1970-01-01T00:17:20Z: nothing was sent"):
        await wait_for_start(1040.0, wall=clock.wall, sleep=clock.sleep)


def test_the_wait_is_told():
    assert describe_start(1100.0, 1000.0) == (
        "starts at 1970-01-01T00:18:20Z, in 1m40s, by this machine's clock; clocks of other machines are not compared "
        "with it"
    )
