"""`query-all` lets no silent panel pass."""

import msgspec
import pytest
from click.testing import CliRunner

from dashboards.cli import main
from dashboards.model import Board, Panel, Target
from dashboards.prometheus import Series
from dashboards.promql import Span
from dashboards.query_all import Outcome, as_table, query_all
from foundation.errors import SourceError

SPAN = Span(0, 60, 10)


class Answers:
    """Stands for Prometheus: an answer by expression."""

    def __init__(self, by_expr, values=("site",)):
        self.by_expr = by_expr
        self.values = list(values)

    async def range(self, expr, asked):
        found = self.by_expr[expr]
        if isinstance(found, SourceError):
            raise found
        return found

    async def instant(self, expr, time_s):
        return self.by_expr[expr]

    async def label_values(self, selector, label, asked):
        return self.values


def panel(title, *exprs, description="", kind="timeseries", instant=False):
    targets = [Target(expr=expr, ref_id="AB"[n], instant=instant) for n, expr in enumerate(exprs)]
    return Panel(id=1, type=kind, title=title, description=description, targets=targets)


ONE = [Series({"a": "b"}, [(0, "1"), (10, "NaN"), (20, "2")])]
LONELY = [Series({"a": "b"}, [(0, "NaN")])]


async def test_each_query_is_counted_and_an_empty_one_is_told_with_its_text():
    panels = [
        panel("full", "x", "y"),
        panel("right to be empty", "y", description="What it is.\n\nMay be empty: nothing is wrong."),
        panel("only NaN", "nan"),
        panel("table", "x", kind="table", instant=True),
        panel("broken", "bad"),
    ]
    answers = Answers({"x": ONE, "y": [], "nan": LONELY, "bad": SourceError("no")})
    got = await query_all(answers, [Board(uid="b", title="B", panels=panels)], SPAN, 10)
    assert got == [
        Outcome("b", "full", "A", "ok", 1, 2),
        Outcome("b", "full", "B", "empty", detail="y"),
        Outcome("b", "right to be empty", "A", "may be empty", detail="nothing is wrong."),
        Outcome("b", "only NaN", "A", "empty", 1, 0, detail="nan"),
        Outcome("b", "table", "A", "ok", 1, 1),
        Outcome("b", "broken", "A", "error", detail="no"),
    ]
    assert [outcome.good for outcome in got] == [True, False, True, False, True, False]


async def test_a_variable_that_offers_nothing_is_told():
    all_of = {"text": "All", "value": "$__all"}
    variable = {"name": "source", "type": "query", "query": "label_values(x, s)", "includeAll": True, "current": all_of}
    made = msgspec.convert({"uid": "b", "title": "B", "templating": {"list": [variable]}, "panels": []}, Board)
    [first] = await query_all(Answers({}, values=()), [made], SPAN, 10)
    assert first == Outcome("b", "(variable source)", "", "empty", detail="it offers no value")


async def test_a_board_of_what_is_not_measured_is_absent_and_is_not_asked():
    there = [Board(uid="tidewatch-hosting", title="H", panels=[panel("full", "x")])]
    asked = {"group(tidewatch_hosting_readable)": [], "x": ONE}
    got = await query_all(Answers(asked), there, SPAN, 10)
    assert got == [Outcome("tidewatch-hosting", "(board)", "", "absent", detail="nothing of its system is measured")]
    assert got[0].good
    asked["group(tidewatch_hosting_readable)"] = ONE
    assert [one.panel for one in await query_all(Answers(asked), there, SPAN, 10)] == ["full"]


async def test_a_rate_looks_back_over_four_scrapes_whatever_its_step():
    """Not over what the choices were resolved with, which know no interval of scrapes."""
    answers = Answers({"rate(x[60s])": ONE})
    board = Board(uid="b", title="B", panels=[panel("p", "rate(x[$__rate_interval])")])
    [got] = await query_all(answers, [board], SPAN, 15)
    assert got.status == "ok"


def test_the_table_puts_what_is_wrong_last_and_counts_it():
    bad = Outcome("board", "p", "A", "error", detail="boom")
    good = Outcome("board", "q", "A", "ok", 1, 60)
    assert as_table([bad, good]).splitlines() == [
        "board  panel  query  series  points  status",
        "board  q      A      1       60      ok",
        "board  p      A      0       0       error   boom",
        "2 panels, 2 queries, 1 of them need attention",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--board", "x"], 2, "dashboards: --board x: no such board; there are "),
        (["--prometheus", "http://127.0.0.1:9"], 3, "dashboards: Prometheus cannot be reached at http://127.0.0.1:9: "),
    ],
)
def test_what_the_user_did_wrong_is_one_line(arguments, code, message):
    got = CliRunner().invoke(main, ["query-all", *arguments])
    assert got.exit_code == code
    assert got.stderr.startswith(message)
    assert got.stderr.count("\n") == 1
