"""Followed logs: a header in each file, rotations, and what the reading exposes about itself."""

import pytest
from lifetime import running, until

from exporter.catalogue import releases as catalogue
from exporter.releases import Source, System
from foundation.clock import SystemClock
from foundation.grammar import Address

HEADER = b"\xef\xbb\xbfTimestamp\tBuild\tError_Code\r\n"


def records(number, build="5.1"):
    return b"0:00:01\t%s\t3\r\n" % build.encode() * number


def series(system, metric):
    found = {family.metric.name: dict(family.series) for family in system.collect()}
    return {labels[1:]: value for labels, value in found.get(metric.name, {}).items()}


def counted(system):
    return sum(series(system, catalogue.ERRORS).values())


def following(folder, *patterns, **settings):
    source = Source(source="app", paths=[str(folder / one) for one in patterns], **settings)
    return running(folder, lambda context: System([source], context))


def failed(system):
    return {labels[0]: count for labels, count in series(system, catalogue.RECORDS_FAILED).items() if count}


async def test_each_file_of_a_pattern_may_begin_with_a_header(tmp_path):
    for number in range(1, 5):
        (tmp_path / f"errors{number}.tsv").write_bytes(HEADER + records(number))
    (tmp_path / "errors5.tsv").write_bytes(records(5))
    async with following(tmp_path, "errors*.tsv") as system:
        await until(lambda: counted(system) == 15)
        assert failed(system) == {}


async def test_a_header_is_for_a_files_first_line_only(tmp_path):
    (tmp_path / "errors.tsv").write_bytes(HEADER + records(1) + HEADER + records(1))
    async with following(tmp_path, "errors.tsv") as system:
        await until(lambda: counted(system) == 2)
        assert failed(system) == {"time": 1}


def rename(log):
    log.rename(log.with_suffix(".1"))
    log.write_bytes(HEADER)


def recreate(log):
    log.unlink()
    log.write_bytes(HEADER)


def copytruncate(log):
    log.with_suffix(".1").write_bytes(log.read_bytes())
    log.write_bytes(HEADER)


def truncate(log):
    log.write_bytes(HEADER)


@pytest.mark.slow
@pytest.mark.parametrize("rotate", [rename, recreate, copytruncate, truncate])
async def test_each_rotated_successor_may_begin_with_a_header(tmp_path, rotate):
    log = tmp_path / "errors.tsv"
    log.write_bytes(HEADER)
    async with following(tmp_path, "errors.tsv") as system:
        for number in range(1, 4):
            with log.open("ab") as file:
                file.write(records(100, f"5.{number}"))
            await until(lambda number=number: counted(system) == 100 * number)
            rotate(log)
            await until(lambda number=number: sum(series(system, catalogue.LOG.rotations).values()) == number)
        assert failed(system) == {}


async def test_a_run_that_goes_on_within_a_file_expects_no_header_there(tmp_path):
    log = tmp_path / "errors.tsv"
    log.write_bytes(HEADER + records(2))
    async with following(tmp_path, "errors.tsv") as system:
        await until(lambda: counted(system) == 2)
    log.write_bytes(log.read_bytes() + HEADER + records(1))
    async with following(tmp_path, "errors.tsv") as system:
        await until(lambda: counted(system) == 3)
        assert failed(system) == {"time": 1}


async def test_a_followed_log_exposes_how_its_reading_goes(tmp_path):
    """Read, lag, lost, unreadable, rotations, too long, last line; over a restart too."""
    log = tmp_path / "errors.tsv"
    log.write_bytes(records(5) + b"x" * 200_000 + b"\n" + b"y" * 5000 + b"\nunfinished")
    began_s = SystemClock().wall()
    async with following(tmp_path, "errors.tsv", "gone.tsv") as system:
        await until(lambda: failed(system) == {"too_long": 2})
        assert counted(system) == 5
        lag_bytes = len("unfinished")
        assert series(system, catalogue.LOG.read_bytes) == {(): log.stat().st_size - lag_bytes}
        assert series(system, catalogue.LOG.lag_bytes) == {(): lag_bytes}
        assert series(system, catalogue.LOG.lost_bytes) == {(): 0}
        assert series(system, catalogue.LOG.readable) == {(): 0}
        last_line = series(system, catalogue.LOG.last_line)
        assert began_s <= last_line[()] <= SystemClock().wall()
        log.write_bytes(b"")
        await until(lambda: series(system, catalogue.LOG.rotations) == {("truncate",): 1})
        assert series(system, catalogue.LOG.lost_bytes) == {(): lag_bytes}
    async with following(tmp_path, "errors.tsv") as system:
        await until(lambda: series(system, catalogue.LOG.readable) == {(): 1})
        assert series(system, catalogue.LOG.last_line) == last_line
        assert series(system, catalogue.LOG.rotations) == {("truncate",): 1}
        assert failed(system) == {"too_long": 2}


async def test_a_source_without_a_log_exposes_no_reading(tmp_path):
    async with following(tmp_path, http=Address("127.0.0.1", 0)) as system:
        names = {family.metric.name for family in system.collect()}
    assert names.isdisjoint(metric.name for metric in catalogue.LOG)
