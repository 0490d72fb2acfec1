"""The promises to customers, and the credits of broken ones. Pure.

Availability is the share of the whole cycle in which a site was not down; announced maintenance is not downtime.
Percentages are exact, as they were written, and so are verdicts: 99.9 % of a day is broken by 86.4 s and a bit.
"""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from math import inf
from types import MappingProxyType
from typing import NamedTuple


class Tier(NamedTuple):
    """Below this availability, this share of the bill is credited; both in per cent."""

    below: Fraction
    credit: Fraction


class Verdict(NamedTuple):
    """A customer's downtime compared with their terms.

    allowed_s: in the cycle. left: the share of it that is left; below 0 the promise is broken.
    credit: credited share
    of the bill, in per cent; None: no terms for credits.
    """

    allowed_s: Fraction
    left: float
    broken: bool
    credit: Fraction | None


class Terms(NamedTuple):
    """One customer's contract.

    promise: availability in per cent. tiers: the highest threshold first, the credit grows. plan: its name.
    zone, language: for the customer's own document; names, None where the plans give none.
    """

    promise: Fraction
    tiers: tuple[Tier, ...] = ()
    plan: str | None = None
    zone: str | None = None
    language: str | None = None

    def allowed_s(self, of_s: int) -> Fraction:
        """Allowed downtime in a time of `of_s` seconds."""
        return (100 - self.promise) * of_s / 100

    def broken_by(self, down_s: int, of_s: int) -> bool:
        """Whether the downtime is more than allowed; exactly the allowed time is not."""
        return down_s > self.allowed_s(of_s)

    def credit(self, down_s: int, cycle_s: int) -> Fraction:
        """The credit, in per cent of the bill."""
        available = 100 - Fraction(100 * down_s, cycle_s)
        return max((tier.credit for tier in self.tiers if available < tier.below), default=Fraction(0))

    def left(self, down_s: int, cycle_s: int) -> float:
        """The share of the allowance that is left: 1 all of it, below 0 the promise is broken."""
        allowed_s = self.allowed_s(cycle_s)
        if not allowed_s:
            return -inf if down_s else 1.0
        return float(1 - down_s / allowed_s)

    def judge(self, down_s: int, cycle_s: int) -> Verdict:
        """The result for this downtime in a cycle of this length."""
        return Verdict(
            self.allowed_s(cycle_s),
            self.left(down_s, cycle_s),
            self.broken_by(down_s, cycle_s),
            self.credit(down_s, cycle_s) if self.tiers else None,
        )


_NUMBER = re.compile(r"\d{1,3}(\.\d{0,12})?", re.ASCII)
TASK = Terms(Fraction("99.9"))
"""The default promise of a host: downtime below 0.1 % of the cycle."""


class Plans(NamedTuple):
    """Every customer's terms: individual ones, or the default."""

    default: Terms = TASK
    by_account: Mapping[int, Terms] = MappingProxyType({})
    unused: tuple[str, ...] = ()  # plans without accounts

    def of(self, account_id: int) -> Terms:
        """An account's terms."""
        return self.by_account.get(account_id, self.default)

    @property
    def has_credits(self) -> bool:
        """Whether any terms have credits."""
        return any(terms.tiers for terms in (self.default, *self.by_account.values()))

    @property
    def differ(self) -> bool:
        """Whether promises differ."""
        return any(terms.promise != self.default.promise for terms in self.by_account.values())


def read_percent(text: str, *, least: float = 1) -> Fraction:
    """`99.9`, `99.9 %`, `99,9` as an exact percentage above `least`, at most 100. Raises ValueError."""
    digits = text.strip().removesuffix("%").rstrip().replace(",", ".", 1)
    if not _NUMBER.fullmatch(digits):
        raise ValueError(f"invalid percentage {text[:40]!r}: expected a number up to 100, for example 99.9")
    percent = Fraction(digits)
    if least < percent <= 100:
        return percent
    hint = f"; {digits} of 1 is {float(100 * percent):.10g}" if percent <= 1 else ""
    raise ValueError(f"invalid percentage {text[:40]!r}: expected per cent above {least:g}, up to 100{hint}")


def read_tiers(text: str) -> tuple[Tier, ...]:
    """`99.9:10,99.0:25,95.0:100`: below 99.9 % the credit is 10 %, and so on. Raises ValueError."""
    tiers = []
    for part in text.replace(";", ",").replace("|", ",").split(","):
        below, colon, credit = part.replace("=", ":", 1).partition(":")
        if not colon:
            raise ValueError(
                f"invalid credits {text[:80]!r}: expected AVAILABILITY:CREDIT in per cent, for example 99.9:10,99.0:25"
            )
        tiers.append(Tier(read_percent(below), read_percent(credit, least=0)))
    return ordered(tiers)


def ordered(tiers: Iterable[Tier]) -> tuple[Tier, ...]:
    """Tiers, the highest threshold first. Raises ValueError where they contradict each other."""
    found = sorted(tiers, reverse=True)
    for higher, lower in pairwise(found):
        if higher.below == lower.below:
            raise ValueError(f"duplicate credit below {float(higher.below):.10g} %")
        if higher.credit >= lower.credit:
            raise ValueError(
                f"below {float(lower.below):.10g} % the credit is {float(lower.credit):.10g} %, not more than the "
                f"{float(higher.credit):.10g} % below {float(higher.below):.10g} %"
            )
    return tuple(found)


def checked(terms: Terms) -> Terms:
    """Terms whose credits fit their promise. Raises ValueError."""
    if terms.tiers and terms.tiers[0].below > terms.promise:
        raise ValueError(
            f"a credit below {float(terms.tiers[0].below):.10g} %, above the promise of {float(terms.promise):.10g} %"
        )
    return terms
