"""Where the integral of the rate puts requests: at whole numbers, or at the points of a Poisson process. Pure."""

import math
from typing import Literal, Protocol, TypeAlias

import numpy as np

from trafficgen.plan.curve import Floats

ArrivalMode: TypeAlias = Literal["even", "poisson"]
_NEARLY = 1e-6  # of a request: an integral that ends this close below a whole number has reached it


class Arrivals(Protocol):
    """Fed with the areas of the segments in order, gives where in each of them requests fall."""

    def within(self, area: float) -> Floats:
        """The requests of the next `area` of the integral, as areas since its beginning, ascending."""


class Even:
    """Request n (from 0) is due where the integral reaches n: the fraction is carried from segment to segment."""

    def __init__(self) -> None:
        self._into = 0.0  # area since the last whole number

    def within(self, area: float) -> Floats:
        """The whole numbers in the next `area` of the integral."""
        end = self._into + area
        numbers = np.arange(math.ceil(self._into - _NEARLY), math.ceil(end - _NEARLY), dtype=np.float64)
        due: Floats = np.maximum(numbers - self._into, 0.0)
        self._into = end - math.floor(end)
        return due


class Poisson:
    """Gaps of the integral are exponential with mean 1 (time rescaling), whatever the rate does meanwhile."""

    def __init__(self, rng: np.random.Generator) -> None:
        """`rng`: one for the whole plan, so that the gaps continue across segments."""
        self._rng = rng
        self._gap = rng.standard_exponential()

    def within(self, area: float) -> Floats:
        """The points of the process in the next `area` of the integral."""
        blocks = []
        while self._gap < area:
            draws = self._rng.standard_exponential(int((area - self._gap) * 1.1) + 16)
            points = self._gap + np.concatenate(([0.0], np.cumsum(draws)))
            inside = int(np.searchsorted(points, area))
            blocks.append(points[:inside])
            # where all lie inside, the last is dropped from the block: it is where the next block begins
            if inside == len(points):
                blocks[-1] = points[:-1]
                self._gap = float(points[-1])
            else:
                self._gap = float(points[inside])
        self._gap -= area
        return np.concatenate(blocks) if blocks else np.empty(0)
