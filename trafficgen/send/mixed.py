"""Connections for targets with different methods: the answer to a HEAD has a length and no body."""

from typing import Protocol

from trafficgen.send.connection import Connection, Owner, Returned


class MixedOwner(Owner, Protocol):
    """A pool some of whose requests are HEADs."""

    def is_head(self, number: int) -> bool:
        """Whether a request is a HEAD."""


class MixedConnection(Connection):
    """A connection whose requests may be HEADs."""

    __slots__ = ("_mixed",)

    def __init__(self, pool: MixedOwner) -> None:
        """`pool`: also knows which of its requests are HEADs."""
        super().__init__(pool)
        self._mixed = pool

    def send(self, due_ns: int, number: int, before: Returned | None = None) -> bool:
        """Write a request; see `Connection.send`."""
        self._reader.head_only = self._mixed.is_head(number)
        self._quick = not self._reader.head_only
        return super().send(due_ns, number, before)
