"""Two builds' errors bin by bin, the input of caveats: of a whole input, or of a running stream. Pure."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from exporter.releases.compare.alike import STRETCH_ERRORS, STRETCHES
from exporter.releases.compare.detectors import Counts
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats


class Series(ABC):
    """The bins that a candidate shares with the baseline, in the order of time.

    names: of the builds. codes: what columns stand for. starts: of the bins, Unix time or seconds of the day, (bins,).
    users: of the candidate per user of the baseline in each, (bins,).
    """

    names: Pair[str]
    codes: Sequence[str]
    bin_s: int
    starts: Counts
    users: Floats

    @abstractmethod
    def by_bin(self, code: int | None, *, candidate: bool) -> Counts:
        """Errors of a code, or of all, by bin. (bins,)."""

    @abstractmethod
    def seconds(self, code: int, start_s: int, stop_s: int, *, candidate: bool) -> Pair[Counts]:
        """The seconds of `[start_s, stop_s)` that have errors of a code, and how many. (seconds,) each."""

    @abstractmethod
    def wide(self, bins: int) -> Pair[Counts]:
        """Errors by stretches of a number of bins, and by code. (stretches, codes) each."""

    def stretches(self) -> Pair[Counts]:
        """Errors by stretch of time and code: `STRETCHES` at most, fewer of few errors. (stretches, codes) each."""
        errors = sum(int(self.by_bin(None, candidate=candidate).sum()) for candidate in (False, True))
        most = min(STRETCHES, max(1, errors // STRETCH_ERRORS))
        return self.wide(max(1, math.ceil(len(self.starts) / most)))

    def users_of(self, code: int) -> float:
        """Ratio of candidate users to baseline users, weighted like the baseline's errors of a code."""
        errors = self.by_bin(code, candidate=False)
        return float(np.average(self.users, weights=errors if errors.any() else None))
