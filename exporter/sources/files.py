"""Whole files for the batch tools and for recovery: plain, gzip, bzip2, xz or zstd, in bounded chunks of lines.

What a file is, its first bytes say, not its name: `access.log.1.gz` may be plain, and `access.log.3` compressed.
"""

import bz2
import errno
import gzip
import importlib
import io
import lzma
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, Protocol

from exporter.sources.lines import cut_lines
from foundation.errors import SourceError

CHUNK_BYTES = 8 << 20
LINE_BYTES = 1 << 20
XZ_MEMORY_BYTES = 256 << 20  # a file may ask for 4 GiB; `xz -9` needs 65 MiB
_PACKED_BYTES = 1 << 16

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)  # the last: no more processes for a zstd
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


class OutOfFilesError(SourceError):
    """The process or the machine has nothing left to open a file with. The file is there: try again."""


def cannot_open(path: str, exc: OSError) -> SourceError:
    """What to raise where `path` cannot be opened."""
    return (OutOfFilesError if exc.errno in _USED_UP else SourceError)(f"{path}: {exc.strerror}")


class Readable(Protocol):
    """What decompressors have in common."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class LineFile:
    """One file as chunks of whole lines. Iterate it once; it opens at the first chunk and closes at the end.

    A last line without newline gets one. Lines over `line_bytes` are dropped and counted.

    Attributes:
        raw_bytes: bytes taken from the disk so far, and raw_total: the file's size (0 for a pipe), for progress.
        too_long_lines: lines dropped for their length; too_long_bytes: their bytes.
    """

    def __init__(self, path: str, *, chunk_bytes: int = CHUNK_BYTES, line_bytes: int = LINE_BYTES) -> None:
        """`path` may be `-` for standard input."""
        self.path = path
        self.raw_bytes = self.raw_total = 0
        self.too_long_lines = self.too_long_bytes = 0
        self._chunk_bytes, self._line_bytes = chunk_bytes, line_bytes

    def __iter__(self) -> Iterator[bytes]:
        """The chunks. Raises SourceError, after the lines before the fault have been given out."""
        with open_plain(self.path) as (plain, raw):
            self.raw_total = _size(raw)
            pending, skipping = b"", False
            for found in pieces(plain, self._chunk_bytes, self.path):
                self.raw_bytes = _position(raw, self.raw_bytes)
                pending += found
                cut = cut_lines(pending, self._line_bytes, skipping=skipping)
                pending, skipping = pending[cut.consumed :], cut.skipping
                self.too_long_lines += cut.too_long
                self.too_long_bytes += cut.dropped
                if cut.data:
                    yield cut.data
            if pending:
                yield pending + b"\n"


@contextmanager
def open_plain(path: str) -> Iterator[tuple[Readable, IO[bytes]]]:
    """Open `path` (`-`: standard input) for reading decompressed; beside it the raw file. Raises SourceError."""
    with ExitStack() as stack:
        try:
            raw = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))  # noqa: PTH123, `-` is no path
            start = raw.peek(8) if isinstance(raw, io.BufferedReader) else b""
        except OSError as exc:
            raise cannot_open(path, exc) from exc
        kind = compression(start)
        yield (raw if kind is None else _decompressor(kind, path, raw, stack)), raw


def compression(start: bytes) -> str | None:
    """How a file that begins with `start` (6 bytes are enough) is compressed; None if it is not."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def pieces(plain: Readable, size: int, path: str) -> Iterator[bytes]:
    """Everything in `plain`, at most `size` bytes at a time. Raises SourceError where it is broken or cut off."""
    try:
        while found := plain.read(size):
            yield found
    except _BROKEN as exc:
        raise SourceError(f"{path}: {exc}") from exc


def _decompressor(kind: str, path: str, raw: IO[bytes], stack: ExitStack) -> Readable:
    if kind == "gzip":
        return stack.enter_context(gzip.GzipFile(fileobj=raw, mode="rb"))
    if kind == "bzip2":
        return stack.enter_context(bz2.BZ2File(raw))
    if kind == "xz":
        return _Xz(raw)
    if sys.version_info >= (3, 14):
        module: Any = importlib.import_module("compression.zstd")
        opened: Readable = stack.enter_context(module.ZstdFile(raw))
        return opened
    return _zstd_program(path, raw, stack)


class _Xz:
    """What `lzma.LZMAFile` reads, within a limit on memory, which that does not have."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._unpacker: lzma.LZMADecompressor | None = None
        self._packed = b""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises LZMAError, EOFError."""
        while True:
            if self._unpacker is None:
                if not self._next_stream():
                    return b""
                self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)
            if self._unpacker.needs_input and not (self._packed or self._fill()):
                raise EOFError("the file ends before the end of its content")
            found = self._unpacker.decompress(self._packed, size)
            self._packed = b""
            if self._unpacker.eof:
                self._packed, self._unpacker = self._unpacker.unused_data, None
            if found:
                return found

    def _next_stream(self) -> bool:
        """Go over the padding between streams; whether another one follows."""
        while not self._packed.lstrip(b"\0") and self._fill():
            continue
        self._packed = self._packed.lstrip(b"\0")
        return bool(self._packed)

    def _fill(self) -> bool:
        self._packed = self._raw.read(_PACKED_BYTES)
        return bool(self._packed)


def _zstd_program(path: str, raw: IO[bytes], stack: ExitStack) -> Readable:
    """Before Python 3.14 the standard library knows no zstd; the program of that name does."""
    program = shutil.which("zstd")
    if program is None:
        raise SourceError(f"{path}: zstd needs Python 3.14, or the program zstd on PATH (Debian: apt-get install zstd)")
    if not raw.seekable():
        raise SourceError(f"{path}: zstd from a pipe cannot be read here; send it through zstd -dc first")
    raw.seek(0)  # peeking has moved the position that the program shares with us
    os.lseek(raw.fileno(), 0, os.SEEK_SET)
    try:
        process = subprocess.Popen([program, "-dcq"], stdin=raw, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as exc:
        raise cannot_open(path, exc) from exc
    stack.callback(_end, process)
    return _Output(process)


class _Output:
    """A program's output; its failure at the end as an OSError."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; b'' at the end. Raises OSError with the program's own words when it failed."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        found = self._process.stdout.read(size)
        if not found and self._process.wait():
            raise OSError(self._process.stderr.read().decode("utf-8", "replace").strip())
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _size(raw: IO[bytes]) -> int:
    return os.fstat(raw.fileno()).st_size


def _position(raw: IO[bytes], before: int) -> int:
    """Where the disk is read to, by whoever reads it; `before` for a pipe."""
    try:
        return os.lseek(raw.fileno(), 0, os.SEEK_CUR)
    except OSError:
        return before
