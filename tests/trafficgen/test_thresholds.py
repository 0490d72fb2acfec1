"""Limits on a run, and what exceeding them comes to."""

import pytest

from foundation.errors import ConfigError
from trafficgen.meter.meter import Meter
from trafficgen.report.report import STATISTICS, make_report
from trafficgen.report.thresholds import EXIT_CODES, TIMES, parse_threshold


@pytest.fixture(scope="module")
def report():
    """1000 planned, 900 sent, 890 answered, 90 of them with 500 and 8 with 404."""
    meter = Meter(("/",))
    meter.planned, meter.dropped["behind"], meter.no_answer["timeout"] = 1000, 100, 10
    meter.codes[0] |= {200: 792, 404: 8, 500: 90}
    meter.lateness.record([1_000_000] * 900)
    meter.from_plan.record([20_000_000] * 940 + [3_000_000_000] * 60)
    meter.from_send.record([19_000_000] * 900)
    return make_report(meter, url="http://x/", seed=1, seconds=2.0, plan_s=2.0, started_at=0.0)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("error_ratio>0.01", (10, "error_ratio>0.01: it is 0.111111")),
        ("error_ratio>0.2", None),
        ("dropped_ratio>=0.1", (11, "dropped_ratio>=0.1: it is 0.1")),
        ("rate_error > 0.05", (12, "rate_error > 0.05: it is 0.1")),
        ("lateness_p99>2ms", None),
        ("lateness_max>.5ms", (13, "lateness_max>.5ms: it is 0.001; 0 of 900 sent over 0.1 s late")),
        ("latency_p90>100ms", None),
        ("latency_p95>2s", (14, "latency_p95>2s: it is 2.995")),
        ("latency_mean>.1s", (14, "latency_mean>.1s: it is 0.1988")),
        ("http_5xx_ratio>0.1", (16, "http_5xx_ratio>0.1: it is 0.101124")),
        ("http_5xx_ratio>0.11", None),
        ("http_4xx_ratio>=0", (17, "http_4xx_ratio>=0: it is 0.00898876")),
        ("no_answer_ratio>0.01", (18, "no_answer_ratio>0.01: it is 0.0111111")),
        ("no_answer_ratio>0.02", None),
        ("latency_max>2s", (14, "latency_max>2s: it is 3")),
        ("send_latency_p50>1ms", (15, "send_latency_p50>1ms: it is 0.01898")),
    ],
)
def test_a_limit_is_kept_or_not(report, text, want):
    failure = parse_threshold(text).failure(report)
    if want and want[0] == 15:  # half a percent of error is the histogram's
        assert failure[0] == 15
    else:
        assert failure == want


@pytest.mark.parametrize(
    "text",
    [
        "",
        "error_ratio",
        "error_ratio>x",
        "error_ratio>nan",
        "errors>1",
        "latency>1s",
        "error_ratio_p99>1",
        "latency_p42>1s",
        "http_5xx_ratio_mean>1",
        "http_3xx_ratio>1",
    ],
)
def test_a_limit_that_means_nothing_is_refused(text):
    with pytest.raises(ConfigError, match="--fail-if: "):
        parse_threshold(text)


def test_the_report_adds_up(report):
    assert report.planned == report.sent + sum(report.dropped.values())
    assert report.sent == report.answered + sum(report.no_answer.values())
    assert report.rate_per_s == 450.0
    assert report.codes == {"200": 792, "404": 8, "500": 90}


LIMITS = {name: code for name, code in EXIT_CODES.items() if name not in TIMES}
LIMITS |= {f"{name}_{of}": EXIT_CODES[name] for name in TIMES for of in STATISTICS}


@pytest.mark.parametrize("sign", [">", ">=", "<", "<="])
@pytest.mark.parametrize("name", LIMITS)
def test_no_limit_is_kept_by_nothing(name, sign):
    nothing = make_report(Meter(("/",)), url="http://x/", seed=1, seconds=0.0, plan_s=None, started_at=0.0)
    code, why = parse_threshold(f"{name}{sign}1").failure(nothing)
    assert code == LIMITS[name]
    assert why.startswith(f"{name}{sign}1: nothing was measured: no request was ")
