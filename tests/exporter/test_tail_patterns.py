"""Which files are followed, and from where: those of before, those that come later, those of old inodes."""

import logging
import os
from pathlib import Path

import pytest
from msgspec import structs
from rotated import LIMITS, compress

from exporter.sources.tail.mark import Limits
from exporter.sources.tail.positions import decode


def test_files_that_a_pattern_matches_later_are_read_from_their_start(site):
    site.start("site-*.log")
    assert not site.tail.readable
    site.write(to=site.path("site-a.log"))
    site.read()
    site.write(to=site.path("site-b.log"))
    site.write(to=site.path("other.txt"))
    site.read()
    site.write(to=site.path("site-a.log"))
    site.read()
    site.wrote = site.path("site-a.log").read_bytes() + site.path("site-b.log").read_bytes()
    site.check(rotations={})
    assert site.tail.readable


def test_where_a_pattern_may_match_nothing_no_file_is_no_fault_and_one_that_cannot_be_read_is(site, monkeypatch):
    """A node on which no such container runs."""
    site.start("site-*.log", limits=structs.replace(LIMITS, required=False))
    assert (site.tail.readable, site.tail.files) == (True, 0)
    site.path("site-0.log").symlink_to(site.path("gone"))  # as the kubelet leaves one for a moment
    site.read()
    assert site.tail.readable
    site.write(to=site.path("site-a.log"))
    site.check(rotations={})
    assert (site.tail.readable, site.tail.files) == (True, 1)
    real, barred = os.open, {str(site.path("site-b.log"))}

    def guarded(path, *args, **kwargs):
        if path in barred:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", guarded)  # taking the rights away would not stop root
    site.write(to=site.path("site-b.log"))
    site.read()
    assert not site.tail.readable
    barred.clear()
    site.check(rotations={})
    assert site.tail.readable


def test_from_the_end_leaves_out_what_was_there_and_nothing_else(site):
    site.write(to=site.path("access.log.1"))
    compress(site.path("access.log.1"))
    site.write(to=site.path("access.log.2"))
    site.write()
    site.wrote = b""
    site.start("access.log*", from_start=False)
    site.write()
    site.read()
    site.log.rename(site.path("access.log.0"))
    site.write()
    site.check(rotations={"rename": 1})


def test_from_the_start_takes_rotated_files_that_a_pattern_matches(site, caplog):
    site.write(to=site.path("access.log.2"))
    compress(site.path("access.log.2"))
    site.write(to=site.path("access.log.1"))
    site.write()
    caplog.set_level("INFO")
    site.start("access.log*")
    site.check(rotations={})
    site.restart(pattern="access.log*")
    site.check(rotations={})
    assert "not read" not in caplog.text


def test_files_rotated_before_the_first_run_are_reported_where_no_pattern_matches_them(site, caplog):
    caplog.set_level("INFO")
    site.write(to=site.path("access.log.2"))
    compress(site.path("access.log.2"))
    site.write(to=site.path("access.log.1"))
    site.write(to=site.path("other.log.1"))
    site.wrote = b""
    site.write()
    site.start("access.log")
    told = (
        f"{site.log}: a new log; older rotated files of it that are not read: 2 (the path {site.log}* would match them)"
    )
    assert caplog.messages == [told]
    site.restart()
    site.check(rotations={})
    assert caplog.messages == [told]


def test_a_path_added_to_the_patterns_starts_where_the_settings_say(site):
    site.write()
    site.start("access.log", from_start=False)
    site.wrote = b""
    site.write(to=site.path("other.log"))
    site.wrote = b""
    site.stop()
    site.start("access.log other.log", from_start=False)
    site.write(to=site.path("other.log"))
    site.write()
    site.check(rotations={})


def test_an_inode_used_again_is_another_file(site):
    site.write()
    site.start()
    site.stop()
    inode = site.log.stat().st_ino
    site.log.unlink()
    site.write(20)
    if site.log.stat().st_ino != inode:
        pytest.skip("this file system does not use the inode again at once")
    site.start()
    site.check(rotations={"gone": 1})


