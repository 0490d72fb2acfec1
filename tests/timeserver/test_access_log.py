"""The access log loses no line silently: written + dropped is what was given, and no line is torn."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeserver.access_log import AccessLog
from timeserver.log_file import LogFile

LINES = [b"line %d\n" % number for number in range(5)]


class Disk:
    """`os.write` with a limit of bytes until the disk is full."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, fd: int, data: bytes) -> int:
        if self.room == 0 and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, data[: self.room])
        self.room -= written
        return written


class Clocks:
    monotonic_s = 100.0
    wall_s = 1795325146.9

    def monotonic(self) -> float:
        return self.monotonic_s

    def wall(self) -> float:
        return self.wall_s


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def said() -> list[str]:
    return []


def make_log(path, said, *, disk=None, clocks=None, keep=None, interval_s=None, room=1 << 20):
    clocks = clocks or Clocks()
    file = LogFile(path, keep=keep, write=disk.write) if disk else LogFile(path, keep=keep)
    return AccessLog(
        file,
        said.append,
        rotation_interval_s=interval_s,
        max_waiting_bytes=room,
        wall=clocks.wall,
        monotonic=clocks.monotonic,
    )


def give(log, lines):
    for line in lines:
        log.write(line)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_lines_are_written_in_order(path, said):
    log = make_log(path, said)
    give(log, LINES)
    log.finish()
    assert path.read_bytes() == b"".join(LINES)
    assert (log.counts.lines, sum(log.counts.dropped.values()), said) == (5, 0, [])


def test_the_thread_writes_what_waits_before_it_ends(path, said):
    log = make_log(path, said)
    log.start()
    give(log, LINES)
    log.close()
    assert path.read_bytes() == b"".join(LINES)


def test_a_line_cut_by_a_full_disk_is_completed_when_there_is_room(path, said):
    disk = Disk(room=10)
    log = make_log(path, said, disk=disk)
    give(log, LINES)
    log.turn()
    assert (path.read_bytes(), log.writable, log.counts.lines) == (b"line 0\nlin", False, 1)
    disk.room = 1000
    log.turn()
    assert (path.read_bytes(), log.writable, log.counts.lines) == (b"".join(LINES), True, 5)
    assert len(said) == 2, said
    assert "No space left on device" in said[0]
    assert "writable again; lines dropped so far: 0" in said[1]


def test_a_torn_line_is_not_parted_from_its_rest_by_a_rotation(path, said):
    clocks, disk = Clocks(), Disk(room=10)
    log = make_log(path, said, disk=disk, clocks=clocks, interval_s=10)
    give(log, LINES)
    log.turn()
    clocks.monotonic_s = 110.0
    log.turn()  # due, and put off
    assert (path.read_bytes(), log.counts.rotations) == (b"line 0\nlin", 0)
    disk.room = 1000
    log.turn()
    (rotated,) = (entry for entry in path.parent.iterdir() if entry != path)
    assert (rotated.read_bytes(), path.read_bytes(), log.counts.lines) == (b"".join(LINES), b"", 5)


def test_a_torn_line_is_completed_in_the_file_that_others_moved_away(path, said):
    disk = Disk(room=10)
    log = make_log(path, said, disk=disk)
    give(log, LINES[:2])
    log.turn()
    moved = path.rename(path.with_suffix(".1"))
    disk.room = 1000
    log.turn()
    give(log, LINES[2:])
    log.turn()
    assert (moved.read_bytes(), path.read_bytes()) == (b"".join(LINES[:2]), b"".join(LINES[2:]))


def test_a_streak_of_trouble_is_said_once_and_counted_each_time(path, said):
    log = make_log(path, said, disk=Disk(room=0))
    give(log, LINES)
    for _ in range(3):
        log.turn()
    assert (len(said), log.counts.write_errors["no_space"]) == (1, 3)


def test_what_finds_no_room_in_the_queue_is_dropped_by_the_reason_of_the_trouble(path, said):
    log = make_log(path, said, disk=Disk(room=0), room=14)
    give(log, LINES[:3])
    log.turn()
    give(log, LINES[3:])
    assert log.counts.dropped == {"backlog": 1, "no_space": 2, "not_writable": 0, "io_error": 0}


