"""Each account's outages: when the server that answered for it was down outside of maintenance. Pure.

All accounts at once, in arrays: accounts share their servers' outages, so there may be more of them than log lines.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from exporter.hosting.cycle import CycleResult
from exporter.hosting.maintenance import Maintenance, downtimes
from exporter.hosting.rows import Columns
from exporter.timeline import Interval, subtract

CAUSES = ("overload", "silent")

Ints: TypeAlias = npt.NDArray[np.int64]


class AccountOutage(NamedTuple):
    """A stretch of one account's downtime: `[start_s, end_s)` on a server that was down for `cause`."""

    start_s: int
    end_s: int
    server_id: int
    cause: str


class Downs(NamedTuple):
    """Outages of accounts, as arrays of one length. cause: a place in CAUSES."""

    account_id: Ints
    start_s: Ints
    end_s: Ints
    server_id: Ints
    cause: Ints

    def rows(self, which: slice | Ints | npt.NDArray[np.bool_]) -> "Downs":
        """Some of them."""
        return Downs(*(column[which] for column in self))

    def of(self, account: int) -> list[AccountOutage]:
        """One account's, where they are sorted by account."""
        first, last = (int(np.searchsorted(self.account_id, account, side)) for side in ("left", "right"))
        _, starts, ends, servers, causes = (column[first:last].tolist() for column in self)
        return [
            AccountOutage(start, end, server, CAUSES[cause])
            for start, end, server, cause in zip(starts, ends, servers, causes, strict=True)
        ]


def account_downs(result: CycleResult, maintenance: Maintenance) -> Downs:
    """All accounts' outages outside of `maintenance`, which is in whole steps; sorted by account and time.

    A route to the same server does not end an outage.
    """
    served = _served(result.segments)
    found = [served.rows(slice(0))]
    for server, by_cause in downtimes(result.outages).items():
        first, last = (int(np.searchsorted(served.server_id, server, side)) for side in ("left", "right"))
        for place, cause in enumerate(CAUSES):
            bad = subtract(by_cause.get(cause, []), maintenance.windows(server))
            found.append(_both(served.rows(slice(first, last)), bad, place))
    found = [_without(one, maintenance) for one in found]
    downs = Downs(*map(np.concatenate, zip(*found, strict=True)))
    return downs.rows(np.lexsort((downs.end_s, downs.start_s, downs.account_id)))


def _served(segments: Columns) -> Downs:
    """When each server answered for each account, sorted by server, account and time; adjacent stretches are joined."""
    use = (segments["doubt"] != 1) & (segments["start_s"] < segments["end_s"])
    account, server, start, end = (
        np.asarray(segments[name][use], np.int64) for name in ("account_id", "server_id", "start_s", "end_s")
    )
    order = np.lexsort((start, account, server))
    account, server, start, end = account[order], server[order], start[order], end[order]
    begins = np.ones(len(start), bool)
    begins[1:] = (server[1:] != server[:-1]) | (account[1:] != account[:-1]) | (start[1:] > end[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(start)) - 1 if len(first) else first
    return Downs(account[first], start[first], end[last], server[first], np.zeros(len(first), np.int64))


def _both(served: Downs, bad: Sequence[Interval], cause: int) -> Downs:
    """The time in which one server served, and was down by a cause."""
    down = np.array(bad, np.int64).reshape(-1, 2)
    first = np.searchsorted(down[:, 1], served.start_s, "right")
    times = np.maximum(np.searchsorted(down[:, 0], served.end_s, "left") - first, 0)
    row = np.repeat(np.arange(len(times)), times)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + first[row]
    met = served.rows(row)
    return met._replace(
        start_s=np.maximum(met.start_s, down[nth, 0]),
        end_s=np.minimum(met.end_s, down[nth, 1]),
        cause=np.full(len(row), cause),
    )


def _without(found: Downs, maintenance: Maintenance) -> Downs:
    """The outages without the windows of their accounts, which few accounts have."""
    own = np.isin(found.account_id, np.array(sorted(maintenance.accounts), np.int64))
    if not own.any():
        return found
    pieces = [
        (account, start, end, server, cause)
        for account, since, until, server, cause in zip(*(c.tolist() for c in found.rows(own)), strict=True)
        for start, end in subtract([(since, until)], maintenance.windows(None, account))
    ]
    cut = np.array(pieces, np.int64).reshape(-1, len(found)).T
    return Downs(*(np.concatenate([kept, new]) for kept, new in zip(found.rows(~own), cut, strict=True)))
