"""What other programs answer, read with limits of time and size, and not unpacked: a peer cannot fill our memory."""

from typing import Any

import aiohttp

MAX_ANSWER_BYTES = 32 << 20  # a large exposition has some megabytes


class AnswerTooLargeError(aiohttp.ClientError):
    """An answer of more bytes than anything that is asked for can have."""


def new_session(timeout_s: float, **settings: Any) -> aiohttp.ClientSession:
    """A client whose every request ends within `timeout_s`, whatever is answered; the caller closes it."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=["Accept-Encoding"],
        **settings,
    )


async def read_bytes(response: aiohttp.ClientResponse, *, max_bytes: int = MAX_ANSWER_BYTES) -> bytes:
    """The whole body. Raises AnswerTooLargeError, and what aiohttp raises."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > max_bytes:
            raise AnswerTooLargeError(f"the answer is larger than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
