"""Web hosts: the exporter's downtime against the truth that the feed writes beside its logs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from foundation.errors import BadRecord
from foundation.jsonread import read_json
from foundation.secret import shown_url
from trafficgen.verify.groups import Group, Traffic, read_until
from trafficgen.verify.peers import PeerError, Peers, whole
from trafficgen.verify.table import Row

SPENT = "tidewatch_hosting_account_state_seconds"
DOWN_STATES = {"overload", "silent"}


class Downtime(NamedTuple):
    """Downtime and lifetime of all accounts together, in seconds, at one moment of the log."""

    as_of_s: int
    down_s: int
    lifetime_s: int


class Hosting(Group):
    """Both change while they are read, so the exporter's values of a minute are compared with that minute's truth."""

    name = "hosting: downtime at /metrics"

    def __init__(self, peers: Peers, exporter: str, path: str, within_s: float) -> None:
        """`exporter`: its URL. `path`: of the feed's truth. `within_s`: for a minute that both have."""
        self._peers, self._exporter, self._path, self._within_s = peers, exporter, Path(path), within_s

    async def begin(self) -> None:
        """See that the feed writes."""
        self._truth()

    async def rows(self, traffic: Traffic) -> list[Row]:  # noqa: ARG002, web hosts have their own
        """One row."""
        got, want = await read_until(
            self._both, lambda pair: pair[1] is not None and pair[0] == pair[1], self._within_s
        )
        moment = datetime.fromtimestamp(got.as_of_s, UTC)
        expected = "the feed's truth of that minute" if want is None else _text(want)
        return [Row(f"= hosting: downtime to {moment:%m-%d %H:%M}", expected, _text(got), got == want)]

    async def _both(self) -> tuple[Downtime, Downtime | None]:
        """What the exporter exposes, and the truth of that minute, if it is kept."""
        metrics = await self._peers.metrics(self._exporter)
        watermarks = metrics.get("tidewatch_hosting_watermark_timestamp_seconds", [])
        if len(watermarks) != 1:
            raise PeerError(f"{shown_url(self._exporter)}/metrics has {len(watermarks)} web hosts, expected one")
        spent = metrics.get(SPENT, [])
        down_s = sum(sample.value for sample in spent if sample.labels.get("state") in DOWN_STATES)
        lived_s = sum(sample.value for sample in spent if sample.labels.get("state") != "unknown")
        figures = (watermarks[0].value, down_s, lived_s)
        got = Downtime(*(whole(value, f"{shown_url(self._exporter)}/metrics: a sum of seconds") for value in figures))
        return got, self._truth().get(got.as_of_s)

    def _truth(self) -> dict[int, Downtime]:
        try:
            tree = read_json(self._path.read_bytes())
            return {row[0]: Downtime(*row) for row in tree["recent"]}
        except OSError as exc:
            raise PeerError(f"{self._path}: {exc.strerror}; is `trafficgen feed hosting` running?") from exc
        except (BadRecord, KeyError, TypeError, IndexError) as exc:
            raise PeerError(f"{self._path}: not the truth of `trafficgen feed hosting`: {exc!r}") from exc


def _text(downtime: Downtime) -> str:
    return f"{downtime.down_s:,} s of {downtime.lifetime_s:,} s"
