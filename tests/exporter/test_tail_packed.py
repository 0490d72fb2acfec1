"""Rotated files that are compressed, early or late, once or in a backlog: each is read, and read once."""

import gzip
import os
import shutil
import time

import pytest
from rotated import LIMITS, PACKERS, compress

from exporter.sources.tail.follow import Follower


@pytest.mark.parametrize("ending", PACKERS)
def test_rename_followed_by_compression(site, rotate, ending):
    def change():
        site.log.rename(site.path("access.log.1"))
        site.write()
        compress(site.path("access.log.1"), ending)

    rotate(change, "access.log*")
    site.check(rotations={"compress" if rotate.down else "recreate": 1})


@pytest.mark.parametrize("pattern", ["access.log", "access.log*"])
def test_compression_long_after_the_rename_reads_nothing_twice(site, pattern):
    site.write()
    site.start(pattern)
    site.log.rename(site.path("access.log.1"))
    site.write()
    site.read()
    site.now_s += LIMITS.grace_s
    site.read()
    site.path("access.log.1").rename(site.path("access.log.2"))
    site.log.rename(site.path("access.log.1"))
    site.write()
    compress(site.path("access.log.2"))
    site.read()
    site.restart(pattern=pattern)
    site.check(rotations={"rename": 2})


@pytest.mark.parametrize("times", [1, 2])
def test_a_first_run_that_is_killed_before_it_reads_loses_nothing_by_rotations(site, times):
    site.write()
    site.start_and_die()
    for number in range(times, 0, -1):
        site.write()
        site.log.rename(site.path(f"access.log.{number}"))
    site.write()
    site.start()
    site.check(rotations={"rename": 1})


def test_a_copy_that_is_compressed_before_it_is_read_is_read_once(site):
    site.write()
    site.start()
    site.write()
    site.stop()
    shutil.copyfile(site.log, site.path("access.log.1"))
    os.truncate(site.log, 0)
    site.tail = Follower([str(site.log)], from_start=True, limits=LIMITS, saved=site.saved)
    site.now_s += 2
    site.tail.begin(site.now_s, time.time())
    compress(site.path("access.log.1"))
    site.check(rotations={"copytruncate": 1})


def test_a_missed_generation_in_the_making_is_waited_for_also_after_a_restart(site):
    site.write()
    site.start()
    site.write()
    os.utime(site.log, (time.time() - 10,) * 2)
    site.read()
    site.stop()
    site.log.rename(site.path("access.log.2"))
    site.write()
    compress(site.log.rename(site.path("access.log.1")))
    packed = site.path("access.log.1.gz")
    whole, times = packed.read_bytes(), packed.stat()
    packed.write_bytes(whole[: len(whole) // 2])
    site.write()
    site.start()
    site.stop()
    packed.write_bytes(whole)
    os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns - 5_000_000_000))  # its input's, long before the stop
    site.start()
    site.check(rotations={"rename": 1})


def test_a_compressed_copy_in_the_making_is_waited_for(site):
    site.write()
    site.start("access.log*")
    site.stop()
    site.log.rename(site.path("access.log.1"))
    site.write(3)
    site.log.rename(site.path("access.log.0"))  # missed altogether
    site.write(3)
    packed = gzip.compress(site.path("access.log.0").read_bytes())
    site.path("access.log.0").unlink()
    site.path("access.log.0.gz").write_bytes(packed[:-8])
    site.start("access.log*")
    site.read()
    site.path("access.log.0.gz").write_bytes(packed)
    site.check(rotations={"rename": 1})


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_many_rotations_while_stopped(site, packed):
    site.write()
    site.start()
    site.stop()
    for stamp in ("20260901", "20260902", "20260903", "20260904"):
        site.write(7)
        site.log.rename(site.path(f"access.log-{stamp}"))
        if packed:
            compress(site.path(f"access.log-{stamp}"))
    site.write()
    site.start()
    site.check(rotations={"compress" if packed else "rename": 1})


def test_logs_whose_lines_are_all_alike_are_counted_right_through_rotations(site):
    line = b"127.0.0.1\tGET /\t200\t24\n"
    site.lines = lambda count: line * count
    site.write(100)
    site.start()
    for _ in range(3):
        site.write(100)
        site.log.rename(site.path("access.log." + str(time.time_ns())))
        site.write(100)
        site.read()
    site.stop()
    for _ in range(3):
        site.write(100)
        site.log.rename(site.path("access.log." + str(time.time_ns())))
    site.write(100)
    site.start()
    site.check(rotations={"rename": 4})


def test_a_restart_in_the_middle_of_a_compressed_backlog_goes_on_there(site):
    site.write()
    site.start()
    site.stop()
    site.write(200)
    site.log.rename(site.path("access.log.1"))
    compress(site.path("access.log.1"))
    site.write(1)
    site.start = lambda: None
    for _ in range(200):
        site.tail = Follower([str(site.log)], from_start=True, limits=LIMITS, saved=site.saved)
        site.now_s += 2
        batch = site.tail.step(site.now_s, time.time())
        site.got += batch.data if batch else b""
        site.stop()
    site.tail = Follower([str(site.log)], from_start=True, limits=LIMITS, saved=site.saved)
    site.check(rotations={"compress": 1})


def test_rotated_files_from_before_the_first_run_are_never_read(site):
    site.write(to=site.path("access.log.2"))
    compress(site.path("access.log.2"))
    site.write(to=site.path("access.log.1"))
    for name in ("access.log.2.gz", "access.log.1"):
        os.utime(site.path(name), (1e9, 1e9))
    site.wrote = b""
    site.write()
    site.start()
    site.stop()
    site.write(200)
    site.log.rename(site.path("access.log.0"))
    compress(site.path("access.log.0"))
    site.write()
    site.tail = Follower([str(site.log)], from_start=True, limits=LIMITS, saved=site.saved)
    site.got += site.tail.step(site.now_s, time.time()).data  # of the compressed file; the new one is only opened yet
    site.stop()
    site.log.rename(site.path("access.log.00"))
    site.write()
    site.start()
    site.check(rotations={"compress": 1, "rename": 1})
