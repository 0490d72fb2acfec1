"""The engine on a virtual clock: what is sent when the engine itself is late."""

import asyncio
from itertools import chain, islice
from types import SimpleNamespace

import pytest

from trafficgen.meter.meter import Meter
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase
from trafficgen.send import engine as engine_module
from trafficgen.send.engine import FLUSH_AT, Engine, Pace

SECOND = 1_000_000_000
MS = 1_000_000


class FakePool:
    """Takes what it is given."""

    draining = False
    quiet = False
    meter: Meter

    def __init__(self):
        self.sent, self.late_ns = [], []
        self.clock = None
        self.dropped_waiting = False

    def drop_waiting(self):
        self.dropped_waiting = True

    def sweep(self, _now_ns):
        pass

    def drop(self, reason, waited_ns, number, _due_ns):
        self.meter.drop(reason, waited_ns, number)

    def submit(self, due_ns, _number):
        self.sent.append(due_ns)
        self.late_ns.append(self.clock() - due_ns)


class Alarm:
    def __init__(self):
        self.at_ns = 0

    def arm(self, at_ns):
        self.at_ns = at_ns


class Bench:
    """An engine, its pool, and a clock that only moves when told."""

    def __init__(self, monkeypatch, *, rate=1000.0, duration_s=10.0, arrival="even", **pace):
        self.now = SECOND
        monkeypatch.setattr(engine_module, "monotonic_ns", lambda: self.now)
        monkeypatch.setattr(engine_module, "thread_time_ns", lambda: 0)
        plan = CurvePlan(
            phases=(Phase(pattern=parse_patterns((), rate), duration_s=duration_s),),
            mix=parse_mix("/=1"),
            seed=1,
            arrival=arrival,
        )
        self.pool, self.meter, self.alarm = FakePool(), Meter(plan.targets), Alarm()
        self.pool.meter, self.pool.clock = self.meter, lambda: self.now
        end_ns = SECOND + round(duration_s * SECOND)
        self.engine = Engine(plan.chunks(start_ns=SECOND), self.pool, self.meter, Pace(SECOND, end_ns, **pace))
        self.engine._wakeup = self.alarm

    def tick(self, at_ns):
        """Wake up at `at_ns`; how many were sent."""
        before, self.now = len(self.pool.sent), max(self.now, at_ns)
        self.engine._tick()
        return len(self.pool.sent) - before

    def run_to(self, end_ns, step_ns=None):
        """Wake up when asked for, or every `step_ns`, until `end_ns`; how many were sent."""
        sent = 0
        while self.now < end_ns:
            sent += self.tick(self.now + step_ns if step_ns else self.alarm.at_ns)
        return sent


@pytest.fixture
async def make_bench(monkeypatch):
    return lambda **settings: Bench(monkeypatch, **settings)


async def test_on_time_every_request_is_sent_when_it_is_due(make_bench):
    bench = make_bench(rate=100.0)
    bench.tick(SECOND)
    bench.run_to(3 * SECOND)
    assert bench.pool.sent == [SECOND + n * 10 * MS for n in range(len(bench.pool.sent))]
    assert len(bench.pool.sent) == bench.meter.planned == 201


@pytest.mark.parametrize(("noted", "left"), [(FLUSH_AT - 1, FLUSH_AT - 1), (FLUSH_AT, 0)])
async def test_a_sweep_counts_what_was_noted_once_it_is_worth_it(make_bench, noted, left):
    bench = make_bench()
    bench.engine._sweep_at = asyncio.get_running_loop().time()
    bench.meter.late_ns += [MS] * noted
    bench.engine._sweep()
    bench.engine._sweeper.cancel()
    assert (len(bench.meter.late_ns), bench.meter.sent) == (left, noted)


async def test_a_second_that_is_over_counts_all_that_was_noted(make_bench):
    bench = make_bench()
    bench.meter.late_ns.append(MS)
    bench.tick(2 * SECOND)
    assert bench.meter.lateness.count == 1


async def test_after_a_stall_it_catches_up_at_twice_the_rate(make_bench):
    bench = make_bench()
    bench.tick(SECOND)
    bench.run_to(2 * SECOND)
    stalled = bench.now + 500 * MS
    assert bench.tick(stalled) <= 120  # not the 500 that are due: twice the rate of at most 50 ms, and a few
    caught_up = bench.run_to(stalled + 300 * MS, step_ns=MS)
    assert 500 <= caught_up <= 16 * 300 + 620
    bench.run_to(stalled + 1000 * MS, step_ns=MS)
    assert bench.meter.dropped["behind"] == 0
    assert len(bench.pool.sent) == bench.meter.planned


async def test_it_catches_up_at_twice_the_rate_also_when_what_it_sends_is_of_a_second_ago(make_bench):
    bench = make_bench(rate=100_000.0, duration_s=4.0)
    bench.tick(SECOND)
    bench.run_to(2 * SECOND)
    bench.tick(2 * SECOND + 900 * MS)
    at_once, late = [], []
    while bench.now < 4 * SECOND:
        at_once.append(bench.tick(bench.alarm.at_ns))
        late.append(bench.now - bench.pool.sent[-1])
    behind = late.index(next(ns for ns in late if ns < 20 * MS))
    assert max(at_once[:behind]) <= 16 + 2 * 25  # what is due in a quarter of a millisecond, twice, and a few
    late_ms = 900 - 100 - 20  # the turn after the stall sends twice what is due in 50 ms; 20 ms are no catching up
    assert behind == pytest.approx(late_ms / 0.25 / (2 + 16 / 25 - 1), rel=0.05)  # wake-ups
    assert bench.meter.dropped["behind"] == 0


