"""The shape of recorded traffic, as rates in steps of equal length; a pattern plays it again and again.

That of a log is counted here. Pure, but for opening the file, and what is not readable in it is said on stderr.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from foundation.errors import ConfigError, InputError
from foundation.secret import shown_url
from foundation.terminal import echo
from trafficgen.plan.curve import Line, Segment
from trafficgen.plan.logread import read_requests

MAX_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """Rates that hold for `step_s` each, the last one until `length_s`; then they repeat."""

    rates_per_s: tuple[float, ...]
    step_s: float
    length_s: float

    @property
    def mean_per_s(self) -> float:
        """Requests per second over the whole."""
        return math.fsum(segment.area() for segment in self._once(0.0)) / self.length_s

    def segments(self, rng: np.random.Generator, duration_s: float | None) -> Iterator[Segment]:
        """The curve without end; nothing is drawn."""
        del rng, duration_s
        for number in count():
            yield from self._once(number * self.length_s)

    def scaled(self, *, mean_per_s: float | None, length_s: float | None) -> "Shape":
        """The same shape with another mean and another length, where these are given."""
        own = self.mean_per_s
        if not own:
            raise ConfigError("--pattern: like: nothing but silence in it; expected at least one request")
        high = 1.0 if mean_per_s is None else mean_per_s / own
        wide = 1.0 if length_s is None else length_s / self.length_s
        return Shape(tuple(rate * high for rate in self.rates_per_s), self.step_s * wide, self.length_s * wide)

    def _once(self, begin_s: float) -> Iterator[Segment]:
        last = len(self.rates_per_s) - 1
        for number, rate in enumerate(self.rates_per_s):
            end_s = self.length_s if number == last else (number + 1) * self.step_s
            yield Segment(begin_s + number * self.step_s, begin_s + end_s, Line(rate))


def shape_of_times(unix_s: Iterable[float], step_s: float, what: str) -> Shape:
    """The shape of requests at these times, from the first one's second to the last one's end. Raises ConfigError."""
    times = np.fromiter(unix_s, np.float64)
    if not len(times):
        raise ConfigError(f"--pattern: like: {what}: no request with a time in it")
    begin_s = math.floor(times.min())
    length_s = math.floor(times.max()) + 1.0 - begin_s
    steps = math.ceil(length_s / step_s)
    if not 2 <= steps <= MAX_STEPS:
        raise ConfigError(
            f"--pattern: like: {what}: it covers {length_s:g} s, which is {steps:,} steps of {step_s:g} s; "
            f"expected 2 to {MAX_STEPS:,}, for example like:{what},step={max(1, math.ceil(length_s / 1000))}s"
        )
    counts = np.bincount(((times - begin_s) / step_s).astype(np.int64), minlength=steps)[:steps]
    lengths = np.full(steps, step_s)
    lengths[-1] = length_s - (steps - 1) * step_s
    return Shape(tuple((counts / lengths).tolist()), step_s, length_s)


def read_shape(path: Path, step_s: float) -> Shape:
    """The shape of all requests of an access log, whatever their method; stderr says how many lines lack in it.

    Raises ConfigError.
    """
    if not path.is_file():
        raise InputError(
            f"--pattern: like: {shown_url(str(path))}: not a file; expected an access log, for example like:access.log"
        )
    unreadable = 0

    def times() -> Iterator[float]:
        """Unix times of the requests; counts unreadable lines."""
        nonlocal unreadable
        for request in read_requests(path):
            if request is None:
                unreadable += 1
            else:
                yield request.unix_s

    shape = shape_of_times(times(), step_s, str(path))
    if unreadable:
        echo(f"trafficgen: --pattern: like: {path}: {unreadable:,} unreadable lines are not in the shape", err=True)
    return shape
