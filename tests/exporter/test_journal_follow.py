"""The journal followed through a program: each record once, over restarts of it and of us."""

import asyncio
import json
import os
import signal
import sys
import threading
from contextlib import asynccontextmanager

import pytest
from journaling import Journal, record
from lifetime import until

from exporter.sources.journal.follow import JournalInput
from exporter.sources.journal.settings import Journal as Settings
from foundation.clock import SystemClock
from foundation.errors import SourceError, StoreError


class Quick(SystemClock):
    """Waits no longer than it must to let others run."""

    async def sleep_until(self, due_s):
        await asyncio.sleep(0.001)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


@asynccontextmanager
async def following(journal, saved=None, from_start=True, **settings):
    settings = {"units": ("nginx",), "program": str(journal.program), **settings}
    each = JournalInput(
        Settings(directory=str(journal.directory), **settings),
        from_start=from_start,
        clock=Quick(),
        saved=saved,
        batch_bytes=1 << 20,
    )
    await each.begin()
    try:
        yield each
    finally:
        await each.close()


def position(one):
    """Behind what was handed out."""
    one.applied()
    return one.saved()


def messages(data):
    return [json.loads(line)["MESSAGE"] for line in data.splitlines()]


async def messages_of(one, count):
    """The next messages, so many at least, and the state after them."""
    got = []
    async with asyncio.timeout(20):
        async for batch in one.batches():
            got += messages(batch.data)
            if len(got) >= count:
                return got
    return None


async def test_each_record_is_read_once_over_restarts(journal):
    saved, wanted = None, []
    for run in range(3):
        new = [f"{run}.{n}" for n in range(4)]
        journal.write(*(record(10 * run + n, text) for n, text in enumerate(new)))
        wanted += new
        async with following(journal, saved) as one:
            assert await messages_of(one, 4) == new
            assert one.losses.gaps == 0
            saved = position(one)
    assert len(wanted) == 12


async def test_what_was_not_kept_is_read_again(journal):
    journal.write(record(1, "a"), record(2, "b"))
    async with following(journal) as one:
        before = position(one)
        assert await messages_of(one, 2) == ["a", "b"]
    async with following(journal, before) as one:
        assert await messages_of(one, 2) == ["a", "b"]


async def test_from_the_end_begins_where_the_journal_ends_at_the_first_start(journal):
    """Also where we are killed before the first record comes, and another unit wrote last."""
    journal.write(record(1, "old"), record(2, "other", unit="other.service"))
    async with following(journal, from_start=False) as one:
        saved = position(one)
    journal.write(record(3, "new"))
    async with following(journal, saved, from_start=False) as one:
        assert await messages_of(one, 1) == ["new"]
        assert one.losses.gaps == 0


async def test_what_was_written_before_a_reboot_is_read(journal):
    journal.write(record(1, "a"))
    async with following(journal) as one:
        assert await messages_of(one, 1) == ["a"]
        saved = position(one)
    journal.write(record(2, "b"), record(3, "c", boot=2))
    async with following(journal, saved) as one:
        assert await messages_of(one, 2) == ["b", "c"]
        journal.write(record(4, "d", boot=2))
        assert await messages_of(one, 1) == ["d"]
        assert one.losses.gaps == 0


async def test_a_journal_that_was_cut_is_told(journal, caplog):
    journal.write(record(1, "a"), record(2, "b"))
    async with following(journal) as one:
        assert await messages_of(one, 2) == ["a", "b"]
        saved = position(one)
    journal.records.write_bytes(record(5, "e"))
    async with following(journal, saved) as one:
        assert await messages_of(one, 1) == ["e"]
        assert one.losses.gaps == 1
        saved = position(one)
    assert "the last record that was read no longer exists" in caplog.text
    async with following(journal, saved) as one:
        journal.write(record(6, "f"))
        assert await messages_of(one, 1) == ["f"]
        assert one.losses.gaps == 1


async def test_other_conditions_are_no_gap(journal):
    journal.write(record(1, "a"), record(2, "x", unit="other.service"))
    async with following(journal) as one:
        assert await messages_of(one, 1) == ["a"]
        saved = position(one)
    async with following(journal, saved, units=("other",)) as one:
        assert await messages_of(one, 1) == ["x"]
        assert one.losses.gaps == 0


