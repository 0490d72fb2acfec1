"""Errors on their way to the user."""

import asyncio
import errno

import pytest

from foundation.errors import ConfigError, SourceError, StoreError, is_out_of_memory, may_pass, ungrouped


async def fail(exc):
    raise exc


async def group_of(*errors):
    async with asyncio.TaskGroup() as tasks:
        for exc in errors:
            tasks.create_task(fail(exc))


async def test_the_first_known_error_of_nested_task_groups_comes_alone():
    with pytest.raises(ConfigError, match="first"), ungrouped():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(group_of(ConfigError("first"), ConfigError("second")))


async def test_a_bug_beside_a_known_error_stays_visible():
    with pytest.raises(ExceptionGroup) as caught, ungrouped():
        await group_of(ConfigError("known"), ZeroDivisionError())
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.parametrize(
    ("exc", "want"),
    [
        (OSError(errno.EMFILE, "whatever"), True),
        (OSError(errno.EACCES, "Too many open files"), False),
        (StoreError("x.duckdb: IO Error: Cannot open file: Too many open files"), True),
        (StoreError("x.duckdb: No space left on device"), True),
        (StoreError("x.duckdb: written by another version"), False),
        (SourceError("a.csv: No such file or directory"), False),
    ],
)
def test_what_may_pass_is_what_something_has_run_out_of(exc, want):
    assert may_pass(exc) is want


@pytest.mark.parametrize(
    ("exc", "want"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("lib.so: failed to map segment from shared object"), True),
        (ExceptionGroup("", [ExceptionGroup("", [MemoryError()]), MemoryError()]), True),
        (ExceptionGroup("", [MemoryError(), ZeroDivisionError()]), False),
        (RuntimeError("another"), False),
        (ImportError("no such module"), False),
        (OSError(), False),
    ],
    ids=["data", "thread", "library", "group", "mixed", "runtime", "import", "other"],
)
def test_what_says_that_memory_has_run_out(exc, want):
    assert is_out_of_memory(exc) is want
