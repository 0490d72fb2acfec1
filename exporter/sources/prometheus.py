"""A query's series over a range, from Prometheus' HTTP API: bounded in time and size; every fault is a SourceError.

The range is queried in pieces of the maximum number of steps, and in halves of these if an answer is too large.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

import aiohttp

from exporter.sources.http import made_of, new_session, read_bounded, trouble
from foundation.errors import SourceError
from foundation.promanswer import Series, read_matrix
from foundation.secret import shown_url

MAX_STEPS = 10_000  # in one request; Prometheus gives 11,000 for each series
MAX_PIECES = 2000
MAX_ANSWER_BYTES = 64 << 20
MAX_VALUES = 20_000_000  # that are held at a time
TIMEOUT_S = 60.0


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
        """Like `ask_pieces`, blocking. Raises SourceError."""

        async def pieces() -> AsyncGenerator[list[Series], None]:
            """Series of the answer, a piece at a time, in a separate session."""
            async with new_session() as session, aclosing(ask_pieces(session, self, asked)) as found:
                async for piece in found:
                    yield piece

        async def following(found: AsyncGenerator[list[Series], None]) -> list[Series] | None:
            """The next piece; None at the end."""
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

    Raises SourceError, which begins with the address.
    """
    steps = asked.steps()
    if steps > MAX_STEPS * MAX_PIECES:
        raise _refusal(server, f"{steps} steps: expected at most {MAX_STEPS * MAX_PIECES}; raise --step")
    waiting = [(first, min(first + MAX_STEPS, steps)) for first in range(0, steps, MAX_STEPS)][::-1]
    while waiting:
        first, end = waiting.pop()
        answered = await _ask(session, server, asked.cut(first, end))
        if answered is not None:
            status, body = answered
            yield await made_of(body, partial(_series, server, status))
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
        return read_matrix(status, body)
    except ValueError as exc:
        raise _refusal(server, str(exc)) from exc


def _refusal(server: Server, why: str) -> SourceError:
    return SourceError(f"{shown_url(server.url)}: {why}")
