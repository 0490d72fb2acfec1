"""Notes beside the verdict, in sentences."""

from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter

from exporter.hosting.bulk import Log
from exporter.hosting.cycle import CycleResult, utc
from exporter.hosting.extent import Extent

SHARE_TOLD = 0.01  # of lines set aside, and of unknown time; above it a note is shown
CADENCE_WITHIN = 0.1  # tolerance of a server's heartbeat interval
SHARE_UNSTEADY = 0.001  # of heartbeats that share an interval; as much silence beside them breaks the usual promise
REGULAR = 0.6  # below this share of heartbeats in time the interval is another one
MIN_GAPS = 5  # fewer prove nothing
MAX_NAMED = 5


def caveats(result: CycleResult, log: Log, extent: Extent) -> list[str]:
    """All notes, the most serious first."""
    of_input = [*_set_aside(log), *_copies(log), *_outlying(extent)]
    beats = list(_cadence(result)) or _unsteady(result, log)
    return [*of_input, *beats, *_unknown(result), *_uncreated(result), *_doubtful(result)]


def nothing_read(log: Log) -> str:
    """Why there is no event."""
    if not log.lines:
        return "the log is empty"
    return f"none of {log.lines:,} lines could be read ({_reasons(log)})"


def _reasons(log: Log) -> str:
    return ", ".join(f"{reason} {n:,}" for reason, n in log.set_aside.most_common())


def _set_aside(log: Log) -> Iterator[str]:
    n = log.set_aside.total()
    if n > SHARE_TOLD * log.lines:
        share = f"{n:,} of {log.lines:,} lines ({n / log.lines:.1%})"
        yield f"{share} could not be read and are not counted: {_reasons(log)}"


def _copies(log: Log) -> Iterator[str]:
    if log.copies:
        named = ", ".join(log.copies[:MAX_NAMED]) + (", ..." if len(log.copies) > MAX_NAMED else "")
        yield f"files given more than once count once: {named}"


def _outlying(extent: Extent) -> Iterator[str]:
    if extent.far_s is not None:
        events = "1 event is" if extent.outlying == 1 else f"{extent.outlying:,} events are"
        first = utc(extent.far_s)
        yield f"{events} far from all others in time (the first: {first}) and did not count in the choice of the cycle"


def _cadence(result: CycleResult) -> Iterator[str]:
    expected_s = result.window.heartbeat_s
    gaps: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for server, gap_s, n in result.cadence:
        gaps[server].append((gap_s, n))
    found: dict[int, list[int]] = defaultdict(list)
    for server, mine in gaps.items():
        if (every_s := cadence_s(mine, expected_s)) != expected_s:
            found[every_s].append(server)
    for every_s, servers in sorted(found.items()):
        named = ", ".join(map(str, servers[:MAX_NAMED])) + (", ..." if len(servers) > MAX_NAMED else "")
        of = "" if len(servers) == len(gaps) else f" of server {named}"
        yield f"heartbeats{of} come every {every_s} s, but {expected_s} s were expected; set --heartbeat {every_s}"


def _unsteady(result: CycleResult, log: Log) -> Iterator[str]:
    """Heartbeats around the edge of an interval: two are in one, and the next one has none."""
    off, shared = (result.oddities.get(f"heartbeats {kind}", 0) for kind in ("off the minute", "repeated"))
    if min(off, shared) > SHARE_UNSTEADY * log.lines:
        yield (
            f"{off:,} heartbeats are off the minute, and {shared:,} are in the same interval as another one: each"
            " counts for the interval that contains it, so the one beside it may count as silent in error"
        )


def cadence_s(gaps: list[tuple[int, int]], expected_s: int) -> int:
    """How often a server logs, out of distances in seconds, in order, with how often each was met."""
    total = sum(n for _, n in gaps)
    regular = sum(n for gap_s, n in gaps if abs(gap_s - expected_s) <= CADENCE_WITHIN * expected_s)
    if total < MIN_GAPS or regular >= REGULAR * total:
        return expected_s
    most_s, times = max(gaps, key=itemgetter(1))
    if times >= REGULAR * total:
        return most_s
    seen, median_s = 0, 0
    for gap_s, n in gaps:
        seen += n
        if 2 * seen >= total:
            median_s = gap_s
            break
    usual = [(gap_s, n) for gap_s, n in gaps if gap_s <= 2 * median_s]  # more is an outage
    return max(1, round(sum(gap_s * n for gap_s, n in usual) / sum(n for _, n in usual)))


def _unknown(result: CycleResult) -> Iterator[str]:
    lifetime_s = sum(session.lifetime_s for session in result.sessions)
    unknown_s = sum(session.unknown_s for session in result.sessions)
    if unknown_s > SHARE_TOLD * lifetime_s:
        yield f"{unknown_s / lifetime_s:.1%} of the customers' time in the cycle is unknown"


def _uncreated(result: CycleResult) -> Iterator[str]:
    ids = sorted(session.account_id for session in result.sessions if not session.was_created)
    if ids:
        named = ", ".join(map(str, ids[:MAX_NAMED])) + (", ..." if len(ids) > MAX_NAMED else "")
        what = "1 account is" if len(ids) == 1 else f"{len(ids):,} accounts are"
        yield f"{what} older than the log ({named}): the time before the first route is unknown"


def _doubtful(result: CycleResult) -> Iterator[str]:
    servers = {outage.server_id for outage in result.outages if outage.cause == "unknown"}
    if servers:
        named = ", ".join(map(str, sorted(servers)[:MAX_NAMED])) + (", ..." if len(servers) > MAX_NAMED else "")
        yield (
            f"clocks went back: some heartbeats of server {named} may belong to either of two hours,"
            " so that time is unknown"
        )
