"""Samples of annotation queries become marks, as Grafana makes them."""

import itertools

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dashboards.model import Annotation
from dashboards.preview.marks import MAX_MARKS, marks
from dashboards.prometheus import Series

FIRING = Annotation("Firing", "ALERTS", title_format="{{alertname}}", text_format="{{severity}}", tag_keys="severity,x")


def alert(name, values, step_s=20):
    labels = {"alertname": name, "severity": "page"}
    return Series(labels, [(1000 + place * step_s, value) for place, value in enumerate(values) if value])


def spans(got):
    return [(mark.start_s, mark.end_s) for mark in got.marks]


def test_times_within_a_step_are_one_region_and_a_gap_begins_another():
    got = marks(FIRING, [alert("A", ["1", "1", "", "1", "0", "1"])], 20)
    assert spans(got) == [(1000, 1020), (1060, 1060), (1100, 1100)]
    [first, *_] = got.marks
    assert (first.title, first.text, first.tags) == ("A", "page", ["page"])


def test_each_series_marks_for_itself():
    """Why an annotation over all of ALERTS paints a panel over."""
    assert spans(marks(FIRING, [alert(f"A{n}", ["1"] * 9) for n in range(3)], 20)) == [(1000, 1160)] * 3


def test_a_query_may_give_the_time_as_its_value():
    query = msgspec.structs.replace(FIRING, use_value_for_time=True)
    assert spans(marks(query, [alert("A", ["5000", "NaN", "90000"])], 20)) == [(5, 5), (90, 90)]


def test_marks_are_bounded_and_those_left_out_counted():
    got = marks(FIRING, [alert(str(n), ["1"]) for n in range(MAX_MARKS + 2)], 20)
    assert (len(got.marks), got.left_out) == (MAX_MARKS, 2)


def test_the_panels_that_a_query_is_for_travel_with_it():
    query = msgspec.structs.replace(FIRING, filter={"exclude": True, "ids": [3, 4]})
    got = marks(query, [], 20)
    assert (got.exclude, got.panels) == (True, [3, 4])


@given(st.lists(st.sampled_from(["", "0", "1"]), max_size=30))
def test_regions_cover_the_marked_times_and_no_other(values):
    got = spans(marks(FIRING, [alert("A", values)], 20))
    marked = {1000 + 20 * place for place, value in enumerate(values) if value == "1"}
    assert {time_s for start, end in got for time_s in range(int(start), int(end) + 1, 20)} == marked
    assert all(later > end + 20 for (_, end), (later, _) in itertools.pairwise(got))
