"""A log read by two processes: one half of each piece in this one, the other half in a second one.

For formats that Python itself reads, on one core only: JSON and user-defined regexes. The second half is read as if the
first changed nothing for it; where it did (parts of a line that wait for their end), it is read once more, here. So the
result is that of one reader.
"""

import contextlib
import os
import select
import struct
import subprocess
import sys
from typing import IO, TypeVar

import msgspec

from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import SourceBy
from exporter.accesslog.tally import Tally

WORTH_BYTES = 48 << 20
"""Size of a file from which the second process is worth its start, which takes half a second."""
_PIECE_BYTES, _JSON_BYTES = 1 << 18, 6 << 20  # less is not worth sending: lines of a user-defined regex, and JSON
_HERE = 0.45
"""The share that is read here, where the file is read too."""
_T = TypeVar("_T")
_LENGTH = struct.Struct("!I")
"""The length, in front of each message."""


class Job(msgspec.Struct, frozen=True):
    """What the reader of a source reads; `timed`: with its histogram; `routed`: only the routes of targets matter."""

    source: SourceBy
    timed: bool
    routed: bool = False

    def reader(self) -> Reader:
        """A new reader."""
        router = self.source.router() if self.routed else None
        return self.source.reader(router=router, timed=self.timed)


class Question(msgspec.Struct, frozen=True):
    """Lines of a file, and the state after its earlier ones."""

    data: bytes
    path: str
    kept: bytes | None


class Answer(msgspec.Struct, frozen=True):
    """The tally of the lines, None where it cannot be sent, and the state after them."""

    tally: Tally | None
    kept: bytes | None


class Pair:
    """A reader here, and one in a process that is started when it is worth it. Must be closed."""

    def __init__(self, reader: Reader, job: Job | None = None) -> None:
        """`job`: how `reader` was made; without it, no process is started."""
        self.reader = reader
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = self._ended = False

    def start(self, file_bytes: int) -> None:
        """Start the process, if the size of the file, the format and the machine make it worth it."""
        format_ = self.reader.format
        if format_.reshape or not (format_.same_keys or format_.own_regex) or file_bytes < WORTH_BYTES:
            return
        if self._job and self._process is None and not self._ended and len(os.sched_getaffinity(0)) > 1:
            args = [sys.executable, "-P", "-m", "exporter.accesslog.report.pair_main", str(os.getpid())]
            try:
                self._process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                self._send(self._job)
            except OSError:
                self.close()

    def read(self, data: bytes, path: str) -> Tally:
        """As `Reader.read`."""
        self.reader.look(data, path)
        least = _PIECE_BYTES if self.reader.format.own_regex else _JSON_BYTES
        if len(data) < least or not self._can_ask() or not self.reader.knows_envelope(path):
            return self.reader.read(data, path)
        cut = data.find(b"\n", int(len(data) * _HERE)) + 1 or len(data)
        kept = self.reader.kept
        here, there = data[:cut], data[cut:]
        asked = self._ask(Question(there, path, kept))
        tally = self.reader.read(here, path)
        answer = self._answer() if asked else None
        if answer is None or answer.tally is None or self.reader.kept != kept:
            rest = self.reader.read(there, path)
        else:
            rest = answer.tally
            if answer.kept != kept:
                self.reader.go_on_from(answer.kept)
        if rest.bad and tally.lines != here.count(b"\n"):  # parts joined, or errors between the lines
            rest.bad = {reason: bad._replace(number=0) for reason, bad in rest.bad.items()}
        tally.merge(rest)
        return tally

    def close(self) -> None:
        """End the process."""
        self._ended = True
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # of what it had not read before its end
                        pipe.close()

    def _can_ask(self) -> bool:
        if self._process is None or self._process.stdout is None:
            return False
        if not self._is_ready and select.select([self._process.stdout], [], [], 0)[0]:
            self._is_ready = receive(self._process.stdout, bool) is True
            if not self._is_ready:
                self.close()
        return self._is_ready

    def _send(self, message: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        send(self._process.stdin, message)

    def _ask(self, question: Question) -> bool:
        try:
            self._send(question)
        except OSError:
            self.close()
            return False
        return True

    def _answer(self) -> Answer | None:
        """The answer of the process; None if it ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        answer = receive(self._process.stdout, Answer)
        if answer is None:
            self.close()
        return answer


def send(pipe: IO[bytes], message: object) -> None:
    """Write a message. Raises OSError."""
    payload = msgspec.msgpack.encode(message)
    pipe.write(_LENGTH.pack(len(payload)))
    pipe.write(payload)
    pipe.flush()


def receive(pipe: IO[bytes], type_: type[_T]) -> _T | None:
    """The next message; None at the end."""
    header = pipe.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(header)
    payload = pipe.read(size)
    return msgspec.msgpack.decode(payload, type=type_) if len(payload) == size else None
