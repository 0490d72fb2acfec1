"""All that a file of targets describes, as a plan and a worker need it. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from trafficgen.plan.catalogue import Catalogue, Kind, make_catalogue
from trafficgen.plan.mix import Shares
from trafficgen.targets.session import Session
from trafficgen.targets.target import Target
from trafficgen.targets.values import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSet:
    """Targets and sessions, whose names are distinct, and the data that their templates take."""

    targets: tuple[Target, ...] = ()
    sessions: tuple[Session, ...] = ()
    origin: str | None = None  # scheme://host:port where the file names one
    tables: Tables = field(default_factory=dict)
    digest: str = ""  # of the file and of those that it names, as they are written: without secrets

    def kinds(self) -> Iterator[tuple[Target, float]]:
        """Every kind of request with its weight: the targets, then the steps of the sessions."""
        yield from ((target, target.weight) for target in self.targets)
        yield from ((step.target, session.weight) for session in self.sessions for step in session.steps)

    def shares(self) -> Shares:
        """The weights as shares of 1."""
        total = math.fsum(start.weight for start in self.starts)
        return tuple((start.name, start.weight / total) for start in self.starts)

    @property
    def starts(self) -> tuple[Target | Session, ...]:
        """What the plan starts."""
        return (*self.targets, *self.sessions)

    def catalogue(self) -> Catalogue:
        """The kinds as a plan sees them. Raises ConfigError, see `make_catalogue`."""
        kinds = list(self.kinds())
        made = make_catalogue(
            [Kind(target.name, weight, target.expected) for target, weight in kinds],
            numbered=bool(self.sessions) or not all(target.fixed for target, _ in kinds),
        )
        starts, at = [], len(self.targets)
        for session in self.sessions:
            starts.append((session.name, at))
            at += len(session.steps)
        return replace(made, starts=tuple(starts))
