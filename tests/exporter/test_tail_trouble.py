"""Files that are gone, barred, no files at all, or too many for the descriptors there are."""

import os

import pytest

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
