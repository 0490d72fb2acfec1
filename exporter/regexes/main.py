"""The process of user-defined regexes: questions come on standard input, answers go to standard output.

It is one of the exporter's, and ends with it. A signal ends a regex that takes too long, for which this must be the
process's main thread.
"""

import contextlib
import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import IO

import msgspec

from exporter.regexes.process import LENGTH, Message

NICENESS = 10  # scrapes and other logs have priority on one core
MEMORY_BYTES = 1 << 30  # address space: a regex can take many times the memory of its line
_PR_SET_PDEATHSIG = 1  # prctl(2), <linux/prctl.h>


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the questions end."""
    while header := questions.read(LENGTH.size):
        (size,) = LENGTH.unpack(header)
        message = msgspec.msgpack.decode(questions.read(size), type=Message)
        payload = _answerer(message.answerer)(message.question)
        answers.write(LENGTH.pack(len(payload)) + payload)
        answers.flush()


@lru_cache(maxsize=8)
def _answerer(name: str) -> Callable[[bytes], bytes]:
    module, _, function = name.partition(":")
    found: Callable[[bytes], bytes] = getattr(importlib.import_module(module), function)
    return found


def depend_on(parent: int) -> None:
    """End with the exporter, however that ends; but ignore Ctrl-C, which the exporter handles."""
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
