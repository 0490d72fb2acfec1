"""The part of a log to calculate, and its rules."""

from typing import NamedTuple

from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S


class Window(NamedTuple):
    """The cycle `[start_s, end_s)` in steps of 1 or 60 s.

    It is observed from since_s, or its start, until observed_s. A server is down above the workload `overload`, and
    where it has not logged for heartbeat_s.
    """

    start_s: int
    end_s: int
    observed_s: int
    step_s: int
    since_s: int = 0
    heartbeat_s: int = MINUTE_S
    overload: float = DOWN_ABOVE
