"""Grafana's HTTP API as far as `grafana-check` needs it: read only, with a token or as anybody. Grafana 11 to 13."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from dashboards import peer
from dashboards.prometheus import FALLBACK_SCRAPE_S, MAX_AT_ONCE, Prometheus
from foundation.errors import ConfigError, SourceError
from foundation.grammar import duration_s
from foundation.jsonread import JSON_ERRORS, why_not_json
from foundation.secret import shown_url

TIMEOUT_S = 40.0  # Grafana itself waits 30 s for a data source
_PAGE = 1000  # boards of one answer
_MAX_BOARDS = 5000
T = TypeVar("T")
_EXAMPLE = "for example http://127.0.0.1:3000, or http://HOST/grafana where it is served under a path"


class DataSource(msgspec.Struct, frozen=True, rename="camel"):
    """One data source as Grafana's own page is given it."""

    name: str
    type: str
    uid: str = ""
    is_default: bool = False
    json_data: dict[str, Any] | None = None

    @property
    def scrape_interval_s(self) -> float:
        """Its "Scrape interval" (`timeInterval`): no query has a shorter step."""
        try:
            return duration_s((self.json_data or {}).get("timeInterval") or FALLBACK_SCRAPE_S)
        except ValueError:
            return FALLBACK_SCRAPE_S


class _BuildInfo(msgspec.Struct, frozen=True):
    version: str = ""


class Settings(msgspec.Struct, frozen=True, rename="camel"):
    """What Grafana's page knows before it draws anything."""

    build_info: _BuildInfo = _BuildInfo()
    anonymous_enabled: bool = False
    datasources: dict[str, DataSource] = {}

    @property
    def version(self) -> str:
        """Such as "12.2.0"; "?" where it is not shown to everybody."""
        return self.build_info.version or "?"

    @property
    def sources(self) -> list[DataSource]:
        """The data sources in the order of their names, as menus have them."""
        return sorted(self.datasources.values(), key=lambda source: source.name.lower())


class Found(msgspec.Struct, frozen=True):
    """One board of the list."""

    uid: str
    title: str


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    provisioned: bool = False


class Saved(msgspec.Struct, frozen=True):
    """A board as Grafana has it."""

    dashboard: dict[str, Any]
    meta: _Meta = _Meta()

    @property
    def provisioned(self) -> bool:
        """Whether it comes from a file, and so is not changed in the browser."""
        return self.meta.provisioned


class _Field(msgspec.Struct, frozen=True):
    type: str = ""


class _Schema(msgspec.Struct, frozen=True):
    fields: list[_Field] | None = None


class _Columns(msgspec.Struct, frozen=True):
    values: list[list[Any]] | None = None


class DataFrame(msgspec.Struct, frozen=True):
    """One frame of an answer: columns, of which those of type "number" hold samples."""

    schema: _Schema = _Schema()
    data: _Columns = _Columns()

    def columns(self, kind: str) -> list[list[Any]]:
        """The columns of that type."""
        typed = zip(self.schema.fields or [], self.data.values or [], strict=False)
        return [values for field, values in typed if field.type == kind]


class Result(msgspec.Struct, frozen=True):
    """What one query gave."""

    frames: list[DataFrame] | None = None
    error: str = ""


class _Results(msgspec.Struct, frozen=True):
    results: dict[str, Result] | None = None
    message: str = ""


