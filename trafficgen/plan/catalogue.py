"""The kinds of requests that a file of targets describes, as a plan sees them: names and labels. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from foundation.errors import ConfigError
from trafficgen.plan.mix import MAX_TARGETS

Codes: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges of status codes, both ends included."""
MAX_NAMED = 50  # labels for the kinds that share one, where there are more kinds than labels
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Kinds by number; `numbered`: requests of one kind differ, so that each needs its own number."""

    kinds: tuple[str, ...] = ()  # distinct names, which are in the mix
    labels: tuple[str, ...] = ()  # what the metrics call them
    label_numbers: tuple[int, ...] = ()  # of each kind
    expected: tuple[Codes | None, ...] = ()  # of each label: the codes that its answers should have, if that is said
    starts: tuple[tuple[str, int], ...] = ()  # names in the mix that start several: the kind of the first
    numbered: bool = False


_Label: TypeAlias = tuple[str, Codes | None]
PATHS_ALONE = Catalogue()


class Kind(NamedTuple):
    """What a plan needs to know of a target."""

    name: str
    weight: float
    expected: Codes | None = None


def make_catalogue(kinds: Sequence[Kind], *, numbered: bool) -> Catalogue:
    """Each kind has its own label, or, past 100 kinds, each of the heaviest routes has; the others share one.

    Kinds that share a label expect the same codes. Raises ConfigError where that needs more than 50 shared labels.
    """
    wanted = [(kind.name, kind.expected) for kind in kinds]
    if len(kinds) > MAX_TARGETS:
        wanted = _shared([(route(kind.name), kind.expected) for kind in kinds], [kind.weight for kind in kinds])
    labels = tuple(dict.fromkeys(wanted))
    number_of = {label: number for number, label in enumerate(labels)}
    return Catalogue(
        kinds=tuple(kind.name for kind in kinds),
        labels=tuple(name for name, _ in labels),
        label_numbers=tuple(number_of[label] for label in wanted),
        expected=tuple(expected for _, expected in labels),
        numbered=numbered,
    )


def _shared(wanted: list[_Label], weights: list[float]) -> list[_Label]:
    total: dict[_Label, float] = {}
    for label, weight in zip(wanted, weights, strict=True):
        total[label] = total.get(label, 0.0) + weight
    common = set(sorted(total, key=lambda label: -total[label])[:MAX_NAMED])
    found = [label if label in common else (OTHER, label[1]) for label in wanted]
    if len(set(found)) > MAX_TARGETS:
        raise ConfigError(f"more than {MAX_NAMED} different lists of expected codes among the less frequent targets")
    return found


def route(path: str) -> str:
    """A path, or a name that is one, without its query."""
    return path.partition("?")[0]
