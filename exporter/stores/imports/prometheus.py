"""A series of Prometheus as polls: 1 is active, 0 inactive, at every step; another value is a row that load sets aside.

A range is asked for in pieces of at most so many steps as Prometheus gives, and in smaller ones where an answer is too
large. Where a series has no value there is no poll, so what nobody measured stays unknown.
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

import msgspec
import requests
from urllib3.exceptions import HTTPError

from exporter.sources.address import USER_AGENT
from exporter.stores.imports import Poll
from foundation.errors import ConfigError, SourceError
from foundation.secret import shown_url

MAX_STEPS = 10_000  # Prometheus gives 11,000 for each series
MAX_ANSWER_BYTES = 64 << 20
MAX_PIECES = 2000
TIMEOUT_S = 60.0
STATUS = {"1": "active", "0": "inactive", "NaN": "unknown"}


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result_type: str = msgspec.field(name="resultType", default="")
    result: list[_Series] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


class _TooLargeError(Exception):
    """An answer is larger than is read at a time."""


class PrometheusPolls(NamedTuple):
    """A query's series over `[start, end)`, each `step_s`; `label` is the one that is the store's id."""

    url: str
    query: str
    start: datetime
    end: datetime
    step_s: float
    label: str = "instance"
    token: str | None = None

    @property
    def name(self) -> str:
        """The address without its secrets."""
        return shown_url(self.url)

    def read(self) -> Iterator[Poll]:
        """All values. Raises ConfigError for a range that cannot be, SourceError for what is not such an answer."""
        steps = math.ceil((self.end - self.start).total_seconds() / self.step_s)
        if steps < 1:
            raise ConfigError("invalid range: expected a --to after --from")
        if steps > MAX_STEPS * MAX_PIECES:
            raise ConfigError(f"{steps} steps: expected at most {MAX_STEPS * MAX_PIECES}; raise --step")
        found = 0
        with closing(requests.Session()) as session:
            session.trust_env = False  # a proxy or a .netrc of the environment would be asked in its place
            session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
            if self.token is not None:
                session.headers["Authorization"] = f"Bearer {self.token}"
            for first in range(0, steps, MAX_STEPS):
                for poll in self._piece(session, first, min(first + MAX_STEPS, steps)):
                    found += 1
                    yield poll
        if not found:
            self._refuse(f"no series of {self.query!r} has a value in that range")

    def caveat(self) -> None:
        """Nothing: what a series has is what was asked for."""

    def _piece(self, session: requests.Session, first: int, end: int) -> Iterator[Poll]:
        """The steps `[first, end)`."""
        at = self.start.timestamp()
        asked = {
            "query": self.query,
            "start": f"{at + first * self.step_s:.3f}",
            "end": f"{at + (end - 1) * self.step_s:.3f}",
            "step": f"{self.step_s:.3f}",
        }
        try:
            body = self._ask(session, asked)
        except _TooLargeError:
            middle = (first + end) // 2
            if middle == first:
                self._refuse(f"an answer is larger than {MAX_ANSWER_BYTES >> 20} MiB for one step")
            yield from self._piece(session, first, middle)
            yield from self._piece(session, middle, end)
            return
        yield from self._polls(body)

    def _ask(self, session: requests.Session, asked: dict[str, str]) -> bytes:
        deadline_s = time.monotonic() + TIMEOUT_S
        address = f"{self.url.rstrip('/')}/api/v1/query_range"
        try:
            with session.post(address, data=asked, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as response:
                body = bytearray()
                for chunk in response.iter_content(1 << 16):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise _TooLargeError
                    if time.monotonic() > deadline_s:
                        self._refuse(f"no whole answer within {TIMEOUT_S:g} s")
                if response.status_code != requests.codes.ok:
                    self._refuse(f"answered {response.status_code}: {_reason(bytes(body))}")
                return bytes(body)
        except requests.Timeout as exc:
            raise SourceError(f"{self.name}: no whole answer within {TIMEOUT_S:g} s") from exc
        except (requests.RequestException, HTTPError, ValueError) as exc:
            raise SourceError(f"{self.name}: {_in_words(exc)}") from exc

    def _polls(self, body: bytes) -> Iterator[Poll]:
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, ValueError) as exc:
            raise SourceError(f"{self.name}: not an answer of Prometheus: {exc}") from exc
        if answer.status != "success" or answer.data is None:
            self._refuse(answer.error or f"status {answer.status!r}")
        if answer.warnings:  # part of the series may be absent, and would look as if nobody had measured
            self._refuse(f"only part of an answer: {answer.warnings[0]}")
        stores: set[str] = set()
        for series in answer.data.result:
            store = series.metric.get(self.label, "")
            if not store:
                self._refuse(
                    f"a series has no label {self.label!r}; it has {', '.join(sorted(series.metric)) or 'none'}"
                )
            if store in stores:
                self._refuse(
                    f"two series have {self.label}={store!r}: expected one each, for example max by ({self.label})"
                )
            stores.add(store)
            for at, value in series.values:
                yield Poll(store, STATUS.get(value, value), f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}")

    def _refuse(self, why: str) -> NoReturn:
        raise SourceError(f"{self.name}: {why}")


def _reason(body: bytes) -> str:
    """What an error's body says."""
    try:
        return msgspec.json.decode(body, type=_Answer).error or "no reason"
    except (msgspec.DecodeError, ValueError):
        return " ".join(body[:200].decode("utf-8", "replace").split()) or "no reason"


def _in_words(exc: BaseException) -> str:
    cause: BaseException | None = exc
    for _ in range(10):  # errors may be each other's context
        if cause is None:
            break
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return cause.strerror
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__ or inner
    return shown_url(" ".join(str(exc).split())) if isinstance(exc, ValueError) else "the connection broke off"
