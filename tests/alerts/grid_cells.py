"""The cells of the grid: what `make test` runs of it, and what `make grid` does, the most telling first."""

from grid_site import DAY_S, HOUR_S, RHYTHMS, Cell, Incident


def hours(number: float) -> int:
    """In seconds."""
    return round(number * HOUR_S)


HEALTHY = Incident()
DEAD = Incident("outage", hours(2), hours(5 / 6))
ILL = Incident("errors", hours(2), hours(0.5))
SCRAPES_S = (2, 10, 15, 30, 60, 61)
RATES = (0.05, 1, 100, 10_000)
FEW = Incident("burn", 0, hours(1000), 0.0005)
"""Half of what a service level of 99.9 % allows."""


def promised(scrape_s: int, rate: float, length_s: int, incident: Incident = HEALTHY, rhythm: str = "constant") -> Cell:
    """A site by its service level; some requests always fail."""
    return Cell(scrape_s, scrape_s, rate, rhythm, length_s, incident, also=FEW, rules="slo")


SLO_ILL = Incident("errors", hours(3), hours(0.5))
SLO_QUICK = [
    *(promised(60, rate, hours(8), rhythm="tide") for rate in (0.05, 1, 100)),
    *(promised(60, rate, hours(5), SLO_ILL) for rate in RATES),
    promised(60, 100, hours(6), Incident("errors", hours(3), hours(1), 0.05)),
]
SLO_SLOW = Incident("burn", hours(2), hours(26), 0.004)
SLO_ALL = [
    *(promised(s, rate, hours(5), SLO_ILL) for s in SCRAPES_S for rate in RATES),
    *(promised(60, rate, hours(29), SLO_SLOW) for rate in (1, 100, 10_000)),
    *(promised(60, rate, 3 * DAY_S, rhythm="tide") for rate in RATES),
]
"""Healthy, all failing, one in twenty failing, and four times as many as are allowed for a day."""

QUICK = [
    *(Cell(60, 60, 10, rhythm, hours(8)) for rhythm in ("tide", "intermittent", "bursts", "half-hours", "batch")),
    *(Cell(60, 60, rate, "constant", hours(4), DEAD) for rate in (1, 100, 10_000)),
    Cell(60, 60, 0.05, "constant", hours(20), Incident("outage", hours(12), hours(5))),
    *(Cell(60, 60, rate, "nights", hours(18)) for rate in (1, 10)),
    Cell(61, 30, 10, "constant", hours(4), DEAD),
    Cell(30, 30, 10, "intermittent", hours(4), DEAD),
    Cell(15, 15, 100, "constant", hours(3.5), Incident("outage", hours(2), hours(0.5))),
    *(Cell(60, 60, rate, "constant", hours(4), ILL) for rate in (0.05, 8 / 60, 100)),
    Cell(15, 15, 8 / 60, "constant", hours(3.5), ILL),
    Cell(60, 60, 10, "constant", hours(4), Incident("reset", hours(2), 60)),
    Cell(60, 60, 10, "constant", hours(6), Incident("gap", hours(3), hours(0.5))),
    Cell(60, 60, 10, "constant", hours(4), DEAD, exporters=2),
    *SLO_QUICK,
]
"""What `make test` runs."""

HARD = [
    *(
        Cell(scrape_s, scrape_s, 10, rhythm, hours(4), Incident(kind, hours(2), length_s), exporters)
        for scrape_s in (15, 60)
        for rhythm in ("constant", "intermittent")
        for kind, length_s, exporters in (
            ("reset", scrape_s, 1),
            ("restart", 2 * scrape_s, 1),
            ("restart", 600, 1),
            ("restart", 2 * scrape_s, 2),
            ("gap", 180, 1),
            ("gap", HOUR_S, 1),
            ("step", HOUR_S, 1),
        )
    ),
    *(
        Cell(scrape_s, scrape_s, 10, "constant", hours(4), DEAD, also=Incident(kind, hours(2.4), length_s))
        for scrape_s in (15, 60)
        for kind, length_s in (("reset", scrape_s), ("restart", 2 * scrape_s), ("gap", 180))
    ),
]
"""Restarts, lost samples and clocks that are set, on a site that lives and on a dead one."""

LONG = (hours(48), hours(6)), (hours(48), 3 * DAY_S)
LONG_NIGHTLY = ((hours(48), hours(84)),)  # until its hour, for it lives only when a request comes
ALL = [
    *QUICK,
    *(
        Cell(60, 60, 10, rhythm, start_s + length_s + hours(3), Incident("outage", start_s, length_s))
        for rhythm in RHYTHMS
        for start_s, length_s in (LONG_NIGHTLY if rhythm == "nightly" else LONG)
    ),
    *(Cell(60, 60, 10, rhythm, 30 * DAY_S) for rhythm in RHYTHMS),
    *HARD,
    *SLO_ALL,
    *(Cell(s, s, rate, "constant", hours(4), ILL) for s in SCRAPES_S for rate in RATES),
    *(
        Cell(scrape_s, evaluate_s, 10, "constant", hours(4), DEAD)
        for evaluate_s in (7, 13, 30)
        for scrape_s in SCRAPES_S
    ),
    *(Cell(s, evaluate_s, 10, "constant", hours(4), DEAD) for s in SCRAPES_S for evaluate_s in (s // 2, s)),
    *(Cell(s, s, 10, rhythm, hours(6)) for s in (10, 15, 30, 61) for rhythm in RHYTHMS),
    *(Cell(60, 60, rate, "constant", hours(5), Incident("outage", hours(3), 60)) for rate in RATES),
    *(
        Cell(60, 60, rate, rhythm, start_s + length_s + hours(3), Incident("outage", start_s, length_s))
        for rate in RATES
        for rhythm in ("constant", "tide")
        for start_s, length_s in LONG
    ),
    *(Cell(60, 60, rate, rhythm, 30 * DAY_S) for rate in (0.05, 1) for rhythm in ("constant", "tide")),
    *(Cell(15, 60, 10, rhythm, 30 * DAY_S) for rhythm in RHYTHMS),
]
"""What `make grid` runs."""
