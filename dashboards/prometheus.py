"""Prometheus' HTTP API as far as boards need it: read only, bounded in time and size."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import aiohttp
import msgspec

from dashboards import peer
from dashboards.promql import Span
from foundation.config import parse_config
from foundation.errors import ConfigError, SourceError
from foundation.jsonread import JSON_ERRORS, why_not_json
from foundation.keys import duration
from foundation.secret import shown_url

MAX_AT_ONCE = 8  # a page of 25 panels must not be 60 queries at the same moment
FALLBACK_SCRAPE_S = 15.0  # what Grafana takes for a Prometheus that does not say

Labels = dict[str, str]


class Series(msgspec.Struct, frozen=True):
    """One series of an answer: its labels and its (Unix time, value) pairs; of an instant query, one pair."""

    labels: Labels = msgspec.field(name="metric", default_factory=dict)
    pairs: list[tuple[float, str]] = msgspec.field(name="values", default_factory=list)
    pair: tuple[float, str] | None = msgspec.field(name="value", default=None)


class _Global(msgspec.Struct, frozen=True):
    scrape_interval: Annotated[float, duration()] = FALLBACK_SCRAPE_S


class _Config(msgspec.Struct, frozen=True):
    """The part of Prometheus' own configuration that matters here."""

    global_: _Global = msgspec.field(name="global", default=_Global())


class _Data(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="resultType", default="")
    result: msgspec.Raw = msgspec.Raw(b"[]")


class _Answer(msgspec.Struct, frozen=True):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""


class Prometheus:
    """One Prometheus. Every method raises SourceError with a line for the user."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        """`url` is its root; the caller closes `session`."""
        self.url = url.rstrip("/")
        self.shown = shown_url(self.url)
        self._session = session
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def range(self, expr: str, asked: Span) -> list[Series]:
        """The series of `expr` over the span."""
        form = {"query": expr, "start": str(asked.start_s), "end": str(asked.end_s), "step": str(asked.step_s)}
        return _series(await self._ask("POST", "/api/v1/query_range", form))

    async def instant(self, expr: str, time_s: float) -> list[Series]:
        """The series of `expr` at a time, one pair each."""
        return _series(await self._ask("POST", "/api/v1/query", {"query": expr, "time": f"{time_s:.3f}"}))

    async def label_values(self, selector: str, label: str, asked: Span) -> list[str]:
        """The values that `label` has on the series of `selector` in the span."""
        form = {"match[]": selector, "start": str(asked.start_s), "end": str(asked.end_s)}
        found: list[str] = _read(await self._ask("GET", f"/api/v1/label/{label}/values", form), list[str])
        return found

    async def alerts(self) -> list[dict[str, Any]]:
        """The active alerts as the API returns them: labels, annotations, state, activeAt, value."""
        told = _read(await self._ask("GET", "/api/v1/alerts", {}), dict[str, list[dict[str, Any]]])
        found: list[dict[str, Any]] = told.get("alerts", [])
        return found

    async def has_alert_rules(self) -> bool:
        """Whether there is a rule that could fire."""
        told = _read(await self._ask("GET", "/api/v1/rules", {"type": "alert"}), dict[str, list[dict[str, Any]]])
        return any(group.get("rules") for group in told.get("groups", []))

    async def scrape_interval_s(self) -> float:
        """The global scrape interval of its configuration."""
        told = _read(await self._ask("GET", "/api/v1/status/config", {}), dict[str, str])
        return scrape_interval_s(told.get("yaml", ""))

    async def _ask(self, method: str, path: str, form: Mapping[str, str]) -> msgspec.Raw:
        """The `data` of one answer."""
        async with self._turns:
            got = await peer.ask(
                self._session,
                method,
                self.url + path,
                peer="Prometheus",
                shown=self.shown,
                params=form if method == "GET" else None,
                data=form if method == "POST" else None,
            )
        try:
            answer = msgspec.json.decode(got.body, type=_Answer)
        except JSON_ERRORS as exc:
            raise SourceError(f"{self.shown} answered {got.status}, but not as Prometheus does") from exc
        if answer.status != "success":
            raise SourceError(f"Prometheus refuses the query: {answer.error}")
        return answer.data


def _read(raw: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except JSON_ERRORS as exc:
        raise SourceError(f"an answer that is not Prometheus': {why_not_json(exc)}") from exc


def _series(raw: msgspec.Raw) -> list[Series]:
    data: _Data = _read(raw, _Data)
    if data.kind in {"scalar", "string"}:
        return [Series(pair=_read(data.result, tuple[float, str]))]
    found: list[Series] = _read(data.result, list[Series])
    return found


def scrape_interval_s(config: str) -> float:
    """The global scrape interval in a configuration of Prometheus; Grafana's default where none can be found."""
    try:
        return parse_config(config, _Config).global_.scrape_interval
    except ConfigError:
        return FALLBACK_SCRAPE_S