def test_a_torn_line_at_the_end_is_cut_off_and_counted(path, said):
    log = make_log(path, said, disk=Disk(room=10))
    give(log, LINES)
    log.finish()
    assert path.read_bytes() == LINES[0]
    assert (log.counts.lines, log.counts.dropped["no_space"]) == (1, 4)


def test_half_a_line_of_a_killed_process_does_not_swallow_the_next(path, said):
    path.write_bytes(b"whole\nhal")
    log = make_log(path, said)
    give(log, LINES[:1])
    log.finish()
    assert path.read_bytes() == b"whole\nhal\nline 0\n"


@given(rooms=st.lists(st.integers(0, 12), max_size=8), room=st.integers(1, 60))
def test_every_line_is_whole_in_the_file_or_counted_as_dropped(tmp_path_factory, rooms, room):
    path, disk = tmp_path_factory.mktemp("log") / "access.log", Disk(0)
    log = make_log(path, [], disk=disk, room=room)
    given_lines = 0
    for free in rooms:
        disk.room = free
        give(log, LINES[:2])
        given_lines += 2
        log.turn()
    log.finish()
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    assert set(lines) <= set(LINES)
    assert (len(lines), len(lines) + sum(log.counts.dropped.values())) == (log.counts.lines, given_lines)


def test_a_directory_that_is_missing_is_no_end_and_its_coming_is_noticed(tmp_path, said):
    path = tmp_path / "later" / "access.log"
    log = make_log(path, said)
    give(log, LINES)
    log.turn()
    assert (log.writable, log.counts.write_errors["not_writable"]) == (False, 1)
    path.parent.mkdir()
    log.turn()
    assert (path.read_bytes(), log.writable) == (b"".join(LINES), True)


def test_rotation_is_by_rename_on_schedule_and_loses_nothing(path, said):
    clocks = Clocks()
    log = make_log(path, said, clocks=clocks, interval_s=10)
    for step, line in enumerate(LINES[:3]):
        clocks.monotonic_s = 100.0 + 10 * step + 0.5
        clocks.wall_s = 1795325146.9 + 10 * step
        give(log, [line])
        log.turn()
    assert {entry.name: entry.read_bytes() for entry in path.parent.iterdir()} == {
        "access.log.1795325156": LINES[0] + LINES[1],
        "access.log.1795325166": LINES[2],
        "access.log": b"",
    }
    assert log.counts.rotations == 2


def test_the_log_is_there_before_the_first_line(path, said):
    log = make_log(path, said)
    log.turn()
    assert path.read_bytes() == b""


def test_rotations_within_one_second_get_names_of_their_own(path, said):
    clocks = Clocks()
    log = make_log(path, said, clocks=clocks, interval_s=0.25)
    for line in LINES[:3]:
        clocks.monotonic_s += 0.25
        give(log, [line])
        log.turn()
    assert names(path.parent) == [
        "access.log",
        "access.log.1795325146",
        "access.log.1795325146.1",
        "access.log.1795325146.2",
    ]


def test_missed_rotations_are_not_made_up_and_the_schedule_stays(path, said):
    clocks = Clocks()
    log = make_log(path, said, clocks=clocks, interval_s=10)
    rotated = []
    for now_s in (100.0, 135.0, 139.9, 140.0):
        clocks.monotonic_s = now_s
        give(log, LINES[:1])
        log.turn()
        rotated.append(log.counts.rotations)
    assert rotated == [0, 1, 1, 2]


def test_on_a_full_disk_rotation_removes_old_logs_and_writing_goes_on(path, said):
    clocks, disk = Clocks(), Disk(room=7)
    log = make_log(path, said, disk=disk, clocks=clocks, interval_s=10, keep=0)
    give(log, LINES[:2])
    log.turn()
    assert (log.counts.lines, log.writable) == (1, False)
    clocks.monotonic_s = 110.0
    log.turn()
    disk.room = 7  # what the removed log gave back
    log.turn()
    assert (path.read_bytes(), log.counts.lines, log.writable) == (LINES[1], 2, True)


def test_an_empty_log_is_not_rotated(path, said):
    clocks = Clocks()
    log = make_log(path, said, clocks=clocks, interval_s=10)
    path.touch()
    clocks.monotonic_s = 115.0
    log.turn()
    assert (names(path.parent), log.counts.rotations) == (["access.log"], 0)


