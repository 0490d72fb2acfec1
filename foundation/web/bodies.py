"""Bodies of requests, for every server: unpacked off the event loop, a slice at a time, within limits on all of them.

aiohttp is not let unpack anything (`foundation.listen`): it does so on the event loop. One thread unpacks all bodies,
and one reads them: more would take turns with the event loop at the interpreter, and a scrape waits for each turn.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from aiohttp import web

P = ParamSpec("P")
T = TypeVar("T")

MAX_HELD_BYTES = 64 << 20
"""Of all bodies that are held whole, unpacked, over the whole process."""
ROOM_S = 2.0
"""How long a client waits for others to be done, before it is asked to come again."""
_LOOK_S = 0.05  # between two looks for room: the limit is the process's, whatever event loop a body belongs to
SLICE_BYTES = 256 << 10
"""Unpacked at a time, in about a millisecond."""

_UNPACKING = ThreadPoolExecutor(1, thread_name_prefix="unpacking")
_READING = ThreadPoolExecutor(1, thread_name_prefix="bodies")


class BodyError(Exception):
    """A body that is refused: the answer's status and text, and whether and when to come again."""

    def __init__(self, status: int, text: str, retry_s: int = 0) -> None:
        """`status`: of HTTP. `text`: what is wrong. `retry_s`: when to come again, in seconds; 0: it is not said."""
        super().__init__(text)
        self.status = status
        self.headers = {"Retry-After": str(retry_s)} if retry_s else {}


class _Room:
    """What is held of bodies by the process now."""

    def __init__(self) -> None:
        self.held_bytes = 0

    async def take(self, size: int) -> None:
        """Take so many bytes once there is room. Raises BodyError where there is none for too long."""
        until_s = asyncio.get_running_loop().time() + ROOM_S
        while self.held_bytes + size > MAX_HELD_BYTES:
            if asyncio.get_running_loop().time() >= until_s:
                raise BodyError(503, "too much is being sent at once; nothing was taken", retry_s=1)
            await asyncio.sleep(_LOOK_S)
        self.held_bytes += size

    def give(self, size: int) -> None:
        """Give back `size` bytes of the bound."""
        self.held_bytes -= size


_room = _Room()


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of work on a body, done in the thread for that. It should be milliseconds, or give way in between."""
    return await asyncio.get_running_loop().run_in_executor(_READING, lambda: work(*args, **kwargs))


@asynccontextmanager
async def whole_body(request: web.Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The whole body, unpacked; it counts among what the process holds until the block is left.

    Raises:
        BodyError: It is larger than `max_bytes`, is not what its Content-Encoding says, or there is no room for it.
    """
    held_bytes, found = 0, []
    try:
        async for piece in body_pieces(request, max_bytes):
            await _room.take(len(piece))
            held_bytes += len(piece)
            found.append(piece)
        body = b"".join(found)
        found.clear()
        yield body
    finally:
        _room.give(held_bytes)


async def body_pieces(request: web.Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes, unpacked, in pieces of some hundred kilobytes at most.

    Raises:
        BodyError: It is larger than `max_bytes`, packed or unpacked, or is not what its Content-Encoding says.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    unpacker = None if encoding in ("", "identity") else Unpacker(encoding)
    packed_bytes = size = 0
    loop = asyncio.get_running_loop()
    async for chunk in request.content.iter_any():
        packed_bytes += len(chunk)
        if packed_bytes > max_bytes:
            raise _too_large(max_bytes)
        if unpacker is None:
            yield chunk
            continue
        rest = chunk
        while True:
            piece, rest = await loop.run_in_executor(_UNPACKING, unpacker.step, rest)
            if not piece and not rest:
                break
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield piece
    if unpacker is not None:
        unpacker.finish()


class Unpacker:
    """gzip (one member or several) or deflate, a slice at a time."""

    def __init__(self, encoding: str) -> None:
        """Raises BodyError where that is another encoding."""
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise BodyError(415, f"Content-Encoding {encoding[:40]!r}: expected gzip or deflate")
        self._encoding = encoding
        self._inflater: zlib._Decompress | None = None

    def step(self, packed: bytes) -> tuple[bytes, bytes]:
        """At most `SLICE_BYTES`, and what is not unpacked yet; nothing of both where more must come first."""
        if self._inflater is None:
            if not packed:
                return b"", b""
            self._inflater = zlib.decompressobj(self._window_bits(packed[0]))
        try:
            piece = self._inflater.decompress(packed, SLICE_BYTES)
        except zlib.error as exc:
            raise BodyError(400, f"the body is not {self._encoding}: {exc}") from exc
        rest = self._inflater.unconsumed_tail
        if self._inflater.eof:
            rest, self._inflater = self._inflater.unused_data, None
        return piece, rest

    def finish(self) -> None:
        """Raises BodyError where the end is missing."""
        if self._inflater is not None:
            raise BodyError(400, f"the body is {self._encoding} that ends too early")

    def _window_bits(self, first: int) -> int:
        if self._encoding != "deflate":
            return 31  # with gzip's header
        return 15 if first & 0x0F == 8 else -15  # many senders leave zlib's header out


def _too_large(max_bytes: int) -> BodyError:
    limit = f"{max_bytes >> 20} MiB" if max_bytes >= 1 << 20 else f"{max_bytes >> 10} KiB"
    return BodyError(413, f"the body is more than {limit}; send it in parts")
