"""Connections for targets with different methods: the answer to a HEAD has a length and no body."""

from collections.abc import Sequence
from typing import Any

from trafficgen.send.connection import Connection
from trafficgen.send.pool import Pool


class MixedPool(Pool):
    """A pool some of whose requests are HEADs. `heads`: of each kind of request, whether it is one."""

    def __init__(self, *args: Any, heads: Sequence[bool], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heads, self._kinds = heads, len(heads)

    def make_connection(self) -> Connection:
        """A connection that minds the method."""
        return MixedConnection(self)

    def is_head(self, number: int) -> bool:
        """Whether a request is a HEAD."""
        return self._heads[number % self._kinds]


class MixedConnection(Connection):
    """A connection whose requests may be HEADs."""

    __slots__ = ("_mixed",)

    def __init__(self, pool: MixedPool) -> None:
        super().__init__(pool)
        self._mixed = pool

    def send(self, due_ns: int, number: int) -> bool:
        """Write a request; see `Connection.send`."""
        self._reader.head_only = self._mixed.is_head(number)
        self._quick = not self._reader.head_only
        return super().send(due_ns, number)
