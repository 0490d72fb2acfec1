"""A log is written, rotated in every way, and its reader stopped and killed, at random: no line lost, none twice.

The model knows of each line only where its bytes are: as long as they exist, the line must be given out in the end.
"""

import gzip
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from starving import Starving

from exporter.sources.tail.follow import Follower
from exporter.sources.tail.identity import HEAD_BYTES
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.positions import Positions, decode, encode

GRACE_S = 600.0


class File:
    """One inode: what was written to it, whether it has a name, whether the reader has it open."""

    def __init__(self):
        self.lines = []
        self.piece = None
        self.named = True
        self.held = False


class RotatedLog(RuleBasedStateMachine):
    hold_up_s = float("inf")
    rounds = 1  # until everything is read that can be

    @initialize(
        pattern=st.sampled_from(["access.log", "access.log*"]),
        style=st.sampled_from(["move", "copy", "both"]),
        old=st.lists(st.integers(0, 60), max_size=4),
        from_start=st.booleans(),
    )
    def begin(self, pattern, style, old=(), *, from_start=True):
        self.style = style
        self.folder = Path(tempfile.mkdtemp(prefix="tail-model-"))
        self.log = self.folder / "access.log"
        self.pattern = str(self.folder / pattern)
        self.number = 0
        self.now_s = 0.0
        self.got = Counter()
        self.torn = []  # lines of which only fragments exist
        self.split = []  # lines whose halves stand in two files; which follows which cannot always be told
        self.exists = {}
        self.firsts = set()  # lines at the very beginning of a file
        self.saved, self.saved_got = None, Counter()
        self.old = None
        self.files = []
        self.tail = None
        self.from_start = from_start
        self.create()
        if not from_start:
            self.leave_old("access.log", old[:1])
        if not from_start or pattern == "access.log":
            self.leave_old("access.log.{}", old[1:])
        self.start()

    def teardown(self):
        if not hasattr(self, "folder"):
            return
        try:
            if self.tail is None:
                self.start()
            self.read()
            self.settle()
            self.check_complete()
        finally:
            self.tail.close()
            self.writer.close()
            if self.old:
                self.old[0].close()
            shutil.rmtree(self.folder)

    def leave_old(self, name, counts):
        """Lines that stand there at the first start, and must never be given out."""
        for number, count in enumerate(counts, 1):
            (self.folder / name.format(number)).write_bytes(b"".join(self.next_line() for _ in range(count)))

    # What a writer does.

    def create(self):
        self.writer = self.log.open("ab", buffering=0)
        self.file = File()
        self.files.append(self.file)

    def next_line(self):
        self.number += 1
        return b"%06d %s\n" % (self.number, b"x" * (self.number * 7 % 40))

    def put(self, writer, file, count):
        for _ in range(count):
            line = self.next_line()
            self.mark_first(writer, line)
            writer.write(line)
            file.lines.append(line)
            self.exists[line] = True

    def mark_first(self, writer, line):
        if not os.fstat(writer.fileno()).st_size:
            self.firsts.add(line)

    @rule(count=st.integers(1, 60))
    def write(self, count):
        self.finish_piece()
        self.put(self.writer, self.file, count)

    @precondition(lambda self: self.file.piece is None)
    @rule(cut=st.integers(1, 6))
    def write_piece(self, cut):
        line = self.next_line()
        self.mark_first(self.writer, line)
        self.writer.write(line[:cut])
        self.file.piece = (line, cut)

    def finish_piece(self):
        if self.file.piece:
            line, cut = self.file.piece
            self.writer.write(line[cut:])
            self.file.piece = None
            if line not in self.torn:
                self.file.lines.append(line)
                self.exists[line] = True

    def tear_piece(self):
        if self.file.piece:
            self.torn.append(self.file.piece[0])

    @precondition(lambda self: self.old)
    @rule(count=st.integers(1, 30))
    def write_to_the_renamed_file(self, count):
        writer, file = self.old
        if file.piece:
            line, cut = file.piece
            writer.write(line[cut:])
            file.piece = None
        if file.named or file.held:
            self.put(writer, file, count)

    # How it is rotated.

    def leave(self, *, finish):
        """The writer goes on in a new file, and an old process of it may write on in the old one."""
        if finish:
            self.finish_piece()
        else:
            self.tear_piece()
        if self.old:
            self.old[0].close()
        self.old = (self.writer, self.file)

    def shift(self):
        rotated = sorted(
            (path for path in self.folder.iterdir() if path != self.log), key=lambda path: -int(path.name.split(".")[2])
        )
        for path in rotated:
            parts = path.name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            path.rename(self.folder / ".".join(parts))

    @precondition(lambda self: self.style != "copy")
    @rule(finish=st.booleans(), read_in_gap=st.booleans())
    def rename(self, finish, read_in_gap):
        self.shift()
        self.log.rename(self.folder / "access.log.1")
        if read_in_gap and self.tail:
            self.read()
        self.leave(finish=finish)
        self.create()

    @precondition(lambda self: self.style != "copy")
    @rule(finish=st.booleans(), read_in_gap=st.booleans())
    def delete(self, finish, read_in_gap):
        self.log.unlink()
        self.file.named = False
        if read_in_gap and self.tail:
            self.read()
        self.leave(finish=finish)
        if not self.file.held:
            self.destroy(self.file)
        self.create()

    @precondition(lambda self: self.style != "move")
    @rule()
    def copytruncate(self):
        if self.style == "both":  # which half of a line belongs to which, cannot be told in any mixture
            self.finish_piece()
        self.shift()
        shutil.copyfile(self.log, self.folder / "access.log.1")
        os.truncate(self.log, 0)
        self.split += self.pieces()
        copy = File()
        copy.lines, self.file.lines = self.file.lines, []
        self.files.append(copy)

    @precondition(lambda self: self.style != "move" and not self.split)  # half a line would be joined to a wrong one
    @rule(count=st.integers(0, 60))
    def truncate(self, count):
        self.tear_piece()
        self.destroy(self.file)
        os.truncate(self.log, 0)
        self.finish_piece()
        self.put(self.writer, self.file, count)

    @rule(which=st.integers(1, 3))
    def compress(self, which):
        plain = self.folder / f"access.log.{which}"
        if not plain.exists():
            return
        if self.old and os.fstat(self.old[0].fileno()).st_ino == plain.stat().st_ino:
            self.old[0].close()
            self.old = None
        packed = self.folder / f"access.log.{which}.gz"
        times = plain.stat()
        packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
        os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns))
        plain.unlink()

    def destroy(self, file):
        """The bytes are nowhere any more."""
        for line in file.lines:
            self.exists[line] = False
        file.lines = []

    @precondition(lambda self: self.tail is None)
    @rule()
    def copy_over(self):
        """The log is moved to another disk, or fetched from another machine again."""
        if not self.knows_the_log():
            return
        copy = self.folder.parent / f"{self.folder.name}-copy"
        shutil.copy2(self.log, copy)
        copy.replace(self.log)
        self.writer.close()
        self.writer = self.log.open("ab", buffering=0)

    def knows_the_log(self):
        """Whether enough of it was committed to know it again: a short head fits many files."""
        marks = decode(self.saved).marks if self.saved else []
        status = self.log.stat()
        return any(mark.id == (status.st_dev, status.st_ino) and mark.head_size >= HEAD_BYTES for mark in marks)

    # What the reader does.

    def start(self, *, read=True):
        self.starved = False
        limits = Limits(grace_s=GRACE_S, hold_up_s=self.hold_up_s)
        self.tail = Follower([self.pattern], from_start=self.from_start, saved=self.saved, limits=limits)
        self.positions = Positions(self.saved)
        self.now_s += 2.0
        self.tail.begin(self.now_s, time.time())
        self.commit()
        if read:
            self.read()

    @precondition(lambda self: self.tail)
    @rule()
    def read(self):
        for _ in range(self.rounds):
            self.take()
        for file in self.files:
            file.held |= file.named and not self.starved  # after a shortage quiet files stay closed for a while

    @precondition(lambda self: self.tail)
    @rule(left=st.integers(0, 12))
    def read_without_descriptors(self, left):
        """Some things can be opened, then nothing; what is held may be given up for what is not."""
        self.starved = True
        with Starving(left):
            self.take()
        for file in self.files:
            file.held = False

    def take(self):
        self.now_s += 2.0  # past the next scan
        while (batch := self.tail.step(self.now_s, time.time())) is not None:
            assert batch.data.endswith(b"\n")
            for place, line in enumerate(batch.data.splitlines(keepends=True)):
                if line in self.exists and line not in self.torn:
                    self.got[line] += 1
                    if line not in self.split:
                        assert (line in self.firsts) == (batch.begins and not place), line
                else:
                    assert any(line[:-1] in torn for torn in [*self.torn, *self.split, *self.pieces()]), line
        assert self.got.total() == len(self.got), "a line came twice"

    def pieces(self):
        return [file.piece[0] for file in self.files if file.piece]

    @precondition(lambda self: self.tail)
    @rule()
    def settle(self):
        """Everything is quiet for long: old descriptors are given back."""
        if self.old:
            writer, file = self.old
            self.old = None
            writer.close()
            if file.piece and file.piece[0] not in self.torn:
                self.torn.append(file.piece[0])
        self.read()
        self.read()
        self.now_s += GRACE_S
        self.read()
        assert self.tail.open_files == 1 or self.starved  # then it is opened again once it has grown

    @precondition(lambda self: self.tail)
    @rule()
    def commit(self):
        self.positions.apply(self.tail.moves())
        puts, deletes = self.positions.changes()
        self.saved = {key: value for key, value in (self.saved or {}).items() if key not in deletes} | puts
        assert self.saved == encode(self.tail.state())
        self.saved_got = self.got.copy()

    @precondition(lambda self: self.tail)
    @rule(killed=st.booleans())
    def stop(self, killed):
        if not killed:
            self.commit()
        self.tail.close()
        self.tail = None
        self.got = self.saved_got.copy()
        for file in self.files:
            file.held = False
            if not file.named:
                self.destroy(file)

    @precondition(lambda self: self.tail is None)
    @rule(read=st.booleans())
    def start_again(self, read):
        self.start(read=read)

    @precondition(lambda self: self.tail is None and self.saved)
    @rule(runs=st.integers(1, 2))
    def follow_other_paths(self, runs):
        """The log is taken out of the paths, and put back for the next run."""
        pattern = self.pattern
        self.pattern = str(self.folder / "other-*.log")
        for _ in range(runs):
            self.start(read=False)
            self.take()
            self.stop(killed=False)
        self.pattern = pattern

    def check_complete(self):
        missing = [line for line, exists in self.exists.items() if exists and line not in {*self.got, *self.split}]
        assert not missing, (missing[:3], len(missing))
        gone = sum(len(line) for line, exists in self.exists.items() if not exists and line not in self.got)
        assert self.tail.state().about.totals.lost_bytes <= gone + sum(map(len, [*self.torn, *self.split]))
        assert self.tail.readable


