"""What the figures of the generator's board make of a healthy run: scrapes at different moments are no loss."""

import itertools
import json
import math
import random

import pytest

from dashboards.build import JSON_DIR

BOARD = json.loads((JSON_DIR / "tidewatch-generator.json").read_text())
SCRAPE_S = 2
WINDOW_S = 60


def steps(title):
    """(value, colour) of a figure, the lowest first."""
    panel = next(one for one in BOARD["panels"] if one["title"] == title)
    return [(one["value"], one["color"]) for one in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def healthy(title):
    """The range of values that are green."""
    listed = steps(title)
    place = [colour for _, colour in listed].index("green")
    return listed[place][0], listed[place + 1][0]


def rate(total, at_s, phase_s, late_s):
    """Prometheus' `rate` over the window, of a counter that is scraped at phase + n * 2 s and is `late_s` behind.

    As its manual says: the increase between the first and the last sample, stretched to the ends of the window.
    """
    last = phase_s + math.floor((at_s - phase_s) / SCRAPE_S) * SCRAPE_S
    first = phase_s + (math.floor((at_s - WINDOW_S - phase_s) / SCRAPE_S) + 1) * SCRAPE_S
    before, after = first - (at_s - WINDOW_S), at_s - last
    stretched = (last - first + before + after) / (last - first)
    return (total(last - late_s) - total(first - late_s)) * stretched / WINDOW_S


def tide(seconds):
    """Requests since 0 of the demo's plan, 150 a second, 30 % up and down in 6 minutes: the integral of its rate."""
    turn = 2 * math.pi / 360
    return 150 * (seconds + 0.3 * (1 - math.cos(turn * seconds)) / turn)


def doubling(seconds):
    """Twice the traffic from one second to the next."""
    return 100 * seconds + 100 * max(0, seconds - 300)


def halving(seconds):
    return 200 * seconds - 100 * max(0, seconds - 300)


def shaken(seed):
    """The demo's plan, each second drawn within 15 % of it."""
    draw = random.Random(seed)
    sums = [0.0]
    for second in range(800):
        sums.append(sums[-1] + (tide(second + 1) - tide(second)) * draw.uniform(0.85, 1.15))

    def total(seconds):
        whole = math.floor(seconds)
        return sums[whole] + (sums[whole + 1] - sums[whole]) * (seconds - whole)

    return total


PLANS = {"tide": tide, "shaken tide": shaken(1), "doubling": doubling, "halving": halving}


def shares(total):
    """The figure at many moments, for scrapes that are anything up to their interval apart and lines up to 1 s late."""
    for at_s, apart_s, late_s in itertools.product(range(200, 700, 3), (0.0, 0.7, 1.3, 1.99), (0.0, 0.5, 1.0)):
        yield 1 - rate(total, at_s, apart_s, late_s) / rate(total, at_s, 0.0, 0.0)


@pytest.mark.parametrize("title", ["Not logged", "Not counted"])
@pytest.mark.parametrize("plan", PLANS)
def test_scrapes_at_different_moments_are_no_loss(title, plan):
    low, high = healthy(title)
    found = list(shares(PLANS[plan]))
    assert low < min(found) < -0.001, "it is green, and the skew of a healthy run is more than nothing"
    assert 0.001 < max(found) < high


def test_a_loss_above_the_skew_is_seen():
    """A log that loses a tenth of the lines is orange at every moment of the tide, and one that loses a fifth red."""
    for lost, colour in ((0.1, "orange"), (0.2, "red")):
        logged = [1 - (1 - lost) * (1 - share) for share in shares(tide)]
        limit = {colour: value for value, colour in steps("Not logged")}[colour]
        assert min(logged) > limit


def test_one_scrape_has_no_skew():
    """Planned and sent stand on one page: a loss of one in a hundred is red."""
    assert steps("Not sent")[-1] == (0.01, "red")
