"""The rule of the task's text. It alarms on noise, and exists for comparison."""

from collections.abc import Sequence

import numpy as np

from exporter.releases.compare.detectors import Alert, Bins, Change, Counts, DetectorState, as_lists, grown
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.statistics import Floats


def second_ratios(counts: Pair[Counts], bin_s: int, exposure: Floats | float = 1.0) -> Floats:
    """Seconds' ratios under the task's rule: 0/0 is 1; n/0 adds 0.05 x the bin's width to the bin's value.

    `exposure` divides the ratios that there are; the two special values stay as in the task.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = counts.candidate / counts.baseline / exposure
    return np.where(counts.baseline > 0, ratio, np.where(counts.candidate > 0, 0.05 * bin_s * bin_s, 1.0))


class MeanThreshold:
    """Each window of `bins` bins whose mean is above `threshold` is an alert of its own.

    All sums are made one number after the other: the value that the task prints depends on that to the last digit.
    """

    name = "mean-threshold"

    def __init__(self, *, bins: int = 5, threshold: float = 1.25, exposure: float = 1.0) -> None:
        """`bins` to a window; the mean of their values must be above `threshold`."""
        self._bins = bins
        self._exposure = exposure
        self._threshold = threshold
        self._starts: list[int] = []  # of the last bins, as many as a window has besides its newest
        self._idle: list[float] = []  # the value of each for a code that had no error in it
        self._window: list[Floats] = []
        self.active: dict[str, Alert] = {}
        self.scores = np.ones(0)

    def step(self, closed: Bins, codes: Sequence[str]) -> list[Change]:
        """The changes by these bins: an alert for each code's window that is above the threshold."""
        values, idle = _values(closed, self._exposure)
        before = [grown(row, len(codes), fill) for row, fill in zip(self._window, self._idle, strict=True)]
        rows = np.concatenate([np.array(before).reshape(len(before), len(codes)), values])
        starts = [*self._starts, *map(closed.start_of, range(closed.size))]
        full = max(0, len(rows) - self._bins + 1)  # windows
        self._starts, self._idle, self._window = starts[full:], [*self._idle, *idle][full:], list(rows[full:])
        if not full:
            return []
        total = np.zeros((full, len(codes)))
        for place in range(self._bins):
            total = total + rows[place : place + full]
        means = total / self._bins
        self.scores = means[-1]
        return self._turns(means, starts, codes, closed.bin_s)

    def _turns(self, means: Floats, starts: Sequence[int], codes: Sequence[str], bin_s: int) -> list[Change]:
        """Alerts by windows' means. (windows, codes)."""
        changes: list[Change] = []
        text = f"mean of {self._bins} bins of {bin_s} s"
        windows, places = np.nonzero(means > self._threshold)
        latest = start_s = stop_s = -1
        for window, place, value in zip(
            windows.tolist(), places.tolist(), means[windows, places].tolist(), strict=True
        ):
            if window != latest:
                changes += self._ended()
                latest, start_s, stop_s = window, starts[window], starts[window + self._bins - 1]
            alert = Alert(
                detector=self.name,
                code=codes[place],
                start_s=start_s,
                stop_s=stop_s,
                value=value,
                threshold=self._threshold,
                evidence=text,
            )
            self.active[alert.code] = alert
            changes.append(Change("active", alert))
        if latest != len(means) - 1:
            changes += self._ended()
        return changes

    def _ended(self) -> list[Change]:
        was, self.active = self.active, {}
        return [Change("inactive", alert) for alert in was.values()]

    def saved(self) -> DetectorState:
        """The state to keep over a restart."""
        arrays = {"starts": [list(map(float, self._starts))], "idle": [self._idle], "window": as_lists(self._window)}
        return DetectorState(self.active, self.scores.tolist(), arrays)

    def restore(self, state: DetectorState) -> None:
        """Continue from an earlier `saved`."""
        self.active, self.scores = dict(state.active), np.array(state.scores)
        self._starts = [int(start) for start in state.arrays["starts"][0]]
        self._idle = list(state.arrays["idle"][0])
        self._window = [np.array(row) for row in state.arrays["window"]]


def _values(closed: Bins, exposure: float) -> tuple[Floats, list[float]]:
    """The mean ratio of each bin's seconds: by code, (bins, codes), and that of a code without any error."""
    users = exposure if closed.exposure is None else closed.exposure[closed.place][:, None]
    ratios = second_ratios(closed.counts, closed.bin_s, users) / closed.bin_s
    edges = np.searchsorted(closed.place, np.arange(closed.size + 1))
    nth = np.arange(len(closed.place)) - edges[closed.place]  # of the seconds of its bin
    values = np.zeros((closed.size, ratios.shape[1]))
    for n in range(int(nth.max(initial=-1)) + 1):
        rows = np.flatnonzero(nth == n)
        values[closed.place[rows]] += ratios[rows]
    idle = np.cumsum([0.0, *[1.0 / closed.bin_s] * closed.bin_s])
    return values, idle[np.diff(edges)].tolist()
