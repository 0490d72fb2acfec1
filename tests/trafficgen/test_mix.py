"""Mixes and faults."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.plan.mix import Chooser, Fault, parse_mix, with_faults

paths = st.sampled_from(["/", "/a", "/b", "/c"])
mixes = st.dictionaries(paths, st.floats(0.01, 100), min_size=1).map(
    lambda d: tuple((path, weight / math.fsum(d.values())) for path, weight in d.items())
)
faults = st.dictionaries(paths, st.floats(0, 0.25), min_size=1).map(lambda d: Fault(0, 1, tuple(d.items())))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("/=90,/fail=8,/missing=2", (("/", 0.9), ("/fail", 0.08), ("/missing", 0.02))),
        (" /a?x=1=3 , /b=1,", (("/a?x=1", 0.75), ("/b", 0.25))),
        ("/=0,/b=.5", (("/", 0.0), ("/b", 1.0))),
    ],
)
def test_a_mix_is_read_as_shares(text, want):
    assert parse_mix(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", "empty; write /path=weight"),
        (",", "empty; write /path=weight"),
        ("/", "'/' is not a path and its weight; write /path=weight"),
        ("/=x", "'x' in '/=x' is not a number; write /path=weight"),
        ("a=", "'' in 'a=' is not a number; write /path=weight"),
        ("=3", "'' is not a path; a path starts with /"),
        ("a=1", "'a' is not a path; a path starts with /"),
        ("/a b=1", "'/a b' is not a path; a path starts with /"),
        ("/ä=1", "'/ä' is not a path; a path starts with /"),
        ("/#x=1", "'/#x' is not a path; a path starts with /"),
        ("/=-1", "the weight of / is -1; expected a number of at least 0"),
        ("/=nan", "the weight of / is nan; expected a number of at least 0"),
        ("/=inf", "the weight of / is inf; expected a number of at least 0"),
        ("/=0", "no weight above 0; write /path=weight"),
        ("/=1,/=2", "duplicate path /"),
    ],
)
def test_a_wrong_mix_is_refused_with_what_would_be_right(text, want):
    with pytest.raises(ConfigError) as caught:
        parse_mix(text)
    assert str(caught.value).startswith(f"--mix: {want}")


def test_more_targets_than_labels_are_refused():
    with pytest.raises(ConfigError, match="at most 100"):
        parse_mix(",".join(f"/{n}=1" for n in range(101)))


def test_a_fault_takes_its_share_and_the_rest_keeps_its_proportions():
    mixed = dict(with_faults(parse_mix("/=8,/missing=2"), [Fault(0, 1, (("/fail", 0.5),))]))
    assert mixed == pytest.approx({"/": 0.4, "/missing": 0.1, "/fail": 0.5})


def test_a_fault_in_all_there_is_leaves_nothing_else():
    assert dict(with_faults(parse_mix("/=1"), [Fault(0, 1, (("/fail", 1.0),))])) == {"/": 0.0, "/fail": 1.0}
    assert dict(with_faults(parse_mix("/=1"), [Fault(0, 1, (("/", 0.3),))])) == pytest.approx({"/": 1.0})


@settings(max_examples=25)
@given(mixes, st.lists(faults, min_size=1, max_size=4))
@example((("/", 1.0),), [Fault(0, 1, (("/", 2.8e-13),))])  # 1 less a tiny number has few of its digits
def test_shares_always_add_up_to_one(base, on):
    mixed = with_faults(base, on)
    assert math.fsum(share for _, share in mixed) == pytest.approx(1.0)
    assert all(share >= 0 for _, share in mixed)


@settings(max_examples=25)
@given(mixes, st.lists(st.floats(0, 1, exclude_max=True), min_size=1))
@example(  # their sum is rounded to less than 1
    (
        ("/", 0.006912044237083117),
        ("/a", 0.02799377916018662),
        ("/b", 0.41126663210644543),
        ("/c", 0.5538275444962847),
    ),
    [0.9999999999999998],
)
def test_a_target_without_a_share_is_never_chosen(base, uniforms):
    shares = (("/none", 0.0), *base, ("/last", 0.0))
    numbers = {path: number for number, (path, _) in enumerate(shares)}
    chosen = Chooser(shares, numbers).choose(np.array(uniforms))
    assert not {0, len(shares) - 1} & set(chosen.tolist())
