"""Who writes the checkpoint ends when it is told to."""

import asyncio

import pytest

from exporter.releases.commits import Commits
from foundation.clock import SystemClock


class Disk:
    async def commit(self, _scope, _changes):
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(8))
async def test_a_writer_that_is_cancelled_ends_whatever_comes_at_that_moment(turns):
    commits = Commits(SystemClock(), lambda: ({}, []), lambda _: None)
    task = asyncio.create_task(commits.run(Disk(), "app"))
    commits.touch()
    for _ in range(3):  # it gathers now
        await asyncio.sleep(0)
    waiting = asyncio.create_task(commits.written())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)
    waiting.cancel()
    assert done
    assert task.cancelled()
