"""A query's series over a range, from Prometheus' HTTP API: bounded in time and size, every trouble a SourceError."""

import asyncio
import math
from typing import NamedTuple

import aiohttp
import msgspec

from exporter.sources.http import read_bounded
from foundation.errors import SourceError, in_words
from foundation.secret import shown_url

MAX_STEPS = 10_000  # in one request; Prometheus gives 11,000 for each series
MAX_PIECES = 100
MAX_ANSWER_BYTES = 64 << 20
MAX_VALUES = 20_000_000
TIMEOUT_S = 60.0


class Series(msgspec.Struct, frozen=True):
    """Labels, and values by Unix time as text."""

    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    kind: str = msgspec.field(name="resultType", default="")
    result: list[Series] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


class Asked(NamedTuple):
    """A query at `start_s`, and at every `step_s` until `end_s`, both inclusive. Unix times."""

    query: str
    start_s: float
    end_s: float
    step_s: float


async def ask_range(session: aiohttp.ClientSession, url: str, asked: Asked, token: str | None = None) -> list[Series]:
    """All series, asked for in pieces that Prometheus gives; a series may come once for each piece.

    Raises SourceError, which begins with the address. An answer with a warning is refused: a part of the series may be
    absent, and would look as if there had been no errors.
    """
    steps = math.floor((asked.end_s - asked.start_s) / asked.step_s) + 1
    if steps > MAX_STEPS * MAX_PIECES:
        raise SourceError(f"{shown_url(url)}: {steps} steps: expected at most {MAX_STEPS * MAX_PIECES}; raise --step")
    found: list[Series] = []
    for first in range(0, steps, MAX_STEPS):
        form = {
            "query": asked.query,
            "start": f"{asked.start_s + first * asked.step_s:.3f}",
            "end": f"{asked.start_s + (min(first + MAX_STEPS, steps) - 1) * asked.step_s:.3f}",
            "step": f"{asked.step_s:.3f}",
        }
        found += _series(url, await _ask(session, url, form, token))
        if sum(len(series.values) for series in found) > MAX_VALUES:
            raise SourceError(f"{shown_url(url)}: more than {MAX_VALUES:,} values: raise --step, or sum more labels up")
    return found


async def _ask(session: aiohttp.ClientSession, url: str, form: dict[str, str], token: str | None) -> tuple[int, bytes]:
    shown = shown_url(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{url.rstrip('/')}/api/v1/query_range"
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            session.post(address, data=form, headers=headers, allow_redirects=False) as response,
        ):
            body = await read_bounded(response.content, MAX_ANSWER_BYTES)
            status = response.status
    except TimeoutError as exc:
        raise SourceError(f"{shown}: no whole answer within {TIMEOUT_S:g} s") from exc
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
        words = in_words(cause) if isinstance(cause, OSError) else " ".join(str(exc).split()) or type(exc).__name__
        raise SourceError(f"{shown}: {words}") from exc
    if body is None:
        raise SourceError(f"{shown}: the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB: sum more labels up")
    return status, body


def _series(url: str, answered: tuple[int, bytes]) -> list[Series]:
    status, body = answered
    shown = shown_url(url)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise SourceError(f"{shown}: answered {status}, and not as Prometheus does") from exc
    if answer.status != "success" or answer.data is None:
        raise SourceError(f"{shown}: refuses the query: {answer.error or f'status {answer.status!r}'}")
    if answer.warnings:
        raise SourceError(f"{shown}: only a part of an answer: {answer.warnings[0]}")
    if answer.data.kind != "matrix":
        raise SourceError(f"{shown}: expected series over time, got {answer.data.kind or 'nothing'}")
    return answer.data.result
