"""The laws of the site's alerts on a part of the grid; `make grid` runs all of it."""

import shutil

import pytest
from grid import batches, begun_table, faults, measure, tickets_s
from grid_cells import ALL, HOUR_S, QUICK, hours
from grid_site import Cell, Incident, patience_s

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on PATH (Debian: prometheus)"),
]


@pytest.mark.parametrize("cells", batches(QUICK), ids=lambda cells: str(cells[0]))
def test_a_healthy_site_pages_nobody_a_dead_one_pages_until_it_lives_and_recovery_is_no_alarm(cells):
    results = measure(cells)
    assert {str(cell): broken for cell, result in results.items() if (broken := faults(cell, result))} == {}
    for cell, result in results.items():
        tickets = tickets_s(cell, result)
        if cell.incident.kind == "gap":
            assert tickets.keys() == {"SiteTrafficUnknown"}, result
        if not cell.incident.length_s:  # in the first hour a site's rhythm is not known; bursts fall together by chance
            assert sum(tickets.values()) <= (2 if cell.rhythm == "bursts" else 1) * HOUR_S, result


def test_a_run_goes_on_where_one_of_the_same_rules_ended(tmp_path):
    table, rules = tmp_path / "new" / "grid.md", tmp_path / "rules.yml"
    rules.write_text("groups: []")
    begun_table(table, [rules])
    with table.open("a") as file:
        file.write("| cell |\n")
    assert begun_table(table, [rules]).endswith("| cell |\n")
    rules.write_text("groups: [] # changed")
    assert not begun_table(table, [rules]).endswith("| cell |\n")


def test_every_cell_has_a_name_of_its_own_and_is_run_once():
    run = [cell for batch in batches(ALL) for cell in batch]
    assert len({str(cell) for cell in run}) == len(run) == len(set(ALL))


def test_a_site_that_dies_in_its_first_hour_is_a_ticket_and_then_a_page():
    cell = Cell(30, 30, 10, "constant", hours(4), Incident("outage", 40 * 60, hours(2.5)))
    result = measure([cell])[cell]
    assert result.firing["SiteTrafficStopped", "ticket"] > 0
    assert result.delay_s <= 25 * 60, "from the end of the first hour on"
    assert result.coverage == 1
    assert not result.recovery


def test_an_outage_teaches_nothing_so_the_next_one_pages_as_soon():
    before = Incident("outage", hours(2), hours(0.8))
    cells = [
        Cell(60, 60, rate, rhythm, hours(5), Incident("outage", hours(4), hours(0.8)), also=before)
        for rate, rhythm in ((1, "constant"), (10, "constant"), (10, "intermittent"))
    ]
    for cell, result in measure(cells).items():
        assert result.delay_s is not None, cell
        assert result.delay_s <= patience_s(cell), cell
        assert result.coverage == 1, cell


def test_the_limit_of_pauses_that_differ_does_not_go_before_the_pause():
    """A dead site with bursts at random is paged late, but it is."""
    cell = Cell(60, 120, 10, "bursts", hours(34), Incident("outage", hours(30), hours(3)))
    result = measure([cell])[cell]
    assert result.delay_s is not None
    assert result.delay_s <= patience_s(cell)
    assert result.coverage == 1
