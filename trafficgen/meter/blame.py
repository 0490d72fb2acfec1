"""Whose fault is it when requests come late or not at all: the generator's, or the target's? Decided second by second.

Pure: the figures of the second come in. The generator is the limit when it could make no connection for want of a
descriptor, a port or memory, when its processor time is used up, or when it wakes up late on average (another process
has the processor); then all that went wrong in that second is its own fault. Otherwise only what it handed over late
is: a target that holds every connection delays requests too.
"""

from collections import Counter
from dataclasses import dataclass

from trafficgen.meter.meter import OWN_LIMITS, SATURATED_SHARE, TARGET, Meter

BUSY_SHARE = 0.9  # of one processor
LAG_NS = 10_000_000  # a wake-up's mean delay


@dataclass(frozen=True, slots=True)
class Second:
    """How the engine did in one second."""

    wall_ns: int
    cpu_ns: int
    lag_ns: int  # the mean delay of its wake-ups
    handed_late: int  # requests that it had for the pool over 0.1 s after they were due


class Blame:
    """Keeps `own_fault`, `late_by` and `saturated` of a meter."""

    def __init__(self, meter: Meter) -> None:
        """`meter`: of one worker; what it counted until now is nobody's fault."""
        self._meter = meter
        self._seen = self._counts()

    def judge(self, second: Second) -> None:
        """Decide on the second that is over; the meter has been flushed."""
        counts, meter = self._counts(), self._meter
        new, self._seen = {name: count - self._seen[name] for name, count in counts.items()}, counts
        cause = _cause(second, {reason: new[reason] for reason in OWN_LIMITS})
        late = new["late"] if cause else min(new["late"], second.handed_late)
        own = Counter({reason: new[reason] for reason in OWN_LIMITS})
        own["processor" if _is_busy(second) else "wakeups"] += new["behind"]
        own[cause or "wakeups"] += new["late"] + new["unsent"] if cause else second.handed_late
        for name, count in own.items():
            meter.own_fault[name] += count
        meter.late_by[cause or "wakeups"] += late
        meter.late_by[TARGET] += new["late"] - late
        meter.saturated = own.total() > SATURATED_SHARE * new["planned"]

    def _counts(self) -> dict[str, int]:
        dropped = self._meter.dropped
        return {
            "planned": self._meter.planned,
            "late": self._meter.late(),
            "behind": dropped["behind"],
            "unsent": dropped["in_flight"] + dropped["no_connection"],
            **{reason: dropped[reason] for reason in OWN_LIMITS},
        }


def _is_busy(second: Second) -> bool:
    return second.cpu_ns > BUSY_SHARE * second.wall_ns


def _cause(second: Second, limits: dict[str, int]) -> str:
    """What limited the generator, one of `OWN_CAUSES`; empty if nothing did."""
    if any(limits.values()):
        return max(limits, key=lambda reason: limits[reason])
    if _is_busy(second):
        return "processor"
    return "wakeups" if second.lag_ns > LAG_NS else ""
