"""The laws of the site's alerts on a part of the grid; `make grid` runs all of it."""

import shutil

import pytest
from grid import DAY_S, HOUR_S, QUICK, Cell, Incident, answers, hours, measure, patience_s

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on PATH (Debian: prometheus)"),
]


@pytest.mark.parametrize("cell", QUICK, ids=str)
def test_a_healthy_site_pages_nobody_a_dead_one_pages_until_it_lives_and_recovery_is_no_alarm(cell):
    result = measure(cell)
    assert result.false_pages == 0, result
    if cell.incident.kind in ("outage", "errors"):
        assert result.delay_s is not None
        assert result.delay_s <= patience_s(cell), result
        assert result.coverage == 1, result
    tickets_s = {name: n * cell.evaluate_s for (name, severity), n in result.firing.items() if severity == "ticket"}
    if cell.incident.kind == "gap":
        assert tickets_s.keys() == {"SiteTrafficUnknown"}, result
    if not cell.incident.length_s:  # in the first hour a site's rhythm is not known
        assert sum(tickets_s.values()) <= HOUR_S, result
    assert not result.recovery, result


def test_a_site_that_dies_in_its_first_hour_is_a_ticket_and_then_a_page():
    cell = Cell(30, 30, 10, "constant", hours(4), Incident("outage", 40 * 60, hours(2.5)))
    result = measure(cell)
    assert result.firing["SiteTrafficStopped", "ticket"] > 0
    assert result.delay_s <= 25 * 60, "from the end of the first hour on"
    assert result.coverage == 1
    assert not result.recovery


def test_what_is_usual_is_the_median_of_this_hour_in_the_last_weeks():
    """Half an hour after the busy shift began, neither the last hour is a measure nor the odd day a week ago."""
    cell = Cell(60, 600, 10, "shifts", 21 * DAY_S + hours(12.5))
    usual = "source:tidewatch_http_requests:rate_usual"
    got = answers(cell, {"busy": usual, "quiet": f"{usual} offset 6h"})
    (((_, busy),), ((_, quiet),)) = got.values()
    assert busy == pytest.approx(100, rel=0.2)
    assert quiet == pytest.approx(10, rel=0.05)
