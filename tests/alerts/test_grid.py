"""The laws of the site's alerts on a part of the grid; `make grid` runs all of it."""

import shutil

import pytest
from grid import HOUR_S, QUICK, measure, patience_s

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
