"""Records over HTTP: `POST /ingest`.

Nothing is queued. A request is held until its body is whole, counted in one step, and answered once its counts are on
disk. Held bytes are limited per request and in total, and so is the time to send them.
"""

import asyncio
import hmac
import math
from contextlib import AsyncExitStack
from typing import Protocol

import msgspec
from aiohttp import web

from exporter.keeper import Ended
from exporter.releases.ingest.answers import Answer, Remembered
from exporter.releases.ingest.bodies import MAX_BODY_BYTES, Body, read_body
from foundation.errors import BadRecord, StoreError
from foundation.web.bodies import BodyError, aside, whole_body

BODY_S = 30.0  # for the body to come
AT_ONCE_BYTES = 32 << 10
"""Bodies up to this size are read in a millisecond or two; larger ones in a thread, with the event loop free."""
MAX_KEY_CHARS = 200


class Sink(Protocol):
    """The receiver of requests."""

    async def take_body(self, body: Body, key: str | None) -> Answer:
        """Count all of it, or nothing if this fails, and keep the answer under the key."""

    def remembered(self, key: str) -> Remembered | None:
        """The answer to a request with this idempotency key."""

    async def synced(self) -> None:
        """Wait until all counted records are safe from a power cut. Raises StoreError, Ended if they never will be."""

    def trouble(self) -> StoreError | None:
        """Why nothing can be written to the disk at the moment."""

    def wait_s(self, records: int) -> float:
        """Seconds that a sender of this number of records must wait, by the rate limit; 0: none."""

    def answered(self, status: int) -> None:
        """Count an answer."""


class _ProblemError(Exception):
    """A request that is refused as a whole."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class Ingest:
    """`POST /ingest` and health, for one source."""

    def __init__(self, sink: Sink, token: str | None) -> None:
        """`sink`: the receiver of requests. `token`: the token that senders must show; None for none."""
        self._sink = sink
        self._token = token
        self._in_hand: set[str] = set()  # keys of requests that are not answered yet

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", self._first)
        app.router.add_post("/ingest", self._ingest)
        app.router.add_get("/-/healthy", self._healthy)
        return app

    async def _first(self, _: web.Request) -> web.Response:
        return web.Response(text="Error records are taken by POST /ingest\n")

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ingest(self, request: web.Request) -> web.Response:
        try:
            answer = await self._answer(request)
            response = web.Response(body=msgspec.json.encode(answer) + b"\n", content_type="application/json")
        except _ProblemError as exc:
            headers = {name.replace("_", "-"): value for name, value in exc.headers.items()}
            response = web.Response(status=exc.status, text=f"{exc}\n", headers=headers)
        self._sink.answered(response.status)
        return response

    async def _answer(self, request: web.Request) -> Answer:
        """The result of a request's records, once it is on disk. Raises _ProblemError."""
        if self._token is not None and not _authorised(request.headers.get("Authorization", ""), self._token):
            raise _ProblemError(401, "a bearer token is required", WWW_Authenticate="Bearer")
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return await self._count(request, None)
        if not (0 < len(key) <= MAX_KEY_CHARS and key.isascii() and key.isprintable()):
            raise _ProblemError(400, f"Idempotency-Key: 1 to {MAX_KEY_CHARS} printable ASCII characters")
        if key in self._in_hand:
            raise _ProblemError(409, "a request with this Idempotency-Key is in progress", Retry_After="1")
        self._in_hand.add(key)
        try:
            return await self._count(request, key)
        finally:
            self._in_hand.discard(key)

    async def _count(self, request: web.Request, key: str | None) -> Answer:
        known = self._sink.remembered(key) if key is not None else None
        if known is None and (trouble := self._sink.trouble()):
            raise _ProblemError(503, f"nothing was taken, as the disk cannot be written: {trouble}", Retry_After="1")
        try:
            async with AsyncExitStack() as stack:
                text = await self._read(request, stack)
                reading = text, request.content_type
                body = read_body(*reading) if len(text) <= AT_ONCE_BYTES else await aside(read_body, *reading)
                if known is not None and known.checksum != body.checksum:
                    raise _ProblemError(422, "this Idempotency-Key was used for other records")
                if known is not None:
                    return await self._written(known.answer, key)
                if (wait_s := self._sink.wait_s(body.line_count)) > 0:
                    seconds = str(math.ceil(wait_s))
                    raise _ProblemError(429, "more records per second than are allowed", Retry_After=seconds)
                answer = await self._sink.take_body(body, key)
        except BadRecord as exc:
            raise _ProblemError(400, str(exc)) from exc
        return await self._written(answer, key)

    async def _read(self, request: web.Request, stack: AsyncExitStack) -> bytes:
        """The whole body, held until the stack is left. Raises _ProblemError."""
        try:
            async with asyncio.timeout(BODY_S):
                return await stack.enter_async_context(whole_body(request, MAX_BODY_BYTES))
        except TimeoutError:
            raise _ProblemError(408, f"the body did not come within {BODY_S:.0f} s") from None
        except BodyError as exc:
            raise _ProblemError(exc.status, str(exc), **exc.headers) from exc
        except (web.RequestPayloadError, ConnectionError) as exc:
            raise _ProblemError(400, f"the body cannot be read: {exc}") from exc

    async def _written(self, answer: Answer, key: str | None) -> Answer:
        """The answer, once what it reports is on disk; until then the sender must keep its records."""
        try:
            await self._sink.synced()
        except Ended as exc:
            raise _ProblemError(503, f"counted, but not saved: {exc}; send the same again", Retry_After="1") from exc
        except StoreError as exc:
            again = "send the same again under the same key" if key else "it had no key: do not send it again"
            raise _ProblemError(503, f"counted, but not on disk yet: {exc}; {again}", Retry_After="1") from exc
        return answer


def _authorised(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    shown = given.strip().encode("utf-8", "surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(shown, token.encode())