class HurriedLog(RotatedLog):
    """Copies and compressed files get one piece at a time, before files that grow have their turn."""

    hold_up_s = 0.0
    rounds = 10


FEW = settings(max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
TestRotatedLog = RotatedLog.TestCase
TestRotatedLog.settings = FEW
TestHurriedLog = HurriedLog.TestCase
TestHurriedLog.settings = FEW


class TestManyRotatedLogs(RotatedLog.TestCase):
    settings = settings(
        max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )


class TestManyHurriedLogs(HurriedLog.TestCase):
    settings = settings(
        max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )


pytest.mark.slow(TestManyRotatedLogs)
pytest.mark.timeout(300)(TestManyRotatedLogs)  # under 20 s on a quiet machine
pytest.mark.slow(TestManyHurriedLogs)


def test_a_closed_file_that_is_moved_on_holds_up_no_other():
    """It is empty and has no descriptor; under the name that it had stands the copy of the next generation."""
    log = RotatedLog()
    log.begin(pattern="access.log", style="both")
    log.stop(killed=False)
    log.rename(finish=False, read_in_gap=False)
    log.start_again(read=False)
    log.truncate(count=1)
    log.copytruncate()
    log.read_without_descriptors(left=1)
    log.teardown()


def test_a_rotated_file_stays_one_though_the_next_could_not_be_opened_and_is_gone():
    """No file that is known stands at the log's path then; what stood there before is no log of its own."""
    log = RotatedLog()
    log.begin(pattern="access.log*", style="move")
    log.rename(finish=False, read_in_gap=False)
    log.compress(which=1)
    log.write(count=1)
    log.rename(finish=False, read_in_gap=True)
    log.rename(finish=False, read_in_gap=False)
    log.compress(which=2)
    log.read_without_descriptors(left=1)
    log.delete(finish=False, read_in_gap=True)
    log.stop(killed=False)
    log.teardown()


def test_a_file_that_grew_after_its_end_was_read_and_was_compressed_then_is_read_on():
    log = HurriedLog()
    log.begin(pattern="access.log", style="move", old=[38, 0], from_start=True)
    for read in (False, True):
        log.stop(killed=False)
        log.start_again(read=read)
    log.stop(killed=False)
    log.write_piece(cut=2)
    log.start_again(read=True)
    log.delete(finish=False, read_in_gap=False)
    log.stop(killed=True)
    log.rename(finish=False, read_in_gap=True)
    log.write_to_the_renamed_file(count=8)
    log.start_again(read=True)
    log.write_to_the_renamed_file(count=30)
    log.stop(killed=False)
    log.rename(finish=True, read_in_gap=True)
    log.compress(which=2)
    log.teardown()


def test_a_compressed_copy_that_is_moved_on_between_two_looks_is_the_same_copy():
    """The first look is not through with unpacking it when the run ends; the next rotation gives it another name."""
    log = HurriedLog()
    log.begin(pattern="access.log", style="both", from_start=False)
    log.write(count=13)
    log.read()
    log.write(count=52)  # the head is whole
    log.commit()
    log.stop(killed=False)
    log.start_again(read=True)
    log.copytruncate()
    log.compress(which=1)
    log.stop(killed=True)
    log.write(count=40)
    log.start_again(read=False)
    log.copytruncate()
    log.teardown()


def test_half_a_line_of_a_copy_that_could_not_be_opened_is_not_joined_to_a_later_file():
    log = RotatedLog()
    log.begin(pattern="access.log", style="copy", old=[59, 51], from_start=True)
    log.write(count=2)
    log.copytruncate()
    log.write_piece(cut=4)
    log.copytruncate()
    log.write(count=54)
    log.read_without_descriptors(left=7)
    log.copytruncate()
    log.write(count=21)
    log.teardown()


def test_a_copy_at_home_is_read_on_though_an_older_file_is_being_looked_into():
    log = HurriedLog()
    log.begin(pattern="access.log", style="both", old=[41, 12], from_start=False)
    log.stop(killed=False)
    log.compress(which=1)
    log.start_again(read=True)
    log.stop(killed=False)
    log.copy_over()
    log.start_again(read=True)
    log.teardown()


def test_a_compressed_file_is_compared_with_each_that_is_gone_though_a_scan_has_time_for_one():
    log = HurriedLog()
    log.begin(pattern="access.log*", style="move", old=[60, 21, 60, 59], from_start=False)
    log.compress(which=2)
    log.settle()
    log.compress(which=3)
    log.read()
    log.rename(finish=True, read_in_gap=False)
    log.rename(finish=True, read_in_gap=True)
    log.write_to_the_renamed_file(count=18)
    log.compress(which=1)
    log.teardown()


def test_a_file_of_which_one_byte_is_known_does_not_take_the_copy_of_another_that_is_sought():
    log = HurriedLog()
    log.begin(pattern="access.log", style="copy", old=[19], from_start=False)
    log.copytruncate()
    log.stop(killed=True)
    log.copytruncate()
    log.follow_other_paths(runs=2)
    log.start_again(read=True)
    log.write(count=10)
    log.read_without_descriptors(left=4)
    log.copytruncate()
    log.write_piece(cut=1)
    log.stop(killed=False)
    log.compress(which=2)
    log.start_again(read=False)
    log.copytruncate()
    log.teardown()
