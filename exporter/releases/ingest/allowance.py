"""The limit of records per second: a second's worth at once, and then at the rate. Pure: no clock."""


class Allowance:
    """The used part of a rate. Times are seconds on any one clock that does not go back."""

    def __init__(self, rate_per_s: float | None) -> None:
        """None: no limit."""
        self._rate = rate_per_s
        self._owed = 0.0  # records ahead of the rate
        self._at_s = 0.0

    def charge(self, records: int, now_s: float) -> None:
        """Count records that came."""
        if self._rate is not None:
            self._owed = max(0.0, self._owed - (now_s - self._at_s) * self._rate) + records
            self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until more may come; 0: now."""
        if self._rate is None:
            return 0.0
        owed = self._owed - (now_s - self._at_s) * self._rate
        return max(0.0, owed / self._rate - 1.0)
