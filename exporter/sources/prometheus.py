"""A query's series over a range, from Prometheus' HTTP API: bounded in time and size, every trouble a SourceError.

The range goes over in pieces of as many steps as Prometheus gives, and in halves of these where an answer is too large.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import NamedTuple

import aiohttp
import msgspec

from exporter.sources.http import new_session, read_bounded, trouble
from foundation.errors import SourceError
from foundation.secret import shown_url

MAX_STEPS = 10_000  # in one request; Prometheus gives 11,000 for each series
MAX_PIECES = 2000
MAX_ANSWER_BYTES = 64 << 20
MAX_VALUES = 20_000_000  # that are held at a time
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

    def steps(self) -> int:
        """How many."""
        return math.floor((self.end_s - self.start_s) / self.step_s + 1e-6) + 1  # the last may be a rounding error away

    def cut(self, first: int, end: int) -> "Asked":
        """Of the steps those `[first, end)`."""
        at_s = self.start_s
        return self._replace(start_s=at_s + first * self.step_s, end_s=at_s + (end - 1) * self.step_s)


class Server(NamedTuple):
    """A Prometheus: its root, which may have a user in it, and a bearer token."""

    url: str
    token: str | None = None

    def read(self, asked: Asked) -> Iterator[list[Series]]:
        """As `ask_pieces`, for those who wait. Raises SourceError."""

        async def pieces() -> AsyncGenerator[list[Series], None]:
            async with new_session() as session, aclosing(ask_pieces(session, self, asked)) as found:
                async for piece in found:
                    yield piece

        async def following(found: AsyncGenerator[list[Series], None]) -> list[Series] | None:
            return await anext(found, None)

        with asyncio.Runner() as runner:
            found = pieces()
            while (piece := runner.run(following(found))) is not None:
                yield piece


async def ask_range(session: aiohttp.ClientSession, server: Server, asked: Asked) -> list[Series]:
    """All pieces at once. Raises SourceError, also for more values than are held at a time."""
    found: list[Series] = []
    async with aclosing(ask_pieces(session, server, asked)) as pieces:
        async for piece in pieces:
            found += piece
            if sum(len(series.values) for series in found) > MAX_VALUES:
                raise _refusal(server, f"more than {MAX_VALUES:,} values: raise --step, or sum more labels up")
    return found


async def ask_pieces(
    session: aiohttp.ClientSession, server: Server, asked: Asked
) -> AsyncGenerator[list[Series], None]:
    """The series of one piece of the range after the other; a series may come once for each piece.

    Raises SourceError, which begins with the address. An answer with a warning is refused: a part of the series may be
    absent, and would look as if nothing had been measured.
    """
    steps = asked.steps()
    if steps > MAX_STEPS * MAX_PIECES:
        raise _refusal(server, f"{steps} steps: expected at most {MAX_STEPS * MAX_PIECES}; raise --step")
    waiting = [(first, min(first + MAX_STEPS, steps)) for first in range(0, steps, MAX_STEPS)][::-1]
    while waiting:
        first, end = waiting.pop()
        answered = await _ask(session, server, asked.cut(first, end))
        if answered is not None:
            yield _series(server, *answered)
        elif end - first == 1:
            limit = f"{MAX_ANSWER_BYTES >> 20} MiB"
            raise _refusal(server, f"the answer for one step is larger than {limit}: sum more labels up")
        else:
            middle = (first + end) // 2
            waiting += [(middle, end), (first, middle)]


async def _ask(session: aiohttp.ClientSession, server: Server, asked: Asked) -> tuple[int, bytes] | None:
    """The answer's status and body; None where it is too large."""
    headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    address = f"{server.url.rstrip('/')}/api/v1/query_range"
    times = {"start": asked.start_s, "end": asked.end_s, "step": asked.step_s}
    form = {"query": asked.query, **{name: f"{time_s:.3f}" for name, time_s in times.items()}}
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            session.post(address, data=form, headers=headers, allow_redirects=False) as response,
        ):
            body = await read_bounded(response.content, MAX_ANSWER_BYTES)
            return None if body is None else (response.status, body)
    except TimeoutError as exc:
        raise _refusal(server, f"no whole answer within {TIMEOUT_S:g} s") from exc
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        raise _refusal(server, shown_url(trouble(exc))) from exc


def _series(server: Server, status: int, body: bytes) -> list[Series]:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        start = " ".join(body[:100].decode("utf-8", "replace").split())
        raise _refusal(server, f"answered {status}, and not as Prometheus does: {start!r}") from exc
    if answer.status != "success" or answer.data is None:
        raise _refusal(server, f"refuses the query: {answer.error or f'status {answer.status!r}'}")
    if answer.warnings:
        raise _refusal(server, f"only a part of an answer: {answer.warnings[0]}")
    if answer.data.kind != "matrix":
        raise _refusal(server, f"expected series over time, got {answer.data.kind or 'nothing'}")
    return answer.data.result


def _refusal(server: Server, why: str) -> SourceError:
    return SourceError(f"{shown_url(server.url)}: {why}")