def test_the_oldest_rotated_logs_go_and_other_files_stay(path, said):
    for name in ("access.log.9", "access.log.10.2", "access.log.10", "access.log.gz", "access.log.old"):
        path.with_name(name).touch()
    path.write_bytes(b"x\n")
    file = LogFile(path, keep=2)
    file.rotate(11)
    file.prune()
    assert names(path.parent) == ["access.log.10.2", "access.log.11", "access.log.gz", "access.log.old"]


def test_a_device_is_never_renamed(tmp_path):
    path = tmp_path / "access.log"
    path.symlink_to("/dev/null")
    assert LogFile(path).rotate(11) is False
    assert path.is_symlink()


def test_a_log_that_others_rotate_is_opened_anew(path, said):
    log = make_log(path, said)
    give(log, LINES[:1])
    log.turn()
    path.rename(path.with_name("moved"))
    give(log, LINES[1:2])
    log.finish()
    assert (path.with_name("moved").read_bytes(), path.read_bytes()) == (LINES[0], LINES[1])


def test_a_full_device_is_trouble_and_a_new_file_ends_it(path, said):
    path.symlink_to("/dev/full")
    log = make_log(path, said)
    give(log, LINES)
    log.turn()
    assert not log.writable
    path.unlink()
    log.turn()
    assert (path.read_bytes(), log.writable) == (b"".join(LINES), True)


PLANTED = {
    "link": lambda path, victim: path.symlink_to(victim),
    "dangling link": lambda path, victim: path.symlink_to(victim.with_name("not there")),
    "link to itself": lambda path, _: path.symlink_to(path.name),
    "link to a device": lambda path, _: path.symlink_to("/dev/null"),
    "pipe": lambda path, _: os.mkfifo(path),
    "directory": lambda path, _: path.mkdir(),
    "link to a directory": lambda path, victim: path.symlink_to(victim.parent),
}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_takes_the_place_of_the_log_is_never_followed_nor_waited_for(tmp_path, said, plant):
    folder, victim = tmp_path / "log", tmp_path / "victim"
    folder.mkdir()
    victim.write_bytes(b"precious\n")
    path = folder / "access.log"
    log = make_log(path, said)
    give(log, LINES[:1])
    log.turn()
    path.unlink()
    plant(path, victim)
    give(log, LINES[1:])
    for _ in range(3):
        log.turn()
    assert (names(tmp_path), victim.read_bytes()) == (["log", "victim"], b"precious\n")
    assert (log.writable, log.counts.lines, log.counts.write_errors["not_writable"]) == (False, 1, 3)
    assert len(said) == 1
    remove(path)
    log.turn()
    assert (path.read_bytes(), log.writable, log.counts.lines) == (b"".join(LINES[1:]), True, 5)


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_rotation_leaves_alone_what_is_not_a_regular_file(tmp_path, said, plant):
    clocks, path = Clocks(), tmp_path / "access.log"
    log = make_log(path, said, clocks=clocks, interval_s=10, keep=1)
    give(log, LINES[:1])
    log.turn()
    path.unlink()
    plant(path, tmp_path / "victim")
    clocks.monotonic_s = 110.0
    log.turn()
    assert (names(tmp_path), log.counts.rotations) == (["access.log"], 0)


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_is_named_as_a_rotated_log_and_is_none_stays_and_stops_no_rotation(tmp_path, said, plant):
    clocks, path = Clocks(), tmp_path / "access.log"
    for name in ("access.log.5", "access.log.1795325146"):
        plant(tmp_path / name, tmp_path / "victim")
    log = make_log(path, said, clocks=clocks, interval_s=10, keep=1)
    for step in range(3):
        clocks.monotonic_s = 110.0 + 10 * step
        give(log, LINES[step : step + 1])
        log.turn()
    assert (log.counts.rotations, log.writable, said) == (3, True, [])
    assert names(tmp_path) == ["access.log", "access.log.1795325146", "access.log.1795325146.3", "access.log.5"]
    assert path.with_name("access.log.1795325146.3").read_bytes() == LINES[2]


