"""Lines through the standard input and through FIFOs, on real pipes."""

import asyncio
import contextlib
import os
from contextlib import asynccontextmanager

import pytest
from lifetime import until

from exporter.sources.intake import Intake, Shared
from exporter.sources.pipes import LINE_BYTES, Fifo, StandardInput
from exporter.sources.received import Received
from foundation.clock import SystemClock
from foundation.errors import SourceError


@asynccontextmanager
async def reading(receiver, queue_bytes=1 << 20):
    intake = Intake(queue_bytes, Shared())
    received = Received(receiver, clock=SystemClock(), saved=None, batch_bytes=1 << 20, intake=intake)
    await received.begin()
    try:
        yield received
    finally:
        await received.close()


@pytest.fixture
def pipe():
    """A pipe's two ends; the test closes the writing one."""
    read, write = os.pipe()
    yield read, write
    os.close(read)


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "access.fifo"
    os.mkfifo(made)
    return made


async def data_of(received, size):
    """The next data, so many bytes at least."""
    got = b""
    async with asyncio.timeout(20):
        async for batch in received.batches():
            got += batch.data
            if len(got) >= size:
                return got
    return None


async def test_stdin_is_read_to_its_end_and_its_last_line_needs_no_newline(pipe):
    read, write = pipe
    async with reading(StandardInput(read)) as received:
        os.write(write, b"a\nb")
        assert await data_of(received, 2) == b"a\n"
        os.write(write, b"c\nlast")
        os.close(write)
        assert await data_of(received, 8) == b"bc\nlast\n"
        await until(lambda: not received.status.readable)
        assert await received.rest() != []
        assert received.losses.messages == {}


async def test_stdin_may_be_a_file(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"line\n" * 100_000)
    with log.open("rb") as opened:
        async with reading(StandardInput(opened.fileno())) as received:
            assert await data_of(received, 500_000) == b"line\n" * 100_000


async def test_stdin_that_is_closed_is_one_clear_line(pipe):
    read, write = pipe
    closed = os.dup(read)
    os.close(closed)
    with pytest.raises(SourceError, match=r"^stdin: cannot be read: Bad file descriptor$"):
        async with reading(StandardInput(closed)):
            pass
    os.close(write)


async def test_an_error_of_the_reading_ends_the_source_which_is_then_built_anew(pipe, monkeypatch):
    read, write = pipe

    def broken(*_):
        raise OSError(5, "Input/output error")

    async with reading(StandardInput(read)) as received:
        monkeypatch.setattr("exporter.sources.pipes.os.read", broken)
        os.write(write, b"a\n")
        with pytest.raises(OSError, match="Input/output error"):
            await data_of(received, 1)
        assert not received.status.readable
        monkeypatch.undo()
    os.close(write)


async def test_a_source_that_is_set_anew_goes_on_inside_a_line(pipe):
    read, write = pipe
    async with reading(StandardInput(read)) as received:
        os.write(write, b"a\nfirst half, ")
        assert await data_of(received, 2) == b"a\n"
        await received.rest()
    async with reading(StandardInput(read)) as received:
        os.write(write, b"second half\n")
        assert await data_of(received, 10) == b"first half, second half\n"
    os.close(write)


async def test_a_full_queue_holds_the_writer(pipe):
    read, write = pipe
    os.set_blocking(write, False)
    async with reading(StandardInput(read), queue_bytes=1) as received:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 1 << 20:
                sent += os.write(write, b"x" * 99 + b"\n") // 100
        assert sent < 1 << 20
        assert len(await data_of(received, 100 * sent)) == 100 * sent
    os.close(write)


async def test_a_line_too_long_is_dropped_and_counted(pipe):
    read, write = pipe
    async with reading(StandardInput(read)) as received:
        await asyncio.to_thread(os.write, write, b"a\n")
        for _ in range(LINE_BYTES // 65536 + 1):
            await asyncio.to_thread(os.write, write, b"x" * 65536)
        await asyncio.to_thread(os.write, write, b"\nb\n")
        assert await data_of(received, 4) == b"a\nb\n"
        assert (received.status.too_long_lines, received.status.too_long_bytes) == (1, LINE_BYTES + 65536 + 1)
    os.close(write)


async def test_what_waits_in_the_pipe_is_taken_at_the_end(pipe):
    read, write = pipe
    async with reading(StandardInput(read), queue_bytes=1) as received:
        for n in range(100):
            os.write(write, b"%d\n" % n)
        assert b"".join(batch.data for batch in await received.rest()) == b"".join(b"%d\n" % n for n in range(100))
    os.close(write)


async def test_the_next_writer_of_a_fifo_goes_on_without_loss(path):
    async with reading(Fifo(str(path))) as received:
        for n in range(20):
            with path.open("wb") as writer:
                writer.write(b"%d\n" % n)
        got = await data_of(received, 50)
        assert got == b"".join(b"%d\n" % n for n in range(20))
        assert received.status.readable


async def test_half_a_line_of_a_writer_that_has_gone_is_dropped_and_counted(path):
    async with reading(Fifo(str(path))) as received:
        with path.open("wb") as writer:
            writer.write(b"whole\n200 1")
        assert await data_of(received, 6) == b"whole\n"
        await until(lambda: received.losses.messages["incomplete"] == 1)
        with path.open("wb") as writer:
            writer.write(b"23\n")
        assert await data_of(received, 3) == b"23\n"


async def test_a_fifo_without_writers_is_not_read_over_and_over(path):
    class Counting(Fifo):
        reads = 0

        def _read(self):
            self.reads += 1
            return super()._read()

    async with reading(fifo := Counting(str(path))) as received:
        with path.open("wb") as writer:
            writer.write(b"half")
        await until(lambda: received.losses.messages["incomplete"] == 1)
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert fifo.reads <= 3


async def test_a_fifo_that_was_replaced_is_not_readable(path):
    async with reading(Fifo(str(path))) as received:
        path.unlink()
        assert not received.status.readable
        os.mkfifo(path)
        assert not received.status.readable


@pytest.mark.parametrize(
    ("make", "want"),
    [
        (lambda path: None, "No such file or directory; make it with `mkfifo -m 660 {}`$"),
        (lambda path: path.write_text("x"), "{}: is not a FIFO; a regular file goes in paths$"),
    ],
)
async def test_what_is_no_fifo_is_one_clear_line(tmp_path, make, want):
    made = tmp_path / "x"
    make(made)
    with pytest.raises(SourceError, match=want.format(made)):
        async with reading(Fifo(str(made))):
            pass