def test_files_beyond_the_limit_are_counted_and_named_and_those_within_are_read(site, caplog):
    """Also where others come that would stand before them."""
    caplog.set_level(logging.INFO)
    for number in range(4):
        site.write(to=site.path(f"site-{number}.log"))
    site.start("site-*.log", limits=Limits(files=3))
    assert (site.tail.files, site.tail.skipped, site.tail.readable) == (3, 1, True)
    assert f"not read because of max_files (3): 1 of the files: {site.path('site-3.log')}\n" in caplog.text
    assert site.got.count(b"\n") == 15
    for number in range(8):
        site.write(to=site.path(f"site-{number}-before.log"))
    for number in range(4):
        site.write(2, to=site.path(f"site-{number}.log"))
    site.now_s += 60
    site.read()
    assert (site.tail.files, site.tail.skipped, site.got.count(b"\n")) == (3, 9, 21)
    assert "9 of the files: " in caplog.text
    assert "site-3.log and 4 more\n" in caplog.text
    for log in site.folder.glob("site-*-before.log"):
        log.unlink()
    site.path("site-3.log").unlink()
    site.read()
    assert (site.tail.files, site.tail.skipped) == (3, 0)
    assert "no file is beyond the limit any more" in caplog.text


def test_a_directory_that_comes_later(site):
    site.log = site.path("app/access.log")
    site.start("app/access.log", from_start=False)
    assert not site.tail.readable
    site.log.parent.mkdir()
    site.write()
    site.check(rotations={})
    assert site.tail.readable


@pytest.mark.parametrize("from_start", [True, False])
@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("away", [1, 3])
def test_a_path_that_is_taken_out_and_put_back_is_read_on_where_it_was(site, from_start, rotated, away):
    """Its lines would be counted twice, or those of the time between not at all."""
    site.start("access.log", from_start=from_start)
    site.write()
    site.read()
    for _ in range(away):
        site.restart(pattern="other.log", from_start=from_start)
    site.write()
    if rotated:
        site.log.rename(site.path("access.log.1"))
        site.write()
    site.restart(pattern="access.log", from_start=from_start)
    site.write()
    site.check(rotations={"rename": 1} if rotated else {})


def test_paths_taken_out_are_remembered_up_to_the_limit_of_files(site):
    limits = Limits(files=2)
    for number in range(4):
        site.start(f"site-{number}.log", limits=limits)
        site.write(to=site.path(f"site-{number}.log"))
        site.read()
        site.stop()
    assert [Path(mark.home).name for mark in decode(site.saved).marks] == ["site-1.log", "site-2.log", "site-3.log"]


def copy_over(site):
    copy = site.path("copy")
    copy.write_bytes(site.log.read_bytes())
    copy.replace(site.log)


def test_a_copy_that_takes_the_place_of_the_log_while_nobody_looks_is_read_on(site):
    """As after a move to another machine: its lines are counted."""
    site.start()
    site.write(200)
    site.read()
    site.stop()
    site.write()
    copy_over(site)
    site.start()
    site.write()
    site.check(rotations={})


def test_a_log_that_begins_like_the_one_before_is_read_from_its_start(site):
    site.start()
    site.write(200)
    site.read()
    site.stop()
    before = site.log.read_bytes()
    other = before[:5000] + b"another line\n" * 2000
    site.log.unlink()
    site.log.write_bytes(other)
    site.got, site.wrote = b"", other
    site.start()
    site.check(rotations={"gone": 1})


def test_a_copy_that_takes_the_place_of_the_log_while_it_is_read_is_reported(site, caplog):
    site.start()
    site.write(200)
    site.read()
    site.log.rename(site.path("access.log.1"))
    site.write(200)
    site.read()
    assert "begins as" not in caplog.text
    copy_over(site)
    site.read()
    assert (
        f"{site.log}: begins with the content of the file before it; if it is a copy, its lines are counted again: "
        in caplog.text
    )
