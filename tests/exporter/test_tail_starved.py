"""A reader without descriptors: it says so, it concludes nothing, and it reads everything once it has some."""

import errno
import gzip
import os
import time

import pytest
from starving import Starving

from exporter.sources.tail.follow import Follower
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.positions import encode

LONG_AGO_S = 1_000_000_000  # further back than any scan


class Reader:
    """A follower of `access.log` in a folder, and what it gave out."""

    def __init__(self, folder):
        self.log = folder / "access.log"
        self.now_s = 0.0
        self.got = []
        self.tail = None

    def start(self, pattern="access.log", *, saved=None, from_start=True, **limits):
        path = str(self.log.with_name(pattern))
        self.tail = Follower([path], from_start=from_start, saved=saved, limits=Limits(**limits))

    def write(self, *lines, to=None):
        path = to or self.log
        with path.open("ab") as file:
            file.write(b"".join(line.encode() + b"\n" for line in lines))
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))  # no time of any look tells that it was written

    def rotate(self, name="access.log.1"):
        self.log.rename(self.log.with_name(name))

    def read(self):
        self.now_s += 2
        while (batch := self.tail.step(self.now_s, time.time())) is not None:
            self.got += batch.data.decode().split()

    def restart(self):
        saved = encode(self.tail.state())
        self.tail.close()
        self.start(saved=saved)


def copytruncate(reader, name, then):
    reader.log.with_name(name).write_bytes(reader.log.read_bytes())
    reader.log.write_bytes(then)


@pytest.fixture
def reader(tmp_path):
    reader = Reader(tmp_path)
    yield reader
    reader.tail.close()


@pytest.mark.parametrize("pattern", ["access.log", "access.log*", "acc*.log"])
@pytest.mark.parametrize("left", range(6))
def test_what_cannot_be_opened_lags_and_is_not_readable_until_it_is_read(reader, pattern, left):
    reader.start(pattern)
    reader.write("a")
    reader.read()
    reader.write("b")
    reader.rotate()
    reader.write("c", "d")
    with Starving(left):
        for _ in range(3):
            reader.read()
            unread = 2 * len({"b", "c", "d"} - {*reader.got})
            assert reader.tail.lag_bytes == unread
            assert not (unread and reader.tail.readable)
    reader.read()
    assert (sorted(reader.got), reader.tail.readable, reader.tail.lag_bytes) == (["a", "b", "c", "d"], True, 0)


