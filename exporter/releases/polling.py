"""A counter of a Prometheus as a stream: the steps that have ended since the last answer, again and again."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from exporter.releases.counters import Counting, Labels, parse_query, to_ask
from exporter.sources.address import check_url
from exporter.sources.http import new_session
from exporter.sources.prometheus import ask_range
from foundation.clock import Clock
from foundation.errors import ConfigError, SourceError
from foundation.keys import duration
from foundation.secret import shown_url

log = logging.getLogger(__name__)

SETTLED_S = 5.0  # after a step's end, until the scrapes in it are in the Prometheus
MOST_BEHIND_S = 3600.0
"""What is caught up with after a pause; of a first start, only what comes from then on."""


class Polled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to ask, what, and how often."""

    url: str
    query: str
    every: Annotated[int, duration(whole=True)] = 10
    version_label: str = "version"
    code_label: str = "code"
    token_file: str | None = None

    def __post_init__(self) -> None:
        check_url(self.url)
        try:
            query = parse_query(self.query)
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc
        if self.every % query.step_s:
            raise ValueError(f"invalid every: expected whole steps of the query, for example {query.step_s}s")


async def poll(
    polled: Polled,
    token: str | None,
    clock: Clock,
    since_s: float | None,
    answered: Callable[[Mapping[tuple[int, str, Any], int] | None, float], None],
) -> None:
    """Ask until cancelled.

    since_s: the end of what an earlier run was answered. answered: is given each answer's counts, None where there is
    no answer, and the end of what is answered. What cannot be had is asked for again with the next.
    """
    query = parse_query(polled.query)
    counting = Counting(query, Labels(polled.version_label, polled.code_label), begun=since_s is not None)
    done_s = clock.wall() - SETTLED_S if since_s is None else since_s
    async with new_session() as session:
        while True:
            end_s = math.floor((clock.wall() - SETTLED_S) / query.step_s) * query.step_s
            start_s = math.floor(max(done_s, end_s - MOST_BEHIND_S) / query.step_s) * query.step_s
            if end_s > start_s:
                try:
                    found = await ask_range(session, polled.url, to_ask(query, start_s, end_s), token)
                    counts = counting.add(found, start_s)
                    done_s = end_s
                    answered(counts, done_s)
                except SourceError as exc:
                    log.warning("%s: %s; asking again in %d s", shown_url(polled.url), exc, polled.every)
                    answered(None, done_s)
            await clock.sleep_until(clock.monotonic() + polled.every)
