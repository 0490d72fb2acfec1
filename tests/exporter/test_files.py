"""Whole files, compressed or not, as chunks of whole lines."""

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager, suppress

import pytest

from exporter.sources.files import compression
from exporter.sources.linefile import LineFile
from exporter.sources.lines import each_line
from foundation.errors import SourceError

LINES = b"".join(b"192.0.2.%d\tGET /%d\t200\t%d\n" % (i % 250, i, i * 7) for i in range(5_000))


def zstd(data):
    if shutil.which("zstd") is None:
        pytest.skip("the program zstd is not here")
    return subprocess.run(["zstd", "-cq"], input=data, capture_output=True, check=True).stdout


PACKERS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstd,
}


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("chunk_bytes", [1_000, 1 << 20])
def test_every_compression_gives_the_same_lines(tmp_path, kind, chunk_bytes):
    path = tmp_path / "access.log.1"
    path.write_bytes(PACKERS[kind](LINES))
    file = LineFile(str(path), chunk_bytes=chunk_bytes)
    chunks = list(file)
    assert b"".join(chunks) == LINES
    assert all(chunk.endswith(b"\n") and len(chunk) <= chunk_bytes + 60 for chunk in chunks)
    assert file.raw_bytes == file.raw_total == path.stat().st_size


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd"])
def test_files_appended_to_each_other_are_read_through(tmp_path, kind):
    path = tmp_path / "access.log.packed"
    path.write_bytes(PACKERS[kind](b"a\nb") + PACKERS[kind](b"c\nd\n"))
    assert b"".join(LineFile(str(path))) == b"a\nbc\nd\n"


@pytest.mark.parametrize("padding", [4, 8, 1 << 17])
def test_padding_between_and_after_xz_streams_is_nothing(tmp_path, padding):
    path = tmp_path / "access.log.xz"
    path.write_bytes((lzma.compress(b"a\n") + bytes(padding)) * 2)
    assert b"".join(LineFile(str(path))) == b"a\na\n"


def test_xz_that_asks_for_too_much_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.sources.files.XZ_MEMORY_BYTES", 4 << 20)
    path = tmp_path / "access.log.xz"
    path.write_bytes(lzma.compress(LINES, preset=6))  # whose window is 8 MiB
    with pytest.raises(SourceError, match="Memory usage limit exceeded"):
        list(LineFile(str(path)))


def test_a_last_line_without_newline_gets_one(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b"a\nb")
    assert b"".join(LineFile(str(path))) == b"a\nb\n"


