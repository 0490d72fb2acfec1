"""Exact counts of what was served. Every request passes `Counters.record` once, and is counted and logged there."""

import bisect
from collections.abc import Callable

from timeserver.log_format import LineFormat, Served

ALWAYS_TOLD_CODES = (200, 404, 500)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})  # RFC 9110, 5789
OTHER_METHOD = "other"
DURATION_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Counters:
    """Counts since the start; all on the event loop, so a plain addition is exact."""

    def __init__(self, log_line: Callable[[bytes], None] | None = None, line_format: LineFormat | None = None) -> None:
        """Start at 0; `log_line` takes each request's line as `line_format` makes it."""
        self.by_code: dict[int, int] = dict.fromkeys(ALWAYS_TOLD_CODES, 0)
        self.by_method_and_code: dict[tuple[str, int], int] = {("GET", code): 0 for code in ALWAYS_TOLD_CODES}
        self.duration_counts = [0] * (len(DURATION_BOUNDS_S) + 1)
        self.duration_sum_s = 0.0
        self.in_flight = 0
        self._log_line = log_line
        self._line_format = line_format

    def record(self, served: Served) -> None:
        """Count one answered request and log it."""
        code = served.status
        self.by_code[code] = self.by_code.get(code, 0) + 1
        key = (served.method if served.method in METHODS else OTHER_METHOD, code)
        self.by_method_and_code[key] = self.by_method_and_code.get(key, 0) + 1
        self.duration_counts[bisect.bisect_left(DURATION_BOUNDS_S, served.duration_s)] += 1
        self.duration_sum_s += served.duration_s
        if self._log_line is not None and self._line_format is not None:
            self._log_line(self._line_format(served))
