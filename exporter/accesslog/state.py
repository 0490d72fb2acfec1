"""The counters of one access log: changes by tallies in, checkpoint entries out.

Values are never changed in place: a scrape, or a commit that waits for the disk, keeps the value it took.
"""

from collections.abc import Iterator, Mapping

import msgspec

from exporter.accesslog.counting import (
    Counting,
    Delta,
    Durations,
    Measured,
    MeasureLabels,
    RequestLabels,
    Requests,
    RouteLabels,
    Totals,
    every,
    key_of,
)
from exporter.accesslog.source import Source
from exporter.accesslog.tally import Tally
from exporter.catalogue import LabelValues
from exporter.checkpoint import Value
from foundation.jsonread import why_not_json


class Traffic:
    """Counts of one source. Belongs to the event loop.

    Attributes:
        rules: names of the rules by which requests are ignored.
        counting: works out what a tally changes, where the log is read; a new one with new settings.
        static_labels: that all series of requests have.
        label_names: of the source's custom labels, in the order of their values in series.
    """

    def __init__(self, source: Source, now_s: float, saved: Mapping[str, bytes] | None = None) -> None:
        """Continue from earlier `changes`; declared series that do not exist yet are created at 0 at `now_s`.

        Unreadable values start again; `unreadable` has the reasons, by key.
        """
        self.unreadable: dict[str, str] = {}
        self.totals = Totals()
        self.requests: dict[RequestLabels, Requests] = {}
        self.durations: dict[RouteLabels, Durations] = {}
        self.measured: dict[MeasureLabels, Measured] = {}
        self._dirty: dict[str, Value] = {}
        self._gone: set[str] = set()
        self.label_names = tuple(source.own_labels())
        self._restore(source.source, saved or {})
        self.created: dict[LabelValues, float] = {labels: one.created_s for labels, one in self.requests.items()}
        self.configure(source, now_s)

    def configure(self, source: Source, now_s: float) -> None:
        """Switch to other settings. Counters continue; a histogram starts again if its buckets changed.

        With other label names all series are new: the existing ones end, and are deleted.
        """
        self.name, self.rules = source.source, source.ignoring().names
        if (names := tuple(source.own_labels())) != self.label_names:
            self._end()
            self.label_names = names
        self.static_labels = source.static_labels
        self.counting = Counting(source, self.requests, self.durations, self.measured)
        self.apply(self.counting.begin(self.totals, now_s))

    def add(self, tally: Tally, now_s: float) -> None:
        """Count what was read at `now_s` (Unix time), in this thread."""
        self.apply(self.counting.delta(tally, self.totals, now_s))

    def apply(self, delta: Delta) -> None:
        """Put new values in their places, at once. They come from those that are here: one delta at a time."""
        self.totals = delta.totals
        self.requests.update(delta.requests)
        self.durations.update(delta.durations)
        self.measured.update(delta.measured)
        self.created.update(delta.created)
        self._dirty.update(delta.by_key)

    def changes(self, *, everything: bool = False) -> dict[str, Value]:
        """The changes since the last call, or everything, by key."""
        if everything:
            self._dirty = dict(self._by_key())
        dirty, self._dirty = self._dirty, {}
        dirty["totals"] = self.totals
        self._gone -= dirty.keys()
        return dirty

    def ended(self) -> set[str]:
        """The keys that have ended since the last call; call `changes` before."""
        gone, self._gone = self._gone, set()
        return gone

    def _by_key(self) -> Iterator[tuple[str, Value]]:
        for what, labels, one in every(self.requests, self.durations, self.measured):
            yield key_of(what, labels, self.label_names), one

    def _end(self) -> None:
        self._gone.update(key for key, _ in self._by_key())
        self.requests.clear()
        self.durations.clear()
        self.measured.clear()
        self.created.clear()
        self._dirty.clear()

    def _restore(self, name: str, saved: Mapping[str, bytes]) -> None:
        for key, value in saved.items():
            try:
                self._restore_one(name, key, value)
            except (msgspec.MsgspecError, ValueError) as exc:
                self.unreadable[key] = why_not_json(exc)

    def _restore_one(self, name: str, key: str, value: bytes) -> None:
        if key == "totals":
            self.totals = msgspec.json.decode(value, type=Totals)
        else:
            kind, _, labels = key.partition("[")
            parts, own = _taken_apart(f"[{labels}")
            if tuple(sorted(own)) != self.label_names:
                self._gone.add(key)
                return
            method, route, *more = parts
            values = tuple(own[one] for one in self.label_names)
            if kind:
                if more:
                    raise ValueError("what is measured has a method and a route")
                measured = msgspec.json.decode(value, type=Measured)
                if len(measured.counts) != len(measured.bounds) + 1:
                    raise ValueError("counts and bounds do not fit")
                self.measured[kind, (name, method, route, *values)] = measured
            elif more:
                (code,) = more
                self.requests[name, method, route, code, *values] = msgspec.json.decode(value, type=Requests)
            else:
                one = msgspec.json.decode(value, type=Durations)
                if len(one.counts) != len(one.bounds_s) + 1:
                    raise ValueError("counts and bounds do not fit")
                self.durations[name, method, route, *values] = one


def _taken_apart(key: str) -> tuple[list[str], dict[str, str]]:
    """The fixed labels, and custom ones by name; keys of sources without any, and of earlier versions, have none."""
    parts = msgspec.json.decode(key, type=list[str | dict[str, str]])
    own = parts.pop() if parts and isinstance(parts[-1], dict) else {}
    assert isinstance(own, dict)
    return msgspec.convert(parts, list[str]), own