def test_a_folder_that_lets_nothing_be_renamed_keeps_no_line_from_the_log(path, said, monkeypatch):
    clocks = Clocks()
    log = make_log(path, said, clocks=clocks, interval_s=10)

    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "rename", refuse)
    for step in range(4):
        clocks.monotonic_s = 110.0 + step
        give(log, LINES[step : step + 1])
        log.turn()
    assert (path.read_bytes(), log.writable) == (b"".join(LINES[:4]), True)
    assert (log.counts.rotations, log.counts.write_errors["not_writable"], len(said)) == (0, 4, 1)
    monkeypatch.undo()
    clocks.monotonic_s = 114.5
    log.turn()
    assert log.counts.rotations == 1


def test_an_old_log_that_cannot_be_removed_costs_only_itself(path, said, monkeypatch):
    clocks = Clocks()
    unlink = Path.unlink

    def keep_five(self, **options):
        if self.name.endswith(".5"):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(self, **options)

    monkeypatch.setattr(Path, "unlink", keep_five)
    for number in (5, 6, 7):
        path.with_name(f"access.log.{number}").touch()
    log = make_log(path, said, clocks=clocks, interval_s=10, keep=1)
    clocks.monotonic_s = 110.0
    give(log, LINES[:1])
    log.turn()
    assert names(path.parent) == ["access.log", "access.log.1795325146", "access.log.5"]
    assert (log.writable, log.counts.rotations, log.counts.write_errors["not_writable"], len(said)) == (True, 1, 1, 1)


def test_trouble_that_comes_and_goes_is_said_once_a_minute(path, said):
    clocks, disk = Clocks(), Disk(room=0)
    log = make_log(path, said, disk=disk, clocks=clocks)
    for step in range(240):  # two minutes
        clocks.monotonic_s = 100.0 + step / 2
        disk.room = 0 if step % 2 == 0 else 1000
        give(log, LINES[:1])
        log.turn()
    assert log.counts.write_errors["no_space"] == 120
    assert ["again" in text for text in said] == [False, True, False, True]


def test_the_folder_may_go_and_come_back(tmp_path, said):
    path = tmp_path / "log" / "access.log"
    path.parent.mkdir()
    log = make_log(path, said)
    give(log, LINES[:1])
    log.turn()
    path.unlink()
    path.parent.rmdir()
    give(log, LINES[1:3])
    log.turn()
    path.parent.touch()  # no folder either
    log.turn()
    assert (log.writable, len(said)) == (False, 1)
    path.parent.unlink()
    path.parent.mkdir()
    give(log, LINES[3:])
    log.turn()
    assert (path.read_bytes(), log.counts.lines) == (b"".join(LINES[1:]), 5)


def test_a_link_that_was_there_at_the_start_is_what_the_user_wants(tmp_path, said):
    real, path, clocks = tmp_path / "real.log", tmp_path / "access.log", Clocks()
    path.symlink_to(real)
    log = make_log(path, said, clocks=clocks, interval_s=10)
    give(log, LINES[:1])
    log.turn()
    clocks.monotonic_s = 110.0
    give(log, LINES[1:2])
    log.turn()
    assert (path.is_symlink(), real.read_bytes()) == (True, b"")
    assert (tmp_path / "real.log.1795325146").read_bytes() == LINES[0] + LINES[1]


def test_a_pipe_that_was_there_at_the_start_is_written_to_and_never_waited_for(path, said, monkeypatch):
    monkeypatch.setattr("timeserver.log_file.PIPE_WAIT_S", 0.0)
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = make_log(path, said)
    line = b"x" * 999 + b"\n"
    give(log, [line] * 200)
    log.turn()  # more than a pipe holds
    assert (log.writable, 0 < log.counts.lines < 200, len(said)) == (False, True, 1)
    got = b""
    while log.waiting_bytes:
        got += os.read(reader, 1 << 16)
        log.turn()
    got += os.read(reader, 1 << 16)
    assert (got, log.counts.lines, log.writable) == (line * 200, 200, True)
    log.finish()
    os.close(reader)


def test_the_line_end_after_a_killed_process_is_owed_until_there_is_room(path, said):
    path.write_bytes(b"whole\nhal")
    disk = Disk(room=0)
    log = make_log(path, said, disk=disk)
    give(log, LINES[:1])
    log.turn()
    disk.room = 100
    log.finish()
    assert path.read_bytes() == b"whole\nhal\nline 0\n"
