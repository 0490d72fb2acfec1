"""Every way in which logs are rotated, one by one: no line lost, none twice, and what is gone is told to the byte."""

import bz2
import gzip
import lzma
import os
import shutil
import time

import pytest

from exporter.sources.tail.book import encode
from exporter.sources.tail.follow import Follower
from exporter.sources.tail.mark import Limits

LIMITS = Limits(grace_s=60.0, line_bytes=200, batch_bytes=500)


class Site:
    """A log, its writer and its reader, all by hand."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "access.log"
        self.number = 0
        self.now_s = 0.0
        self.saved = None
        self.tail = None
        self.got = b""
        self.wrote = b""

    def lines(self, count):
        numbers = range(self.number, self.number + count)
        self.number += count
        return b"".join(b"192.0.2.7\tGET /item/%d\t200\t%d\n" % (n, n * 3) for n in numbers)

    def write(self, count=5, *, to=None):
        data = self.lines(count)
        with (to or self.log).open("ab") as file:
            file.write(data)
        self.wrote += data

    def start(self, pattern="access.log", **settings):
        options = {"from_start": True, "limits": LIMITS, "saved": self.saved, **settings}
        self.tail = Follower([str(self.folder / name) for name in pattern.split()], **options)
        self.read()

    def start_and_die(self):
        """Killed once the first positions are kept, and before anything is read."""
        self.tail = Follower([str(self.log)], from_start=True, limits=LIMITS, saved=self.saved)
        self.now_s += 2
        self.tail.begin(self.now_s, time.time())
        self.stop()

    def read(self):
        self.now_s += 2
        while (batch := self.tail.step(self.now_s, time.time())) is not None:
            self.got += batch.data

    def stop(self):
        self.saved = encode(self.tail.state())
        self.tail.close()

    def restart(self, **settings):
        self.stop()
        self.start(**settings)

    def path(self, name):
        return self.folder / name

    @property
    def totals(self):
        return self.tail.state().totals

    def check(self, *, rotations, lost=0):
        self.read()
        assert sorted(self.got.splitlines()) == sorted(self.wrote.splitlines())
        assert (self.totals.rotations, self.totals.lost_bytes) == (rotations, lost)
        assert self.tail.lag_bytes == 0


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    if site.tail:
        site.tail.close()


@pytest.fixture(params=["running", "stopped"])
def rotate(request, site):
    """Rotate while the reader runs, or while it is stopped."""

    def around(change, pattern="access.log"):
        site.write()
        site.start(pattern)
        site.write()
        if request.param == "stopped":
            site.stop()
        change()
        if request.param == "stopped":
            site.start(pattern)
        site.read()

    around.down = request.param == "stopped"
    return around


def keep_times(source, copy):
    status = source.stat()
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lambda data: lzma.compress(data, preset=0)}


def compress(path, ending=".gz"):
    packed = path.with_name(path.name + ending)
    packed.write_bytes(PACKERS[ending](path.read_bytes()))
    keep_times(path, packed)
    path.unlink()
    return packed


@pytest.mark.parametrize("pattern", ["access.log", "access.log*", "*.log"])
def test_rename_and_create(site, rotate, pattern):
    def change():
        site.log.rename(site.path("access.log.1"))
        site.write()

    rotate(change, pattern)
    site.check(rotations={"rename": 1})


def test_rename_with_a_gap_before_the_new_file(site):
    site.write()
    site.start()
    site.write()
    site.log.rename(site.path("access.log.1"))
    site.read()
    assert not site.tail.readable
    site.write(to=site.path("access.log.1"))
    site.read()
    site.write()
    site.check(rotations={"rename": 1})
    assert site.tail.readable


def test_copytruncate(site, rotate):
    def change():
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        site.write(2)

    rotate(change)
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_seen_by_a_pattern_that_matches_the_copy_in_the_making(site):
    site.write(9)
    site.start("access.log*")
    content = site.log.read_bytes()
    site.path("access.log.1").write_bytes(content[:100])
    site.read()
    site.path("access.log.1").write_bytes(content)
    site.read()
    os.truncate(site.log, 0)
    site.write(3)
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_to_a_larger_file_is_seen_by_its_head(site, rotate):
    def change():
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        site.write(200)

    rotate(change)
    site.check(rotations={"copytruncate": 1})


@pytest.mark.parametrize("ending", PACKERS)
def test_copytruncate_whose_copy_was_compressed_meanwhile(site, rotate, ending):
    def change():
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        site.write(4)
        compress(site.path("access.log.1"), ending)

    rotate(change)
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_in_the_middle_of_a_line_joins_its_halves(site, rotate):
    def change():
        with site.log.open("ab") as file:
            file.write(b"192.0.2.7\tGET /ha")
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        with site.log.open("ab") as file:
            file.write(b"lf\t200\t1\n")
        site.wrote += b"192.0.2.7\tGET /half\t200\t1\n"

    rotate(change)
    site.check(rotations={"copytruncate": 1})


def test_half_a_line_from_a_copy_is_kept_over_a_restart(site):
    site.write()
    site.start()
    with site.log.open("ab") as file:
        file.write(b"192.0.2.7\tGET /ha")
    shutil.copyfile(site.log, site.path("access.log.1"))
    os.truncate(site.log, 0)
    site.read()
    site.restart()
    with site.log.open("ab") as file:
        file.write(b"lf\t200\t1\n")
    site.wrote += b"192.0.2.7\tGET /half\t200\t1\n"
    site.check(rotations={"copytruncate": 1})


def test_copytruncate_by_a_writer_that_does_not_append_leaves_a_hole(site):
    with site.log.open("wb", buffering=0) as writer:
        writer.write(b"x" * 150 + b"\n")
        for _ in range(100):
            writer.write(b"y" * 100 + b"\n")
        site.start()
        shutil.copyfile(site.log, site.path("access.log.1"))
        os.truncate(site.log, 0)
        writer.write(b"after the hole\n")
    site.got = b""
    site.read()
    assert site.got.lstrip(b"\0") == b"after the hole\n"
    assert site.totals.too_long_lines == 0


def test_delete_and_create(site):
    site.write()
    site.start()
    with site.log.open("ab", buffering=0) as writer:
        site.log.unlink()
        data = site.lines(3)
        writer.write(data)
        site.wrote += data
        site.write()
        site.check(rotations={"recreate": 1})
        data = site.lines(3)
        writer.write(data)
        site.wrote += data
    site.check(rotations={"recreate": 1})


def test_delete_and_create_while_stopped_tells_what_was_seen_and_is_gone(site):
    site.write()
    with site.log.open("ab") as file:
        file.write(b"seen, unfinished")
    site.start()
    site.stop()
    site.log.unlink()
    site.write()
    site.start()
    site.check(rotations={"gone": 1}, lost=len(b"seen, unfinished"))


@pytest.mark.parametrize("down", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("lines_after", [0, 3, 10, 50], ids=["empty", "smaller", "same-size", "larger"])
def test_truncate_in_place(site, lines_after, down):
    site.number = 1_000  # lines of one length from here on
    site.write(10)
    site.start()
    with site.log.open("ab") as file:
        file.write(b"seen, unfinished")
    site.read()
    if down:
        site.stop()
    os.truncate(site.log, 0)
    site.write(lines_after)
    if down:
        site.start()
    site.check(rotations={"truncate": 1}, lost=len(b"seen, unfinished"))


def test_a_symlink_that_is_switched(site, rotate):
    site.log.symlink_to("app-1.log")

    def change():
        site.path("new").symlink_to("app-2.log")
        site.write(to=site.path("app-2.log"))
        site.path("new").rename(site.log)
        site.write(to=site.path("app-1.log"))

    rotate(change)
    site.check(rotations={"symlink": 1})


def test_a_symlink_that_is_switched_twice_while_stopped(site):
    site.log.symlink_to("app-7.log")
    site.write()
    site.start()
    site.stop()
    for number in (8, 9):
        site.log.unlink()
        site.log.symlink_to(f"app-{number}.log")
        site.write()
    site.start()
    site.read()
    site.check(rotations={"symlink": 1})


def test_a_writer_that_goes_on_in_the_renamed_file_for_longer_than_the_grace_time(site):
    site.write()
    site.start()
    site.log.rename(site.path("access.log.1"))
    site.write()
    site.read()
    site.now_s += LIMITS.grace_s
    site.read()
    assert site.tail.open_files == 1
    site.write(to=site.path("access.log.1"))
    site.check(rotations={"rename": 1})
    site.now_s += LIMITS.grace_s
    site.read()
    site.path("access.log.1").rename(site.path("access.log.2"))
    site.read()
    site.write(to=site.path("access.log.2"))
    site.check(rotations={"rename": 1})


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


def test_from_the_start_takes_rotated_files_that_a_pattern_matches(site):
    site.write(to=site.path("access.log.2"))
    compress(site.path("access.log.2"))
    site.write(to=site.path("access.log.1"))
    site.write()
    site.start("access.log*")
    site.check(rotations={})
    site.restart(pattern="access.log*")
    site.check(rotations={})


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


def test_a_line_written_in_pieces_comes_once_and_whole(site):
    site.start()
    for byte in (data := b"192.0.2.7\tGET /\xff\0\t200\t1\r\n"):
        with site.log.open("ab") as file:
            file.write(bytes([byte]))
        site.read()
    assert site.got == data
    assert site.totals.read_bytes == len(data)


def test_a_long_line_is_dropped_and_counted_also_over_a_restart(site):
    site.write()
    site.start()
    with site.log.open("ab") as file:
        file.write(b"x" * 150_000)
    site.read()
    site.restart()
    with site.log.open("ab") as file:
        file.write(b"x" * 50_000 + b"\n")
    site.write()
    site.check(rotations={})
    assert (site.totals.too_long_lines, site.totals.too_long_bytes) == (1, 200_001)
    assert site.totals.read_bytes == site.log.stat().st_size


def test_a_last_line_without_newline_is_given_out_when_nothing_more_can_come(site):
    site.write()
    with site.log.open("ab") as file:
        file.write(b"unfinished")
    site.start()
    site.log.rename(site.path("access.log.1"))
    site.write()
    site.read()
    assert b"unfinished" not in site.got
    site.now_s += LIMITS.grace_s
    site.wrote += b"unfinished\n"
    site.check(rotations={"rename": 1})
    site.restart()
    site.check(rotations={"rename": 1})


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
