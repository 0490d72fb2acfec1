"""The target under which each target is counted, by number: itself, or one for all of its route."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from exporter.accesslog.parse.vector_targets import Sums, Targets
from exporter.accesslog.parse.vector_words import Buffer, Places

MOST = 1 << 18
"""Targets, and routes, that are kept from chunk to chunk."""
_ROOM = 1 << 10


class Routes(Protocol):
    """Finds the value under which texts are counted: the routes of targets, or the values of fields."""

    def routes(self, targets: Sequence[bytes], /) -> Sequence[str]:
        """One for one."""


class Names:
    """Finds the numbers of the texts under which targets are counted. `texts`: by number."""

    def __init__(self, router: Routes | None) -> None:
        """`router`: what finds routes; None: each target is counted by itself."""
        self._router = router
        self._begin()

    def _begin(self) -> None:
        self.texts: list[bytes] = []
        self._by_route: dict[str, int] = {}
        self._targets = Targets()
        self._numbers = np.empty(_ROOM, np.intp)  # of texts, by those of targets
        self._used = np.empty(_ROOM, np.int64)  # in which chunk each target was seen last
        self._chunk = 0

    def find(self, sums: Sums, buffer: Buffer, starts: Places) -> Places:
        """The number of what each target is counted as; `starts`: where it is in the buffer."""
        found = self._targets.find(sums)
        new = np.flatnonzero(found < 0)
        while len(new):
            _, first = np.unique(sums.one.take(new), return_index=True)
            some = new.take(np.sort(first))
            begins, sizes = starts.take(some), sums.sizes.take(some)
            self._add(buffer.texts(begins, begins + sizes))
            self._targets.add(sums.take(some))
            found[new] = self._targets.find(sums.take(new))
            new = new[found.take(new) < 0]
        self._used[found] = self._chunk
        return self._numbers.take(found)

    def _add(self, targets: list[bytes]) -> None:
        before = self._targets.count
        if before + len(targets) > len(self._numbers):
            room = 2 * (before + len(targets))
            self._numbers, self._used = np.resize(self._numbers, room), np.resize(self._used, room)
        self._numbers[before : before + len(targets)] = self._numbered(targets)

    def _numbered(self, targets: list[bytes]) -> list[int] | range:
        if self._router is None:
            self.texts += targets
            return range(len(self.texts) - len(targets), len(self.texts))
        routes = self._router.routes(targets)
        if not self._by_route.keys() >= (some := set(routes)):
            some -= self._by_route.keys()
            for target, route in zip(targets, routes, strict=True):
                if route in some:
                    some.remove(route)
                    self._by_route[route] = len(self.texts)
                    self.texts.append(target)
        return list(map(self._by_route.__getitem__, routes))

    def forget(self) -> None:
        """After a chunk: make room, if there is need. Targets that were not seen recently are dropped."""
        self._chunk += 1
        count = self._targets.count
        if self._router is not None and len(self.texts) > MOST:
            self._begin()
        elif count > MOST:
            kept = np.sort(np.argsort(self._used[:count], kind="stable")[-MOST // 2 :])
            self._targets.keep(kept)
            self._used[: len(kept)] = self._used.take(kept)
            if self._router is None:
                self.texts = [self.texts[number] for number in kept.tolist()]
                self._numbers[: len(kept)] = np.arange(len(kept))
            else:
                self._numbers[: len(kept)] = self._numbers.take(kept)
