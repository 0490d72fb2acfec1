"""The board of service levels shows any objective, whatever labels its budgets have: computed by promtool."""

import re
from typing import Any

import pytest

from dashboards.about import about
from dashboards.boards import service_levels as board
from dashboards.promql import substitute

pytestmark = pytest.mark.slow

DAY_S = 86_400
SERIES = {
    'slo_board:tidewatch_slo_allowed:ratio{slo="site",board="tidewatch-site"}': 0.001,
    'slo_board:tidewatch_slo_allowed:ratio{slo="hosts",board="tidewatch-hosting"}': 0.01,
    'slo_board:tidewatch_slo_window:seconds{slo="site",board="tidewatch-site"}': 30 * DAY_S,
    'slo_board:tidewatch_slo_window:seconds{slo="hosts",board="tidewatch-hosting"}': 10 * DAY_S,
    'slo_source:tidewatch_slo_budget:remaining_window{slo="site",source="a"}': 0.5,
    'slo_source:tidewatch_slo_budget:remaining_window{slo="site",source="b"}': -7.8,
    'slo_source_account_id:tidewatch_slo_budget:remaining_window{slo="hosts",source="h",account_id="4"}': 0.9,
    'slo_source_account_id:tidewatch_slo_budget:remaining_window{slo="hosts",source="own",account_id="5"}': 0.6,
    'slo_source_account_id:tidewatch_slo_allowed:ratio{slo="hosts",source="own",account_id="5"}': 0.05,
    'slo_source_account_id:tidewatch_slo_bad_events:ratio6h{slo="hosts",source="own",account_id="5"}': 0.1,
    'slo_source:tidewatch_slo_bad_events:ratio1h{slo="site",source="a"}': 0.002,
    'slo_source:tidewatch_slo_bad_events:ratio6h{slo="site",source="a"}': 0.003,
    'slo_source:tidewatch_slo_bad_events:ratio6h{slo="site",source="b"}': 0.01,
    'slo_source_account_id:tidewatch_slo_bad_events:ratio6h{slo="hosts",source="h",account_id="4"}': 0,
}
BUDGETS: Any = board.budgets().build()
EXPRS = {
    "burn1h": board.burn("1h"),
    "burn6h": board.burn("6h"),
    "lasting": board.lasting(),
    "strictest": board.STRICTEST,
    "left": about(board.REMAINING),
    **{f"budgets{n}": one for n, one in enumerate(target.expr for target in BUDGETS.targets)},
}


@pytest.fixture(scope="module")
def answers(computed):
    """Of all objectives, and of one."""
    exprs = {
        f"{name} of {chosen}": substitute(expr, {"objective": chosen})
        for name, expr in EXPRS.items()
        for chosen in (".+", "hosts")
    }
    found = computed({"case": {name: f"{value}x60" for name, value in SERIES.items()}}, exprs, "50m")
    return {name: samples for (_, name), samples in found.items()}


def of(samples):
    """By the label `source`."""
    return {re.search('source="(.+?)"', labels)[1]: value for labels, value in samples.items()}


def test_burn_is_relative_to_what_the_objective_allows(answers):
    assert of(answers["burn1h of .+"]) == {"a": pytest.approx(2)}
    assert of(answers["burn6h of .+"]) == {"a": pytest.approx(3), "b": pytest.approx(10), "h": 0, "own": 2}


def test_an_account_with_a_promise_of_its_own_burns_by_it_as_its_alert_does(answers):
    """0.1 is ten times what the objective allows, and twice what the account is promised."""
    assert of(answers["burn6h of hosts"]) == {"h": 0, "own": pytest.approx(2)}
    assert {re.search('slo="(.+?)"', labels)[1]: value for labels, value in answers["strictest of .+"].items()} == {
        "site": 0.001,
        "hosts": 0.05,
    }


def test_a_budget_lasts_for_its_window_by_what_is_left_and_the_pace(answers):
    want = {"a": pytest.approx(0.5 * 30 * DAY_S / 3), "b": 0, "own": pytest.approx(0.6 * 10 * DAY_S / 2)}
    assert of(answers["lasting of .+"]) == want  # h does not burn
    assert of(answers["lasting of hosts"]).keys() == {"own"}


def test_the_reader_chooses_the_objective(answers):
    assert of(answers["left of hosts"]) == {"h": 0.9, "own": 0.6}


def test_the_table_has_a_row_a_budget_whatever_its_labels(answers):
    """Its queries have the same labels, so that they merge."""
    rows = [answers[f"budgets{n} of .+"] for n in range(6)]
    assert of(rows[0]) == {"a": 0.5, "b": pytest.approx(8.8), "h": pytest.approx(0.1), "own": pytest.approx(0.4)}
    assert [re.search('about="(.*?)"', labels)[1].split() for labels in rows[0] if "account_id" in labels] == [
        ["h", "account", "4"],
        ["own", "account", "5"],
    ]
    assert {re.search('board="(.+?)"', labels)[1] for labels in rows[0]} == {"tidewatch-site", "tidewatch-hosting"}
    assert all(row.keys() <= rows[0].keys() for row in rows[1:])
    assert [len(row) for row in rows] == [4, 1, 4, 0, 0, 3]
