"""A recorded log as a plan: the original times, `speed` times as fast, and the original paths.

Whole-second stamps are spread inside their second by the seed, in the order of the log, so that a replay is not a train
of bursts at the top of each second. Pure.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from trafficgen.plan.catalogue import MAX_NAMED, OTHER, Codes, route
from trafficgen.plan.curve import Floats, Line, Segment
from trafficgen.plan.logread import Recording
from trafficgen.plan.part import WHOLE, Part
from trafficgen.plan.plan import CELL_REQUESTS, CELL_S, Chunk

PHASE = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """The requests of a recording; made by `make_replay`."""

    times_s: Floats  # since the first second of the log, at its own speed, ascending
    numbers: npt.NDArray[np.uint32]  # of the path, in `requests`
    length_s: float  # of the log, up to where a second round would begin
    requests: tuple[str, ...]
    target_numbers: tuple[int, ...]  # of each of `requests`, its number in `targets`
    targets: tuple[str, ...]
    speed: float = 1.0
    loop: bool = False
    limit_s: float | None = None  # --duration
    seed: int = 0
    part: Part = WHOLE  # of several machines, that of this one

    @property
    def expected(self) -> tuple[Codes | None, ...]:
        """A log does not say what its answers should be."""
        return (None,) * len(self.targets)

    @property
    def sessions(self) -> tuple[str, ...]:
        """None: who sent the requests of a log is not looked at."""
        return ()

    @property
    def numbered(self) -> bool:
        """No: all GETs of one path are the same."""
        return False

    @property
    def phase_names(self) -> tuple[str, ...]:
        """One: a recording has no phases."""
        return (PHASE,)

    @property
    def duration_s(self) -> float | None:
        """Seconds from the start to the end; None if it loops without a limit."""
        whole = None if self.loop else self.length_s / self.speed
        return min((s for s in (whole, self.limit_s) if s is not None), default=None)

    def chunks(self, worker: int = 0, workers: int = 1, *, start_ns: int = 0) -> Iterator[Chunk]:
        """The requests number `worker`, `worker` + `workers`, ... of the part, with their due times."""
        mine_from, step = self.part.share(worker, workers)
        end_s = math.inf if self.duration_s is None else self.duration_s
        for number in count() if self.loop else range(1):
            shift_s = number * self.length_s / self.speed
            for first, last, begin, end in self._pieces(shift_s):
                if begin >= end_s:
                    return
                due = self.times_s[first:last] / self.speed + shift_s
                within = np.arange(first, first + int(np.searchsorted(due, end_s)))
                mine = within[(within + number * len(self.times_s)) % step == mine_from]
                due_ns = np.rint((self.times_s[mine] / self.speed + shift_s) * 1e9).astype(np.int64) + start_ns
                segment = Segment(begin, end, Line(len(within) / (end - begin) / self.part.of))
                yield Chunk(segment, due_ns.tolist(), self.numbers[mine].tolist(), PHASE)

    def _pieces(self, shift_s: float) -> Iterator[tuple[int, int, float, float]]:
        """(first request, first of the next piece, begin, end): at most a second and `CELL_REQUESTS` each."""
        scaled_end = self.length_s / self.speed
        for number in range(math.ceil(scaled_end / CELL_S)):
            begin, end = number * CELL_S, min((number + 1) * CELL_S, scaled_end)
            first, last = np.searchsorted(self.times_s, [begin * self.speed, end * self.speed]).tolist()
            parts = max(1, -(-(last - first) // CELL_REQUESTS))
            for part in range(parts):
                low, high = (first + (last - first) * n // parts for n in (part, part + 1))
                edges = (begin + (end - begin) * n / parts + shift_s for n in (part, part + 1))
                yield low, high, *edges


def make_replay(
    recording: Recording, seed: int, *, speed: float = 1.0, loop: bool = False, limit_s: float | None = None
) -> ReplayPlan:
    """The plan of a recording."""
    times = np.array(recording.unix_s)
    order = np.argsort(times, kind="stable")  # logs are written when requests end: not quite in order of time
    times = times[order] - math.floor(times.min())
    length = math.floor(times[-1]) + 1.0
    if not recording.exact:
        times = _spread(times, np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[1]))
    paths = tuple(recording.paths)
    targets, target_numbers = _targets(paths, np.array(recording.numbers))
    return ReplayPlan(
        times_s=times,
        numbers=np.array(recording.numbers)[order],
        length_s=length,
        requests=paths,
        target_numbers=target_numbers,
        targets=targets,
        speed=speed,
        loop=loop,
        limit_s=limit_s,
        seed=seed,
    )


def _spread(seconds: Floats, rng: np.random.Generator) -> Floats:
    """Whole seconds with random fractions, ascending within each second."""
    spread: Floats = np.sort(seconds + rng.random(len(seconds)))
    return spread


def _targets(paths: tuple[str, ...], numbers: npt.NDArray[np.uint32]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The routes (paths without their query) that the metrics distinguish, and the number of each path's route."""
    counts: Counter[str] = Counter()
    for path, uses in zip(paths, np.bincount(numbers, minlength=len(paths)).tolist(), strict=True):
        counts[route(path)] += uses
    common = [name for name, _ in counts.most_common(MAX_NAMED)]
    targets = (*common, OTHER) if len(counts) > MAX_NAMED else tuple(common)
    number_of = {name: number for number, name in enumerate(targets)}
    return targets, tuple(number_of.get(route(path), len(targets) - 1) for path in paths)
