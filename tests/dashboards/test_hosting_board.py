"""The board of web hosts, where accounts have no credits, or may have no downtime at all: computed by promtool."""

import re
from typing import Any

import pytest

from dashboards.boards import hosting
from dashboards.promql import substitute

pytestmark = pytest.mark.slow

PROMISE = 'tidewatch_hosting_sla_promise_ratio{{source="h",account_id="{}"}}'
CREDIT = 'tidewatch_hosting_sla_credit_ratio{{source="h",account_id="{}"}}'
LEFT = 'tidewatch_hosting_sla_budget_remaining_ratio{{source="h",account_id="{}"}}'
CASES: dict[str, dict[str, Any]] = {
    "no credits": {PROMISE.format(1): 0.999, PROMISE.format(2): 0.99},
    "one of two has some": {PROMISE.format(1): 0.999, PROMISE.format(2): 0.99, CREDIT.format(2): 0.1},
    "nothing promised": {LEFT.format(1): 0.5},
    "no downtime allowed": {LEFT.format(1): 0.25, LEFT.format(2): "-Inf"},
}


@pytest.fixture(scope="module")
def answers(computed):
    panels: list[Any] = [hosting.credits_due().build(), hosting.budgets_over_time().build()]
    exprs = {panel.title: panel.targets[0].expr for panel in panels}
    asked = {title: substitute(expr, {"host": ".+", "account": ".+"}) for title, expr in exprs.items()}
    series = {case: {name: f"{value} " * 60 for name, value in of.items()} for case, of in CASES.items()}
    return computed(series, asked, "50m")


@pytest.mark.parametrize(
    ("case", "want"), [("no credits", [0]), ("one of two has some", [1]), ("nothing promised", [])]
)
def test_credits_are_due_to_nobody_where_no_plan_has_some(answers, case, want):
    """As the cells of the table say, which are 0 %."""
    assert list(answers[case, "Credits due"].values()) == want


def test_an_endless_value_takes_no_line_of_the_others(answers):
    """Any downtime is endlessly more than none: an axis that reached there would show nothing else."""
    found = answers["no downtime allowed", "Budget used"]
    assert {re.search('account_id="(.+?)"', labels)[1]: value for labels, value in found.items()} == {"1": 0.75}
