"""How counts are compared: the settings, the detectors that they make, and the choice of the baseline. Pure."""

from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from exporter.releases.compare.detectors import Detector
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.mean_threshold import MeanThreshold
from exporter.releases.compare.onset import Onset
from exporter.releases.versions import in_order
from foundation.errors import ConfigError
from foundation.keys import duration

DETECTORS = ("mean-threshold", "evidence", "onset")

MOST_RATIO = 1e6
"""Of users, or as a threshold: beyond it there is nothing to compare, and in the end no digits to do it with."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How counts are compared. Raises ValueError where a number cannot be."""

    bin_s: Annotated[int, duration(whole=True)] = 10
    bins: int = 5
    threshold: float = 1.25
    alpha: float = 0.05
    exposure: float = 1.0
    """Users of the candidate for one of the baseline."""

    def __post_init__(self) -> None:
        if self.bin_s < 1 or self.bins < 1:
            raise ValueError("bin_s and bins are 1 or more")
        if not 0 < self.alpha < 1:
            raise ValueError("alpha lies between 0 and 1")
        if not 1 / MOST_RATIO <= self.threshold <= MOST_RATIO:
            raise ValueError("threshold lies between 0.000001 and 1000000")
        if not 1 / MOST_RATIO <= self.exposure <= MOST_RATIO:
            raise ValueError("exposure lies between 0.000001 and 1000000")


def choose_baseline(builds: Iterable[str], named: str | None = None) -> str | None:
    """The named build, or the lowest version; where they are no versions, the first. Raises ConfigError."""
    known = in_order(builds)
    if named is not None and known and named not in known:
        raise ConfigError(f"--baseline {named}: no such build in the input; there are {', '.join(known)}")
    return named or (known[0] if known else None)


def make_detectors(settings: Settings, codes: int, names: Iterable[str] = DETECTORS) -> list[Detector]:
    """Fresh detectors for one candidate build; the errors of evidence and onset are held over `codes` codes."""
    makers: dict[str, Callable[[], Detector]] = {
        "mean-threshold": lambda: MeanThreshold(
            bins=settings.bins, threshold=settings.threshold, exposure=settings.exposure
        ),
        "evidence": lambda: Evidence(watched=codes, alpha=settings.alpha, exposure=settings.exposure),
        "onset": lambda: Onset(watched=codes, alpha=settings.alpha, bin_s=settings.bin_s, exposure=settings.exposure),
    }
    return [makers[name]() for name in names]