async def test_a_journalctl_that_ends_is_started_again_and_goes_on(journal, caplog):
    journal.write(record(1, "a"))
    async with following(journal) as one:
        reading = asyncio.create_task(messages_of(one, 3))
        for number, text in enumerate("bc", 2):
            await until(lambda calls=2 * number - 2: len(journal.calls()) == calls)  # it follows
            journal.end(f"end {number}")
            await until(lambda ends=number - 1: one.losses.restarts == ends)
            journal.write(record(number, text))
        assert await reading == ["a", "b", "c"]
    assert "ended (end 2); it is started again in 1 s" in caplog.text
    assert "ended (end 3); it is started again in" in caplog.text


async def test_units_that_begin_to_log_later_are_found_by_a_pattern(journal):
    journal.write(record(1, "a", unit="web@1.service"), record(2, "x", unit="other.service"))
    async with following(journal, units=("web@*",)) as one:
        reading = asyncio.create_task(messages_of(one, 2))
        await until(lambda: one.status.read_bytes)
        journal.write(record(3, "b", unit="web@2.service"))
        assert await reading == ["a", "b"]


async def test_no_journalctl_is_one_clear_line(journal):
    with pytest.raises(SourceError) as refused:
        async with following(journal, program="/nonexistent/journalctl"):
            pass
    assert str(refused.value) == (
        "/nonexistent/journalctl: not found; the journal needs journalctl: install systemd, or name the program with "
        "journal.program"
    )


async def test_what_it_says_at_the_first_question_is_one_clear_line(journal):
    journal.program.write_text(
        "#!/bin/sh\necho 'No journal files were opened due to insufficient permissions.' >&2\nexit 1\n"
    )
    with pytest.raises(SourceError, match=r"insufficient permissions\.$"):
        async with following(journal, from_start=False):
            pass


async def test_what_it_says_while_it_follows_is_logged(journal, caplog):
    script = journal.program.read_text().replace("exec", "echo 'Hint: You are not seeing messages' >&2\nexec")
    journal.program.write_text(script)
    journal.write(record(1, "a"))
    async with following(journal) as one:
        assert await messages_of(one, 1) == ["a"]
        await until(lambda: "Hint: You are not seeing messages" in caplog.text)


async def test_journalctl_ends_with_us(journal):
    journal.write(record(1, "a"))
    async with following(journal) as one:
        reading = asyncio.create_task(messages_of(one, 2))
        await until(lambda: len(journal.calls()) == 2 and one.status.readable)
        process = one._process
        reading.cancel()
        await asyncio.wait([reading])
    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_position_of_another_kind_is_refused(journal):
    with pytest.raises(StoreError, match="the position in the journal cannot be read"):
        JournalInput(Settings(units=("a",)), from_start=True, clock=Quick(), saved={"tail": b"\x80"}, batch_bytes=1)


@pytest.mark.skipif(
    sys.version_info >= (3, 12) and hasattr(os, "pidfd_open"),
    reason="from Python 3.12 on asyncio has no thread that waits for a child, but a descriptor of it",
)
async def test_a_journalctl_that_ends_as_we_end_it_keeps_its_exit_code(journal, monkeypatch, caplog):
    """Whoever asks the kernel first has it, and asyncio's thread must be the one: it warns of an unknown child else."""
    may_ask, children, ask = threading.Event(), [], os.waitpid

    def ask_late(pid, options):
        children.append(pid)
        may_ask.wait(20)
        return ask(pid, options)

    journal.write(record(1, "a"), record(2, "b"))
    async with following(journal) as one:
        assert await messages_of(one, 2) == ["a", "b"]
        monkeypatch.setattr(os, "waitpid", ask_late)
        journal.write(record(3, "c"))
        assert await messages_of(one, 1) == ["c"]
        os.kill(children[-1], signal.SIGKILL)
        await asyncio.to_thread(os.waitid, os.P_PID, children[-1], os.WEXITED | os.WNOWAIT)
        closing = asyncio.create_task(one.close())
        await asyncio.sleep(0)
        may_ask.set()
        await closing
    assert "Unknown child" not in caplog.text
