"""Which files are followed, and from where: those of before, those that come later, those of old inodes."""

import pytest
from rotated import compress

from exporter.sources.tail.mark import Limits


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
        f"{site.log}: followed for the first time; not read: 2 files rotated from it before, which {site.log}* matches"
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


def test_more_files_than_allowed_are_left_out_and_told(site, caplog):
    for number in range(4):
        site.write(to=site.path(f"site-{number}.log"))
    site.start("site-*.log", limits=Limits(files=3))
    assert "3 files or more; the rest is left out" in caplog.text
    assert not site.tail.readable
    assert site.got.count(b"\n") == 15


def test_a_directory_that_comes_later(site):
    site.log = site.path("app/access.log")
    site.start("app/access.log", from_start=False)
    assert not site.tail.readable
    site.log.parent.mkdir()
    site.write()
    site.check(rotations={})
    assert site.tail.readable
