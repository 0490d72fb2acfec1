"""Patterns from text: their rates, and what is refused."""

import itertools

import pytest

from foundation.errors import ConfigError
from trafficgen.plan.patterns import parse_patterns, read_schedule


def rates(texts, at, rate=100.0):
    pattern = parse_patterns(texts, None if any("steps" in text for text in texts) else rate)
    found = []
    for time in at:
        segment = next(s for s in itertools.islice(pattern.segments(), 1000) if s.start_s <= time < s.end_s)
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
    segments = itertools.islice(parse_patterns(("burst:on=5s,off=25s,factor=4",), 60.0).segments(), 20)
    assert sum(segment.area() for segment in segments) == pytest.approx(60.0 * 300)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (("wave",), "neither a pattern nor a file"),
        (("tide:amplitude=1.1",), "amplitude must be a number from 0 to 1"),
        (("tide:period=0",), "period: invalid duration '0'"),
        (("tide:amplitude=0.1,amplitude=0.2",), "given twice"),
        (("tide:hight=2",), "unknown hight"),
        (("ramp:over=3s",), "to= is missing"),
        (("steps:rates=1/x,every=1s",), "write rates a second with / between"),
        (("steps:rates=0/0,every=1s",), "write rates a second with / between"),
        (("burst:on=1s,off=9s,factor=11",), "factor must be a number from 0 to 10"),
        (("tide", "ramp:to=1,over=1s"), "a second base"),
        (("burst:on=1s",), "off= is missing"),
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
