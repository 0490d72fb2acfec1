"""One descriptor watches for everybody, and goes with the last who waits."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from exporter.sources.tail import inotify
from exporter.sources.tail.inotify import watching


def descriptors():
    """How many instances of inotify this process has."""
    return sum("inotify" in os.path.realpath(path) for path in Path("/proc/self/fd").iterdir())


async def test_many_waiters_have_one_descriptor_and_none_is_left(tmp_path):
    for number in range(300):
        (tmp_path / str(number)).mkdir()
    async with AsyncExitStack() as stack:
        for number in range(300):
            assert await stack.enter_async_context(watching([str(tmp_path / str(number))], print)) == 1
        assert descriptors() == 1
    assert descriptors() == 0


async def test_two_names_of_one_directory_are_both_told_each_by_its_own(tmp_path):
    (real := tmp_path / "real").mkdir()
    (link := tmp_path / "link").symlink_to(real)
    told, both = [], asyncio.Event()

    def happened(path):
        told.append(path)
        if {f"{real}/a.log", f"{link}/a.log"} <= set(told):
            both.set()

    async with watching([str(real)], happened) as first, watching([str(link)], happened) as second:
        assert (first, second) == (1, 1)
        (real / "a.log").write_bytes(b"line\n")
        await both.wait()


async def test_who_has_left_is_told_nothing_while_others_are(tmp_path):
    told, woken = [], asyncio.Event()
    async with watching([str(tmp_path)], lambda _: woken.set()):
        async with watching([str(tmp_path)], told.append):
            pass
        (tmp_path / "a.log").write_bytes(b"")
        await woken.wait()
    assert told == []


async def test_a_directory_that_goes_tells_so(tmp_path):
    (folder := tmp_path / "logs").mkdir()
    gone = asyncio.Event()
    async with watching([str(folder)], lambda path: gone.set() if path == str(folder) else None):
        folder.rmdir()
        await gone.wait()


async def test_what_is_no_directory_is_not_watched(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    async with watching([str(tmp_path / "file"), str(tmp_path / "absent"), str(tmp_path)], print) as there:
        assert there == 1


async def test_lost_events_wake_everybody(tmp_path):
    told = []
    async with watching([str(tmp_path)], told.append):
        kernel = inotify._kernels[asyncio.get_running_loop()]
        kernel._tell(-1, inotify._OVERFLOW, "")
    assert told == [str(tmp_path)]


async def test_one_cancelled_while_a_watch_is_added_leaves_nothing(tmp_path):
    async def wait():
        async with watching([str(tmp_path)], print):
            await asyncio.Event().wait()

    tasks = [asyncio.create_task(wait()) for _ in range(20)]
    await asyncio.sleep(0)  # they have begun, and are at most adding
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.get_running_loop().shutdown_default_executor()
    while descriptors():  # noqa: ASYNC110, closed by the threads' callbacks
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("call", ["inotify_init1", "inotify_add_watch"])
async def test_none_left_is_an_error_and_leaves_nothing(tmp_path, monkeypatch, call):
    class Libc:
        def __init__(self, real):
            self._real = real

        def __getattr__(self, name):
            return (lambda *_: -1) if name == call else getattr(self._real, name)

    async with watching([str(tmp_path)], print):
        kernel = inotify._kernels[asyncio.get_running_loop()]
    monkeypatch.setattr(kernel, "_libc", Libc(kernel._libc))
    monkeypatch.setattr("ctypes.get_errno", lambda: 28)
    with pytest.raises(OSError, match="No space left on device"):
        async with watching([str(tmp_path)], print):
            pass
    assert descriptors() == 0
