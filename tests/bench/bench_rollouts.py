"""Releases in a staged rollout: how often the detectors alarm, and how often a common rise is recognised.

Prints the tables of docs/releases.md; asserts nothing.
"""

import argparse
from unittest.mock import patch

import numpy as np

from exporter.releases.compare.alike import LEAST_CODES, risen_alike
from exporter.releases.compare.detectors import Bins
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.onset import Onset
from exporter.releases.compare.pair import Pair

SHARE = np.repeat((0.05, 0.25, 0.75, 0.95), 90)  # of an hour, in bins of 10 s
USERS = SHARE / (1 - SHARE)
RATES = (0.06, 0.11, 1.0)  # errors a second of all users, by code
RATIOS = (1.0, 1.5, 2.0, 5.0)
CODES = 33


def drawn(rng, mean, codes, ratio):
    """Counts of a rollout, (bins, codes) each. ratio: of each code, or of all."""
    return Pair(
        rng.poisson(10 * mean * (1 - SHARE[:, None]), (len(SHARE), codes)),
        rng.poisson(10 * mean * SHARE[:, None] * ratio, (len(SHARE), codes)),
    )


def steady(rng, mean, ratio):
    """Counts of two builds with half of the users each. ratio: of each code."""
    return Pair(*(rng.poisson(10 * mean / 2 * each, (len(SHARE), len(ratio))) for each in (1.0, ratio)))


def alarms(rng, mean, ratio, hours, *, named):
    """The share of hours in which the evidence, and the onset, alarm on one code of `CODES`."""
    counts = drawn(rng, mean, hours, ratio)
    closed = Bins(0, 10, len(SHARE), np.arange(len(SHARE)), counts, USERS if named else None)
    made = (Evidence(watched=CODES), Onset(watched=CODES))
    return [len({c.alert.code for c in d.step(closed, range(hours))}) / hours for d in made]


def rollouts(rng, hours):
    """Staged rollouts, with their shares and without."""
    print("| errors/s of all users | ratio | evidence, shares named | onset | evidence, not named | onset |")
    print("|---|---|---|---|---|---|")
    for mean in RATES:
        for ratio in RATIOS:
            shown = [f"{x:.0%}" for named in (True, False) for x in alarms(rng, mean, ratio, hours, named=named)]
            print(f"| {mean:g} | {ratio:g} | {' | '.join(shown)} |")


def worlds(rng, codes, inputs):
    """Random inputs: the share of users in steps, (bins, 1), the mean errors of each code in a bin, one factor."""
    for _ in range(inputs):
        share = np.repeat(np.sort(rng.uniform(0.02, 0.98, 4)), 90)[:, None]
        errors = np.exp(rng.uniform(np.log(10), np.log(1000), codes))
        yield share, errors / len(share), np.exp(rng.uniform(np.log(1.3), np.log(5)))


def found_alike(rng, share, mean, ratio):
    """The common rise of one drawn input. ratio: of each code, or of all."""
    means = 2 * mean * (1 - share), 2 * mean * share * ratio
    return risen_alike(Pair(*(rng.poisson(side) for side in means)))


def held_out(rng, inputs):
    """Common rises in random worlds: how often they are recognised, and what is wrongly taken for one.

    Also were two codes enough: those rows say why three are the least.
    """
    print("\n| codes | one factor: alike | any set apart | one x4 more: found | each its own: alike | one x8: alike |")
    print("|---|---|---|---|---|---|")
    for codes, least in ((2, LEAST_CODES), (2, 2), (3, LEAST_CODES), (5, LEAST_CODES), (33, LEAST_CODES)):
        with patch("exporter.releases.compare.alike.LEAST_CODES", least):
            shares = held_out_row(rng, codes, inputs)
        label = codes if least == LEAST_CODES else f"{codes}, were {least} enough"
        print(f"| {label} | {' | '.join(f'{share:.1%}' for share in shares)} |")


def held_out_row(rng, codes, inputs):
    """The shares of one row."""
    tally = np.zeros(5)
    for share, mean, factor in worlds(rng, codes, inputs):
        half = np.full_like(share, 0.5)
        bad = rng.integers(codes)
        one = np.arange(codes) == bad
        same = found_alike(rng, share, mean, factor)
        more = found_alike(rng, share, mean, factor * np.where(one, 4.0, 1.0))
        own = found_alike(rng, half, mean, np.exp(rng.normal(0.5, 0.7, codes)))
        alone = found_alike(rng, half, mean, np.where(one, 8.0, 1.0))
        tally += (
            same is not None,
            same is not None and bool(same.more + same.less),
            more is None or bad in more.more,
            own is not None and len(own.codes) == codes,
            alone is not None and bad in alone.codes,
        )
    return tally / inputs


def rises(rng, inputs):
    """Common rises: how often the verdict is "alike", and the one code that rose more is found."""
    print("\n| codes | errors of each | all x2: alike | any set apart | one x8: found | one x4, others equal: alike |")
    print("|---|---|---|---|---|---|")
    for codes in (5, 33):
        for errors in (20, 200):
            mean = errors / len(SHARE) / 10
            one = np.ones(codes)
            one[0] = 4.0
            same = [risen_alike(drawn(rng, mean, codes, 2.0)) for _ in range(inputs)]
            more = [risen_alike(drawn(rng, mean, codes, 2.0 * one)) for _ in range(inputs)]
            bad = [risen_alike(steady(rng, mean, one)) for _ in range(inputs)]
            alike = sum(a is not None for a in same) / inputs
            apart = sum(a is not None and bool(a.more + a.less) for a in same) / inputs
            found = sum(a is None or 0 in a.more for a in more) / inputs
            wrong = sum(a is not None and 0 in a.codes for a in bad) / inputs
            print(f"| {codes} | {errors} | {alike:.0%} | {apart:.1%} | {found:.0%} | {wrong:.1%} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=400)
    given = parser.parse_args()
    generator = np.random.default_rng(1)
    rollouts(generator, given.hours)
    rises(generator, given.hours)
    held_out(generator, given.hours)
