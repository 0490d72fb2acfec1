"""Faults that are planned: when they come next, and what the receiver's page says of them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from alerts.changes import Filter
from alerts.cli import main
from alerts.page import alerts_page
from alerts.planned import Planned, next_times, read_planned
from foundation.errors import ConfigError

BEGIN = datetime(2026, 11, 26, 12, 8, tzinfo=UTC)
ERRORS = Planned("the site fails", "SiteServerErrors", BEGIN.timestamp(), 20, 1800)
OUTAGE = Planned("<stores> are offline", "StoreOffline", BEGIN.timestamp() + 60, 360)


def at(**later):
    return [
        (one.planned.alert, one.begin - BEGIN, one.state)
        for one in next_times([OUTAGE, ERRORS], BEGIN + timedelta(**later))
    ]


def test_the_soonest_is_first_and_what_is_over_last():
    minute, half_hour = timedelta(minutes=1), timedelta(minutes=30)
    errors, stores = "SiteServerErrors", "StoreOffline"
    assert at(minutes=-8) == [(errors, 0 * minute, "to come"), (stores, minute, "to come")]
    assert at(seconds=19) == [(errors, 0 * minute, "now"), (stores, minute, "to come")]
    assert at(seconds=90) == [(stores, minute, "now"), (errors, half_hour, "to come")]
    assert at(minutes=20) == [(errors, half_hour, "to come"), (stores, minute, "over")]
    assert at(minutes=60) == [(errors, 2 * half_hour, "now"), (stores, minute, "over")]


@given(st.integers(1, 500), st.integers(0, 500), st.integers(-2000, 100_000))
def test_what_comes_again_is_never_over_and_comes_within_its_period(length_s, rest_s, since_s):
    every_s = length_s + rest_s
    one = Planned("x", "X", BEGIN.timestamp(), length_s, every_s)
    now = BEGIN + timedelta(seconds=since_s)
    (found,) = next_times([one], now)
    assert found.end > now
    assert (found.begin - BEGIN).total_seconds() % every_s == 0
    assert (found.begin <= now) == (found.state == "now")
    assert found.begin <= max(BEGIN, now + timedelta(seconds=every_s))


def page(now):
    times = next_times([ERRORS, OUTAGE], now)
    return alerts_page([], Filter(), "Watchdog never heard.", heartbeat_silent=False, planned=times)


def test_the_page_announces_what_comes_and_when():
    html = page(BEGIN - timedelta(minutes=8))
    assert '<time datetime="2026-11-26T12:08:00+00:00">12:08:00</time>' in html
    assert "the site fails" in html
    assert "&lt;stores&gt; are offline" in html
    assert "SiteServerErrors" in html


def test_without_a_plan_the_page_has_none():
    assert "Planned" not in alerts_page([], Filter(), "Watchdog never heard.", heartbeat_silent=False)


@pytest.mark.parametrize("text", ["", "{}", '[{"what": "x"}]', '[{"what":"x","alert":"X","begin":1e300,"for_s":1}]'])
def test_a_file_that_is_not_a_plan_is_refused(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"--planned: .*plan\.json"):
        read_planned(path)
    result = CliRunner().invoke(main, ["receiver", "--port", "0", "--planned", str(path)])
    assert isinstance(result.exception, ConfigError)
    assert result.exception.exit_code == 2
    assert "plan.json" in str(result.exception)


def test_a_plan_is_read(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps([{"what": "a", "alert": "A", "begin": 5, "for_s": 1, "every_s": None}]))
    assert read_planned(path) == [Planned("a", "A", 5.0, 1.0)]
