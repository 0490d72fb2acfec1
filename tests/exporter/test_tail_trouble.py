"""Files that are gone, barred, no files at all, or too many for the descriptors there are."""

import gzip
import os

import msgspec
import pytest
from rotated import LIMITS, keep_times

from exporter.sources.tail.mark import Limits


def test_a_file_that_vanishes_for_a_while(site, rotate):
    def change():
        site.log.rename(site.path("elsewhere"))
        if rotate.down:
            site.start()
        site.read()
        site.read()
        site.path("elsewhere").rename(site.log)
        site.write()
        if rotate.down:
            site.stop()

    rotate(change)
    site.check(rotations={"rename": 1} if rotate.down else {})


def test_a_file_that_becomes_unreadable_for_a_while(site, monkeypatch):
    site.write()
    site.start()
    site.log.rename(site.path("access.log.1"))
    site.write()
    real = os.open
    barred = {str(site.log)}

    def guarded(path, *args, **kwargs):
        if path in barred:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", guarded)  # taking the rights away would not stop root
    site.read()
    assert not site.tail.readable
    barred.clear()
    site.check(rotations={"rename": 1})
    assert site.tail.readable


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), os.mkfifo], ids=["directory", "fifo"])
def test_what_is_no_file_is_not_followed_and_does_not_hold_us_up(site, make):
    make(site.log)
    site.start()
    assert not site.tail.readable
    assert site.got == b""


def test_descriptors_are_bounded_and_no_line_is_lost_by_it(site):
    names = [f"site-{n}.log" for n in range(20)]
    site.start("site-*.log", limits=Limits(open_files=5))
    for _ in range(3):
        for name in names:
            site.write(3, to=site.path(name))
        for _ in range(10):
            site.read()
            assert site.tail.open_files <= 5
    site.check(rotations={})


@pytest.mark.parametrize("pattern", ["site-*.log", "site-*.log*"])
@pytest.mark.parametrize("stays", [False, True])
def test_compressed_copies_of_files_that_wait_for_a_descriptor_are_no_new_files(site, pattern, stays):
    """The compressor works while the file is still there, and some keep it."""
    logs = [site.path(f"site-{number}.log") for number in range(8)]
    for log in logs:
        site.write(to=log)
    site.start(pattern, limits=msgspec.structs.replace(LIMITS, open_files=4))
    for _ in range(4):
        site.read()
    for log in logs:
        log.rename(f"{log}.1")
        site.write(2, to=log)
    for log in logs:
        rotated = log.with_name(f"{log.name}.1")
        packed = log.with_name(f"{log.name}.1.gz")
        packed.write_bytes(gzip.compress(rotated.read_bytes()))
        keep_times(rotated, packed)
    for _ in range(4):
        site.read()
    for log in logs if not stays else []:
        log.with_name(f"{log.name}.1").unlink()
    for _ in range(8):
        site.read()
    site.check(rotations={"rename": 8})
