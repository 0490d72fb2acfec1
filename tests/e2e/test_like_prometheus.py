"""Load in the shape of a counter in a real Prometheus."""

import shutil

import pytest
from backfilled import backfilled
from click.testing import CliRunner

from trafficgen.cli import cli

START = 1_700_000_000 // 3600 * 3600
CHANGE_S, END_S = 600, 1200  # since the start: when the rate rises, and the last sample
RATES = {"GET": (4, 12), "POST": (6, 18)}  # per second, before and after: 10 and 30 together

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed (Debian: prometheus)"),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A server with a counter of each method, every 5 s."""
    lines = ["# TYPE http_requests counter\n"]
    for method, (before, after) in RATES.items():
        for at_s in range(0, END_S + 1, 5):
            count = before * min(at_s, CHANGE_S) + after * max(0, at_s - CHANGE_S)
            lines.append(f'http_requests_total{{method="{method}",code="200"}} {count} {START + at_s}\n')
    with backfilled(tmp_path_factory.mktemp("prometheus"), lines) as url:
        yield url


def planned(url, query, *flags, begin_s=300, end_s=900):
    where = f"like:{url}/?query={query}&start={START + begin_s}&end={START + end_s}&step=60s"
    return CliRunner().invoke(cli, ["plan", "--pattern", where, "--seed", "1", *flags])


@pytest.mark.parametrize(
    ("flags", "low", "high"),
    [
        pytest.param((), 10, 30, id="own"),
        # the mean is (6 x 10 + 4 x 30) / 10 = 18
        pytest.param(("--rps", "9"), 5, 15, id="half"),
    ],
)
def test_the_plan_has_the_rates_of_the_series(prometheus, flags, low, high):
    """`rate` over a minute at 600 s is the old rate still, at 660 s the new one: 6 minutes of one, 4 of the other."""
    query = "sum(rate(http_requests_total{method=~\"GET|POST\",code='200'}[1m]))"
    done = planned(prometheus, query, "--duration", "10m", *flags)
    assert done.exception is None, done.exception
    rows = [line.split(",") for line in done.stdout.splitlines()[1:]]
    assert [float(expected) for _, expected, _ in rows] == pytest.approx([low] * 360 + [high] * 240)
    assert sum(int(due) for *_, due in rows) == pytest.approx(360 * low + 240 * high, abs=1)


@pytest.mark.parametrize(
    ("query", "times", "says"),
    [
        ("rate(http_requests_total[1m])", {}, "2 series in the answer; expected one"),
        ("rate(absent_total[1m])", {}, "no series in the answer"),
        ("sum(rate(http_requests_total[1m]", {}, "refuses the query: "),
        ("sum(rate(http_requests_total[1m]))", {"begin_s": -60}, r"no value at 2023-11-14T21:59:00Z \("),
        ("-sum(rate(http_requests_total[1m]))", {}, r"-10 at 2023-11-14T22:05:00Z"),
        ("sum(rate(http_requests_total[1m])) / 0", {}, r"\+Inf at "),
    ],
    ids=["several", "none", "syntax", "gap", "negative", "infinite"],
)
def test_what_is_no_rate_at_each_step_is_refused(prometheus, query, times, says):
    done = planned(prometheus, query, "--duration", "10m", **times)
    with pytest.raises(Exception, match=says) as caught:
        raise done.exception
    assert str(caught.value).startswith(f"--pattern: like:{prometheus}/: ")


def test_the_most_steps_that_are_asked_for_are_answered(prometheus):
    """11,000 of 100 ms, of which the last lies before the end."""
    where = f"like:{prometheus}/?query=vector(3)&start={START}&end={START + 1100}&step=100ms"
    done = CliRunner().invoke(cli, ["plan", "--pattern", where, "--seed", "1", "--duration", "2s"])
    assert done.exception is None, done.exception
    assert done.stdout.splitlines()[1:] == ["0,3,3", "1,3,3"]
