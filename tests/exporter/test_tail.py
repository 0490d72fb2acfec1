"""The asynchronous face: batches, state, waking, cancelling."""

import asyncio
from collections import deque
from pathlib import Path

import pytest

from exporter.sources.tail import Limits, Tail
from exporter.sources.tail.positions import decode
from foundation.clock import SystemClock
from foundation.errors import StoreError


class HandWaker:
    """Wakes when the test says so, and tells the test when the tail waits."""

    def __init__(self):
        self.waiting = asyncio.Event()
        self.awake = asyncio.Event()

    async def wait(self, timeout_s, prefixes):
        self.waiting.set()
        await self.awake.wait()
        self.awake.clear()

    async def caught_up(self):
        self.waiting.clear()
        self.awake.set()
        await self.waiting.wait()


@pytest.fixture
async def follow():
    tails, tasks = [], []

    async def start(path, *, from_start=True, saved=None):
        tail = Tail([str(path)], from_start=from_start, clock=SystemClock(), saved=saved, waker=(waker := HandWaker()))
        got = deque()

        async def read():
            async for batch in tail.batches():
                got.extend([batch.data] if batch.data else [])

        tasks.append(asyncio.create_task(read()))
        tails.append(tail)
        await waker.waiting.wait()
        return tail, got, waker

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for tail in tails:
        await tail.close()


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


async def test_lines_come_whole_and_pieces_wait(tmp_path, follow):
    log = tmp_path / "access.log"
    append(log, b"a\r\nb\0\xff\npie")
    _, got, waker = await follow(log)
    append(log, b"ce\n")
    await waker.caught_up()
    assert list(got) == [b"a\r\nb\0\xff\n", b"piece\n"]


async def test_from_the_end_takes_the_unfinished_line_and_what_follows(tmp_path, follow):
    log = tmp_path / "access.log"
    append(log, b"old\nunfin")
    _, got, waker = await follow(log, from_start=False)
    append(log, b"ished\n")
    await waker.caught_up()
    assert list(got) == [b"unfinished\n"]


async def test_a_later_run_goes_on_where_the_state_ends(tmp_path, follow):
    log = tmp_path / "access.log"
    append(log, b"one\ntw")
    tail, got, _ = await follow(log)
    append(log, b"o\n")
    tail.applied()
    later, more, _ = await follow(log, saved=tail.saved())
    assert (list(got), list(more)) == ([b"one\n"], [b"two\n"])
    assert later.status.read_bytes == 8


async def test_state_that_is_no_state_is_refused(tmp_path):
    with pytest.raises(StoreError, match="positions"):
        Tail([str(tmp_path / "x")], from_start=True, clock=SystemClock(), saved={"tail": b"\xc1junk"})


async def test_a_cancelled_reader_loses_nothing(tmp_path):
    log = tmp_path / "access.log"
    append(log, b"one\n")
    tail = Tail([str(log)], from_start=True, clock=SystemClock(), waker=HandWaker())
    first = asyncio.ensure_future(anext(tail.batches()))
    await asyncio.sleep(0)  # the step is under way in its thread
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert (await anext(tail.batches())).data == b"one\n"
    await tail.close()


async def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start(tmp_path, follow):
    log = tmp_path / "access.log"
    append(log, b"1\n")
    tail, got, waker = await follow(log)
    with log.open("ab", buffering=0) as writer:
        writer.write(b"2\n")
        log.rename(tmp_path / "access.log.1")
        writer.write(b"3\n")
        append(log, b"4\n")
        await waker.caught_up()
        writer.write(b"5\n")
    await waker.caught_up()
    assert b"".join(got) == b"1\n2\n3\n4\n5\n"
    assert tail.status.rotations == {"rename": 1}
    assert tail.status.lag_bytes == tail.status.lost_bytes == 0


async def test_a_log_followed_from_its_end_is_told_so_that_the_position_can_be_kept(tmp_path):
    log = tmp_path / "access.log"
    append(log, b"old\n")
    tail = Tail([str(log)], from_start=False, clock=SystemClock(), waker=HandWaker())
    assert (await anext(tail.batches())).data == b""
    tail.applied()
    append(log, b"new\n")
    later = Tail([str(log)], from_start=False, clock=SystemClock(), saved=tail.saved(), waker=HandWaker())
    assert (await anext(later.batches())).data == b"new\n"
    await tail.close()
    await later.close()


async def in_rounds(tail, waker):
    """The batches until all is read, and the positions after each, if what came so far was counted."""
    found = []
    batches = tail.batches()
    reading = asyncio.ensure_future(anext(batches))
    waiting = asyncio.ensure_future(waker.waiting.wait())
    while True:
        await asyncio.wait([reading, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            break
        tail.applied()
        found.append((reading.result(), {m.home: m.offset for m in decode(tail.saved()).marks}))
        reading = asyncio.ensure_future(anext(batches))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await tail.close()
    return found


async def test_lines_of_files_that_read_alike_come_together_with_all_their_positions(tmp_path):
    names = ["a.log", "b.log", "other.log", "c.log", "d.log"]
    logs = [tmp_path / name for name in names]
    for log in logs:
        append(log, f"{log.name}\n".encode())
    patterns, waker = [str(log) for log in logs], HandWaker()
    other = str(logs[2])
    tail = Tail(patterns, from_start=True, clock=SystemClock(), waker=waker, alike=lambda home: home != other)
    found = await in_rounds(tail, waker)
    assert [batch.data for batch, _ in found] == [b"a.log\nb.log\n", b"other.log\n", b"c.log\nd.log\n"]
    parts = [[(part.home, part.data) for part in batch.parts] for batch, _ in found]
    want = [(str(log), f"{log.name}\n".encode()) for log in logs]
    assert parts == [want[:2], [], want[3:]]
    read = [{Path(home).name for home, offset in positions.items() if offset} for _, positions in found]
    assert read == [{"a.log", "b.log"}, {"a.log", "b.log", "other.log"}, set(names)]


async def test_files_together_are_no_more_than_a_batch_may_hold(tmp_path):
    for number in range(40):
        append(tmp_path / f"{number:02}.log", b"x" * 99 + b"\n")
    waker, limits = HandWaker(), Limits(batch_bytes=1000)
    pattern = str(tmp_path / "*.log")
    tail = Tail([pattern], from_start=True, clock=SystemClock(), waker=waker, limits=limits, alike=lambda _: True)
    found = await in_rounds(tail, waker)
    assert [len(batch.data) for batch, _ in found] == [1000] * 4
