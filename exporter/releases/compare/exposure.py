"""The ratio of candidate users to baseline users over time. Pure: no I/O, no clock.

Shares are piecewise constant: a row holds from its time until the next row of the same build. Only their ratio counts,
so they may be fractions, per cent or numbers of users, if both builds have them. A time before a build's first row is
unknown, as is one whose share is nan; unknown times are not compared, nor are times at which one of the two has no
users.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats
from exporter.releases.parse import CLOCK_LIMIT_S
from foundation.errors import ConfigError

PER_CENT = 100.0


class SharesError(ConfigError):
    """Missing or impossible shares; the caller adds their origin."""


class Share(NamedTuple):
    """One row: from `time_s` on, the users of `build`; of the candidate where no build is named."""

    time_s: int
    build: str | None
    share: float


class Shares(msgspec.Struct, frozen=True, eq=False):
    """Each build's share as steps. times: of the steps, ascending; shares: from each on. (steps,) each, by build.

    counted: the values are numbers of users, independent between builds.
    """

    steps: Mapping[str | None, tuple[Floats, Floats]]
    counted: bool = False

    @classmethod
    def of(cls, rows: Iterable[Share], *, counted: bool = False) -> "Shares":
        """Rows in any order; of two for the same build and time the later one holds."""
        found: dict[str | None, dict[int, float]] = {}
        for time_s, build, share in rows:
            found.setdefault(build, {})[time_s] = share
        return cls({build: _arrays(sorted(at.items())) for build, at in found.items()}, counted)

    @property
    def first_s(self) -> int:
        """The time of the first step of any build."""
        return int(min(times[0] for times, _ in self.steps.values()))

    def check_times(self, record_s: int) -> None:
        """Refuse shares by the time of day for records with dates, and the other way round. Raises SharesError.

        record_s: the time of any record.
        """
        shares, records = ("times of day" if s < CLOCK_LIMIT_S else "dates" for s in (self.first_s, record_s))
        if shares != records:
            raise SharesError(f"the shares have {shares}, the records {records}: expected the same in both")

    def mean(self, build: str | None, starts: ArrayLike, bin_s: int) -> Floats:
        """A build's mean share in bins; nan where a part of the bin is unknown. (bins,)."""
        times, shares = self.steps[build]
        start = np.asarray(starts, np.float64)
        known = np.isfinite(shares)
        height = np.stack([np.where(known, shares, 0.0), known])
        area = np.pad(np.cumsum(height[:, :-1] * np.diff(times), axis=1), [(0, 0), (1, 0)])

        def until(moment: Floats) -> Floats:
            """User-seconds, and seconds that are known, from the first row on. (2, bins)."""
            place = np.maximum(np.searchsorted(times, moment, side="right") - 1, 0)
            return np.asarray(area[:, place] + height[:, place] * (moment - times[place]))

        users, seconds = until(start + bin_s) - until(start)
        return np.where((start >= times[0]) & (seconds >= bin_s), users / bin_s, np.nan)

    def ratios(self, builds: Pair[str], starts: ArrayLike, bin_s: int, *, alone: bool) -> Floats:
        """Ratio of candidate users to baseline users, by bin; 0, inf or nan where the two cannot be compared.

        `alone`: the two builds are all there are, so that the share of one gives that of the other. Raises SharesError
        where a share is missing.
        """
        candidate = builds.candidate if builds.candidate in self.steps else None
        known = [build for build in (builds.baseline, candidate) if build in self.steps]
        if len(known) == 2:
            own, base = (self.mean(build, starts, bin_s) for build in (candidate, builds.baseline))
        elif known and alone and not self.counted:
            own = self._fraction(known[0], starts, bin_s)
            own, base = (own, 1 - own) if known[0] == candidate else (1 - own, own)
        else:
            missing = [build for build in builds if build not in self.steps]
            raise SharesError(
                f"no share of build {' and '.join(missing)}: expected a row for each build; "
                f"there are {', '.join(str(b) for b in self.steps if b is not None) or 'rows without a build'}"
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(own / base, np.float64)

    def _fraction(self, build: str | None, starts: ArrayLike, bin_s: int) -> Floats:
        """A share of the whole: all of a build's values are per cent where one is above 1."""
        highest = float(self.steps[build][1].max())
        if highest > PER_CENT:
            raise SharesError(
                f"a share of {highest:g} and no other build's: expected at most 1 (or 100 per cent), or a row for each "
                f"build"
            )
        return self.mean(build, starts, bin_s) / (PER_CENT if highest > 1 else 1.0)


class Exposure(msgspec.Struct, frozen=True):
    """The users. `named`: given by the user; else both builds are assumed to have the same number."""

    constant: float = 1.0
    shares: Shares | None = None
    named: bool = False

    def ratios(self, builds: Pair[str], starts: Sequence[int], bin_s: int, *, alone: bool) -> Floats:
        """As `Shares.ratios`."""
        if self.shares is None:
            return np.full(len(starts), self.constant)
        return self.shares.ratios(builds, starts, bin_s, alone=alone)


ALIKE = Exposure()
"""Both builds have the same number of users at all times."""


def _arrays(steps: Sequence[tuple[int, float]]) -> tuple[Floats, Floats]:
    times, shares = zip(*steps, strict=True)
    return np.array(times, np.float64), np.array(shares, np.float64)
