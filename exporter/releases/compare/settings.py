"""The comparison of counts: settings, detectors, and the choice of the baseline. Pure."""

from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from exporter.releases.compare.detectors import Detector
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.mean_threshold import MeanThreshold
from exporter.releases.compare.names import DETECTORS
from exporter.releases.compare.onset import Onset
from exporter.releases.versions import in_order
from foundation.errors import ConfigError
from foundation.keys import duration

MOST_RATIO = 1e6
"""Of users, or as a threshold: beyond it there is nothing to compare, and in the end no digits to do it with."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How counts are compared. Raises ValueError for invalid numbers.

    bin_s: the length of a bin.
    bins: bins that mean-threshold takes the mean of.
    threshold: the mean ratio above which mean-threshold reports.
    alpha: the chance of a false alarm of evidence and onset, over all codes.
    exposure: ratio of candidate users to baseline users; without it 1 is assumed.
    """

    bin_s: Annotated[int, duration(whole=True)] = 10
    bins: int = 5
    threshold: float = 1.25
    alpha: float = 0.05
    exposure: float | None = None

    def __post_init__(self) -> None:
        if self.bin_s < 1 or self.bins < 1:
            raise ValueError("bin_s, bins: expected 1 or more")
        if not 0 < self.alpha < 1:
            raise ValueError("alpha: expected a number between 0 and 1")
        if not 1 / MOST_RATIO <= self.threshold <= MOST_RATIO:
            raise ValueError("threshold: expected a number between 0.000001 and 1000000")
        if not 1 / MOST_RATIO <= self.users <= MOST_RATIO:
            raise ValueError("exposure: expected a number between 0.000001 and 1000000")

    @property
    def users(self) -> float:
        """Ratio of candidate users to baseline users; 1 by default."""
        return 1.0 if self.exposure is None else self.exposure


def choose_baseline(builds: Iterable[str], named: str | None = None) -> str | None:
    """The named build, or the lowest version; if they are not versions, the first. Raises ConfigError."""
    known = in_order(builds)
    if named is not None and known and named not in known:
        raise ConfigError(f"--baseline {named}: no such build in the input; there are {', '.join(known)}")
    return named or (known[0] if known else None)


def make_detectors(settings: Settings, codes: int, names: Iterable[str] = DETECTORS) -> list[Detector]:
    """Fresh detectors for one candidate build; the errors of evidence and onset are controlled over `codes` codes."""
    makers: dict[str, Callable[[], Detector]] = {
        "mean-threshold": lambda: MeanThreshold(
            bins=settings.bins, threshold=settings.threshold, exposure=settings.users
        ),
        "evidence": lambda: Evidence(watched=codes, alpha=settings.alpha, exposure=settings.users),
        "onset": lambda: Onset(watched=codes, alpha=settings.alpha, bin_s=settings.bin_s, exposure=settings.users),
    }
    return [makers[name]() for name in names]
