"""Keys of a tally to label values, with a bound on how many there can be.

A value past its limit folds into `other`. Nothing is ever evicted to make room: to Prometheus a counter that is evicted
and returns has been reset.

A path that no template takes gets a place only once it was answered with success: what strangers ask for and never get
takes none, however much they ask.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from exporter.accesslog.routes import KEEP, KEEP_BYTES, OTHER
from exporter.accesslog.source import Source
from exporter.accesslog.tally import Key

_METHOD = re.compile(rb"[A-Z][A-Z-]{0,19}")


_NOT_MODIFIED = b"304"
_USUAL = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
"""Methods that keep their places; others are places for success only, as paths are."""


def is_success(code: bytes) -> bool:
    """Whether the answer shows that there is something at the path."""
    return code.startswith(b"2") or code == _NOT_MODIFIED


def is_method(text: bytes) -> bool:
    """Whether it can be a method of HTTP; anything else is what a server logged of garbage."""
    return _METHOD.fullmatch(text) is not None


class Labels(NamedTuple):
    """Label values of one series of requests."""

    method: str
    route: str
    code: str


class Labelled(NamedTuple):
    """The labels that a key got, and the names of the limits and labels that folded on the way."""

    labels: Labels
    folds: tuple[str, ...]


class Labeller:
    """Gives keys their labels, and remembers which series there are."""

    def __init__(self, source: Source, existing: Iterable[Labels] = ()) -> None:
        """`existing`: series that were there before; they keep their place."""
        self._router = source.router()
        self._limits = source.limits
        self._series: set[Labels] = set()
        self._methods = {OTHER, *source.methods}
        self._routes = {OTHER, *source.routes}
        self._codes = {OTHER, *source.declared_codes()}
        self._given: dict[Key, Labelled] = {}
        for labels in existing:
            self.born(labels)

    def earn(self, keys: Iterable[Key]) -> None:
        """Give places to what was answered with success, before what came with it is labelled in any order."""
        for key in keys:
            if is_success(key[2]):
                self.labelled(key)

    def labelled(self, key: Key) -> Labelled:
        """The labels of a key. A limit that is reached folds new values only: a label once given stays."""
        found = self._given.get(key)
        if found is None:
            found = self._find(key)
            if len(self._given) >= KEEP:
                self._given.clear()
            if len(key[0]) + len(key[1]) <= KEEP_BYTES and (found.labels.route != OTHER or is_success(key[2])):
                self._given[key] = found  # what is `other` may yet earn its place
        return found

    def born(self, labels: Labels) -> None:
        """Take note of a series that no key led to."""
        self._series.add(labels)
        self._methods.add(labels.method)
        self._routes.add(labels.route)
        self._codes.add(labels.code)

    def _find(self, key: Key) -> Labelled:
        method = key[0].decode() if is_method(key[0]) else OTHER
        limits, success = self._limits, is_success(key[2])
        own = limits.methods if method in _USUAL else (limits.methods - len(_USUAL - self._methods)) * success
        labels = Labels(
            _within(method, self._methods, own),
            _within(self._router.route(key[1]), self._routes, limits.routes * success),
            _within(key[2].decode("ascii", "replace"), self._codes, limits.codes),
        )
        folds = tuple(name for name, value in zip(Labels._fields, labels, strict=True) if value == OTHER)
        if labels not in self._series and labels.route != OTHER and len(self._series) >= limits.series:
            labels = labels._replace(route=OTHER)
            folds = (*folds, "series")
        self._series.add(labels)
        return Labelled(labels, folds)


def _within(value: str, known: set[str], limit: int) -> str:
    """The value, if it is known or there is room for one more beside `other`; with a limit of 0 there is none."""
    if value in known:
        return value
    if len(known) > limit:
        return OTHER
    known.add(value)
    return value
