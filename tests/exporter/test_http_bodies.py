"""What is made of a body over HTTP: the small at once, the large beside the event loop."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.sources.http import BESIDE_BYTES, made_of


@pytest.mark.parametrize(("size", "beside"), [(0, False), (BESIDE_BYTES - 1, False), (BESIDE_BYTES, True)])
async def test_a_large_body_is_read_beside_the_event_loop(size, beside):
    def read(body):
        return len(body), threading.current_thread() is not threading.main_thread()

    assert await made_of(bytes(size), read) == (size, beside)


async def test_it_waits_for_no_thread_in_which_others_read():
    held = threading.Event()
    executor = ThreadPoolExecutor(max_workers=1)
    asyncio.get_running_loop().set_default_executor(executor)
    executor.submit(held.wait)
    try:
        async with asyncio.timeout(10):
            assert await made_of(bytes(BESIDE_BYTES), len) == BESIDE_BYTES
    finally:
        held.set()


async def test_what_is_wrong_with_it_reaches_the_caller():
    with pytest.raises(ValueError, match="invalid literal"):
        await made_of(b"x" * BESIDE_BYTES, int)
