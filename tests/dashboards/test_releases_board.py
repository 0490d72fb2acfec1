"""The front page and the board of releases count the same codes as worse: computed by promtool."""

from typing import Any

import pytest

from dashboards.boards import home, releases
from dashboards.promql import substitute

pytestmark = pytest.mark.slow

RECORDS = 'tidewatch_release_records_total{source="app"}'


def held(code, value=1, detector="evidence"):
    labels = f'source="app",candidate="2",code="{code}",detector="{detector}"'
    return {f"tidewatch_release_alert_active{{{labels}}}": value}


def explained(code, reason, value=1):
    return {f'tidewatch_release_alert_explained{{source="app",candidate="2",code="{code}",reason="{reason}"}}': value}


CASES = {
    "none": held(1, 0) | held(2, 0) | explained(1, "bursts", 0),
    "two": held(1) | held(2) | held(3, 0) | explained(1, "bursts", 0) | explained(2, "alike", 0),
    "one of bursts": held(1) | held(2) | explained(1, "bursts", 1) | explained(1, "undecided", 1),
    "all explained": held(1) | held(2) | explained(1, "alike", 1) | explained(2, "undecided", 1),
    "of another detector": held(1, detector="onset") | held(1, 0),
    "no pair of builds yet": {},
}
WANT = {"none": 0, "two": 2, "one of bursts": 1, "all explained": 0, "of another detector": 0}
PANELS: dict[str, Any] = {"home": home.codes_worse(), "board": releases.codes_worse()}


@pytest.fixture(scope="module")
def answers(computed):
    chosen = {"stream": ".+", "candidate": ".+", "code": ".+"}
    exprs = {name: substitute(panel.build().targets[0].expr, chosen) for name, panel in PANELS.items()}
    series = {
        case: {RECORDS: "0+60x60"} | {name: f"{value}x60" for name, value in of.items()} for case, of in CASES.items()
    }
    return computed(series, exprs, "50m")


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize(("case", "want"), WANT.items())
def test_what_bursts_or_a_common_rise_explain_is_not_worse(answers, panel, case, want):
    assert list(answers[case, panel].values()) == [want]


def test_a_stream_without_a_pair_of_builds_has_none_that_is_worse(answers):
    assert list(answers["no pair of builds yet", "home"].values()) == [0]
    assert answers["no pair of builds yet", "board"] == {}
