"""The common parts of the encoders of both protocols.

An encoder is a generator: it gives a `Body` where one is full, and None when the caller must let the event loop run.
It works on the event loop in slices, as the renderer of /metrics does: a thread would hold the interpreter for longer
at a time than a slice takes.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from exporter.catalogue import Family, Metric

UP = Metric("up", "gauge", "1 while the exporter pushes; the series ends when it stops.")
"""Prometheus creates it for each scrape, but not for a push: rules and boards that use it need it."""

STALE_NAN: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The one NaN of many by which Prometheus marks the end of a series (its package model/value)."""

SLICE = 100
"""Samples in one slice: a millisecond of work where all series are new, a fifth of it where they are known."""


class Body(NamedTuple):
    """One request's content, not compressed."""

    content: bytes
    samples: int


class Encoder(Protocol):
    """Collections to bodies. Remembers the series of the last collection.

    Attributes:
        duplicates: samples so far that were dropped because their series occurred twice in one collection.
    """

    duplicates: int

    def samples_of(self, families: Sequence[Family]) -> int:
        """How many samples a collection has in this protocol."""

    def encode(self, families: Sequence[Family], time_ms: int) -> Iterator[Body | None]:
        """One collection, and the end of each series of the previous one that it does not have."""


def as_float(value: float) -> float:
    """A sample's value as a float; an int that is too large for one is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
