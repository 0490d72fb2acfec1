"""How often the burn-rate alerts fire though a service keeps its objective: the table of docs/alerts.md.

`python tests/alerts/slo_noise.py` draws 20 times 30 days for each row and prints it; `test_slo_noise.py` runs a part.
Requests and errors of each minute are drawn (Poisson, a tide of 80 % by day, seeded), and the conditions are those of
`alerts.slo.rules` with its windows and steps, evaluated each minute.
"""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from alerts.slo.model import read_service_levels
from alerts.slo.rules import BASE_S, TIERS, WINDOWS_S, Tier, threshold
from foundation.grammar import duration_s

DAYS, TIMES = 30, 20
(OBJECTIVE,) = [o for o in read_service_levels().objectives if o.name == "site-availability"]
ALLOWED = float(OBJECTIVE.allowed)


class Site(NamedTuple):
    """One row. rate: requests/s, the mean of a day; errors: how many there are of those that are allowed."""

    rate: float
    errors: float


SITES = (Site(0.05, 0.5), Site(0.05, 1), Site(1, 1), Site(100, 1), Site(10_000, 1))


class Noise(NamedTuple):
    """False alerts by name, in `times` times 30 days: as the rules are, and without their bound against chance."""

    bounded: Counter[str]
    unbounded: Counter[str]


def noise(site: Site, times: int = TIMES) -> Noise:
    """What fires of a service that keeps its objective."""
    bounded, unbounded = Counter(), Counter()
    for seed in range(times):
        increases = [_rolling(minutes, BASE_S // 60) for minutes in _drawn(site, np.random.default_rng(seed))]
        for tier in TIERS:
            beyond_limit, beyond_chance = _conditions(tier, *increases)
            bounded[tier.alert] += _alerts(beyond_limit & beyond_chance, tier)
            unbounded[tier.alert] += _alerts(beyond_limit, tier)
    return Noise(bounded, unbounded)


def _drawn(site: Site, random):
    """(requests, errors) of each minute."""
    time_s = 60 * np.arange(DAYS * 1440)
    expected = 60 * site.rate * (1 + 0.8 * np.sin(2 * np.pi * time_s / 86_400))
    errors = random.poisson(expected * ALLOWED * site.errors)
    return random.poisson(expected * (1 - ALLOWED * site.errors)) + errors, errors


def _rolling(values, width):
    """The sum of the last `width` values at each place, of fewer at the beginning."""
    total = np.cumsum(np.concatenate([np.zeros(width), values], dtype=float))
    return total[width:] - total[:-width]


def _conditions(tier: Tier, requests, errors):
    """(both windows are above the limit, the long one is not explained by chance) at each minute."""
    long, whole = _ratio(WINDOWS_S[tier.long], requests, errors)
    five_minutes = errors / np.maximum(requests, 1e-9)
    short = five_minutes if tier.short == "5m" else _ratio(WINDOWS_S[tier.short], requests, errors)[0]
    limit = float(threshold(OBJECTIVE, tier))
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = whole * (long * np.log(long / ALLOWED) - long + ALLOWED)
    return (long > limit) & (short > limit), evidence > -math.log(tier.chance)


def _ratio(seconds, requests, errors):
    """(the window's ratio, its events if it is all like what is known) at each minute."""
    step = 1 if seconds <= WINDOWS_S["2h"] else 5
    points = seconds // 60 // step
    taken = [np.repeat(_rolling(values[::step], points), step) for values in (requests, errors)]
    known = np.repeat(np.minimum(np.arange(1, len(requests[::step]) + 1), points), step)
    whole = seconds / BASE_S * taken[0] / known
    return taken[1] * step / (BASE_S / 60) / np.maximum(whole, 1e-9), whole


def _alerts(condition, tier: Tier) -> int:
    """How many alerts it is; one goes on for `keep`."""
    at = np.flatnonzero(condition)
    return int(at.size > 0) + int(np.sum(np.diff(at) * 60 > duration_s(tier.keep) + 60))


def pages_and_tickets(counts, times: int = TIMES) -> tuple[float, float]:
    """Per 30 days."""
    of = {severity: sum(counts[t.alert] for t in TIERS if t.severity == severity) for severity in ("page", "ticket")}
    return of["page"] / times, of["ticket"] / times


def row(site: Site) -> str:
    """One line of the table."""
    got = noise(site)
    share = {0.5: "half of what is allowed", 1: "just what is allowed"}[site.errors]
    pages, tickets = pages_and_tickets(got.bounded)
    naive = ", ".join(f"{number:.2g}" for number in pages_and_tickets(got.unbounded))
    return f"| {site.rate:,g} | {share} | {pages:.2g} | {tickets:.2g} | {naive} |"


if __name__ == "__main__":
    for site in SITES:
        print(row(site))
