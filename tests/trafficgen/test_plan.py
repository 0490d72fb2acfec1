"""The laws of the plan, on a virtual clock: nothing here waits or sends."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from trafficgen.jitter import block_sizes, draws
from trafficgen.mix import parse_mix
from trafficgen.patterns import parse_patterns
from trafficgen.plan import CurvePlan, Phase


def plan(*, rate=500.0, duration_s=60.0, patterns=(), arrival="even", seed=1, mix="/=9,/fail=1", **phase):
    return CurvePlan(
        (Phase(parse_patterns(patterns, rate), duration_s, **phase),), parse_mix(mix), seed, arrival=arrival
    )


def due_s(a_plan, **workers):
    return np.array([at for chunk in a_plan.chunks(**workers) for at in chunk.due_ns]) / 1e9


@pytest.mark.parametrize("jitter", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("mode", ["balanced", "iid"])
def test_every_rate_lies_in_its_band(jitter, mode):
    for cell in plan(jitter=jitter, jitter_mode=mode).cells():
        assert 500 * (1 - jitter) <= cell.rate(cell.start_s) <= 500 * (1 + jitter)


@pytest.mark.parametrize("duration_s", [7.0, 60.0, 61.0, 600.0])
@pytest.mark.parametrize("jitter", [0.2, 1.0])
def test_a_balanced_run_sends_exactly_what_was_asked(duration_s, jitter):
    assert abs(len(due_s(plan(duration_s=duration_s, jitter=jitter))) - 500 * duration_s) <= 1


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 34, 60, 61, 1000])
def test_blocks_are_balanced_and_add_up(count):
    sizes = block_sizes(count)
    assert sum(sizes) == count
    drawn = draws(np.random.default_rng(5), 0.5, "balanced", count)
    for size in sizes:
        factors = list(itertools.islice(drawn, size))
        assert all(0.5 <= factor <= 1.5 for factor in factors)
        assert size == 1 or math.fsum(factors) == pytest.approx(size, abs=1e-9)


@pytest.mark.parametrize("mode", ["balanced", "iid"])
def test_draws_are_uniform(mode):
    drawn = np.array(list(itertools.islice(draws(np.random.default_rng(3), 1.0, mode, None), 9600))) / 2
    assert stats.kstest(drawn, "uniform").statistic * math.sqrt(len(drawn)) < 1.63
    counts = np.bincount((drawn * 20).astype(int), minlength=20)
    assert stats.chisquare(counts).statistic < 36.19
