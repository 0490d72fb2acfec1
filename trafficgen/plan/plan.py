"""The plan of a run: phases, faults and a seed compiled to due times and targets. Pure: no clock, no I/O.

Everything that varies the rate is one curve, cut into cells of at most `CELL_S` seconds; the requests of a cell are
solved at once. Streams of random numbers (rate, arrivals, mix, pattern) come from the seed, so changing one option
leaves the others' draws as they were, and every worker computes the same plan and takes each n-th request of it.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import count, pairwise
from typing import NamedTuple, Protocol

import numpy as np

from trafficgen.plan.arrivals import ArrivalMode, Arrivals, Even, Poisson
from trafficgen.plan.catalogue import PATHS_ALONE, Catalogue, Codes
from trafficgen.plan.curve import Segment, modulate, until
from trafficgen.plan.jitter import JitterMode, draws, stepwise
from trafficgen.plan.mix import Chooser, Fault, Shares, with_faults
from trafficgen.plan.part import WHOLE, Part
from trafficgen.plan.patterns import Pattern

CELL_S = 1.0
CELL_REQUESTS = 4096  # solved at once: about 0.1 ms of work, so that no send waits long for the plan


class Chunk(NamedTuple):
    """The requests of one piece of the plan, those of one worker only."""

    segment: Segment  # its rate is the planned rate of all workers of the part together
    due_ns: list[int]  # on the clock of the run's `start_ns`, ascending
    requests: list[int]  # their numbers in `Plan.requests`; see `Plan.numbered`
    phase: str


class Plan(Protocol):
    """What the engine needs to know of a plan, be it computed or read from a log."""

    @property
    def seed(self) -> int:
        """What all draws come from."""

    @property
    def numbered(self) -> bool:
        """Whether requests of one kind differ; `Chunk.requests` has n x len(`requests`) + kind for request n then."""

    @property
    def targets(self) -> tuple[str, ...]:
        """What the metrics call the targets."""

    @property
    def requests(self) -> tuple[str, ...]:
        """All kinds of requests, by name or by path, in the order of the numbers in `Chunk.requests`."""

    @property
    def target_numbers(self) -> tuple[int, ...]:
        """Of each of `requests`, the number of its target."""

    @property
    def expected(self) -> tuple[Codes | None, ...]:
        """Of each target: the codes that its answers should have, if that is said."""

    @property
    def sessions(self) -> tuple[str, ...]:
        """What the metrics call the sessions."""

    @property
    def duration_s(self) -> float | None:
        """Seconds, or None for a plan without end."""

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The values that `Chunk.phase` takes."""

    def chunks(self, worker: int = 0, workers: int = 1, *, start_ns: int = 0) -> Iterator[Chunk]:
        """The requests of one worker out of `workers`, in order of time, for a run that starts at `start_ns`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a run with its own curve; a run from the command line has one."""

    pattern: Pattern
    duration_s: float | None = None  # None: without end; only for the last phase
    _: KW_ONLY
    mix: Shares | None = None  # None: the mix of the run
    jitter: float = 0.0
    jitter_interval_s: float = 1.0
    jitter_mode: JitterMode = "balanced"
    name: str = "run"

    def segments(self, rng: np.random.Generator, pattern_rng: np.random.Generator) -> Iterator[Segment]:
        """The curve of the phase from its own time 0, jitter drawn from `rng`, its pattern from the other one."""
        curve = self.pattern.segments(pattern_rng, self.duration_s)
        if self.jitter:
            intervals = None if self.duration_s is None else math.ceil(self.duration_s / self.jitter_interval_s - 1e-9)
            factors = draws(rng, self.jitter, self.jitter_mode, intervals)
            curve = modulate(curve, stepwise(factors, self.jitter_interval_s))
        return curve if self.duration_s is None else until(curve, self.duration_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePlan:
    """Phases one after the other, faults laid over them, all of it once or again and again."""

    phases: tuple[Phase, ...]
    mix: Shares
    seed: int
    _: KW_ONLY
    catalogue: Catalogue = PATHS_ALONE  # of the names in the mixes that are not paths
    faults: tuple[Fault, ...] = ()  # times since the start of the run, or of each round
    arrival: ArrivalMode = "even"
    repeat: bool = False
    part: Part = WHOLE  # of several machines, that of this one

    @property
    def targets(self) -> tuple[str, ...]:
        """The labels of the catalogue, then every path of the mixes of the run, its phases and faults, each once."""
        return (*self.catalogue.labels, *self._paths)

    @property
    def requests(self) -> tuple[str, ...]:
        """The kinds of the catalogue, then the paths."""
        return (*self.catalogue.kinds, *self._paths)

    @property
    def target_numbers(self) -> tuple[int, ...]:
        """The catalogue's; each path is a separate target."""
        first = len(self.catalogue.labels)
        return (*self.catalogue.label_numbers, *range(first, first + len(self._paths)))

    @property
    def expected(self) -> tuple[Codes | None, ...]:
        """The catalogue's; nothing is said of paths."""
        return (*self.catalogue.expected, *(None for _ in self._paths))

    @property
    def sessions(self) -> tuple[str, ...]:
        """The catalogue's."""
        return tuple(name for name, _ in self.catalogue.starts)

    @property
    def numbered(self) -> bool:
        """Whether the catalogue has kinds whose requests differ."""
        return self.catalogue.numbered

    @property
    def _paths(self) -> tuple[str, ...]:
        mixes = [self.mix, *(p.mix for p in self.phases if p.mix), *(f.shares for f in self.faults)]
        known = {*self.catalogue.kinds, *dict(self.catalogue.starts)}
        return tuple(dict.fromkeys(path for mix in mixes for path, _ in mix if path not in known))

    @property
    def phase_names(self) -> tuple[str, ...]:
        """The phases' names, each once."""
        return tuple(dict.fromkeys(phase.name for phase in self.phases))

    @property
    def round_s(self) -> float | None:
        """The length of all phases together; None where the last has no end."""
        lengths = [p.duration_s for p in self.phases]
        return None if lengths[-1] is None else math.fsum(length or 0.0 for length in lengths)

    @property
    def duration_s(self) -> float | None:
        """Seconds from the start to the end, None for a plan without end."""
        return None if self.repeat else self.round_s

    def chunks(self, worker: int = 0, workers: int = 1, *, start_ns: int = 0) -> Iterator[Chunk]:
        """The requests number `worker`, `worker` + `workers`, ... of the part, with their due times."""
        first, step = self.part.share(worker, workers)
        rate_seed, arrival_seed, mix_seed, pattern_seed = np.random.SeedSequence(self.seed).spawn(4)
        mix_rng = np.random.default_rng(mix_seed)
        arrivals: Arrivals = Poisson(np.random.default_rng(arrival_seed)) if self.arrival == "poisson" else Even()
        number, kinds, numbered = 0, len(self.requests), self.numbered
        for phase, segment, chooser in self._cells(*map(np.random.default_rng, (rate_seed, pattern_seed))):
            due = segment.when(arrivals.within(segment.area()))
            targets = chooser.choose(mix_rng.random(len(due)))
            mine = slice((first - number) % step, None, step)
            requests = targets[mine]
            if numbered:
                requests = requests + np.arange(number, number + len(due))[mine] * kinds
            number += len(due)
            due_ns = np.rint(due[mine] * 1e9).astype(np.int64) + start_ns
            yield Chunk(segment.scaled(1 / self.part.of), due_ns.tolist(), requests.tolist(), phase.name)

    def _cells(
        self, rng: np.random.Generator, pattern_rng: np.random.Generator
    ) -> Iterator[tuple[Phase, Segment, Chooser]]:
        numbers = {name: number for number, name in enumerate(self.requests)} | dict(self.catalogue.starts)
        choosers: dict[Shares, Chooser] = {}
        for phase, round_start, start in self._turns():
            for cell in _cut(phase.segments(rng, pattern_rng), [edge - start for edge in self._fault_edges()]):
                # its middle is in or out of a fault for certain; its edges may have lost their last digit
                shares = self._shares(phase, start + (cell.start_s + cell.end_s) / 2)
                if shares not in choosers:
                    choosers[shares] = Chooser(shares, numbers)
                yield phase, cell.shifted(round_start + start), choosers[shares]

    def _turns(self) -> Iterator[tuple[Phase, float, float]]:
        """(phase, start of its round, its start in the round), in order of time."""
        for number in count() if self.repeat else range(1):
            start = 0.0
            for phase in self.phases:
                yield phase, number * (self.round_s or 0.0), start
                start += phase.duration_s or 0.0

    def _fault_edges(self) -> list[float]:
        return sorted({edge for fault in self.faults for edge in (fault.start_s, fault.end_s)})

    def _shares(self, phase: Phase, at_s: float) -> Shares:
        on = [fault for fault in self.faults if fault.start_s <= at_s < fault.end_s]
        base = phase.mix or self.mix
        return with_faults(base, on) if on else base


def _cut(segments: Iterator[Segment], edges: list[float]) -> Iterator[Segment]:
    """The same curve in cells: cut at `edges`, at every `CELL_S`, and where more than `CELL_REQUESTS` would be due."""
    grid = (number * CELL_S for number in count(1))
    cuts = heapq.merge(grid, [edge for edge in edges if edge > 0])
    for cell in modulate(segments, ((at, 1.0) for at in cuts)):
        parts = max(1, math.ceil(cell.area() / CELL_REQUESTS))
        times = np.linspace(cell.start_s, cell.end_s, parts + 1).tolist()
        yield from (cell.cut(start, end) for start, end in pairwise(times))