class _Health(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    message: str = ""


def base_url(text: str) -> str:
    """Grafana's address without a slash at its end. Raises ConfigError."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        good = good and parts.port != 0 and text.isprintable() and " " not in text
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"invalid URL {shown_url(text)!r}: expected http:// or https:// and a host, {_EXAMPLE}")
    return text.rstrip("/")


class Grafana:
    """One Grafana. Every method raises SourceError, or ConfigError where it asks for a login."""

    def __init__(self, url: str, session: aiohttp.ClientSession, *, token_from: str = "") -> None:
        """`session` sends the token, if there is one; `token_from` says where it came from, for messages."""
        self.url = base_url(url)
        self.shown = shown_url(self.url)
        self._session = session
        self._token_from = token_from
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)

    async def settings(self) -> Settings:
        """Version, data sources and whether anybody may look. Asks first whether this is Grafana at all."""
        got = await self._ask("GET", "/api/health")
        try:
            known = "database" in msgspec.json.decode(got.body, type=dict[str, Any])
        except JSON_ERRORS:
            known = False
        if not known:
            where = f" and leads to {shown_url(got.location)}" if got.location else ""
            raise SourceError(
                f"no Grafana at {self.shown}: /api/health answered {got.status}{where}, not as Grafana does;"
                f" expected the address of its start page, {_EXAMPLE}"
            )
        return await self._read("/api/frontend/settings", Settings)

    async def boards(self) -> list[Found]:
        """Every board that may be seen, in the order of their titles."""
        found: list[Found] = []
        while len(found) < _MAX_BOARDS:
            page = len(found) // _PAGE + 1
            got = await self._read(
                "/api/search", list[Found], {"type": "dash-db", "limit": str(_PAGE), "page": str(page)}
            )
            found += got
            if len(got) < _PAGE:
                break
        return sorted(found, key=lambda board: board.title)

    async def board(self, uid: str) -> Saved:
        """One board."""
        return await self._read(f"/api/dashboards/uid/{quote(uid, safe='')}", Saved)

    async def fault_of(self, source: DataSource) -> str:
        """What is wrong with a data source by its own check; empty when nothing is."""
        got = await self._ask("GET", f"/api/datasources/uid/{quote(source.uid, safe='')}/health")
        try:
            health = msgspec.json.decode(got.body, type=_Health)
        except JSON_ERRORS:
            health = _Health()
        if health.status == "OK":
            return ""
        return health.message or f"its health check answered {got.status}"

    async def query(self, queries: Sequence[Mapping[str, Any]], since_ms: int, until_ms: int) -> dict[str, Result]:
        """The results of one panel's queries, by their letter; each may have failed on its own."""
        body = {"queries": queries, "from": str(since_ms), "to": str(until_ms)}
        got = await self._ask("POST", "/api/ds/query", json=body)
        answer = self._decoded("/api/ds/query", got, _Results)
        if answer.results is None:
            raise SourceError(f"Grafana refuses the query: {answer.message or got.status}")
        return answer.results

    def prometheus(self, source: DataSource) -> Prometheus:
        """The Prometheus behind a data source, asked through Grafana."""
        return Prometheus(f"{self.url}/api/datasources/uid/{quote(source.uid, safe='')}/resources", self._session)

    async def _read(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> T:
        got = await self._ask("GET", path, params=params)
        if got.status != 200:
            raise SourceError(f"Grafana at {self.shown} refuses {path}: {got.status} {_message(got.body)}".rstrip())
        return self._decoded(path, got, kind)

    async def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> peer.Answer:
        async with self._turns:
            got = await peer.ask(
                self._session,
                method,
                self.url + path,
                peer="Grafana",
                shown=self.shown,
                timeout_s=TIMEOUT_S,
                params=params,
                json=json,
            )
        if got.status == 401 and self._token_from:
            raise ConfigError(
                f"{self._token_from}: Grafana at {self.shown} refuses this token ({_message(got.body) or 401});"
                " expected a token of a service account with the role Viewer"
            )
        if got.status == 401:
            raise ConfigError(
                f"Grafana at {self.shown} asks for a login: give --token-file FILE, which holds a token of a service"
                " account with the role Viewer (Administration, Users and access, Service accounts)"
            )
        return got

    def _decoded(self, path: str, got: peer.Answer, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(got.body, type=kind)
        except JSON_ERRORS as exc:
            why = why_not_json(exc)
            raise SourceError(f"{self.shown}{path} answered {got.status}, but not as Grafana does: {why}") from exc


def _message(body: bytes) -> str:
    """Grafana's own words for a refusal, if there are any."""
    try:
        return msgspec.json.decode(body, type=_Refusal).message
    except JSON_ERRORS:
        return ""
