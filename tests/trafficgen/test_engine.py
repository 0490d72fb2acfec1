"""The engine on a virtual clock: what is sent when the engine itself is late."""

from types import SimpleNamespace

import pytest

from trafficgen.meter.meter import Meter
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase
from trafficgen.send import engine as engine_module
from trafficgen.send.engine import Engine, Pace

SECOND = 1_000_000_000
MS = 1_000_000


class FakePool:
    """Takes what it is given."""

    draining = False
    quiet = False

    def __init__(self):
        self.sent = []
        self.dropped_waiting = False

    def drop_waiting(self):
        self.dropped_waiting = True

    def drop(self, reason, waited_ns, number):
        self.meter.drop(reason, waited_ns, number)

    def submit(self, due_ns, _number):
        self.sent.append(due_ns)


class Alarm:
    def __init__(self):
        self.at_ns = 0

    def arm(self, at_ns):
        self.at_ns = at_ns


class Bench:
    """An engine, its pool, and a clock that only moves when told."""

    def __init__(self, monkeypatch, *, rate=1000.0, duration_s=10.0, on_behind="catchup"):
        self.now = SECOND
        monkeypatch.setattr(engine_module, "monotonic_ns", lambda: self.now)
        monkeypatch.setattr(engine_module, "thread_time_ns", lambda: 0)
        plan = CurvePlan(
            phases=(Phase(pattern=parse_patterns((), rate), duration_s=duration_s),), mix=parse_mix("/=1"), seed=1
        )
        self.pool, self.meter, self.alarm = FakePool(), Meter(plan.targets), Alarm()
        self.pool.meter = self.meter
        pace = Pace(SECOND, SECOND + round(duration_s * SECOND), on_behind)
        self.engine = Engine(plan.chunks(start_ns=SECOND), self.pool, self.meter, pace)
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
