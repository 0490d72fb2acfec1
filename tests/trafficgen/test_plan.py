"""The laws of the plan, on a virtual clock: nothing here waits or sends."""

import itertools
import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficgen.plan.arrivals import Even, Poisson
from trafficgen.plan.jitter import block_sizes, draws
from trafficgen.plan.mix import Fault, parse_mix
from trafficgen.plan.patterns import SILENCE, parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase

VARIED = ("tide:period=37s,amplitude=0.8,phase=0.3", "burst:on=3s,off=8s,factor=2")


def plan(*, rate=500.0, duration_s=60.0, patterns=(), arrival="even", seed=1, mix="/=9,/fail=1", **phase):
    return CurvePlan(
        phases=(Phase(pattern=parse_patterns(patterns, rate), duration_s=duration_s, **phase),),
        mix=parse_mix(mix),
        seed=seed,
        arrival=arrival,
    )


def due_s(a_plan, *workers):
    return np.array([at for chunk in a_plan.chunks(*workers) for at in chunk.due_ns]) / 1e9


def cells(a_plan):
    return [chunk.segment for chunk in a_plan.chunks()]


def rescaled(a_plan, times):
    """The integral of the plan's rate at each of `times`."""
    pieces = cells(a_plan)
    edges = np.array([cell.start_s for cell in pieces])
    below = np.concatenate(([0.0], np.cumsum([cell.area() for cell in pieces])))
    at = np.searchsorted(edges, times, side="right") - 1
    return np.array([below[i] + pieces[i].cut(pieces[i].start_s, t).area() for i, t in zip(at, times, strict=True)])


@pytest.mark.parametrize("jitter", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("mode", ["balanced", "iid"])
def test_every_rate_lies_in_its_band(jitter, mode):
    for cell in cells(plan(jitter=jitter, jitter_mode=mode)):
        assert 500 * (1 - jitter) <= cell.rate(cell.start_s) <= 500 * (1 + jitter)


def test_the_rate_holds_for_the_interval():
    seconds = [cell.rate(cell.start_s) for cell in cells(plan(duration_s=9, jitter=0.5, jitter_interval_s=3.0))]
    assert [len(list(same)) for _, same in itertools.groupby(seconds)] == [3, 3, 3]


@pytest.mark.parametrize("duration_s", [7.0, 60.0, 61.0, 600.0])
@pytest.mark.parametrize("jitter", [0.2, 1.0])
def test_a_balanced_run_sends_exactly_what_was_asked(duration_s, jitter):
    assert abs(len(due_s(plan(duration_s=duration_s, jitter=jitter))) - 500 * duration_s) <= 1


@pytest.mark.parametrize("jitter", [0.5, 1.0])
def test_an_endless_balanced_run_keeps_its_mean(jitter):
    endless = itertools.islice(draws(np.random.default_rng(8), jitter, "balanced", None), 1200)
    assert abs(np.mean(list(endless)) - 1) <= 0.005


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 34, 60, 61, 1000])
def test_blocks_are_balanced_and_add_up(count):
    sizes = block_sizes(count)
    assert sum(sizes) == count
    assert max(sizes) <= 33
    drawn = draws(np.random.default_rng(5), 0.5, "balanced", count)
    for size in sizes:
        factors = list(itertools.islice(drawn, size))
        assert all(0.5 <= factor <= 1.5 for factor in factors)
        assert size == 1 or math.fsum(factors) == pytest.approx(size, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "count"), [("balanced", None), ("balanced", 9603), ("iid", None)])
def test_draws_are_uniform(mode, count):
    drawn = np.array(list(itertools.islice(draws(np.random.default_rng(3), 1.0, mode, count), 9600))) / 2
    assert scipy.stats.kstest(drawn, "uniform").statistic * math.sqrt(len(drawn)) < 1.63
    counts = np.bincount((drawn * 20).astype(int), minlength=20)
    assert scipy.stats.chisquare(counts).statistic < 36.19


@pytest.mark.slow
def test_the_odd_draw_out_is_uniform_too():
    """Blocks of three: each draw uniform, each sum exact."""
    triples = [list(itertools.islice(draws(np.random.default_rng(n), 1.0, "balanced", 3), 3)) for n in range(3000)]
    assert np.sum(triples, axis=1) == pytest.approx(np.full(3000, 3.0))
    for place in range(3):
        drawn = np.array(triples)[:, place] / 2
        assert scipy.stats.kstest(drawn, "uniform").statistic * math.sqrt(3000) < 1.63


@pytest.mark.slow
def test_independent_draws_pass_the_test_as_often_as_they_should():
    values = []
    for seed in range(100):
        drawn = itertools.islice(draws(np.random.default_rng(seed), 1.0, "iid", None), 256)
        values.append(scipy.stats.kstest(np.array(list(drawn)) / 2, "uniform").pvalue)
    assert scipy.stats.kstest(values, "uniform").pvalue > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    "patterns", [(), VARIED, ("ramp:from=0,to=900,over=20s",), ("steps:rates=0/700/300,every=7s",)]
)
def test_request_n_is_due_where_the_integral_reaches_n(patterns):
    rate = None if any(text.startswith("steps") for text in patterns) else 300.0
    a_plan = plan(rate=rate, duration_s=40.0, patterns=patterns, jitter=0.6)
    times = due_s(a_plan)
    assert rescaled(a_plan, times) == pytest.approx(np.arange(len(times)), abs=1e-4)  # times are whole nanoseconds


