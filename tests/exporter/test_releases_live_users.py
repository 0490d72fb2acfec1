"""Users that move from one build to the other, live: by a file, and by a Prometheus that answers late or not at all."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifetime import running, until

from exporter.catalogue import releases as catalogue
from exporter.releases import Source, System
from exporter.releases.bulk.reading import Reading
from exporter.releases.compare.exposure import Exposure, Share, Shares
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.settings import Settings
from exporter.releases.compare.statistics import p_values, rate_ratios
from exporter.releases.compare.varying import Strata
from exporter.releases.compare.weighed import weigh, weighed_p_values, weighed_ratios
from exporter.releases.live import Live
from exporter.releases.metrics import families
from exporter.releases.polling import Answered, Polled
from exporter.releases.report import analyse
from exporter.releases.state import Limits, StreamState
from exporter.releases.stream import Stream
from exporter.system import Context
from foundation.clock import SystemClock

OLD, NEW = "5.1", "5.2"
START = 1_800_000_000
BIN_S = 10
COMPARE = Settings()


class Told:
    failed, connections, requests, log_status, query_up = {}, (), {}, None, None


def rollout(stages, *, bins_each=20, ratio=1.0, seed=1, start=START, codes=2):
    """Errors by second, build and code, and the shares, of a candidate that has these parts of the users in turn."""
    draw = np.random.default_rng(seed)
    records = {}
    for number, share in enumerate(np.repeat(stages, bins_each).tolist()):
        at = start + number * BIN_S + BIN_S - 1
        for build, mean in ((OLD, 12 * (1 - share)), (NEW, 12 * share * ratio)):
            records |= {(at, build, str(c)): n for c, n in enumerate(draw.poisson(mean, codes).tolist()) if n}
        records[at, "5.0", "9"] = 1  # the stream goes on
    rows = [
        Share(start + n * bins_each * BIN_S, build, part)
        for n, share in enumerate(stages)
        for build, part in ((OLD, 1 - share), (NEW, share), ("5.0", 0.5))
    ]
    return records, rows


def streamed(records, shares, *, restarts=False):
    """All of them bin by bin. shares: are known beforehand."""
    limits = Limits(lateness_s=30, max_codes=3 * 2)

    def made(state=None):
        stream = Stream(COMPARE, limits, baseline=OLD, state=state)
        stream.shares = shares
        return stream

    stream = made()
    for number, (key, count) in enumerate(records.items()):
        stream.take({key: count})
        if restarts and number % 50 == 0:
            kept = msgspec.structs.replace(stream.state, detectors=stream.memory())
            stream = made(msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=StreamState))
    stream.flush()
    return stream


def alerts(stream):
    active = [
        (build, alert)
        for build in stream.candidates()
        for detector in stream.detectors(build)
        for alert in detector.active.values()
    ]
    ended = [one for one in stream.state.alerts if one[1].stop_s is not None]
    return sorted(
        (build, one.detector, one.code, one.start_s, one.stop_s)
        for build, one in [*ended, *active]
        if one.detector != "mean-threshold"
    )


def exposed(stream, metric):
    found = {family.metric: dict(family.series) for family in families("app", stream, Told())}
    return {labels[1:]: value for labels, value in found.get(metric, {}).items()}


SHARES = st.sampled_from([0.02, 0.05, 0.25, 0.5, 0.75, 0.95])


@settings(max_examples=8)
@given(
    stages=st.lists(SHARES, min_size=1, max_size=4),
    ratio=st.sampled_from([1.0, 2.0, 4.0]),
    seed=st.integers(0, 1000),
    late=st.integers(0, 25),
    restarts=st.booleans(),
)
def test_a_stream_and_a_report_of_a_rollout_say_the_same(stages, ratio, seed, late, restarts):
    """Up or down, with shares that are unknown at first, and over restarts."""
    records, rows = rollout(stages, ratio=ratio, seed=seed)
    shares = Shares.of(row for row in rows if row.time_s >= START + 200 * (late > 20) or row.build == "5.0")
    if not shares.steps.keys() >= {OLD, NEW}:
        shares = Shares.of(rows)
    stream = streamed(records, shares, restarts=restarts)
    reading = Reading()
    reading.count(records)
    found = analyse(
        reading.end().table, COMPARE, baseline=OLD, detectors=("evidence", "onset"), exposure=Exposure(shares=shares)
    )
    want = [(b, a.detector, a.code, a.start_s, a.stop_s) for b, a in ((one.build, one.alert) for one in found.alerts)]
    assert alerts(stream) == sorted(want)
    assert stream.state.unknown == {build: users.unknown_bins for build, users in found.users.items()}


@pytest.mark.parametrize("stages", [(0.05, 0.25, 0.5, 0.75, 0.95), (0.95, 0.5, 0.05), (0.5, 0.0, 0.5)])
def test_a_rollout_up_or_down_is_no_alarm_live(stages):
    records, rows = rollout(stages)
    stream = streamed(records, Shares.of(rows))
    assert [one for one in alerts(stream) if one[0] == NEW] == []
    assert sum(exposed(stream, catalogue.BUILD_SILENT).values()) == 0
    worse, rows = rollout(stages, ratio=3.0)
    found = streamed(worse, Shares.of(rows))
    assert {alert[1] for alert in alerts(found)} >= {"evidence"}
    low = exposed(found, catalogue.RATIO_LOW)[NEW, "0", "all"]
    assert 1.5 < low < 3.0 < exposed(found, catalogue.RATIO_HIGH)[NEW, "0", "all"]
    last = stages[-1] / (1 - stages[-1])
    assert exposed(found, catalogue.USERS)[NEW,] == pytest.approx(last)
    assert exposed(found, catalogue.USERS_UNKNOWN)[NEW,] == (20 if 0.0 in stages else 0)


def test_bins_wait_for_their_users_and_the_wait_changes_nothing():
    records, rows = rollout((0.05, 0.5, 0.95), ratio=2.0)
    want = streamed(records, Shares.of(rows))
    stream = Stream(COMPARE, Limits(lateness_s=30, max_codes=6), baseline=OLD)
    stream.shares, stream.users_to_s = Shares({}), -math.inf
    stream.take(records)
    stream.flush()
    assert (stream.behind(), stream.waiting(), stream.open_s()) == (0, 60, START)
    stream.shares, stream.users_to_s = Shares.of(rows), START + 305
    stream.close()
    assert (stream.state.closed_to_s, stream.waiting()) == (START + 300, 30)
    stream.users_to_s = START + 10_000
    stream.close()
    assert alerts(stream) == alerts(want)
    assert stream.state.weighed == want.state.weighed


@pytest.mark.parametrize(
    ("rows", "trouble"),
    [
        ([Share(START, OLD, 1.0)], "no share of build 5.2"),
        ([Share(0, OLD, 1.0), Share(0, NEW, 1.0)], "the shares have times of day, the records dates"),
        (
            [Share(START, OLD, 1.0), Share(START, NEW, 1.0), Share(START + 100, OLD, math.nan)],
            "no share of 5.2 and 5.1",
        ),
    ],
)
def test_what_is_unknown_is_not_compared_and_said(rows, trouble):
    records, _ = rollout((0.5,), ratio=9.0)
    records = {key: count for key, count in records.items() if key[1] != "5.0"}
    stream = streamed(records, Shares.of(rows, counted=True))
    assert stream.users_trouble.startswith(trouble)
    assert exposed(stream, catalogue.USERS_UNKNOWN)[NEW,] == (10 if len(rows) == 3 else 20)


def test_weighed_ratios_are_those_of_constant_users_and_hold_the_truth_in_a_rollout():
    draw = np.random.default_rng(3)
    share = np.repeat((0.05, 0.25, 0.75, 0.95), 25)
    for ratio, mean in ((1.0, 4.0), (2.0, 4.0), (3.0, 0.1)):
        counts = Pair(
            draw.poisson(mean * (1 - share[:, None]), (100, 400)),
            draw.poisson(mean * ratio * share[:, None], (100, 400)),
        )
        got = weighed_ratios(weigh(counts, share / (1 - share)))
        exact = Strata.of(counts, share / (1 - share))
        inside = (got.low <= ratio) & (got.high >= ratio)
        assert 0.92 <= inside.mean() <= 0.99
        assert np.nanmedian(got.low / exact.rate_ratios().low) == pytest.approx(1, abs=0.1)
        p = weighed_p_values(weigh(counts, share / (1 - share)))
        assert (p >= exact.p_values() * 0.9)[p < 0.5].all()
        same = Pair(*(side[:, :20] for side in counts))
        total = Pair(*(side.sum(0) for side in same))
        sums = weigh(same, np.full(100, 0.5))
        for one, other in zip(weighed_ratios(sums), rate_ratios(total, 0.5), strict=True):
            assert one == pytest.approx(other, nan_ok=True)
        assert weighed_p_values(sums) == pytest.approx(p_values(total, exposure=0.5))


async def test_a_file_of_shares_is_read_again_when_it_changes_and_nothing_is_guessed_while_it_is_broken(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("exporter.releases.live.SHARES_S", 0.01)
    shares, log = tmp_path / "shares.csv", tmp_path / "errors.tsv"
    shares.write_text("time,5.1,5.2\n0:00:00,90,10\n")
    log.write_text("".join(f"0:0{n // 60}:{n % 60:02}\t{build}\t3\n" for n in range(0, 100, 5) for build in (OLD, NEW)))
    source = Source(source="app", paths=[str(log)], baseline=OLD, exposure_file=str(shares))

    def users(system):
        found = {family.metric.name: dict(family.series) for family in system.collect()}
        return found.get(catalogue.USERS.name, {}).get(("app", NEW))

    async with running(tmp_path, lambda context: System([source], context)) as system:
        await until(lambda: users(system) == pytest.approx(1 / 9))
        shares.write_text("time,5.1,5.2\n0:00:00,50,50\n")
        live = system._runners["app"]
        await until(lambda: live.stream.shares.steps[OLD][1][0] == 50)
        shares.write_text("time,5.1,5.2\n0:00:00,many,few\n")
        await until(lambda: not live.stream.shares.steps)
    assert "invalid share 'many'" in caplog.text


def test_users_of_a_prometheus_that_stays_away_are_waited_for_and_then_unknown(tmp_path, monkeypatch):
    context = Context(tmp_path, SystemClock())
    polled = Polled(url="http://h", exposure_query="sum by (version) (rate(requests_total[10s]))")
    source = Source(source="app", http="127.0.0.1:0", baseline=OLD, prometheus=polled)
    clock = Clock()
    live = Live(source, context.web, context.checkpoint, clock)
    records, rows = rollout((0.5,))
    live.stream.shares, live.stream.users_to_s = Shares({}), -math.inf
    live.stream.take(records)
    live.stream.flush()
    live._wait_for_users()
    assert (live.stream.behind(), live.stream.waiting()) == (0, 20)
    live.take_answer(Answered(START + 100, {}, Shares.of(rows)))
    assert live.stream.state.closed_to_s == START + 40  # the others by and by, with the event loop free between
    live.stream.close()
    assert live.stream.state.closed_to_s == START + 100
    clock.now += 121
    live._wait_for_users()
    assert (live.stream.behind(), live.stream.waiting()) == (10, 0)
    context.checkpoint.close()


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now

    def wall(self):
        return START + self.now


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exposure_file": "x", "compare": Settings(exposure=2.0)}, "expected one of exposure_file"),
        ({"exposure_file": "x", "compare": Settings(exposure=1.0)}, "expected one of exposure_file"),
        ({"prometheus": Polled(url="http://h", exposure_query="users")}, None),
        ({"http": None, "prometheus": Polled(url="http://h", exposure_query="users")}, "nothing to read"),
    ],
)
def test_users_come_from_one_place(given, message):
    fields = {"source": "app", "http": "127.0.0.1:0", **given}
    if message is None:
        assert Source(**fields).users_asked
        return
    with pytest.raises(ValueError, match=message):
        Source(**fields)
