"""Patterns from text: their rates, and what is refused."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.plan.patterns import parse_patterns, read_schedule

UNDRAWN = (np.random.default_rng(0), None)


def rates(texts, at, rate=100.0):
    pattern = parse_patterns(texts, None if any("steps" in text for text in texts) else rate)
    found = []
    for time in at:
        segment = next(s for s in itertools.islice(pattern.segments(*UNDRAWN), 1000) if s.start_s <= time < s.end_s)
        found.append(round(segment.rate(time), 6))
    return found


@pytest.mark.parametrize(
    ("texts", "at", "want"),
    [
        pytest.param((), [0, 1e6], [100, 100], id="constant"),
        pytest.param(("constant",), [5], [100], id="constant-by-name"),
        pytest.param(("tide:period=40s,amplitude=0.5",), [0, 10, 20, 30, 40], [100, 150, 100, 50, 100], id="tide"),
        pytest.param(("tide:period=40s,amplitude=1,phase=0.25",), [0, 20], [200, 0], id="tide-phase"),
        pytest.param(("ramp:to=300,over=10s",), [0, 5, 10, 99], [100, 200, 300, 300], id="ramp"),
        pytest.param(("ramp:from=0,to=50,over=1m",), [0, 30, 60], [0, 25, 50], id="ramp-from"),
        pytest.param(("steps:rates=10/0/30,every=5s",), [0, 4.9, 5, 10, 99], [10, 10, 0, 30, 30], id="steps"),
        pytest.param(("burst:on=2s,off=6s,factor=3",), [0, 2, 8, 10], [300, 33.333333, 300, 33.333333], id="burst"),
        pytest.param(("burst:on=2s,off=6s,factor=3,additive",), [0, 2, 8], [300, 100, 300], id="burst-additive"),
        pytest.param(("burst:on=1s,off=1s,factor=2", "ramp:to=200,over=4s"), [0, 1, 2.5], [200, 0, 325], id="both"),
    ],
)  # fmt: skip
def test_the_rate_of_a_pattern(texts, at, want):
    assert rates(texts, at) == pytest.approx(want)


def test_a_burst_keeps_the_mean():
    segments = itertools.islice(parse_patterns(("burst:on=5s,off=25s,factor=4",), 60.0).segments(*UNDRAWN), 20)
    assert sum(segment.area() for segment in segments) == pytest.approx(60.0 * 300)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (("wave",), "neither a pattern nor a file"),
        (("tide:amplitude=1.1",), "amplitude must be a number from 0 to 1"),
        (("tide:period=0",), "period: invalid duration '0'"),
        (("tide:amplitude=0.1,amplitude=0.2",), "duplicate amplitude"),
        (("tide:hight=2",), "unknown hight"),
        (("ramp:over=3s",), "to= is missing"),
        (("steps:rates=1/x,every=1s",), "write rates per second with / between"),
        (("steps:rates=0/0,every=1s",), "write rates per second with / between"),
        (("burst:on=1s,off=9s,factor=11",), "factor must be a number from 0 to 10"),
        (("tide", "ramp:to=1,over=1s"), "a second base"),
        (("burst:on=1s",), "off= is missing"),
        (("intermittent:on=1s",), "off= is missing"),
        (("intermittent:on=1s,off=1s,factor=3",), "unknown factor"),
        (("tide:period=9m..3m",), "expected the lower bound first"),
        (("tide:amplitude=0.2..1.1",), "amplitude must be a number from 0 to 1"),
        (("tide:amplitude=0.2..",), "amplitude must be a number from 0 to 1"),
        (("like:absent.log",), "absent.log: not a file"),
        (("like:",), "expected an access log"),
        (("like:absent.log,every=3s",), "unknown every"),
    ],
)
def test_a_wrong_pattern_is_refused(texts, says):
    with pytest.raises(ConfigError, match=says):
        parse_patterns(texts, None if texts[0].startswith("steps") else 100.0)


def test_a_rate_beside_a_pattern_with_rates_of_its_own_is_refused():
    with pytest.raises(ConfigError, match="--rps: 'steps:rates=1/2,every=1s' has rates of its own"):
        parse_patterns(("steps:rates=1/2,every=1s",), 100.0)


def test_a_schedule_is_read_with_ramps_and_jumps(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("seconds,rate\n# a comment\n0,0\n10,100\n10.0000000001,20\n\n30,20\n")
    pattern = read_schedule(path)
    assert pattern.duration_s == 30
    assert rates((str(path),), [0, 5, 10.5, 29, 99], rate=None) == [0, 50, 20, 20, 20]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,1\n5,2\n4,3\n", r"s\.csv:3: 4 s goes back in time; the row before is at 5 s"),
        ("0,1\n5,-2\n", r"s\.csv:2: '5,-2' is not seconds,rate"),
        ("0,1\n5\n", r"s\.csv:2: '5' is not seconds,rate"),
        ("0,1\n5,nan\n", r"s\.csv:2: '5,nan' is not seconds,rate"),
        ("0,1\n", "at least two rows"),
        ("0,0\n9,0\n", "a rate above 0"),
        ("", "at least two rows"),
    ],
)
def test_a_wrong_schedule_says_the_line(tmp_path, text, says):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_schedule(path)


drawn_texts = st.sampled_from(
    [
        ("intermittent:on=3s,off=6s",),
        ("intermittent:on=10ms,off=1s",),
        ("tide:period=2s..20s,amplitude=0.1..1",),
        ("tide:period=5s,amplitude=0..1,phase=0.25",),
    ]
)


def drawn(texts, seed, duration_s):
    """The segments of a run, up to its end."""
    segments = parse_patterns(texts, 70.0).segments(np.random.default_rng(seed), duration_s)
    return list(itertools.takewhile(lambda s: s.start_s < duration_s, segments))


@given(drawn_texts, st.integers(0, 2**32), st.floats(0.5, 900))
def test_a_drawn_pattern_has_exactly_its_mean_over_the_run(texts, seed, duration_s):
    segments = drawn(texts, seed, duration_s)
    assert math.fsum(segment.area() for segment in segments) == pytest.approx(70.0 * duration_s, rel=1e-9)
    assert [s.start_s for s in segments] == [0.0, *(s.end_s for s in segments[:-1])]
    assert segments[-1].end_s == duration_s


@given(drawn_texts, st.integers(0, 2**32))
def test_the_seed_repeats_a_drawn_pattern_and_another_one_differs(texts, seed):
    assert drawn(texts, seed, 120.0) == drawn(texts, seed, 120.0) != drawn(texts, seed + 1, 120.0)


def test_an_endless_drawn_pattern_keeps_its_mean():
    for texts in (("intermittent:on=30s,off=60s",), ("tide:period=60s..120s,amplitude=0.2..0.8",)):
        segments = parse_patterns(texts, 70.0).segments(np.random.default_rng(4), None)
        until = list(itertools.takewhile(lambda s: s.start_s < 32 * 90 * 5, segments))
        assert math.fsum(s.area() for s in until if s.end_s <= 32 * 90 * 5) == pytest.approx(70.0 * 32 * 90 * 5)


@pytest.mark.slow
def test_on_and_off_are_exponential_with_their_means():
    segments = drawn(("intermittent:on=30s,off=60s",), 5, 90.0 * 4000)
    on = [s.end_s - s.start_s for s in segments if s.factor]
    off = [s.end_s - s.start_s for s in segments if not s.factor]
    for lengths, mean_s in ((on, 30.0), (off, 60.0)):
        assert np.mean(lengths) == pytest.approx(mean_s, rel=0.02)
        assert np.std(lengths) == pytest.approx(mean_s, rel=0.06)
    assert {s.factor for s in segments} == {0.0, 3.0}


def test_periods_and_amplitudes_are_drawn_between_their_bounds():
    segments = drawn(("tide:period=60s..120s,amplitude=0.2..0.8",), 6, 90.0 * 640)
    periods, amplitudes = ([getattr(s.shape, name) for s in segments] for name in ("period_s", "amplitude"))
    assert 50 < min(periods) < 65  # all of a round are stretched a little
    assert 115 < max(periods) < 145
    assert 0.2 <= min(amplitudes) < 0.22
    assert 0.78 < max(amplitudes) <= 0.8


def a_log(path, times):
    path.write_text("".join(json.dumps({"time": t, "path": "/", "method": "POST"}) + "\n" for t in times))
    return str(path)


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=60), st.sampled_from([1, 7, 60]), st.sampled_from([None, 50.0])
)
def test_a_log_is_played_with_its_own_counts_or_with_the_mean_that_is_asked(tmp_path_factory, after_s, step_s, mean):
    times = [1_795_000_000 + second for second in (0, 500, *after_s)]
    log = a_log(tmp_path_factory.getbasetemp() / "like.log", times)
    pattern = parse_patterns((f"like:{log},step={step_s}s",), mean)
    segments = [s for s in itertools.islice(pattern.segments(*UNDRAWN), 2000) if s.end_s <= 1002]
    factor = 1.0 if mean is None else mean * 501 / len(times)
    for segment in segments:
        begin_s, end_s = segment.start_s % 501, segment.end_s % 501 or 501
        want = sum(begin_s <= second - 1_795_000_000 < end_s for second in times) * factor
        assert segment.area() == pytest.approx(want, abs=1e-6)
    assert math.fsum(s.area() for s in segments) == pytest.approx(2 * len(times) * factor)


def test_a_day_of_a_log_is_played_in_minutes(tmp_path):
    log = a_log(tmp_path / "day.log", [*range(0, 43_200, 10), *range(43_200, 86_400, 40), 86_399])
    got = rates((f"like:{log},over=10m,step=1h",), [0, 299, 301, 599, 600], rate=75.0)
    assert got == pytest.approx([120, 120, 30, 30, 120], rel=0.02)


def test_a_log_of_less_than_two_steps_has_no_shape(tmp_path):
    log = a_log(tmp_path / "short.log", [5, 30])
    with pytest.raises(
        ConfigError, match="covers 26 s, which is 1 steps of 60 s; expected 2 to 1,000,000, for example"
    ):
        parse_patterns((f"like:{log}",), None)
    with pytest.raises(ConfigError, match="no request with a time"):
        parse_patterns((f"like:{a_log(tmp_path / 'none.log', ['x'])}",), None)


def test_lines_that_are_not_in_the_shape_are_counted_on_stderr(tmp_path, capsys):
    log = a_log(tmp_path / "day.log", [0, "x", 60, None, 179])
    assert rates((f"like:{log}",), [0, 60, 120], rate=None) == pytest.approx([1 / 60] * 3, abs=1e-6)
    assert capsys.readouterr().err == f"trafficgen: --pattern: like: {log}: 2 unreadable lines are not in the shape\n"
    rates((f"like:{a_log(tmp_path / 'whole.log', [0, 179])}",), [0], rate=None)
    assert not capsys.readouterr().err
