"""A resting log wakes its reader by an event; where there is none, the clock does."""

import asyncio

import pytest

from exporter.sources.tail.watch import POLL_S, EventWaker

LONG_S = 60.0


@pytest.fixture
def slept(monkeypatch):
    """What was slept, in no time."""
    times = []

    async def sleep(delay_s):
        times.append(delay_s)

    return lambda: monkeypatch.setattr("exporter.sources.tail.watch.asyncio.sleep", sleep) or times


@pytest.mark.parametrize("change", ["write", "rotate", "create"])
async def test_a_change_of_the_log_or_beside_it_wakes(tmp_path, change):
    log = tmp_path / "access.log"
    log.write_bytes(b"")
    waiting = asyncio.create_task(EventWaker().wait(LONG_S, (str(log),)))
    while not waiting.done():  # again and again, as nothing tells when the watch stands
        if change == "write":
            log.write_bytes(b"line\n")
        elif change == "create":
            (tmp_path / "access.log.1.gz").write_bytes(b"")
        else:
            log.rename(tmp_path / "access.log.1")
            log.write_bytes(b"")
        await asyncio.sleep(0.01)
    await waiting


@pytest.mark.slow
async def test_other_files_do_not_wake_and_make_the_watch_give_way_to_the_clock(tmp_path, slept):
    waker = EventWaker()
    prefixes = (str(tmp_path / "access.log"),)
    number = 0
    while waker._noisy_until_s < 0:  # on a busy machine one wait may be over before the watch stands
        waiting = asyncio.create_task(waker.wait(0.2, prefixes))
        while not waiting.done():
            number += 1
            (tmp_path / f"other-{number}").write_bytes(b"")
            await asyncio.sleep(0.001)
    times = slept()
    await waker.wait(LONG_S, prefixes)
    assert times == [POLL_S]


async def test_a_directory_that_is_not_there_is_waited_for_by_the_clock(tmp_path, slept):
    times = slept()
    await EventWaker().wait(LONG_S, (str(tmp_path / "absent" / "access.log"),))
    assert times == [LONG_S]


async def test_without_watches_left_the_clock_does_it(tmp_path, monkeypatch, slept):
    def no_more(*_, **__):
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr("exporter.sources.tail.watch.watching", no_more)
    times = slept()
    await EventWaker().wait(LONG_S, (str(tmp_path / "access.log"),))
    assert times == [LONG_S]


async def test_a_log_whose_name_is_not_utf8_wakes(tmp_path):
    waker, log = EventWaker(), tmp_path / "access-\udcff.log"
    waiting = asyncio.create_task(waker.wait(LONG_S, (str(log),)))
    while not waiting.done():
        log.write_bytes(b"line\n")
        await asyncio.sleep(0.01)
    await waiting
