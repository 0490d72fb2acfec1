"""How long accounts had a server that was up, down or in doubt: `sql/06_routed.sql` with arrays. Pure."""

import numpy as np

from exporter.hosting.cover import Cover, Ints
from exporter.hosting.rows import Columns
from exporter.hosting.window import Window

ROUTED = ("account_id", "created_s", "server_id", "doubt", "start_s", "end_s")


def routed(segments: Columns, outages: Columns, window: Window) -> Columns:
    """A row for each session that had a server, as the SQL's.

    Args:
        segments: with the columns ROUTED, sorted by account and time.
        outages: those of all servers, as in the table.
        window: the cycle.
    """
    start = np.maximum(segments["start_s"], max(window.start_s, window.since_s))
    end = np.minimum(segments["end_s"], window.observed_s)
    use = start < end
    start, end = start[use], end[use]
    account, created, server, in_doubt = (
        segments[name][use] for name in ("account_id", "created_s", "server_id", "doubt")
    )
    in_doubt = in_doubt == 1
    overload, silent, doubt = (_met(server, start, end, outages, cause) for cause in ("overload", "silent", "unknown"))
    first = np.flatnonzero(np.append(True, (account[1:] != account[:-1]) | (created[1:] != created[:-1]))[: len(start)])
    sums = {
        "routed_s": end - start,
        "overload_s": np.where(in_doubt, 0, overload),
        "silent_s": np.where(in_doubt, 0, silent),
        "doubt_s": np.where(in_doubt, end - start, doubt),
    }
    summed = {name: np.add.reduceat(column, first) if len(first) else column for name, column in sums.items()}
    return {"account_id": account[first], "created_s": created[first], **summed}


def _met(server: Ints, start: Ints, end: Ints, outages: Columns, cause: str) -> Ints:
    """The time of each [start, end) in which its server was down by a cause."""
    of_cause = outages["cause"] == cause
    order = np.lexsort((outages["start_s"][of_cause], outages["server_id"][of_cause]))
    down, since, until = (outages[name][of_cause][order] for name in ("server_id", "start_s", "end_s"))
    found = np.zeros(len(start), np.int64)
    if not len(down):
        return found
    ids, first = np.unique(down, return_index=True)
    order = np.argsort(server, kind="stable")
    begins, ends = (np.searchsorted(server[order], ids, side) for side in ("left", "right"))
    for begin, stop, low, high in zip(begins, ends, first, np.append(first[1:], len(down)), strict=True):
        rows, cover = order[begin:stop], Cover.of(since[low:high], until[low:high])
        found[rows] = cover.until(end[rows]) - cover.until(start[rows])
    return found
