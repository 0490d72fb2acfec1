"""Rows are written whole; what stands in the file is never overwritten."""

import errno
import os

import pytest

from exporter.stats.collector.recordfile import RecordFile
from foundation.errors import ConfigError, StoreError

COLUMNS = ("time", "200", "404", "500")
ROWS = ["1795328990\t12\t3\t0", "1795329000\t15\t3\t1", "1795329010\t19\t4\t1"]
TEXT = "".join(f"{row}\n" for row in ROWS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stats.tsv"


def write_rows(path, rows, **options):
    file = RecordFile(path, COLUMNS, **options)
    for row in rows:
        file.append(row)
    assert file.close() == 0
    return file


def test_rows_are_added_to_what_is_there(path):
    write_rows(path, ROWS[:1])
    write_rows(path, ROWS[1:])
    assert path.read_text() == TEXT


def test_the_header_stands_once_at_the_top(path):
    write_rows(path, ROWS[:1], header=True)
    write_rows(path, ROWS[1:], header=True)
    assert path.read_text() == "time\t200\t404\t500\n" + TEXT


@pytest.mark.parametrize("torn", ["1795329020\t2", "1795329020\t22\t4\t1", "x"])
def test_a_torn_last_line_is_set_aside_and_nothing_is_lost(path, torn):
    path.write_text(TEXT + torn)
    file = write_rows(path, ROWS[:1])
    assert path.read_text() == TEXT + ROWS[0] + "\n"
    assert path.with_name("stats.tsv.torn").read_text() == torn + "\n"
    assert file.set_aside == torn.encode()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("time\t500\t200\t404\n", "has time,500,200,404 and not time,200,404,500"),
        ("1795328990\t12\t3\n", "has 3 columns and not time,200,404,500"),
        ("x" * 70_000, "its last line has more than"),
    ],
    ids=["other-order", "other-number", "no-lines"],
)
def test_a_file_of_another_kind_is_left_alone(path, content, complaint):
    path.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        RecordFile(path, COLUMNS)
    assert path.read_text() == content


def test_a_second_collector_is_refused(path):
    file = RecordFile(path, COLUMNS)
    with pytest.raises(StoreError, match="another collector is writing to it"):
        RecordFile(path, COLUMNS)
    file.close()
    write_rows(path, ROWS)


def test_a_path_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        RecordFile(tmp_path / "none" / "stats.tsv", COLUMNS)


def test_a_file_that_others_rotate_is_opened_anew(path):
    file = RecordFile(path, COLUMNS, header=True)
    file.append(ROWS[0])
    path.rename(path.with_name("old.tsv"))
    file.append(ROWS[1])
    file.close()
    assert path.with_name("old.tsv").read_text() == f"time\t200\t404\t500\n{ROWS[0]}\n"
    assert path.read_text() == f"time\t200\t404\t500\n{ROWS[1]}\n"


class Disk:
    """`os.write` with a limit of bytes."""

    def __init__(self, room):
        self.room, self.write_through = room, os.write

    def write(self, fd, data):
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.write_through(fd, data[: self.room])
        self.room -= written
        return written


def test_a_row_cut_by_a_full_disk_is_completed_when_there_is_room(path, monkeypatch):
    disk = Disk(room=25)
    monkeypatch.setattr(os, "write", disk.write)
    file = RecordFile(path, COLUMNS)
    file.append(ROWS[0])
    with pytest.raises(StoreError, match="No space left on device"):
        file.append(ROWS[1])
    assert path.read_text() == TEXT[:25]
    disk.room = 1000
    file.append(ROWS[2])
    assert (path.read_text(), file.close()) == (TEXT, 0)


def test_a_row_that_never_finds_room_is_not_left_torn(path, monkeypatch):
    monkeypatch.setattr(os, "write", Disk(room=25).write)
    file = RecordFile(path, COLUMNS)
    file.append(ROWS[0])
    for row in ROWS[1:]:
        with pytest.raises(StoreError):
            file.append(row)
    assert (file.close(), path.read_text()) == (2, ROWS[0] + "\n")


def test_a_link_planted_where_the_torn_line_goes_or_in_the_files_place_is_not_followed(path):
    victim = path.with_name("victim")
    victim.write_bytes(b"precious")
    path.with_name("stats.tsv.torn").symlink_to(victim)
    path.write_text(TEXT + "17953")
    with pytest.raises(StoreError, match="expected a regular file, found a symbolic link"):
        RecordFile(path, COLUMNS)
    assert path.read_text() == TEXT + "17953"
    path.with_name("stats.tsv.torn").unlink()
    file = RecordFile(path, COLUMNS)
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(StoreError, match="expected a regular file, found a symbolic link"):
        file.append(ROWS[0])
    path.unlink()
    file.append(ROWS[1])
    assert file.close() == 0
    assert path.read_text() == f"{ROWS[0]}\n{ROWS[1]}\n"
    assert victim.read_bytes() == b"precious"


def test_names_with_blanks_are_columns_again_when_the_run_goes_on(path):
    columns = ("time", "accepted conn", "listen queue len")
    for row in ("1\t2\t3", "4\t5\t6"):
        file = RecordFile(path, columns, header=True)
        file.append(row)
        file.close()
    assert path.read_text() == "time\taccepted conn\tlisten queue len\n1\t2\t3\n4\t5\t6\n"
    with pytest.raises(ConfigError, match="has time,accepted conn,listen queue len and not time,accepted conn"):
        RecordFile(path, ("time", "accepted conn"))
