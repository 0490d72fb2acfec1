"""Whose fault is it when requests come late or not at all: the generator's, or the target's? Decided second by second.

Pure: the figures of the second come in. The generator is the limit when its processor time is used up, or when it wakes
up late on average (another process has the processor); then all that went wrong in that second is its own fault.
Otherwise only what it handed over late is: a target that holds every connection delays requests too.
"""

from dataclasses import dataclass

from trafficgen.meter.meter import SATURATED_SHARE, Meter

BUSY_SHARE = 0.9  # of one processor
LAG_NS = 10_000_000  # a wake-up's mean delay


@dataclass(frozen=True, slots=True)
class Second:
    """How the engine fared in a second."""

    wall_ns: int
    cpu_ns: int
    lag_ns: int  # the mean delay of its wake-ups
    handed_late: int  # requests that it had for the pool over 0.1 s after they were due


class Blame:
    """Keeps `own_fault` and `saturated` of a meter."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._seen = self._counts()

    def judge(self, second: Second) -> None:
        """Decide on the second that is over; the meter has been flushed."""
        counts = self._counts()
        planned, late, behind, unsent = (now - before for now, before in zip(counts, self._seen, strict=True))
        self._seen = counts
        limited = second.cpu_ns > BUSY_SHARE * second.wall_ns or second.lag_ns > LAG_NS
        own = behind + (late + unsent if limited else second.handed_late)
        self._meter.own_fault += own
        self._meter.saturated = own > SATURATED_SHARE * planned

    def _counts(self) -> tuple[int, int, int, int]:
        dropped = self._meter.dropped
        return (
            self._meter.planned,
            self._meter.late(),
            dropped["behind"],
            dropped["in_flight"] + dropped["no_connection"],
        )
