"""What comes over the network, to lines: HTTP bodies in three spellings, and TCP.

Nothing is queued: what a connection sends is counted before more is read from it, so a sender that is too quick waits
in its own socket. An HTTP answer is sent only after what it acknowledges is on disk.
"""

import asyncio
import hmac
import math
from typing import Protocol, cast

import msgspec
from aiohttp import web

from exporter.errors import BadRecord, StoreError
from exporter.releases.answers import REFUSED_TOLD, Answer, Refused
from exporter.releases.records import LineSplitter, check_time, parse_line

MAX_BODY_BYTES = 32 << 20  # unpacked
MAX_KEY_CHARS = 200
MAX_CONNECTIONS = 1000  # of TCP, for one source
PIECE_LINES = 5000
"""Lines counted at a time before other connections get their turn: a few milliseconds."""


class JsonRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One record as JSON; the names are the columns of the task's data."""

    timestamp: str | int | float
    build_version: str
    error_code: int

    def line(self) -> bytes:
        """The record as a line of text, for the one parser that there is."""
        return f"{self.timestamp}\t{self.build_version}\t{self.error_code}".encode()


class Sink(Protocol):
    """Where records go."""

    def take_lines(self, lines: list[bytes]) -> tuple[int, int]:
        """Count lines; (taken, late). Bad ones are counted by reason."""

    def horizon_s(self) -> float:
        """Records of a later Unix time are refused."""

    def remembered(self, key: str) -> Answer | None:
        """The answer that a request with this idempotency key was given."""

    async def committed(self, key: str | None, answer: Answer) -> None:
        """Wait until all that was taken is on disk, with the answer for the key. Raises StoreError."""

    def wait_s(self, records: int) -> float:
        """Seconds a sender of so many more records should wait, by the rate limit; 0: go on."""


def ingest_app(sink: Sink, token: str | None) -> web.Application:
    """`POST /ingest` and health, for one source."""
    in_hand: set[str] = set()  # keys of requests that are not answered yet

    async def ingest(request: web.Request) -> web.Response:
        if token is not None and not _authorised(request.headers.get("Authorization", ""), token):
            return _problem(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return await _count(sink, request, None)
        if not (0 < len(key) <= MAX_KEY_CHARS and key.isprintable()):
            return _problem(400, f"Idempotency-Key: 1 to {MAX_KEY_CHARS} printable characters")
        if (known := sink.remembered(key)) is not None:
            return await _acknowledge(sink, None, known)
        if key in in_hand:
            return _problem(409, "a request with this Idempotency-Key is in hand", {"Retry-After": "1"})
        in_hand.add(key)
        try:
            return await _count(sink, request, key)
        finally:
            in_hand.discard(key)

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_post("/ingest", ingest)
    app.router.add_get("/-/healthy", healthy)
    return app


def read_body(body: bytes, content_type: str) -> list[bytes]:
    """A body's records as lines. Raises BadRecord when the body as a whole is not what its type says."""
    if content_type == "application/json":
        return _json_lines(body)
    splitter = LineSplitter()
    lines = [*splitter.feed(body), *splitter.end()]
    if content_type in ("application/x-ndjson", "application/jsonl", "application/ndjson"):
        return [_ndjson_line(line) for line in lines]
    return lines


def _json_lines(body: bytes) -> list[bytes]:
    try:
        records = msgspec.json.decode(body, type=list[JsonRecord])
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadRecord("json", f"not a JSON array of timestamp, build_version and error_code: {exc}") from exc
    return [record.line() for record in records]


def _ndjson_line(line: bytes) -> bytes:
    """The line as text; one that is no record stays as it is, for the parser to refuse under its number."""
    try:
        return _ndjson.decode(line).line()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line.replace(b"\t", b" ").replace(b",", b" ")


_ndjson = msgspec.json.Decoder(JsonRecord)


async def _count(sink: Sink, request: web.Request, key: str | None) -> web.Response:
    try:
        lines = read_body(await request.read(), request.content_type)  # aiohttp unpacks gzip, within the limit
    except BadRecord as exc:
        return _problem(400, str(exc))
    if (wait_s := sink.wait_s(len(lines))) > 0:
        return _problem(429, "more records a second than are allowed", {"Retry-After": str(math.ceil(wait_s))})
    return await _acknowledge(sink, key, await _take(sink, lines))


async def _take(sink: Sink, lines: list[bytes]) -> Answer:
    taken = late = 0
    for start in range(0, len(lines), PIECE_LINES):
        piece_taken, piece_late = sink.take_lines(lines[start : start + PIECE_LINES])
        taken, late = taken + piece_taken, late + piece_late
        await asyncio.sleep(0)
    refused_count = len(lines) - taken - late
    return Answer(taken, late, refused_count, _refused(lines, sink.horizon_s()) if refused_count else [])


def _refused(lines: list[bytes], horizon_s: float) -> list[Refused]:
    """The first refused lines with their numbers; only looked for when there are some."""
    found: list[Refused] = []
    for number, line in enumerate(lines, 1):
        try:
            check_time(parse_line(line).time_s, horizon_s)
        except BadRecord as exc:
            found.append(Refused(number, exc.reason, str(exc)))
            if len(found) == REFUSED_TOLD:
                break
    return found


def _authorised(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


async def _acknowledge(sink: Sink, key: str | None, answer: Answer) -> web.Response:
    """The answer, once what it tells of is on disk; until then the sender must keep its records."""
    try:
        await sink.committed(key, answer)
    except StoreError as exc:
        text = f"counted, but not on disk yet: {exc}; send the same again with the same Idempotency-Key"
        return _problem(503, text, {"Retry-After": "1"})
    return _json(answer)


def _json(answer: Answer) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer) + b"\n", content_type="application/json")


def _problem(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers=headers)


class LineProtocol(asyncio.Protocol):
    """One TCP connection that sends lines. With a token set, the first line must be `AUTH <token>`."""

    def __init__(self, sink: Sink, token: str | None, connections: set["LineProtocol"]) -> None:
        self._sink = sink
        self._token = token
        self._connections = connections
        self._splitter = LineSplitter()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read, unless there are too many already."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        if len(self._connections) >= MAX_CONNECTIONS:
            self._transport.abort()
        else:
            self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Count the lines that `data` completes; more is read only after."""
        self._take(self._splitter.feed(data))

    def eof_received(self) -> None:
        """Count a last line that nothing ended."""
        self._take(self._splitter.end())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, what was read is counted either way
        """Forget the connection."""
        self._connections.discard(self)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def _take(self, lines: list[bytes]) -> None:
        if self._token is not None and lines:
            scheme, _, given = lines.pop(0).partition(b" ")
            if scheme != b"AUTH" or not hmac.compare_digest(given.strip(), self._token.encode()):
                self.close()
                return
            self._token = None
        if not lines:
            return
        self._sink.take_lines(lines)
        if (wait_s := self._sink.wait_s(len(lines))) > 0 and self._transport is not None:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(wait_s, self._resume)

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
