"""A counter of a Prometheus as a stream, and the users of each build."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import aiohttp
import msgspec

from exporter.releases.compare.exposure import Shares
from exporter.releases.counters import Counting, Labels, Query, parse_query, parse_users, shares, to_ask
from exporter.sources.address import check_url
from exporter.sources.http import new_session
from exporter.sources.prometheus import Server, ask_range
from foundation.clock import Clock
from foundation.errors import ConfigError, SourceError
from foundation.keys import duration
from foundation.secret import shown_url

log = logging.getLogger(__name__)

SETTLED_S = 5.0  # after a step's end, until the scrapes in it are in the Prometheus
MOST_BEHIND_S = 3600.0
"""The longest pause to catch up with; a first start counts only from then on."""
MOST_USERS_S = 86_400.0
"""How far back users are queried: as far as bins wait for them."""


class Polled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Prometheus to query: a counter of errors, the users of each build, or both.

    url: the address of the Prometheus.
    query: the query of the counter of errors.
    exposure_query: the query of the users of each build.
    every: the interval of queries, in whole steps of the query.
    version_label: the label with the build.
    code_label: the label with the code.
    token_file: the file with a bearer token.
    """

    url: str
    query: str | None = None
    exposure_query: str | None = None
    every: Annotated[int, duration(whole=True)] = 10
    version_label: str = "version"
    code_label: str = "code"
    token_file: str | None = None

    def __post_init__(self) -> None:
        check_url(self.url)
        if self.query is None and self.exposure_query is None:
            raise ValueError("nothing to ask: expected query, exposure_query or both")
        try:
            step_s = self.step_s
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc
        if self.every % step_s:
            raise ValueError(f"invalid every: expected whole steps of the query, for example {step_s}s")

    @property
    def step_s(self) -> int:
        """Between two values. Raises ConfigError."""
        errors = parse_query(self.query) if self.query is not None else None
        users = parse_users(self.exposure_query, errors and errors.step_s) if self.exposure_query is not None else None
        return next(query.step_s for query in (errors, users) if query is not None)


class Answered(NamedTuple):
    """The results until `to_s`: new errors by second, build and code; users since the oldest bin that needs them."""

    to_s: float
    counts: Mapping[tuple[int, str, Any], int]
    users: Shares | None = None


class Poller:
    """Queries one Prometheus periodically. A failed range is queried again with the next."""

    def __init__(self, polled: Polled, token: str | None, clock: Clock, since_s: float | None) -> None:
        """since_s: the end of the answers to an earlier run."""
        self._polled, self._clock = polled, clock
        self._server = Server(polled.url, token)
        self._step_s = polled.step_s
        self._query = parse_query(polled.query) if polled.query is not None else None
        labels = Labels(polled.version_label, polled.code_label)
        self._counting = Counting(self._query, labels, begun=since_s is not None) if self._query else None
        self._done_s = clock.wall() - SETTLED_S if since_s is None else since_s

    async def run(self, answered: Callable[[Answered | None], None], open_s: Callable[[], float | None]) -> None:
        """Ask until cancelled.

        answered: is given each answer, None where there is none. open_s: the start of the oldest bin that needs users.
        """
        polled = self._polled
        async with new_session() as session:
            while True:
                end_s = self._whole(self._clock.wall() - SETTLED_S)
                if end_s > self._whole(self._done_s):
                    try:
                        found = await self._ask(session, end_s, open_s())
                        self._done_s = end_s
                        answered(found)
                    except SourceError as exc:
                        log.warning("%s: %s; asking again in %d s", shown_url(polled.url), exc, polled.every)
                        answered(None)
                await self._clock.sleep_until(self._clock.monotonic() + polled.every)

    async def _ask(self, session: aiohttp.ClientSession, end_s: float, open_s: float | None) -> Answered:
        polled, users = self._polled, None
        start_s = self._whole(max(self._done_s, end_s - MOST_BEHIND_S))
        if polled.exposure_query is not None:
            since_s = self._whole(max(min(start_s, open_s if open_s is not None else start_s), end_s - MOST_USERS_S))
            asked = to_ask(Query(polled.exposure_query, "users", self._step_s), since_s, end_s)
            users = shares(await ask_range(session, self._server, asked), polled.version_label, self._step_s)
        if self._query is None or self._counting is None:
            return Answered(end_s, {}, users)
        found = await ask_range(session, self._server, to_ask(self._query, start_s, end_s))
        return Answered(end_s, self._counting.add(found, start_s), users)

    def _whole(self, time_s: float) -> float:
        """The start of the step that a time is in."""
        return math.floor(time_s / self._step_s) * self._step_s