@pytest.mark.slow
@pytest.mark.parametrize("patterns", [(), VARIED])
def test_poisson_arrivals_pass_the_time_rescaling_test(patterns):
    a_plan = plan(rate=50.0, duration_s=120.0, patterns=patterns, jitter=0.6, arrival="poisson")
    gaps = np.diff(rescaled(a_plan, due_s(a_plan)))
    assert scipy.stats.kstest(gaps, "expon").pvalue > 0.01


@pytest.mark.slow
def test_the_time_rescaling_test_has_power():
    gaps = np.diff(rescaled(plan(rate=50.0, duration_s=120.0), due_s(
        plan(rate=50.0, duration_s=120.0, patterns=VARIED, arrival="poisson")
    )))  # fmt: skip
    assert scipy.stats.kstest(gaps, "expon").pvalue < 1e-6


@pytest.mark.parametrize("arrival", ["even", "poisson"])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_one_plan(arrival, workers):
    a_plan = plan(rate=80.0, duration_s=20.0, patterns=VARIED, jitter=0.5, arrival=arrival)

    def requests(*which):
        return [pair for c in a_plan.chunks(*which) for pair in zip(c.due_ns, c.requests, strict=True)]

    shares = [requests(number, workers) for number in range(workers)]
    assert sorted(itertools.chain(*shares)) == requests()
    assert shares[0] == requests()[::workers]


def test_the_seed_makes_the_plan_and_nothing_else_does():
    def made(seed):
        return [(c.due_ns, c.requests) for c in plan(jitter=0.5, arrival="poisson", duration_s=5, seed=seed).chunks()]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_each_part_of_a_plan_has_random_numbers_of_its_own():
    """Another mix leaves the times; another jitter leaves the choice of targets."""
    first, mixed = plan(jitter=0.5), plan(jitter=0.5, mix="/a=1,/b=1")
    assert due_s(first).tolist() == due_s(mixed).tolist()
    calm = plan()
    chosen = [[n for c in p.chunks() for n in c.requests] for p in (first, calm)]
    shorter = min(map(len, chosen))
    assert chosen[0][:shorter] == chosen[1][:shorter]


@pytest.mark.slow
def test_the_mix_is_kept():
    chosen = np.bincount([n for c in plan(mix="/=90,/fail=8,/missing=2").chunks() for n in c.requests])
    assert scipy.stats.chisquare(chosen, np.array([0.90, 0.08, 0.02]) * chosen.sum()).pvalue > 0.01


def test_phases_and_faults_change_the_mix_at_their_times():
    phases = (
        Phase(pattern=parse_patterns((), 100), duration_s=1.5),
        Phase(pattern=SILENCE, duration_s=1.0),
        Phase(pattern=parse_patterns((), 100), duration_s=2.0, mix=parse_mix("/other=1")),
    )
    fault = Fault(0.25, 0.75, (("/fail", 1.0),))
    a_plan = CurvePlan(phases=phases, mix=parse_mix("/=1"), seed=1, faults=(fault,))
    sent = [(at / 1e9, a_plan.targets[n]) for c in a_plan.chunks() for at, n in zip(c.due_ns, c.requests, strict=True)]
    assert a_plan.targets == ("/", "/other", "/fail")
    assert a_plan.duration_s == 4.5
    want = [(n / 100, "/fail" if 25 <= n < 75 else "/") for n in range(150)]
    want += [(2.5 + n / 100, "/other") for n in range(200)]
    assert [target for _, target in sent] == [target for _, target in want]
    assert [at for at, _ in sent] == pytest.approx([at for at, _ in want], abs=1e-6)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 400))
def test_a_fault_has_all_its_requests_and_no_others(first, at, length):
    """Tenths of seconds, which no double holds exactly: the mix changes at the edge, not a cell later."""
    phases = (
        Phase(pattern=parse_patterns((), 10), duration_s=first / 10),
        Phase(pattern=parse_patterns((), 10), duration_s=40.0),
    )
    fault = Fault(at / 10, (at + length) / 10, (("/fail", 1.0),))
    a_plan = CurvePlan(phases=phases, mix=parse_mix("/=1"), seed=1, faults=(fault,))
    sent = [number for chunk in a_plan.chunks() for number in chunk.requests]
    inside = min(at + length, first + 400) - min(at, first + 400)
    assert abs(sum(sent) - inside) <= 2


def test_a_plan_that_repeats_begins_again_without_a_gap():
    a_plan = CurvePlan(
        phases=(Phase(pattern=parse_patterns((), 10), duration_s=1.25),), mix=parse_mix("/=1"), seed=1, repeat=True
    )
    times = itertools.chain.from_iterable(chunk.due_ns for chunk in a_plan.chunks())
    assert a_plan.duration_s is None
    assert [at / 1e9 for at in itertools.islice(times, 100)] == pytest.approx([n / 10 for n in range(100)])


@given(st.lists(st.floats(0, 50), max_size=30))
def test_even_arrivals_do_not_depend_on_the_cuts(areas):
    cut, whole = Even(), Even()
    got = sum(len(cut.within(area)) for area in areas)
    assert abs(got - len(whole.within(math.fsum(areas)))) <= (1 if areas else 0)
    assert abs(got - math.ceil(math.fsum(areas))) <= 1


@settings(max_examples=30)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=30), st.integers(0, 2**32))
def test_poisson_arrivals_lie_in_their_cells_ascending(areas, seed):
    poisson = Poisson(np.random.default_rng(seed))
    for area in areas:
        points = poisson.within(area)
        assert np.all(np.diff(points) > 0)
        assert np.all((points >= 0) & (points < area))
