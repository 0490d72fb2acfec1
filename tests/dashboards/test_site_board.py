"""The board of sites falls back from the log to the stats page to the generator, and looks back: by promtool."""

import re

import pytest

from dashboards.boards import site
from dashboards.promql import substitute

pytestmark = pytest.mark.slow

LOGGED = 'tidewatch_http_requests_total{{source="{}",method="GET",route="{}",code="{}"}}'
COUNTED = 'tidewatch_stats_responses_total{{source="{}",code="{}"}}'
PAGE = 'tidewatch_stats_up{source="a"}'
ANSWERED = 'trafficgen_responses_total{{source="{}",target="/",code="{}"}}'


def per_second(rate):
    """A counter of an hour that grows by so much a second."""
    return f"0+{60 * rate}x60"


LOG = {LOGGED.format("a", "/", 200): per_second(9), LOGGED.format("a", "/help", 500): per_second(1)}
STATS = {COUNTED.format("a", 200): per_second(19), COUNTED.format("a", 500): per_second(1), PAGE: "1x60"}
GENERATOR = {ANSWERED.format("a", 200): per_second(30)}
CASES = {
    "a log": LOG,
    "a stats page": STATS,
    "a generator": GENERATOR,
    "all three": LOG | STATS | GENERATOR,
    "a page and a generator": STATS | GENERATOR,
    "two sites": LOG | {COUNTED.format("b", 200): per_second(5), 'tidewatch_stats_up{source="b"}': "1x60"},
    "a log without errors": {LOGGED.format("a", "/", 200): per_second(9)},
    "no such route": {LOGGED.format("a", "/", 200): per_second(9)} | STATS | GENERATOR,
    "half an hour ago": {LOGGED.format("a", "/", 200): f"0+600x30 {31 * 600}+1200x30"},
}
EXPRS = {
    "rate": site.traffic(),
    "codes": f"sum by (code) ({site.traffic('code')})",
    "failed": site.share("5.."),
    "errors": site.share("[45]..", "code"),
    "before": f"sum({site.traffic(ago='30m')})",
}


@pytest.fixture(scope="module")
def answers(computed):
    """Of all routes, and of one."""
    exprs = {
        f"{name} of {route}": substitute(expr, {"site": ".+", "route": route, "window": "5m"})
        for name, expr in EXPRS.items()
        for route in (".*", "/help")
    }
    return computed(CASES, exprs, "58m")


def of(samples, label="source"):
    found = {re.search(f'{label}="(.+?)"', labels): value for labels, value in samples.items()}
    return {match[1] if match else "": pytest.approx(value, rel=0.02) for match, value in found.items()}


@pytest.mark.parametrize(
    ("case", "want"),
    [
        ("a log", {"a": 10}),
        ("a stats page", {"a": 20}),
        ("a generator", {"a": 30}),
        ("all three", {"a": 10}),
        ("a page and a generator", {"a": 20}),
        ("two sites", {"a": 10, "b": 5}),
    ],
)
def test_each_site_has_the_first_measure_that_it_knows(answers, case, want):
    assert of(answers[case, "rate of .*"]) == want


def test_a_site_with_a_log_never_falls_back_when_a_route_is_chosen(answers):
    assert of(answers["all three", "rate of /help"]) == {"a": 1}
    assert answers["no such route", "rate of /help"] == {}
    assert answers["no such route", "codes of /help"] == {}


def test_codes_come_from_the_same_measure(answers):
    assert of(answers["a log", "codes of .*"], "code") == {"200": 9, "500": 1}
    assert of(answers["a stats page", "codes of .*"], "code") == {"200": 19, "500": 1}


def test_no_error_is_a_share_of_nothing_and_no_hole(answers):
    assert of(answers["a log", "failed of .*"]) == {"": 0.1}
    assert of(answers["a log without errors", "failed of .*"]) == {"": 0}
    assert of(answers["a log", "errors of .*"], "code") == {"500": 0.1}


def test_the_same_traffic_of_then(answers):
    assert of(answers["half an hour ago", "rate of .*"]) == {"a": 20}
    assert of(answers["half an hour ago", "before of .*"]) == {"": 10}
