"""Whole files, compressed or not, as chunks of whole lines."""

import bz2
import gzip
import lzma
import shutil
import subprocess

import pytest

from exporter.sources.files import LineFile, compression
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


def test_the_bytes_decide_not_the_name():
    assert compression(b"\x1f\x8b\x08\0") == "gzip"
    assert compression(b"127.0.0.1 - -") is None
    assert compression(b"") is None
