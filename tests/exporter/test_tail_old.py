"""What stands there at the first start, and is not asked for, is read neither then nor from any copy of it."""

import os

import msgspec
import pytest
from rotated import LIMITS, PACKERS, compress


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("keeps_time", [True, False])
@pytest.mark.parametrize("size", [2, 5, 100])
def test_what_is_old_at_the_first_start_stays_unread_once_it_is_compressed(site, size, ending, keeps_time):
    site.write(size, to=site.path("access.log.1"))
    site.write(3)
    site.start("access.log*", from_start=False)
    site.wrote = b""
    packed = compress(site.path("access.log.1"), ending)
    if not keeps_time:
        os.utime(packed)
    packed.rename(site.path(f"access.log.2{ending}"))
    site.log.rename(site.path("access.log.1"))
    site.write(2)
    site.check(rotations={"rename": 1})


@pytest.mark.parametrize("restart", [False, True])
def test_of_an_old_file_that_grows_only_the_growth_is_read(site, restart):
    site.write(5, to=site.path("access.log.1"))
    site.write(3)
    site.start("access.log*", from_start=False)
    site.wrote = b""
    if restart:
        site.stop()
    site.write(2, to=site.path("access.log.1"))
    if restart:
        site.start("access.log*", from_start=False)
    site.check(rotations={})


@pytest.mark.parametrize("from_start", [False, True])
def test_more_old_files_than_are_remembered_of_those_gone_are_not_read_later(site, from_start):
    limits = msgspec.structs.replace(LIMITS, marks=3)
    for number in range(9, 0, -1):
        site.write(1, to=site.path(f"access.log.{number}"))
    site.write(3)
    site.start("access.log*", from_start=from_start, limits=limits)
    site.wrote = site.wrote if from_start else b""
    for extra in range(2):
        for number in range(9 + extra, 0, -1):
            site.path(f"access.log.{number}").rename(site.path(f"access.log.{number + 1}"))
        site.log.rename(site.path("access.log.1"))
        site.write(2)
        site.read()
        site.now_s += limits.grace_s
        site.read()
    site.check(rotations={"rename": 2})
