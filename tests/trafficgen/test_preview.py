"""`trafficgen plan`: a plan on paper."""

import pytest

from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase
from trafficgen.report.preview import csv_lines, rows, save


def plan(*durations, **phase):
    phases = tuple(Phase(pattern=parse_patterns((), 100.0), duration_s=duration_s, **phase) for duration_s in durations)
    return CurvePlan(phases=phases, mix=parse_mix("/=1"), seed=1)


def test_rows_are_whole_seconds_even_where_phases_are_not():
    table = list(rows(plan(1.5, 1.75)))
    assert [row.second for row in table] == [0, 1, 2, 3]
    assert [row.expected for row in table] == pytest.approx([100, 100, 100, 25])
    assert [row.due for row in table] == [100, 100, 100, 25]


def test_expected_and_due_agree_under_jitter():
    table = list(rows(plan(30.0, jitter=0.7)))
    assert len(table) == 30
    assert all(abs(row.expected - row.due) <= 1 for row in table)
    assert sum(row.due for row in table) == 3000


def test_the_table_is_csv(tmp_path):
    lines = list(csv_lines(rows(plan(2.0))))
    assert lines == ["second,expected,due\n", "0,100,100\n", "1,100,100\n"]
    save(rows(plan(2.0)), tmp_path / "plan.csv", "a plan")
    assert (tmp_path / "plan.csv").read_text() == "".join(lines)


@pytest.mark.slow
def test_a_picture_is_drawn_where_the_name_says_so(tmp_path):
    save(rows(plan(3.0, jitter=0.2)), tmp_path / "plan.svg", "a plan")
    assert "<svg" in (tmp_path / "plan.svg").read_text()
