"""The error stream's rows: what the feed's truth says it sent, against what the exporter's metrics say."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from foundation.jsonread import JSON_ERRORS, why_not_json
from trafficgen.verify.groups import Group, Traffic, read_until
from trafficgen.verify.peers import PeerError, Peers
from trafficgen.verify.table import Row

AGREE_S = 0.1  # between two readings that shall agree
DELIVERED_WITHIN_S = 120.0  # two bins of evidence, a scrape, a rule, the wait of a group

Counts: TypeAlias = Mapping[tuple[str, str], int]
"""Records by (build, code)."""


class Regression(msgspec.Struct):
    """One code that is worse from `start_s` of the stream on; `every_s`: again and again."""

    code: int
    start_s: float
    every_s: float | None = None

    def last_begun(self, now_s: float) -> float:
        """When it last began before `now_s`, or will begin for the first time; both in seconds of the stream."""
        since = now_s - self.start_s
        return self.start_s + (since // self.every_s * self.every_s if self.every_s and since > 0 else 0.0)


class FeedTruth(msgspec.Struct):
    """What the feed's truth file says, as far as it is needed here."""

    start: int  # Unix time
    candidate: str
    regressions: list[Regression]
    counts: dict[str, dict[str, int]] = {}

    def pairs(self) -> Counter[tuple[str, str]]:
        """Records by (build, code)."""
        return Counter({(build, code): n for build, codes in self.counts.items() for code, n in codes.items()})


class Releases(Group):
    """Sent is counted, build by build and code by code, and the regression that the feed put in is alerted on."""

    name = "the error stream"

    def __init__(
        self,
        peers: Peers,
        say: Callable[[str], None],
        truth: Path,
        *,
        exporter: str,
        receiver: str | None,
        alert: str,
        within_s: float,
        source: str = "app",
    ) -> None:
        """`receiver` None: no alert is expected. `alert`: which one is, of each regression."""
        self._peers, self._say, self._path, self._source = peers, say, truth, source
        self._alert = alert
        self._exporter, self._receiver, self._within_s = exporter, receiver, within_s

    async def begin(self) -> None:
        """Note by how much the two differ: an exporter that has been up longer than the feed has counted more."""
        self._sent_before = self._read().pairs()
        last = await self._difference()
        for _ in range(20):
            await asyncio.sleep(AGREE_S)  # a record may be on its way; two readings that agree were taken between two
            last, self._before = await self._difference(), last
            if last == self._before:
                return
        raise PeerError(f"{self._path}: the feed and the exporter never agree twice on what was sent")

    async def rows(self, traffic: Traffic) -> list[Row]:  # noqa: ARG002, the feed has its own truth
        """One row for the counts, one for each regression."""
        difference = await read_until(self._difference, lambda got: got == self._before, self._within_s)
        sent = self._read()
        rows = [_counts_row(sent.pairs(), self._before, difference)]
        if sent.pairs() == self._sent_before:
            rows.append(Row("the error feed goes on", "more records", "none", holds=False))
        if self._receiver is not None:
            rows += [await self._delivery_row(sent, regression, self._receiver) for regression in sent.regressions]
        return rows

    async def _delivery_row(self, sent: FeedTruth, regression: Regression, receiver: str) -> Row:
        begun = sent.start + regression.last_begun(time.time() - sent.start)
        if (to_come_s := begun - time.time()) > 0:
            self._say(
                f"code {regression.code} of the error stream gets worse in {to_come_s:.0f} s; waiting for its alert"
            )

        async def first() -> float | None:
            """When the first firing alert of this regression was delivered; None before."""
            deliveries = await self._peers.deliveries(
                receiver, self._alert, self._source, candidate=sent.candidate, code=str(regression.code)
            )
            return next(
                (d.received_at for d in deliveries if d.status == "firing" and d.received_at >= sent.start), None
            )

        at = await read_until(first, lambda got: got is not None, begun + DELIVERED_WITHIN_S - time.time())
        got = "not seen" if at is None else f"after {max(0.0, at - begun):.1f} s"
        return Row(
            f"{self._alert} of code {regression.code}",
            f"within {DELIVERED_WITHIN_S:g} s of its start",
            got,
            at is not None,
        )

    async def _difference(self) -> Counter[tuple[str, str]]:
        """Counted minus sent, by (build, code)."""
        samples = (await self._peers.metrics(self._exporter)).get("tidewatch_release_errors_total", [])
        counted = Counter(
            {
                (s.labels["build"], s.labels["code"]): round(s.value)
                for s in samples
                if s.labels.get("source") == self._source
            }
        )
        counted.subtract(self._read().pairs())
        return Counter({pair: n for pair, n in counted.items() if n})

    def _read(self) -> FeedTruth:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=FeedTruth)
        except (OSError, *JSON_ERRORS) as exc:
            raise PeerError(f"{self._path}: the feed's truth cannot be read: {why_not_json(exc)}") from exc


def _counts_row(sent: Counts, before: Counts, after: Counts) -> Row:
    """Sent is what is expected; what came was that, and whatever the difference has changed by."""
    pairs = sorted({*sent, *before, *after})
    came = {pair: sent.get(pair, 0) + after.get(pair, 0) - before.get(pair, 0) for pair in pairs}
    return Row("error stream: sent = counted", _by_build(sent), _by_build(came), before == after)


def _by_build(counts: Counts) -> str:
    builds: Counter[str] = Counter()
    for (build, _), count in counts.items():
        builds[build] += count
    return f"{builds.total():,} ({', '.join(f'{build}: {n:,}' for build, n in sorted(builds.items()))})"
