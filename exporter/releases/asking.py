"""Counts of errors, and shares of users, from queries to a Prometheus for a whole input."""

import asyncio
from typing import NamedTuple

from exporter.releases import counters
from exporter.releases.bulk.reading import Input, Reading
from exporter.releases.compare.exposure import Shares
from exporter.releases.counters import Counting, Labels, Query
from exporter.sources import prometheus
from exporter.sources.http import new_session
from exporter.sources.prometheus import Asked
from foundation.errors import NothingJudgedError, SourceError
from foundation.promanswer import Series
from foundation.secret import shown_url


class Server(NamedTuple):
    """A Prometheus: its root, the labels that its series have, a bearer token."""

    url: str
    labels: Labels = Labels()
    token: str | None = None

    def ask(self, asked: Asked) -> list[Series]:
        """Series over a range. Raises SourceError."""

        async def run() -> list[Series]:
            """Ask in a session that lasts for this range."""
            async with new_session() as session:
                return await prometheus.ask_range(session, prometheus.Server(self.url, self.token), asked)

        return asyncio.run(run())


def read_counts(server: Server, query: Query, start_s: float, end_s: float) -> Input:
    """All errors in `[start, end)`. Raises SourceError, and NothingJudgedError where there are none."""
    found = server.ask(counters.to_ask(query, start_s, end_s))
    reading, counting = Reading(), Counting(query, server.labels)
    try:
        reading.count(counting.add(found))
    except SourceError as exc:
        raise SourceError(f"{shown_url(server.url)}: {exc}") from exc
    given = reading.end()
    if not given.table.records:
        what = "no series" if not found else "no errors in any series"
        raise NothingJudgedError(
            f"{shown_url(server.url)}: nothing was judged: {query.text!r} has {what} in that range"
        )
    return given


def read_shares(server: Server, query: str, start_s: float, end_s: float, step_s: int) -> Shares:
    """Users by build over `[start, end)`. Raises SourceError."""
    found = server.ask(counters.to_ask(counters.parse_users(query, step_s), start_s, end_s))
    try:
        shares = counters.shares(found, server.labels.version, step_s)
    except SourceError as exc:
        raise SourceError(f"{shown_url(server.url)}: {exc}") from exc
    if not shares.steps:
        raise SourceError(f"{shown_url(server.url)}: the query of users has no series in that range")
    return shares
