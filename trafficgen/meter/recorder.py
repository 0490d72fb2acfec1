"""A record of each request, noted beside the pacing: packed at once, and written a batch at a time by a thread.

So the hot path neither formats nor waits for a disk. Records come in the order in which requests ended, and are sorted
after the run.
"""

import os
import struct
import threading
from queue import SimpleQueue

import numpy as np

from foundation.errors import in_words
from trafficgen.meter.meter import DROP_REASONS, NO_ANSWER_REASONS

REASONS = ("", *DROP_REASONS, *NO_ANSWER_REASONS)  # by the number that a record has; the first of answers
RECORD = np.dtype(
    [
        ("due_ns", "<i8"),  # of the monotonic clock, as the others; 0: it never became due
        ("sent_ns", "<i8"),  # 0: never sent
        ("ended_ns", "<i8"),  # answered, given up or dropped
        ("bytes", "<i8"),  # of the answer, as they came: head and body
        ("number", "<i8"),  # of the request, as in the plan
        ("code", "<i2"),  # 0: not answered
        ("reason", "u1"),
    ]
)
MAX_WAITING_BYTES = 64 << 20  # of records that the disk has not taken yet
_PACK = struct.Struct("<qqqqqhB").pack
_REASON_NUMBERS = {reason: number for number, reason in enumerate(REASONS)}


class Recorder:
    """Writes the records of one worker to a descriptor. Not for several threads."""

    def __init__(self, fd: int) -> None:
        """`fd`: where the records go; the caller closes it, after `close`."""
        self._fd = fd
        self._packed: list[bytes] = []
        self._batches: SimpleQueue[bytes] = SimpleQueue()
        self._queued = self._written = 0  # bytes: the one counts here, the other in the thread
        self._failure = ""
        self._thread = threading.Thread(target=self._write, name="results", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> str:
        """Why the records are not whole; empty as long as they are."""
        return self._failure

    def answered(  # noqa: PLR0917, keywords cost time here
        self, due_ns: int, sent_ns: int, ended_ns: int, size: int, number: int, code: int
    ) -> None:
        """Note a request that has its answer."""
        self._packed.append(_PACK(due_ns, sent_ns, ended_ns, size, number, code, 0))

    def failed(
        self, reason: str, number: int, ended_ns: int, *, due_ns: int = 0, sent_ns: int = 0, size: int = 0
    ) -> None:
        """Note a request that was given up (it has a `sent_ns`) or dropped."""
        self._packed.append(_PACK(due_ns, sent_ns, ended_ns, size, number, 0, _REASON_NUMBERS[reason]))

    def flush(self) -> None:
        """Let the thread write what was recorded; call it a few times per second."""
        if not self._packed:
            return
        batch = b"".join(self._packed)
        self._packed.clear()
        if not self._failure and self._queued + len(batch) - self._written > MAX_WAITING_BYTES:
            self._failure = f"the disk is too slow for the recording: {MAX_WAITING_BYTES >> 20} MiB waited for it"
        if not self._failure:
            self._queued += len(batch)
            self._batches.put(batch)

    def close(self) -> None:
        """Write the rest, and wait until it is written."""
        self.flush()
        self._batches.put(b"")
        self._thread.join()

    def _write(self) -> None:
        while batch := self._batches.get():
            rest = memoryview(batch)
            while rest and not self._failure:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except OSError as exc:
                    self._failure = in_words(exc)
            self._written += len(batch)