def test_a_long_line_is_dropped_and_counted_in_bounded_memory(tmp_path):
    path = tmp_path / "access.log.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"x" * 100_000 + b"\nb\n" + b"y" * 100_000))
    file = LineFile(str(path), chunk_bytes=1_000, line_bytes=5_000)
    assert b"".join(file) == b"a\nb\n"
    assert (file.too_long_lines, file.too_long_bytes) == (2, 200_001)


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd"])
def test_a_file_cut_off_gives_what_is_there_and_then_says_so(tmp_path, kind):
    path = tmp_path / f"cut.{kind}"
    packed = PACKERS[kind](LINES)
    path.write_bytes(packed[:-10])
    got = []
    with pytest.raises(SourceError, match=f"cut.{kind}: "):
        got.extend(LineFile(str(path), chunk_bytes=1_000))
    assert LINES.startswith(b"".join(got))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        pytest.param(lambda path: None, "No such file", id="absent"),
        pytest.param(lambda path: path.mkdir(), "directory", id="directory"),
        pytest.param(lambda path: path.write_bytes(b"\x1f\x8bjunk" * 9), "compression method", id="junk"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_path(tmp_path, make, match):
    path = tmp_path / "log"
    make(path)
    with pytest.raises(SourceError, match=f"^{path}: .*(?i:{match})"):
        list(LineFile(str(path)))


@contextmanager
def pipe_of(tmp_path, data, first=0):
    """A named pipe, whose writer sends the `first` bytes one by one, and the rest until the reader has enough."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write():
        with suppress(BrokenPipeError), path.open("wb", buffering=0) as pipe:
            for at in range(first):
                pipe.write(data[at : at + 1])
            pipe.write(data[first:])

    writer = threading.Thread(target=write)
    writer.start()
    yield str(path)
    writer.join()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_pipe_is_looked_into_and_then_read_whole(tmp_path, kind):
    with pipe_of(tmp_path, PACKERS[kind](LINES), first=9) as path:
        file = LineFile(path)
        assert file.peek(3) == b"".join(each_line(LINES)[:3])
        assert file.peek(4) == b"".join(each_line(LINES)[:4])
        assert b"".join(file) == LINES
    assert file.lines == 5_000


@pytest.mark.parametrize("kind", PACKERS)
def test_a_pipe_can_be_left_after_a_look(tmp_path, kind):
    with pipe_of(tmp_path, PACKERS[kind](LINES)) as path:
        file = LineFile(path)
        assert file.peek(1) == each_line(LINES)[0]
        file.close()


def test_a_look_reads_on_until_the_lines_are_there(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes((b"x" * 100_000 + b"\n") * 9)
    assert LineFile(str(path)).peek(7) == (b"x" * 100_000 + b"\n") * 7


@pytest.mark.parametrize("kind", PACKERS)
def test_a_pipe_that_gives_one_byte_at_a_time_is_known_by_its_beginning(tmp_path, kind, monkeypatch):
    read = os.read
    with pipe_of(tmp_path, PACKERS[kind](b"a\nb\n")) as path:
        monkeypatch.setattr("exporter.sources.files.os.read", lambda fd, _: read(fd, 1))
        got = b"".join(LineFile(path))
        monkeypatch.undo()
    assert got == b"a\nb\n"


def test_a_look_waits_for_no_more_than_is_enough(tmp_path):
    reading, writing = os.pipe()
    try:
        os.write(writing, b"a\nb\nc\nd")
        assert LineFile(f"/dev/fd/{reading}").peek(200, enough=2) == b"a\nb\nc\n"
    finally:
        os.close(writing)
        os.close(reading)


@pytest.mark.parametrize("data", [b"", b"a", b"a\n", b"\xef\xbb\xbf"])
def test_a_look_at_less_than_is_asked_for(tmp_path, data):
    with pipe_of(tmp_path, data) as path:
        file = LineFile(path)
        assert file.peek(5) == b"".join(file) == (data.rstrip(b"\n") + b"\n" if data else b"")


def test_a_look_at_a_file_that_is_cut_off_gives_its_lines_and_the_reading_says_so(tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"a\nb\n" * 10)[:-9])
    file = LineFile(str(path))
    assert file.peek(20).startswith(b"a\nb\n")
    with pytest.raises(SourceError, match=r"cut\.gz: "):
        list(file)


@pytest.mark.parametrize("peeked", [0, 3])
def test_who_has_read_a_chunk_may_tell_its_lines(tmp_path, peeked):
    path = tmp_path / "access.log"
    path.write_bytes(b"a\nbc\n" * 4)
    file = LineFile(str(path), chunk_bytes=5)
    if peeked:
        file.peek(peeked)
    lines = 0
    for chunk in file:
        assert file.lines_before == lines
        file.has_lines(chunk, chunk.count(b"\n"))
        file.has_lines(b"none of its chunks\n", 1)
        lines += chunk.count(b"\n")
    assert lines == file.lines == 8


def test_dropped_lines_are_handed_over_whole(tmp_path):
    path = tmp_path / "access.log"
    path.write_bytes(b"a\n" + b"x" * 50 + b"\nb\n" + b"y" * 50)
    dropped = []
    file = LineFile(str(path), chunk_bytes=7, line_bytes=20, on_too_long=dropped.append)
    assert b"".join(file) == b"a\nb\n"
    assert b"".join(dropped) == b"x" * 50 + b"\n" + b"y" * 50 + b"\n"
    assert (file.lines, file.first_too_long.number) == (4, 2)


def test_the_bytes_decide_not_the_name():
    assert compression(b"\x1f\x8b\x08\0") == "gzip"
    assert compression(b"127.0.0.1 - -") is None
    assert compression(b"") is None
