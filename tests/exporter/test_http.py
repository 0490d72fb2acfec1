"""Fetching pages: what one slow name may hold up."""

import asyncio
import socket
import threading

import pytest

from exporter.sources.http import LOOKUPS, fetch, new_session
from foundation.errors import SourceError


async def test_names_that_nobody_answers_for_hold_up_no_other_thread(monkeypatch):
    """The threads of `asyncio.to_thread`, in which commits are written, are others."""
    held, done, resolve = threading.Semaphore(0), threading.Event(), socket.getaddrinfo

    def getaddrinfo(host, *args, **named):
        held.release()
        done.wait(30)
        return resolve("127.0.0.1", *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with new_session() as session:
        asked = [
            asyncio.create_task(fetch(session, f"http://n{n}.example.org:1/", timeout_s=30))
            for n in range(LOOKUPS * 20)
        ]
        try:
            for _ in range(LOOKUPS):
                assert await asyncio.to_thread(held.acquire, timeout=10)
            assert await asyncio.wait_for(asyncio.gather(*(asyncio.to_thread(int) for _ in range(64))), 10) == [0] * 64
            assert not held.acquire(blocking=False)
        finally:
            done.set()
            for task in asked:
                task.cancel()
            await asyncio.wait(asked)


async def test_a_name_that_leads_nowhere_is_said():
    async with new_session() as session:
        with pytest.raises(SourceError):
            await fetch(session, "http://no-such-name.invalid/", timeout_s=10)
