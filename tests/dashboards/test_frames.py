"""Answers of Prometheus become what a panel draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.frames import MAX_LINES, Frame, Line, apart, frame, legend, on_axis, table
from dashboards.model import Panel, Target, Transformation
from dashboards.prometheus import Series
from dashboards.promql import Span

SPAN = Span(100, 140, 10)


def series(labels=None, *, pairs=(), pair=None):
    return Series(labels=labels or {}, pairs=list(pairs), pair=pair)


@pytest.mark.parametrize(
    ("pattern", "labels", "want"),
    [
        ("{{code}}", {"code": "200"}, "200"),
        ("{{ code }} of {{route}}", {"code": "200", "route": "/"}, "200 of /"),
        ("{{gone}}", {"code": "200"}, "(none)"),
        ("sent", {"code": "200"}, "sent"),
        ("", {"__name__": "up", "job": "a", "instance": "b"}, "up instance=b, job=a"),
        ("__auto", {}, "value"),
    ],
)
def test_series_are_named_as_grafana_names_them(pattern, labels, want):
    assert legend(pattern, labels) == want


def test_samples_stand_at_their_steps_and_gaps_stay_gaps():
    pairs = [(100, "1"), (120, "NaN"), (130, "+Inf"), (140, "2"), (150, "9"), (90, "9")]
    assert on_axis(series(pairs=pairs), SPAN) == [1, None, None, None, 2]


def test_an_instant_answer_is_one_value():
    assert on_axis(series(pair=(140, "3")), SPAN) == [3]


def test_more_lines_than_can_be_told_apart_are_left_out_and_counted():
    panel = Panel(id=1, type="timeseries")
    answer = [series({"n": str(n)}, pairs=[(100, "1")]) for n in range(MAX_LINES + 3)]
    got = frame(panel, SPAN, [(Target(expr="x", ref_id="A"), answer)])
    assert (len(got.lines), got.left_out) == (MAX_LINES, 3)


def test_buckets_are_sorted_by_bound_and_taken_apart():
    panel = Panel(id=1, type="heatmap")
    answer = [
        series({"le": "+Inf"}, pairs=[(100, "9"), (110, "12")]),
        series({"le": "0.1"}, pairs=[(100, "5"), (110, "6")]),
        series({"le": "0.005"}, pairs=[(100, "2")]),
    ]
    got = frame(panel, SPAN, [(Target(expr="x", ref_id="A", legend_format="{{le}}", format="heatmap"), answer)])
    assert [(line.name, line.values[:2]) for line in got.lines] == [
        ("0.005", [2, None]),
        ("0.1", [3, 6]),
        ("+Inf", [4, 6]),
    ]


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), min_size=1, max_size=6))
def test_taking_buckets_apart_undoes_summing_them_up(counts):
    sums = [[float(sum(row[i] for row in counts[: n + 1])) for i in range(3)] for n in range(len(counts))]
    got = apart([Line(str(n), "A", list(row)) for n, row in enumerate(sums)])
    assert [line.values for line in got] == counts


def test_a_table_merges_its_queries_shows_its_columns_and_renames_them():
    order = {"host": 0, "Value #B": 1, "Value #A": 2}
    steps = [
        Transformation("merge", {}),
        Transformation("filterFieldsByName", {"include": {"names": ["host", "Value #B", "Value #A"]}}),
        Transformation("organize", {"indexByName": order, "renameByName": {"host": "Host"}}),
    ]
    answers = [
        (
            Target(expr="x", ref_id="A"),
            [series({"host": "b", "x": "1"}, pair=(1, "7")), series({"host": "a"}, pair=(1, "5"))],
        ),
        (Target(expr="y", ref_id="B"), [series({"host": "a"}, pair=(1, "6"))]),
    ]
    columns, rows, numeric = table(steps, answers)
    assert (columns, numeric) == (["Host", "Value #B", "Value #A"], [False, True, True])
    assert rows == [["b", None, 7], ["a", 6, 5]], "in the answer's order, as Grafana shows them"


@pytest.mark.parametrize(
    ("sort", "want"),
    [
        ([{"field": "Value"}], ["b", "a", "c"]),
        ([{"field": "Value", "desc": True}], ["a", "b", "c"]),
        ([{"field": "gone"}, {"field": "host", "desc": True}], ["c", "b", "a"]),
    ],
)
def test_a_table_is_sorted_where_the_board_says_so_empty_cells_last(sort, want):
    answers = [(Target(expr="x", ref_id="A"), [series({"host": h}, pair=p) for h, p in HOSTS])]
    _, rows, _ = table([Transformation("sortBy", {"fields": {}, "sort": sort})], answers)
    assert [row[0] for row in rows] == want


HOSTS = [("c", None), ("a", (1, "7")), ("b", (1, "-7"))]


def test_a_cell_keeps_numbers_that_json_does_not_have():
    answers = [(Target(expr="x", ref_id="A"), [series({"host": "NaN"}, pair=(1, "NaN"))])]
    assert table([], answers) == (["host", "Value"], [["NaN", "NaN"]], [False, True])


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (Frame(0, 1, 2), True),
        (Frame(0, 1, 2, lines=[Line("a", "A", [None, None])]), True),
        (Frame(0, 1, 2, lines=[Line("a", "A", [None, 0.0])]), False),
        (Frame(0, 1, 2, columns=["a"], rows=[["x"]]), False),
    ],
)
def test_empty_is_when_there_is_nothing_to_see(got, want):
    assert got.empty is want