@pytest.mark.parametrize("pattern", ["access.log", "access.log*", "acc*.log"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_folder_that_cannot_be_looked_into_is_not_empty(reader, pattern, number, restarted, monkeypatch):
    reader.start(pattern)
    reader.write("a")
    reader.read()
    reader.write("b")
    reader.rotate()
    reader.write("c", "d")

    def fail(path):
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as patches:
        patches.setattr(os, "scandir", fail)
        if restarted:
            reader.restart()
        for _ in range(3):
            reader.read()
            assert not reader.tail.readable
    reader.read()
    reader.read()
    assert (sorted(reader.got), reader.tail.readable) == (["a", "b", "c", "d"], True)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_log_that_was_never_opened_is_read_under_its_later_names(reader, restarted):
    reader.start()
    reader.read()
    for number in range(5):
        reader.write(f"line{number}")
        with Starving(2):  # enough to look around, not to open
            reader.read()
            if restarted:
                reader.restart()
                reader.read()
        reader.rotate(f"access.log.{number}")
    reader.write("last")
    reader.read()
    reader.read()
    assert sorted(reader.got) == ["last", *(f"line{number}" for number in range(5))]
    assert reader.tail.state().about.totals.lost_bytes == 0


def test_what_is_gone_before_it_could_be_opened_is_lost_and_counted(reader):
    reader.start()
    reader.write("before")
    reader.read()
    reader.rotate()
    reader.write("lost")
    with Starving():
        reader.read()
    with Starving(2):
        reader.read()
    reader.write("after", to=reader.log.with_name("next"))
    reader.log.with_name("next").replace(reader.log)
    reader.read()
    assert (reader.got, reader.tail.state().about.totals.lost_bytes) == (["before", "after"], len("lost\n"))
    assert reader.tail.lag_bytes == 0


def test_from_the_end_begins_at_the_end_of_the_first_look_that_saw_the_file(reader):
    reader.write("old", "older")
    with reader.log.open("ab") as writer:
        writer.write(b"unfin")
    reader.start(from_start=False)
    with Starving(1):
        reader.read()
    reader.write("ished", "new")
    reader.read()
    assert reader.got == ["unfinished", "new"]


def test_a_copy_is_sought_until_it_can_be_looked_at(reader):
    reader.start()
    reader.write("a")
    reader.read()
    reader.write("b")
    reader.log.with_name("access.log.1").write_bytes(reader.log.read_bytes())
    os.truncate(reader.log, 0)
    reader.write("longer")
    for left in range(4):
        with Starving(left):
            reader.read()
    reader.read()
    assert sorted(reader.got) == ["a", "b", "longer"]
    totals = reader.tail.state().about.totals
    assert (totals.lost_bytes, totals.rotations) == (0, {"copytruncate": 1})


@pytest.mark.parametrize("left", range(12))
def test_a_copy_made_while_nobody_read_is_sought_until_it_can_be_looked_at(reader, left):
    reader.start()
    reader.write("a")
    reader.read()
    saved = encode(reader.tail.state())
    reader.tail.close()
    reader.write("b")
    reader.log.with_name("access.log.1").write_bytes(reader.log.read_bytes())
    os.truncate(reader.log, 0)
    reader.write("longer")
    reader.start(saved=saved)
    with Starving(left):
        reader.read()
    reader.read()
    assert sorted(reader.got) == ["a", "b", "longer"]
    assert reader.tail.state().about.totals.lost_bytes == 0


@pytest.mark.parametrize("restarted", [False, True])
def test_half_a_line_is_not_joined_to_what_may_not_be_its_rest(reader, restarted):
    reader.log.write_bytes(b"")
    reader.start()
    reader.read()
    reader.log.write_bytes(b"ha")
    copytruncate(reader, "access.log.2", b"")
    if restarted:
        reader.restart()
        reader.tail.begin(reader.now_s, time.time())
    else:
        reader.read()
    reader.log.write_bytes(b"lf\n")
    copytruncate(reader, "access.log.1", b"whole\n")
    with Starving():
        reader.read()  # of the log alone
    reader.read()
    assert sorted(reader.got) == ["ha", "lf", "whole"]


def test_what_no_name_leads_to_any_more_is_not_given_up_for_what_waits(reader):
    reader.start()
    reader.write("a")
    reader.read()
    with reader.log.open("ab") as writer:
        reader.log.unlink()
        reader.write("b")
        with Starving(1):
            for _ in range(3):
                reader.read()
        writer.write(b"c\n")
    reader.read()
    assert sorted(reader.got) == ["a", "b", "c"]


def test_a_compressed_log_at_a_home_is_not_read_as_lines_once_it_can_be_opened(reader):
    packed = reader.log.with_name("other.gz")
    packed.write_bytes(gzip.compress(b"a\nb\n"))
    reader.start("*.gz")
    with Starving(1):
        reader.read()
    reader.read()
    assert reader.got == ["a", "b"]


def test_descriptors_go_round_where_there_are_fewer_than_logs(reader, tmp_path):
    logs = [tmp_path / f"{name}.log" for name in "abcdefgh"]
    for log in logs:
        reader.write(log.stem, to=log)
    reader.start("*.log")

    class Few(Starving):
        """So many may be open at a time, a directory among them."""

        def _limited(self, real):
            def limited(*args, **settings):
                self._left = 4 - reader.tail.open_files
                return Starving._limited(self, real)(*args, **settings)

            return limited

    with Few():
        for number in range(6):
            for _ in range(8):
                reader.read()
            for log in logs:
                reader.write(f"{log.stem}{number}", to=log)
        for _ in range(8):
            reader.read()
    assert sorted(reader.got) == sorted(f"{log.stem}{number}" for log in logs for number in ("", *range(6)))


def test_starving_is_a_line_in_the_log_and_not_one_for_each_file_and_look(reader, tmp_path, caplog):
    for number in range(20):
        reader.write("line", to=tmp_path / f"{number}.log")
    reader.start("*.log")
    with Starving(3):
        for _ in range(10):
            reader.read()
    assert len(caplog.messages) == 1
    assert "Too many open files" in caplog.text
