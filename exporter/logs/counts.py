"""The counts of a piece of a log by a source's rules: `Counts`."""

from collections.abc import Sequence
from operator import add, itemgetter
from typing import TypeAlias

import msgspec

from exporter.accesslog.own_labels import OTHER
from exporter.accesslog.tally import BadLine
from exporter.logs.values import Labels

COUNT, TOTAL, BUCKETS = 0, 1, 2
"""Places in a sum: lines, the billionths they add up to (of a gauge, the last), and the first bucket."""
LAST = BUCKETS
"""Of a gauge, in its place: which line had the last value, from 1 on; several labels, or rules, may be one series."""


Closed: TypeAlias = Sequence[Sequence[frozenset[str] | None]]
"""By rule and label, in the order of their names: the values of a full label; None where it is not full."""


class Counts(msgspec.Struct):
    """Sums by rule and by the rule's label values.

    failed: lines that could not be read, by reason; bad: the first of each.
    unusable: values that are not numbers, by rule.
    folded: lines whose value became `other`, by rule and the label's place.
    """

    lines: int = 0
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    bad: dict[str, BadLine] = msgspec.field(default_factory=dict)
    sums: list[dict[Labels, list[int]]] = msgspec.field(default_factory=list)
    unusable: list[int] = msgspec.field(default_factory=list)
    folded: list[dict[int, int]] = msgspec.field(default_factory=list)

    @classmethod
    def of(cls, rules: int) -> "Counts":
        """Empty counts for this number of rules."""
        return cls(sums=[{} for _ in range(rules)], unusable=[0] * rules, folded=[{} for _ in range(rules)])

    def fail(self, reason: str, bad: BadLine, lines: int = 1) -> None:
        """Count a bad line."""
        self.failed[reason] = self.failed.get(reason, 0) + lines
        self.bad.setdefault(reason, bad)

    def add_too_long(self, lines: int) -> None:
        """Count lines that were dropped for their length."""
        if lines:
            self.lines += lines
            self.fail("too_long", BadLine(0, b""), lines)

    def merge(self, other: "Counts", gauges: frozenset[int]) -> None:
        """Add the tally of the next piece of the same log. `gauges`: rules whose later value replaces the earlier."""
        before_it = self.lines
        for reason, bad in other.bad.items():
            self.bad.setdefault(reason, bad.after(before_it))
        self.lines += other.lines
        for reason, count in other.failed.items():
            self.failed[reason] = self.failed.get(reason, 0) + count
        self.unusable = [a + b for a, b in zip(self.unusable, other.unusable, strict=True)]
        for places, more in zip(self.folded, other.folded, strict=True):
            for place, count in more.items():
                places[place] = places.get(place, 0) + count
        for rule, (mine, sums) in enumerate(zip(self.sums, other.sums, strict=True)):
            theirs = sums
            if rule in gauges and before_it:
                theirs = {labels: [*numbers[:LAST], numbers[LAST] + before_it] for labels, numbers in sums.items()}
            if not mine:
                mine.update(theirs)
                continue
            for labels, numbers in theirs.items():
                before = mine.get(labels)
                mine[labels] = numbers if before is None else added(before, numbers, gauge=rule in gauges)

    def fold(self, closed: Closed, gauges: frozenset[int]) -> None:
        """Count values of full labels under `other`, so that a flood of values takes no memory."""
        for rule, (labels_known, folded) in enumerate(zip(closed, self.folded, strict=True)):
            places = [(place, known) for place, known in enumerate(labels_known) if known is not None]
            if not places:
                continue
            sums: dict[Labels, list[int]] = {}
            for labels, numbers in self.sums[rule].items():
                found = labels
                for place, known in places:
                    if found[place] not in known:
                        found = (*found[:place], OTHER, *found[place + 1 :])
                        folded[place] = folded.get(place, 0) + numbers[COUNT]
                before = sums.get(found)
                sums[found] = numbers if before is None else added(before, numbers, gauge=rule in gauges)
            self.sums[rule] = sums


def added(one: list[int], more: list[int], *, gauge: bool) -> list[int]:
    """Two sums as one; of a gauge, the value of the later line holds."""
    total = list(map(add, one, more))
    if gauge:
        total[TOTAL:] = max(one, more, key=itemgetter(LAST))[TOTAL:]
    return total


class _Packed(msgspec.Struct, array_like=True):
    """Counts on their way between processes: numbers as text, as sums may have more than 64 bits."""

    lines: int
    failed: dict[str, int]
    bad: dict[str, BadLine]
    sums: list[dict[Labels, str]]
    unusable: list[int]
    folded: list[dict[int, int]]


def packed(counts: Counts) -> bytes:
    """For `unpacked`."""
    sums = [{labels: " ".join(map(str, numbers)) for labels, numbers in one.items()} for one in counts.sums]
    return msgspec.msgpack.encode(_Packed(**msgspec.structs.asdict(counts) | {"sums": sums}))


def unpacked(data: bytes) -> Counts:
    """The argument of `packed`."""
    found = msgspec.msgpack.decode(data, type=_Packed)
    sums = [{labels: list(map(int, text.split())) for labels, text in one.items()} for one in found.sums]
    return Counts(**msgspec.structs.asdict(found) | {"sums": sums})
