"""A service that keeps its objective is left alone; a part of the table of docs/alerts.md."""

import re

import pytest
from slo_noise import SITES, noise, pages_and_tickets

from alerts.receiver import runbooks

pytestmark = pytest.mark.slow
PART = 4  # times 30 days
TABLE = [
    [cell.strip() for cell in line.strip("| ").split("|")]
    for line in runbooks().partition("| requests/s | errors |")[2].partition("\n\n")[0].splitlines()[2:]
]


def test_the_table_has_each_site_that_is_simulated():
    words = {0.5: "half of what is allowed", 1: "just what is allowed"}
    assert [row[:2] for row in TABLE] == [[f"{site.rate:,g}", words[site.errors]] for site in SITES]


@pytest.mark.parametrize(("site", "row"), list(zip(SITES, TABLE, strict=True)), ids=str)
def test_a_service_that_keeps_its_objective_has_as_few_alerts_as_the_table_says(site, row):
    """And the bound against chance is why: what the table says of rules without it is of the same size, too."""
    got = noise(site, PART)
    pages, tickets = pages_and_tickets(got.bounded, PART)
    assert (pages, float(row[2])) == (0, 0)
    assert tickets <= float(row[3]) + 1 / PART
    for count, said in zip(pages_and_tickets(got.unbounded, PART), re.findall(r"[\d.]+", row[4]), strict=True):
        assert count == pytest.approx(float(said), rel=0.5, abs=1)


def test_a_service_that_breaks_its_objective_alerts():
    """Else the simulation proves nothing."""
    pages, tickets = pages_and_tickets(noise(SITES[2]._replace(errors=20), 1).bounded, 1)
    assert (pages > 0, tickets > 0) == (True, True)
