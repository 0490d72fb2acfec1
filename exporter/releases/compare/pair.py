"""The same figure of two builds. Pure."""

from typing import Generic, NamedTuple, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Pair(NamedTuple, Generic[T_co]):
    """Baseline, then candidate: the order of every pair, and of every axis of two builds in an array."""

    baseline: T_co
    candidate: T_co
