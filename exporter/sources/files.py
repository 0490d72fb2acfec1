"""Whole files for the batch tools and for recovery: plain, gzip, bzip2, xz or zstd, from a disk or a pipe.

The first bytes of a file decide its type, not its name: `access.log.1.gz` may be plain, and `access.log.3` compressed.
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
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Protocol

from foundation.errors import SourceError

XZ_MEMORY_BYTES = 256 << 20  # a file may ask for 4 GiB; `xz -9` needs 65 MiB
_PACKED_BYTES = 1 << 16
_FEED_BYTES = 1 << 16

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_MAGIC_BYTES = max(map(len, _MAGIC))
_USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)  # the last: no further process for zstd
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


class NotNowError(SourceError):
    """No descriptor is left to open a file, or its folder cannot be read now. It may exist: try again."""


def cannot_open(path: str, exc: OSError) -> SourceError:
    """The error for a `path` that cannot be opened."""
    return (NotNowError if exc.errno in _USED_UP else SourceError)(f"{path}: {exc.strerror}")


class Readable(Protocol):
    """The interface of decompressors."""

    def read(self, size: int, /) -> bytes:
        """`size` bytes, fewer at the end; none after it."""

    def read1(self, size: int, /) -> bytes:
        """Available data, at most `size` bytes; waits only for the first. None at the end."""


@contextmanager
def open_plain(path: str, opener: Callable[[str, int], int] | None = None) -> Iterator[tuple[Readable, IO[bytes]]]:
    """Open `path` (`-`: standard input) for reading decompressed; beside it the raw file. Raises SourceError.

    `opener`: as for `open`; its errors are passed on.
    """
    with ExitStack() as stack:
        try:
            raw = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb", opener=opener))
            start, whole = _begun(raw)
        except OSError as exc:
            raise cannot_open(path, exc) from exc
        kind = compression(start)
        yield (whole if kind is None else _decompressor(kind, path, whole, stack)), raw


class _Begun(io.RawIOBase):
    """A pipe, with the data already read put back in front."""

    def __init__(self, start: bytes, fd: int) -> None:
        self._start, self._fd = start, fd

    def readable(self) -> bool:
        """As in `io.RawIOBase`: always true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As in `io.RawIOBase`: first the data already read, then the file."""
        found, self._start = self._start or os.read(self._fd, len(buffer)), b""
        buffer[: len(found)] = found
        return len(found)


def _begun(raw: Any) -> tuple[bytes, Any]:
    """The beginning of a stream, and the stream with that put back."""
    if raw.seekable():
        position = raw.tell()
        start = raw.read(_MAGIC_BYTES)
        raw.seek(position)
        return start, raw
    start = b""
    while len(start) < _MAGIC_BYTES and (more := os.read(raw.fileno(), _MAGIC_BYTES - len(start))):
        start += more  # a pipe's writer may be slow
    return start, io.BufferedReader(_Begun(start, raw.fileno()))


def compression(start: bytes) -> str | None:
    """How a file that begins with `start` (6 bytes are enough) is compressed; None if it is not."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


def pieces(plain: Readable, size: int, path: str) -> Iterator[bytes]:
    """Everything in `plain`, at most `size` bytes at a time. Raises SourceError where it is broken or cut off."""
    try:
        while found := plain.read(size):
            yield found
    except BROKEN as exc:
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
    """Like `lzma.LZMAFile`, with a limit on memory."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._unpacker: lzma.LZMADecompressor | None = None
        self._packed = b""

    def read1(self, size: int, /) -> bytes:
        """As `read`."""
        return self.read(size)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end. Raises LZMAError, EOFError."""
        while True:
            if self._unpacker is None:
                if not self._next_stream():
                    return b""
                self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)
            if self._unpacker.needs_input and not (self._packed or self._fill()):
                raise EOFError("the file is truncated")
            found = self._unpacker.decompress(self._packed, size)
            self._packed = b""
            if self._unpacker.eof:
                self._packed, self._unpacker = self._unpacker.unused_data, None
            if found:
                return found

    def _next_stream(self) -> bool:
        """Skip the padding between streams. Returns whether another one follows."""
        while not self._packed.lstrip(b"\0") and self._fill():
            continue
        self._packed = self._packed.lstrip(b"\0")
        return bool(self._packed)

    def _fill(self) -> bool:
        self._packed = self._raw.read(_PACKED_BYTES)
        return bool(self._packed)


def _zstd_program(path: str, raw: IO[bytes], stack: ExitStack) -> Readable:
    """Before Python 3.14 the standard library has no zstd; the program of that name is used."""
    program = shutil.which("zstd")
    if program is None:
        raise SourceError(f"{path}: zstd needs Python 3.14, or the program zstd on PATH (Debian: apt-get install zstd)")
    pipe = not raw.seekable()
    if not pipe:
        os.lseek(raw.fileno(), raw.tell(), os.SEEK_SET)  # looking at it has moved the position that is shared with us
    try:
        process = subprocess.Popen(
            [program, "-dcq"],
            stdin=subprocess.PIPE if pipe else raw,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as exc:
        raise cannot_open(path, exc) from exc
    stack.callback(_end, process)
    if pipe:  # the thread ends with the pipe, with the program, or with this process
        threading.Thread(target=_feed, args=(raw, process.stdin), daemon=True).start()
    return _Output(process)


def _feed(raw: IO[bytes], program: IO[bytes]) -> None:
    """Everything in `raw` to a program, until either ends."""
    with suppress(OSError, ValueError), program:
        while found := raw.read1(_FEED_BYTES):  # type: ignore[attr-defined]
            program.write(found)
            program.flush()


class _Output:
    """A program's output; its failure at the end as an OSError."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; b'' at the end. Raises OSError with the program's message if it failed."""
        assert self._process.stdout is not None
        return self._checked(self._process.stdout.read(size))

    def read1(self, size: int, /) -> bytes:
        """Available data, up to `size` bytes; otherwise like `read`."""
        return self._checked(self._process.stdout.read1(size))  # type: ignore[union-attr]

    def _checked(self, found: bytes) -> bytes:
        assert self._process.stderr is not None
        if not found and self._process.wait():
            raise OSError(self._process.stderr.read().decode("utf-8", "replace").strip())
        return found


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()