async def test_the_planned_rate_is_told_also_when_what_is_sent_is_of_a_second_ago(make_bench):
    bench = make_bench(rate=10_000.0, duration_s=4.0)
    bench.tick(SECOND)
    bench.run_to(2 * SECOND)
    bench.tick(2 * SECOND + 900 * MS)
    assert bench.engine.planned_rate() == pytest.approx(10_000.0)


async def test_what_is_over_a_second_late_is_dropped_and_counted(make_bench):
    bench = make_bench()
    bench.tick(SECOND)
    bench.tick(4 * SECOND)
    bench.run_to(7 * SECOND, step_ns=MS)
    assert bench.meter.dropped["behind"] == pytest.approx(2000, abs=2)
    assert bench.meter.planned == len(bench.pool.sent) + bench.meter.dropped["behind"]
    assert bench.meter.own_fault["wakeups"] >= 2000


async def test_on_behind_drop_sends_nothing_over_a_tenth_of_a_second_late(make_bench):
    bench = make_bench(on_behind="drop")
    bench.tick(SECOND)
    bench.tick(2 * SECOND)
    assert bench.meter.dropped["behind"] == pytest.approx(900, abs=2)
    assert bench.now - min(bench.pool.sent[1:]) <= 100 * MS


async def test_the_run_is_over_when_the_plan_is_and_no_later(make_bench):
    bench = make_bench(rate=10.0, duration_s=1.05)
    bench.tick(SECOND)
    while not bench.engine.stopped_ns:
        bench.tick(bench.alarm.at_ns)
    assert bench.engine.stopped_ns == SECOND + 1050 * MS
    assert len(bench.pool.sent) == bench.meter.planned == 11


async def test_a_silent_plan_wakes_up_only_once_a_second(make_bench):
    bench = make_bench(rate=0.25, duration_s=100.0)
    bench.tick(SECOND)
    wakes = 0
    while bench.now < 21 * SECOND:
        bench.tick(bench.alarm.at_ns)
        wakes += 1
    assert wakes <= 30
    assert bench.pool.sent == [SECOND + n * 4 * SECOND for n in range(6)]


async def test_stop_gives_up_what_waits_and_cuts_the_rest_when_the_drain_is_over(make_bench):
    bench, later = make_bench(), []
    bench.engine._loop = SimpleNamespace(call_later=lambda *timer: later.append(timer))
    bench.tick(SECOND)
    bench.engine.stop()
    assert bench.pool.dropped_waiting
    assert later == [(Pace(0, None).drain_s, bench.engine.abort)]
    assert bench.tick(3 * SECOND) == 0


BATCHES = {  # rate, given grain: wake-ups in a second, most requests at once, latest in microseconds
    "below 2,000 a second each request has its own": (500, None, 500, 1, 0),
    "5,000 a second go out in fives": (5_000, None, 1_000, 6, 1_000),
    "10,000 too": (10_000, None, 2_000, 6, 500),
    "no finer than a quarter of a millisecond": (100_000, None, 4_000, 26, 250),
    "a given grain": (5_000, 250_000, 4_000, 2, 250),
    "no grain": (5_000, 0, 5_000, 1, 0),
}


@pytest.mark.parametrize(("rate", "grain_ns", "want"), [(*of[:2], of[2:]) for of in BATCHES.values()], ids=BATCHES)
async def test_requests_go_out_in_small_batches_never_early(make_bench, rate, grain_ns, want):
    wakes, at_once, late_us = want
    bench = make_bench(rate=float(rate), duration_s=2.0, grain_ns=grain_ns)
    bench.tick(SECOND)
    batches = []
    while bench.now < 2 * SECOND:
        batches.append(bench.tick(bench.alarm.at_ns))
    assert len(batches) == pytest.approx(wakes, rel=0.01, abs=2)
    assert max(batches) <= at_once
    assert 0 <= min(bench.pool.late_ns) <= max(bench.pool.late_ns) <= late_us * 1000
    assert bench.pool.sent == [SECOND + round(n * SECOND / rate) for n in range(len(bench.pool.sent))]


async def test_at_500_a_second_no_arrival_waits_longer_than_a_quarter_of_a_millisecond(make_bench):
    bench = make_bench(rate=500.0, arrival="poisson")
    bench.tick(SECOND)
    bench.run_to(9 * SECOND)
    assert 0 <= min(bench.pool.late_ns) <= max(bench.pool.late_ns) <= MS // 4


async def test_the_grain_follows_the_rate(make_bench):
    fast = make_bench(rate=4000.0, duration_s=3.0)
    bench = make_bench(rate=500.0, duration_s=3.0)  # the last one made has the clock
    bench.engine._chunks = chain(islice(bench.engine._chunks, 1), islice(fast.engine._chunks, 1, None))
    bench.tick(SECOND)
    bench.run_to(4 * SECOND - MS)
    late = dict(zip(bench.pool.sent, bench.pool.late_ns, strict=True))
    assert max(ns for due, ns in late.items() if due < 2 * SECOND) <= MS // 4
    assert MS // 2 <= max(ns for due, ns in late.items() if due > 2 * SECOND) <= MS
