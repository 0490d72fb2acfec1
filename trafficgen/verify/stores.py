"""Stores in the check: what the exporter exposes of them against the truth of the feed they come from."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from foundation.errors import BadRecord
from foundation.jsonread import read_json
from trafficgen.verify.groups import Group, Traffic, read_until
from trafficgen.verify.peers import PeerError, Peers, whole
from trafficgen.verify.table import Row, count_row

TOLERANCE = 0.25
"""Of the true time down: a poller that comes once an hour can't see when within the hour a store failed."""


class Seen(NamedTuple):
    """The feed's truth, and what the metrics say, at one moment."""

    polls: int
    counted: int
    down_s: float
    measured_s: float


class Stores(Group):
    """Every poll of the feed is in the database, and the time down in a week is about what it was."""

    name = "the stores"

    def __init__(self, peers: Peers, *, exporter: str, truth: Path, within_s: float) -> None:
        """`exporter`: its URL. `truth`: the feed's file. `within_s`: for the polls to come."""
        self._peers, self._exporter, self._truth, self._within_s = peers, exporter, truth, within_s

    async def begin(self) -> None:
        """See that the feed has begun."""
        await read_until(self._read, lambda seen: seen.polls > 0, self._within_s)

    async def rows(self, traffic: Traffic) -> list[Row]:  # noqa: ARG002, the feed has its own truth
        """Two rows."""
        seen = await read_until(self._read, lambda found: found.polls == found.counted and _near(found), self._within_s)
        want, got = seen.down_s / 3600, seen.measured_s / 3600
        return [
            count_row("store polls, sent and in the database", seen.polls, seen.counted),
            Row("hours that stores were down", f"{want:.1f}, within {TOLERANCE:.0%}", f"{got:.1f}", _near(seen)),
        ]

    async def _read(self) -> Seen:
        metrics = await self._peers.metrics(self._exporter)
        try:
            truth = read_json(await asyncio.to_thread(self._truth.read_bytes))
            polls, down_s = int(truth["polls"]), float(truth["down_seconds"])
        except (OSError, BadRecord, ValueError, KeyError, TypeError, OverflowError) as exc:
            raise PeerError(f"{self._truth}: not the truth of the stores' feed: {exc}") from exc
        samples = metrics.get("tidewatch_store_polls_total", [])
        counted = sum(s.value for s in samples if s.labels.get("result") == "new")
        down = [
            s.value
            for s in metrics.get("tidewatch_store_time_seconds", [])
            if (s.labels.get("window"), s.labels.get("state")) == ("week", "down")
        ]
        measured_s = whole(sum(down), "tidewatch_store_time_seconds")
        return Seen(polls, whole(counted, "tidewatch_store_polls_total"), down_s, measured_s)


def _near(seen: Seen) -> bool:
    return abs(seen.measured_s - seen.down_s) <= TOLERANCE * seen.down_s
