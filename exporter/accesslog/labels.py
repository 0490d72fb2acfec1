"""Keys of a tally to label values, with limits on the number of values.

A value past its limit becomes `other`. Nothing is ever evicted to make room: to Prometheus a counter that is evicted
and returns has been reset.

A path without a template gets a place only after a successful answer: requests of strangers that fail take no place,
whatever their number.
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, TypeAlias

from exporter.accesslog.routes import OTHER
from exporter.accesslog.source import LABELS, Source
from exporter.accesslog.tally import Key

_METHOD = re.compile(rb"[A-Z][A-Z-]{0,19}")


_NOT_MODIFIED = b"304"
_USUAL = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
"""Methods that always have a place; others get one only after success, like paths."""


def is_success(code: bytes) -> bool:
    """Whether the answer shows that there is something at the path."""
    return code.startswith(b"2") or code == _NOT_MODIFIED


def is_method(text: bytes) -> bool:
    """Whether it can be a method of HTTP; other texts are logged garbage."""
    return _METHOD.fullmatch(text) is not None


Routed: TypeAlias = tuple[Any, ...]
"""Method (bytes), route (str), code and values of own labels (bytes): a key whose target is replaced by its route."""


class Labels(NamedTuple):
    """Label values of one series of requests; `own`: of the source's custom labels."""

    method: str
    route: str
    code: str
    own: tuple[str, ...] = ()

    def of(self, source: str) -> tuple[str, ...]:
        """The labels of its series of requests."""
        return (source, *self[:3], *self.own)

    def timed(self, source: str) -> tuple[str, ...]:
        """The labels of its histogram."""
        return (source, *self[:2], *self.own)


class Labelled(NamedTuple):
    """The labels of a key, and the names of the limits and labels that became `other`."""

    labels: Labels
    folds: tuple[str, ...]


class Labeller:
    """Assigns labels to keys, and records which series exist."""

    def __init__(self, source: Source, existing: Iterable[Labels] = ()) -> None:
        """`existing`: series that existed before; they keep their place."""
        self._router = source.router()
        self._limits = source.limits
        self._series: set[Labels] = set()
        self._methods = {OTHER, *source.methods}
        self._routes = {OTHER, *source.routes}
        self._codes = {OTHER, *source.declared_codes()}
        labels = source.own_labels()
        self._own = [({OTHER, *label.declared}, label.limit or self._limits.values) for label in labels.values()]
        self._names = (*LABELS, *labels)
        self._whole: dict[Routed, Labelled] = {}  # of other values: at most one per series, kept for ever
        for one in existing:
            self.born(one)

    def routed(self, keys: Collection[Key]) -> Iterable[Routed]:
        """The keys with the routes of their targets, one for one."""
        routes = self._router.routes([key[1] for key in keys])
        return [(key[0], route, *key[2:]) for key, route in zip(keys, routes, strict=True)]

    def earn(self, keys: Collection[Key]) -> None:
        """Give places to successful requests first, so that the order of the others does not matter."""
        self.give_places(self.routed(keys))

    def give_places(self, keys: Iterable[Routed]) -> None:
        """Like `earn`."""
        for key in keys:
            if is_success(key[2]):
                self.fitted(key)

    def labelled(self, key: Key) -> Labelled:
        """The labels of a key."""
        return self.fitted((key[0], self._router.route(key[1]), *key[2:]))

    def fitted(self, key: Routed) -> Labelled:
        """The values of a key within the limits; new values take places.

        Once a limit is reached only new values become `other`: assigned labels stay. A value that became `other` can
        still get a place.
        """
        found = self._whole.get(key)
        if found is None:
            found = self._fit(*key)
            if not found.folds:
                self._whole[key] = found
        return found

    def born(self, labels: Labels) -> None:
        """Record a series that comes from no key."""
        self._series.add(labels)
        self._methods.add(labels.method)
        self._routes.add(labels.route)
        self._codes.add(labels.code)
        for value, (known, _) in zip(labels.own, self._own, strict=True):
            known.add(value)

    def _fit(self, method_bytes: bytes, route: str, code: bytes, *own_bytes: bytes) -> Labelled:
        method = method_bytes.decode() if is_method(method_bytes) else OTHER
        limits, success = self._limits, is_success(code)
        most = limits.methods if method in _USUAL else (limits.methods - len(_USUAL - self._methods)) * success
        labels = Labels(
            _within(method, self._methods, most),
            _within(route, self._routes, limits.routes * success),
            _within(code.decode("ascii", "replace"), self._codes, limits.codes),
            tuple([_within(one.decode(), *known) for one, known in zip(own_bytes, self._own, strict=True)]),
        )
        values = (*labels[:3], *labels.own)
        folds = tuple(name for name, value in zip(self._names, values, strict=True) if value == OTHER)
        folded = labels._replace(route=OTHER, own=(OTHER,) * len(labels.own))
        if labels not in self._series and labels != folded and len(self._series) >= limits.series:
            labels = folded
            folds = (*folds, "series")
        self._series.add(labels)
        return Labelled(labels, folds)


def _within(value: str, known: set[str], limit: int) -> str:
    """The value, if it is known or there is room for one more beside `other`; with a limit of 0 there is no room."""
    if value in known:
        return value
    if len(known) > limit:
        return OTHER
    known.add(value)
    return value
