"""Which request goes where: weighted targets, and windows in which faults take a share of them. Pure."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from foundation.errors import ConfigError

MAX_TARGETS = 100  # each target is a label value of the metrics; more would be a cardinality problem
_SYNTAX = "write /path=weight with commas between, as in '/=90,/fail=8,/missing=2'"

Shares: TypeAlias = tuple[tuple[str, float], ...]
"""(path, share) pairs; the shares of a mix add up to 1, those of a fault at most to 1."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A window of a run in which some paths take a fixed share of the traffic; the others share what is left."""

    start_s: float
    end_s: float
    shares: Shares
    name: str = ""


def parse_mix(text: str) -> Shares:
    """`/=90,/fail=8` as shares of 1. Raises ConfigError."""
    return as_mix(parse_pairs(text, "--mix"))


def as_mix(pairs: list[tuple[str, float]], what: str = "--mix") -> Shares:
    """Weights as shares of 1. Raises ConfigError."""
    _check(pairs, what)
    total = math.fsum(weight for _, weight in pairs)
    if not total > 0:
        raise ConfigError(f"{what}: no weight above 0; {_SYNTAX}")
    return tuple((path, weight / total) for path, weight in pairs)


def as_fault(pairs: list[tuple[str, float]], what: str) -> Shares:
    """Percentages of all traffic as shares of 1. Raises ConfigError when they exceed 100."""
    _check(pairs, what)
    if math.fsum(percent for _, percent in pairs) > 100:
        raise ConfigError(f"{what}: takes more than 100 percent of the traffic")
    return tuple((path, percent / 100) for path, percent in pairs)


def parse_pairs(text: str, what: str) -> list[tuple[str, float]]:
    """`/=90,/fail=8` as (path, number) pairs. Raises ConfigError that starts with `what`."""
    pairs: list[tuple[str, float]] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        path, equals, weight_text = part.rpartition("=")
        if not equals:
            raise ConfigError(f"{what}: {part!r} is not a path and its weight; {_SYNTAX}")
        try:
            pairs.append((path, float(weight_text)))
        except ValueError:
            raise ConfigError(f"{what}: {weight_text!r} in {part!r} is not a number; {_SYNTAX}") from None
    return pairs


def _check(pairs: list[tuple[str, float]], what: str) -> None:
    if not pairs:
        raise ConfigError(f"{what}: empty; {_SYNTAX}")
    if len(pairs) > MAX_TARGETS:
        raise ConfigError(f"{what}: {len(pairs)} targets; at most {MAX_TARGETS}, as each is a label of the metrics")
    for number, (path, weight) in enumerate(pairs):
        if not is_path(path):
            raise ConfigError(f"{what}: {path!r} is not a path; a path starts with / and is ASCII without blanks and #")
        if not 0 <= weight < math.inf:
            raise ConfigError(f"{what}: the weight of {path} is {weight:g}; expected a number of at least 0")
        if path in dict(pairs[:number]):
            raise ConfigError(f"{what}: duplicate path {path}")


def is_path(text: str) -> bool:
    """Whether `text` can be part of a request line: starts with /, printable ASCII, no blanks, no fragment."""
    return text.startswith("/") and len(text) < 2048 and all("!" <= c <= "~" and c != "#" for c in text)


def with_faults(base: Shares, faults: list[Fault]) -> Shares:
    """The mix while `faults` are on: theirs first, the base keeps its proportions in what is left."""
    taken: dict[str, float] = {}
    for fault in faults:
        taken.update(fault.shares)
    total = math.fsum(taken.values())
    if total > 1:  # windows that overlap: nothing is left for the base, and they share all there is
        taken = {path: share / total for path, share in taken.items()}
    rest = [(path, share) for path, share in base if path not in taken]
    scale = max(0.0, 1 - total) / (math.fsum(share for _, share in rest) or 1.0)
    mixed = [*((path, share * scale) for path, share in rest), *taken.items()]
    given = math.fsum(share for _, share in mixed)
    if given < 1 - 1e-9:  # the faults name every path of the base: they alone share the traffic
        mixed = [(path, share / given) for path, share in mixed] if given > 0 else list(base)
    return tuple(mixed)


class Chooser:
    """Uniform draws to numbers of targets."""

    def __init__(self, shares: Shares, numbers: dict[str, int]) -> None:
        """`shares`: by path, above 0 for one at least. `numbers`: of targets, by path."""
        # The sum may be rounded to less than 1; a path without a share must not get what is left.
        possible = [(path, share) for path, share in shares if share > 0]
        self._numbers = np.array([numbers[path] for path, _ in possible], dtype=np.int64)
        self._edges = np.cumsum([share for _, share in possible])[:-1]

    def choose(self, uniforms: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """One target a draw; a target of share 0 is never chosen."""
        chosen: npt.NDArray[np.int64] = self._numbers[np.searchsorted(self._edges, uniforms, side="right")]
        return chosen
