"""A counter in a real Prometheus, compared by its labels."""

import json
import math
import shutil

import pytest
from backfilled import backfilled
from click.testing import CliRunner

from exporter.releases import Source
from exporter.releases.cli import releases
from exporter.releases.compare.exposure import Shares
from exporter.releases.compare.settings import Settings
from exporter.releases.live import Live
from exporter.releases.polling import SETTLED_S, Polled, Poller
from exporter.system import Context
from foundation.clock import SystemClock

START = 1_700_000_000 // 3600 * 3600
MINUTES = 30

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed (Debian: prometheus)"),
]


STAGES = (0.05, 0.25, 0.75, 0.95)
ROLLOUT_CODES = {"500": 3, "503": 2, "timeout": 1}
"""Errors a second of all users, by code: with the users of a version, so both are equally good."""


def rollout():
    """Requests and errors of 2.0 and 2.1, of which the newer has these parts of the users for a quarter of the time."""
    requests, errors = ["# TYPE users_requests counter\n"], ["# TYPE users_errors counter\n"]
    for version in ("2.0", "2.1"):
        seconds = 0.0  # of all users
        for step in range(MINUTES * 12):
            at = START + 5 * step
            requests.append(f'users_requests_total{{version="{version}"}} {round(100 * seconds)} {at}\n')
            share = STAGES[step * len(STAGES) // (MINUTES * 12)]
            for code, rate in ROLLOUT_CODES.items():
                labels = f'{{version="{version}",code="{code}"}}'
                errors.append((labels, f"users_errors_total{labels} {round(rate * seconds)} {at}\n"))
            seconds += 5 * (share if version == "2.1" else 1 - share)
    by_series = sorted(errors[1:], key=lambda row: row[0])
    return [*requests, errors[0], *(line for _, line in by_series)]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A server with half an hour of a counter: code 502 is three times as frequent in 1.1, the others are alike."""
    rates = {("1.0", "502"): 2, ("1.1", "502"): 6, ("1.0", "7"): 4, ("1.1", "7"): 4}
    lines = [*rollout(), "# TYPE app_errors counter\n"]
    for (version, code), errors in rates.items():
        lines += [
            f'app_errors_total{{version="{version}",code="{code}"}} {errors * step} {START + 5 * step}\n'
            for step in range(MINUTES * 12)
        ]
    with backfilled(tmp_path_factory.mktemp("prometheus"), lines) as url:
        yield url


@pytest.mark.parametrize(
    "query",
    [
        "sum by (version, code) (increase(app_errors_total[20s]))",
        "sum by (version, code) (rate(app_errors_total[20s]))",
        "app_errors_total",
    ],
    ids=["increase", "rate", "counter"],
)
def test_a_counter_is_compared_by_its_labels(prometheus, query):
    flags = ["--prometheus", prometheus, "--from", str(START), "--to", str(START + 60 * MINUTES), "--query", query]
    done = CliRunner().invoke(releases, ["report", "--format", "json", *flags])
    assert done.exception is None, done.exception
    tree = json.loads(done.stdout)
    assert [str(code) for code in tree["verdict"]["worse"]] == ["502"]
    assert tree["builds"]["1.1"] == pytest.approx(10 * 12 * MINUTES, rel=0.02)
    assert tree["builds"]["1.0"] == pytest.approx(6 * 12 * MINUTES, rel=0.02)


USERS = "sum by (version) (rate(users_requests_total[20s]))"
ROLLOUT = "sum by (version, code) (increase(users_errors_total[20s]))"


def test_a_staged_rollout_is_no_alarm_with_its_users_and_one_without(prometheus):
    flags = ["--prometheus", prometheus, "--from", str(START), "--to", str(START + 60 * MINUTES), "--query", ROLLOUT]
    alerts = {}
    for name, users in (("with", ["--exposure-query", USERS]), ("without", [])):
        done = CliRunner().invoke(releases, ["report", "--format", "json", *flags, *users])
        assert done.exception is None, done.exception
        tree = json.loads(done.stdout)
        found = [*tree["alerts"], *tree["alerts_not_counted"]]
        alerts[name] = {str(one["code"]) for one in found if one["detector"] != "mean-threshold"}
    assert alerts["with"] == set()
    assert alerts["without"] == ROLLOUT_CODES.keys()


class Done(Exception):  # noqa: N818, nothing is wrong
    """The one question that was wanted has been answered."""


class Then:
    """A clock that stands at the end of the rollout."""

    def wall(self):
        return START + 60 * MINUTES + SETTLED_S

    def monotonic(self):
        return 0.0

    async def sleep_until(self, at_s):
        raise Done


@pytest.mark.parametrize("users", [USERS, None], ids=["with", "without"])
async def test_a_staged_rollout_is_no_alarm_live_with_its_users_and_one_without(prometheus, tmp_path, users):
    """The stream asks from the first step on, as after a restart."""
    polled = Polled(url=prometheus, query=ROLLOUT, exposure_query=users, every=20)
    source = Source(source="app", prometheus=polled, compare=Settings(bin_s=20))
    context = Context(tmp_path, SystemClock())
    live = Live(source, context.web, context.checkpoint, Then())
    if users is not None:
        live.stream.shares, live.stream.users_to_s = Shares({}), -math.inf
    with pytest.raises(Done):
        await Poller(polled, None, Then(), float(START)).run(live.take_answer, live.stream.open_s)
    live.stream.flush()
    assert live.query_up
    active = {code for detector in live.stream.detectors("2.1")[1:] for code in detector.active} | {
        alert.code for _, alert in live.stream.state.alerts
    }
    bins = 60 * MINUTES // 20
    assert bins - 3 <= len(live.stream.state.history) <= bins
    assert active == (set() if users else ROLLOUT_CODES.keys())
    context.checkpoint.close()
