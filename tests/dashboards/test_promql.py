"""Grafana's rules for variables and resolution, as the preview and `query-all` follow them."""

import re
from typing import Any

import promql_parser as promql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.model import Variable
from dashboards.promql import ALL_CHOICE, MAX_POINTS, as_text, rate_interval_s, span, substitute

SOURCE = Variable(name="source", type="query", include_all=True, multi=True, all_value=".+")
WINDOW = Variable(name="window", type="custom")


@pytest.mark.parametrize(
    ("expr", "want"),
    [
        ("rate(a[$window])", "rate(a[1m])"),
        ("rate(a[${window}])", "rate(a[1m])"),
        ('a{b=~"${window:regex}"}', 'a{b=~"1m"}'),
        ('a{b=~"x$"}', 'a{b=~"x$"}'),
        ("$window$window", "1m1m"),
        ('label_replace(a, "b", "$1 ${2}", "c", "(.+) (.+)")', 'label_replace(a, "b", "$1 ${2}", "c", "(.+) (.+)")'),
    ],
)
def test_variables_are_replaced_in_grafanas_spellings(expr, want):
    assert substitute(expr, {"window": "1m"}) == want


def test_a_variable_without_a_value_is_an_error_not_a_query():
    with pytest.raises(KeyError, match="job"):
        substitute("up{job='$job'}", {"window": "1m"})


@pytest.mark.parametrize(
    ("variable", "chosen", "want"),
    [
        (SOURCE, ["$__all"], ".+"),
        (SOURCE, ["site"], "site"),
        (SOURCE, ["a", "b"], "(a|b)"),
        (SOURCE, ["a.b"], "a\\\\.b"),
        (SOURCE, ['"} or up{x="'], '\\"\\\\} or up\\\\{x=\\"'),
        (WINDOW, ["10s"], "10s"),
        (WINDOW, [], ""),
    ],
)
def test_choices_become_text(variable, chosen, want):
    assert as_text(variable, chosen) == want


VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).filter(
    lambda value: value != ALL_CHOICE  # a label of this value cannot be told from All, in Grafana neither
)


def test_a_variable_without_all_takes_its_name_for_a_value():
    several = Variable(name="source", type="query", multi=True, all_value=".+")
    assert as_text(several, [ALL_CHOICE]) == r"\\$__all"


@settings(max_examples=40)
@given(st.lists(VALUE, min_size=1))
def test_any_value_stays_inside_its_matcher_and_matches_only_itself(chosen):
    selector: Any = promql.parse(f'a{{b=~"{as_text(SOURCE, chosen)}"}}')
    [matcher] = selector.matchers.matchers
    assert all(re.fullmatch(matcher.value, value) for value in chosen)
    assert not re.fullmatch(matcher.value, "\N{SNOWMAN} not chosen")


@given(
    end=st.floats(1e6, 4e9),
    range_s=st.integers(60, 40 * 86400),
    points=st.integers(-5, 10**6),
    scrape_s=st.sampled_from([0.5, 1, 2, 15, 60]),
)
def test_a_range_is_aligned_bounded_and_never_finer_than_the_scrape(end, range_s, points, scrape_s):
    got = span(end, range_s, points, scrape_s)
    assert got.start_s % got.step_s == got.end_s % got.step_s == 0
    assert end - got.step_s < got.end_s <= end
    assert got.step_s >= scrape_s
    assert got.points <= MAX_POINTS + 1 or got.step_s == 365 * 86400
    assert got.end_s - got.start_s <= range_s < got.end_s - got.start_s + got.step_s


@pytest.mark.parametrize(
    ("range_s", "points", "least_s", "want_s"),
    [
        (1800, 1200, 0, 2),  # 1.5 s, and no finer than the scrape
        (1800, 520, 0, 2),  # 3.46 s are nearer to 2 than to 5: more points than asked for
        (1800, 510, 0, 5),
        (86400, 120, 0, 600),
        (86400, 114, 0, 900),
        (1800, 120, 60, 60),
        (7 * 86400, 100, 0, 7200),
        (30 * 86400, 24, 0, 86400),
    ],
)
def test_steps_are_those_that_grafana_takes(range_s, points, least_s, want_s):
    assert span(1.7e9, range_s, points, 2, least_s).step_s == want_s


@pytest.mark.parametrize(("step", "scrape", "want"), [(1, 2, 8), (60, 2, 62), (15, 15, 60), (2, 0.5, 2)])
def test_the_rate_interval_holds_four_scrapes_and_reaches_the_step_before(step, scrape, want):
    assert rate_interval_s(step, scrape) == want
