"""Whether a build is present, bin by bin: the zeros of one that has gone say nothing about the others. Pure.

When a rollout ends the old build stops. Against its zeros every code of the new one would look worse.
"""

import msgspec

GONE_RECORDS = 10.0
"""A build is gone when this number of its records was expected and none came: a chance of e^-10, if it were present."""

RECENT_BINS = 30


class Presence(msgspec.Struct):
    """One build's last bins.

    recent: records of any code in the last bins in which it was present.
    quiet: bins since its last record.
    """

    recent: list[int] = []
    quiet: int = 0

    @property
    def gone(self) -> bool:
        """Whether it has stopped; a build that has not come yet is not gone."""
        return bool(self.quiet) and self.quiet * sum(self.recent) >= GONE_RECORDS * max(1, len(self.recent))

    def step(self, records: int) -> bool:
        """Take in the next bin; whether the build was present in it."""
        if not records:
            self.quiet += 1
            return not self.gone
        quiet = [] if self.gone else [0] * min(self.quiet, RECENT_BINS)
        self.recent = [*self.recent, *quiet, records][-RECENT_BINS:]
        self.quiet = 0
        return True
