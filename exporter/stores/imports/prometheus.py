"""A series of Prometheus as polls: 1 is active, 0 inactive, at every step; another value is a row that load sets aside.

Where a series has no value there is no poll, so unmeasured time stays unknown.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from exporter.sources.prometheus import Asked, Server
from exporter.stores.imports import Poll
from foundation.errors import ConfigError, SourceError
from foundation.promanswer import Series
from foundation.secret import shown_url

STATUS = {"1": "active", "0": "inactive", "NaN": "unknown"}


class PrometheusPolls(NamedTuple):
    """A query's series over `[start, end)`, each `step_s`; `label` is the one that is the store's id."""

    server: Server
    query: str
    start: datetime
    end: datetime
    step_s: float
    label: str = "instance"

    @property
    def name(self) -> str:
        """The address without its secrets."""
        return shown_url(self.server.url)

    def read(self) -> Iterator[Poll]:
        """All values. Raises ConfigError for a range that cannot be, SourceError for what is not such an answer."""
        steps = math.ceil((self.end - self.start).total_seconds() / self.step_s)
        if steps < 1:
            raise ConfigError("invalid range: expected a --to after --from")
        start_s = self.start.timestamp()
        found = 0
        for piece in self.server.read(Asked(self.query, start_s, start_s + (steps - 1) * self.step_s, self.step_s)):
            for poll in self._polls(piece):
                found += 1
                yield poll
        if not found:
            raise self._refusal(f"no series of {self.query!r} has a value in that range")

    def caveat(self) -> None:
        """Nothing: what a series has is what was asked for."""

    def _polls(self, piece: Sequence[Series]) -> Iterator[Poll]:
        stores: set[str] = set()
        for series in piece:
            store = series.metric.get(self.label, "")
            if not store:
                has = ", ".join(sorted(series.metric)) or "none"
                raise self._refusal(f"a series has no label {self.label!r}; it has {has}")
            if store in stores:
                example = f"max by ({self.label})"
                raise self._refusal(f"two series have {self.label}={store!r}: expected one each, for example {example}")
            stores.add(store)
            for at, value in series.values:
                yield Poll(store, STATUS.get(value, value), f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}")

    def _refusal(self, why: str) -> SourceError:
        return SourceError(f"{self.name}: {why}")
