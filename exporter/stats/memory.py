"""The state of /probe between two probes of a page: its counters' last values, to detect resets.

Bounded in bytes, whatever pages say: a series is a number for its name and labels and one for its value, and the page
that was not probed for longest is dropped first.
"""

from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exporter.catalogue import Family, HistogramValue

MAX_BYTES = 32 << 20
_PAGE_BYTES = 1200  # what a page takes beside its series, its metrics and its names
_METRIC_BYTES = 150
_SERIES_BYTES = 16
_HASH = (1 << 64) - 1


class _Page(NamedTuple):
    series: "array[int]"  # a hash of each series' name and labels
    values: "array[float]"
    resets: Counter[str]
    size_bytes: int


class Memory:
    """The pages that were probed last.

    Attributes:
        size_bytes: what they take, counted generously.
    """

    def __init__(self, most_bytes: int = MAX_BYTES) -> None:
        """`most_bytes`: what the pages may take; beyond that the oldest is forgotten."""
        self._most_bytes, self.size_bytes = most_bytes, 0
        self._pages: OrderedDict[tuple[str, str], _Page] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pages)

    def resets(self, url: str, module: str, families: Iterable[Family]) -> dict[str, int]:
        """How often each counter of this page fell, from one probe to the next; and remember it as it is now."""
        counters = [family for family in families if family.metric.type == "counter"]
        now = {series: (name, value) for family in counters for series, name, value in _series(family)}
        before = self._forget((url, module))
        resets = Counter(before.resets) if before else Counter[str]()
        if before:
            fell = {
                now[key][0]
                for key, value in zip(before.series, before.values, strict=True)
                if key in now and now[key][1] < value
            }
            resets.update(fell)
        self._remember((url, module), now, resets)
        return {family.metric.name: resets[family.metric.name] for family in counters}

    def _forget(self, key: tuple[str, str]) -> _Page | None:
        page = self._pages.pop(key, None)
        if page is not None:
            self.size_bytes -= page.size_bytes
        return page

    def _remember(self, key: tuple[str, str], now: dict[int, tuple[str, float]], resets: Counter[str]) -> None:
        size_bytes = _PAGE_BYTES + _SERIES_BYTES * len(now) + _METRIC_BYTES * len(resets) + sum(map(len, key))
        series, values = array("Q", now), array("d", [value for _, value in now.values()])
        self._pages[key] = _Page(series, values, resets, size_bytes)
        self.size_bytes += size_bytes
        while self.size_bytes > self._most_bytes:
            self._forget(next(iter(self._pages)))


def _series(family: Family) -> Iterator[tuple[int, str, float]]:
    """(hash of name and labels, name, value) of each."""
    for labels, value in family.series:
        assert not isinstance(value, HistogramValue)
        yield hash((family.metric.name, labels)) & _HASH, family.metric.name, value
