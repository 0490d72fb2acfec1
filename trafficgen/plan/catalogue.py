"""The kinds of requests that a file of targets describes, as a plan sees them: names and labels. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from trafficgen.plan.mix import MAX_TARGETS

MAX_NAMED = 50  # labels for the kinds that share one, where there are more kinds than labels
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Kinds by number; `numbered`: requests of one kind differ, so that each needs its own number."""

    kinds: tuple[str, ...] = ()  # distinct names, which stand in the mix
    labels: tuple[str, ...] = ()  # what the metrics call them
    label_numbers: tuple[int, ...] = ()  # of each kind
    numbered: bool = False


PATHS_ALONE = Catalogue()


def make_catalogue(names: Sequence[str], weights: Sequence[float], *, numbered: bool) -> Catalogue:
    """Each kind has its own label, or, past 100 kinds, each of the heaviest routes has; the others share one."""
    if len(names) <= MAX_TARGETS:
        return Catalogue(tuple(names), tuple(names), tuple(range(len(names))), numbered)
    routes = [route(name) for name in names]
    total: Counter[str] = Counter()
    for one, weight in zip(routes, weights, strict=True):
        total[one] += weight  # type: ignore[assignment]  # a Counter adds up what it is given
    common = [name for name, _ in total.most_common(MAX_NAMED)]
    labels = (*common, OTHER) if len(total) > MAX_NAMED else tuple(common)
    number_of = {name: number for number, name in enumerate(labels)}
    return Catalogue(tuple(names), labels, tuple(number_of.get(one, len(labels) - 1) for one in routes), numbered)


def route(path: str) -> str:
    """A path, or a name that is one, without its query."""
    return path.partition("?")[0]
