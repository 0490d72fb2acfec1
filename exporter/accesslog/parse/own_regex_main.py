"""The process that tries own regexes: questions come on standard input, answers go to standard output.

It is one of the exporter's, and ends with it. A signal ends a regex that takes too long, for which this must be the
process's main thread.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from functools import lru_cache
from typing import IO

import msgspec

from exporter.accesslog.formats import Format
from exporter.accesslog.formats.custom import custom_format
from exporter.accesslog.parse.own_regex import LENGTH, Answer, Question
from exporter.accesslog.parse.scalar import tally_while
from exporter.accesslog.tally import Buckets

NICENESS = 10  # scrapes and other logs go first where there is one core
MEMORY_BYTES = 1 << 30  # address space: a regex can ask for as much memory as its line is long, many times over
_PR_SET_PDEATHSIG = 1  # prctl(2), <linux/prctl.h>


def answer(question: Question) -> Answer:
    """Count lines until their time is over."""
    started_s = time.process_time()
    until_s = started_s + question.slice_s
    tally, taken_bytes = tally_while(
        question.data,
        _format(question.regex, question.duration_unit_ns),
        Buckets(question.bounds_s),
        lambda: time.process_time() < until_s,
    )
    return Answer(tally, taken_bytes, time.process_time() - started_s)


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the questions end."""
    while header := questions.read(LENGTH.size):
        (size,) = LENGTH.unpack(header)
        question = msgspec.msgpack.decode(questions.read(size), type=Question)
        payload = msgspec.msgpack.encode(answer(question))
        answers.write(LENGTH.pack(len(payload)) + payload)
        answers.flush()


@lru_cache(maxsize=64)
def _format(regex: str, duration_unit_ns: int | None) -> Format:
    return msgspec.structs.replace(custom_format(regex), duration_unit_ns=duration_unit_ns)


def depend_on(parent: int) -> None:
    """End with the exporter, however that ends; and not by the Ctrl-C that ends it in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(AttributeError):  # not on Linux: the end of the questions is seen, if later
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def _be_modest() -> None:
    os.nice(NICENESS)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or most > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, most))


if __name__ == "__main__":
    depend_on(int(sys.argv[1]))
    _be_modest()
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)
