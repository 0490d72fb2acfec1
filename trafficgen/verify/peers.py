"""The other parts of the system as the check sees them: a few reads over HTTP, each with a deadline."""

import contextlib
import math
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from foundation.errors import BadRecord, TidewatchError, in_words
from foundation.exits import Exit
from foundation.jsonread import read_json
from foundation.secret import shown_url
from trafficgen.fetch import new_session, read_bytes
from trafficgen.verify.table import Codes

ANSWER_WITHIN_S = 5.0


class PeerError(TidewatchError):
    """A part does not answer, or not with what it should; the text says which, and where."""

    exit_code = Exit.NOT_READ


class Sample(NamedTuple):
    """One sample of an exposition or of a query's result."""

    labels: dict[str, str]
    value: float


class Delivery(NamedTuple):
    """A notification about the alert, as the receiver has it."""

    status: str  # firing or resolved
    received_at: float  # Unix time
    started_at: float  # of the alert, Unix time


class Peers:
    """Reads from the parts of the system. Every method raises PeerError where a part does not answer."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """`session`: the caller's, who closes it."""
        self._session = session

    async def stats(self, url: str) -> Codes:
        """Counts by code from a stats page (`200s: 17`, a line each)."""
        text = await self._get(url)
        pairs = [line.partition(":") for line in text.splitlines()]
        with _shape_of(url):
            return {int(n[:-1]): int(value) for n, _, value in pairs if n[:-1].isdecimal() and n.endswith("s")}

    async def metrics(self, exporter: str) -> dict[str, list[Sample]]:
        """Every sample of an exporter's /metrics, by name."""
        found: dict[str, list[Sample]] = {}
        url = f"{exporter}/metrics"
        text = await self._get(url)
        with _shape_of(url):
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append(Sample(sample.labels, sample.value))
        return found

    async def query(self, prometheus: str, query: str) -> list[Sample]:
        """An instant vector, as Prometheus has it now."""
        url = f"{prometheus}/api/v1/query"
        text = await self._get(url, query=query)
        with _shape_of(url):
            return [Sample(r["metric"], float(r["value"][1])) for r in read_json(text)["data"]["result"]]

    async def firing(self, prometheus: str, alert: str, source: str) -> bool:
        """Whether Prometheus has the alert firing for `source`."""
        url = f"{prometheus}/api/v1/alerts"
        text = await self._get(url)
        with _shape_of(url):
            alerts = read_json(text)["data"]["alerts"]
            return any(a["state"] == "firing" and _is(a["labels"], alert, source) for a in alerts)

    async def deliveries(self, receiver: str, alert: str, source: str, **labels: str) -> list[Delivery]:
        """Notifications that the receiver got for the alert with these labels, oldest first."""
        url = f"{receiver}/notifications"
        text = await self._get(url)
        with _shape_of(url):
            return [
                Delivery(one["status"], _unix(notification["received_at"]), _unix(one["startsAt"]))
                for notification in read_json(text)
                for one in notification["alerts"]
                if _is(one["labels"], alert, source) and labels.items() <= one["labels"].items()
            ]

    async def _get(self, url: str, **parameters: str) -> str:
        shown = shown_url(url)
        try:
            async with self._session.get(url, params=parameters) as response:
                if response.status != 200:
                    raise PeerError(f"{shown}: answered {response.status}")
                return (await read_bytes(response)).decode()
        except TimeoutError as exc:
            raise PeerError(f"{shown}: no answer within {ANSWER_WITHIN_S:g} s") from exc
        except UnicodeDecodeError as exc:
            raise PeerError(f"{shown}: expected UTF-8 text in the answer") from exc
        except aiohttp.ClientConnectorError as exc:
            hint = "a flag gives its address; `make demo` starts all parts"
            raise PeerError(f"{shown}: {in_words(exc.os_error)}; {hint}") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise PeerError(f"{shown}: {shown_url(str(exc))}") from exc


def open_session() -> aiohttp.ClientSession:
    """The client for `Peers`; close it after use."""
    return new_session(ANSWER_WITHIN_S)


@contextlib.contextmanager
def _shape_of(url: str) -> Iterator[None]:
    """An answer of another shape than was asked for is the peer's fault: PeerError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, BadRecord) as exc:
        raise PeerError(f"{shown_url(url)}: unexpected answer: {exc!r}") from exc


def whole(value: float, what: str) -> int:
    """A count that a peer exposes, or seconds, to the nearest. Raises PeerError for what is not finite."""
    if not math.isfinite(value):
        raise PeerError(f"{what} is {value}, expected a number")
    return round(value)


def codes_of(samples: list[Sample], source: str) -> Codes:
    """Samples with `source` and `code` labels, added up by code. Raises PeerError for what counts nothing."""
    counts: dict[int, int] = {}
    for labels, value in samples:
        if labels.get("source", source) == source:
            try:
                code, count = int(labels["code"]), round(value)
            except (LookupError, ValueError, OverflowError) as exc:  # a count of NaN or infinity among them
                raise PeerError(f"a sample of {source} has no code and count: {labels} {value}") from exc
            counts[code] = counts.get(code, 0) + count
    return counts


def _is(labels: dict[str, str], alert: str, source: str) -> bool:
    return labels.get("alertname") == alert and labels.get("source", source) == source


def _unix(text: str) -> float:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return at.timestamp()
