"""A log, its writer and its reader, all by hand, for tests of every way in which logs are rotated."""

import bz2
import gzip
import lzma
import os
import time

from exporter.sources.tail.follow import Follower
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.positions import encode

LIMITS = Limits(hold_up_s=float("inf"), grace_s=60.0, line_bytes=200, batch_bytes=500)


class Site:
    """A log, its writer and its reader, all by hand."""

    def __init__(self, folder):
        self.folder = folder
        self.log = folder / "access.log"
        self.number = 0
        self.now_s = 0.0
        self.saved = None
        self.tail = None
        self.got = b""
        self.wrote = b""

    def lines(self, count):
        numbers = range(self.number, self.number + count)
        self.number += count
        return b"".join(b"192.0.2.7\tGET /item/%d\t200\t%d\n" % (n, n * 3) for n in numbers)

    def write(self, count=5, *, to=None):
        data = self.lines(count)
        with (to or self.log).open("ab") as file:
            file.write(data)
        self.wrote += data

    def start(self, pattern="access.log", **settings):
        options = {"from_start": True, "limits": LIMITS, "saved": self.saved, **settings}
        self.tail = Follower([str(self.folder / name) for name in pattern.split()], **options)
        self.read()

    def begin(self):
        """Started, and nothing read yet."""
        self.tail = Follower([str(self.log)], from_start=True, limits=LIMITS, saved=self.saved)
        self.now_s += 2
        self.tail.begin(self.now_s, time.time())

    def start_and_die(self):
        """Killed once the first positions are kept, and before anything is read."""
        self.begin()
        self.stop()

    def read(self):
        self.now_s += 2
        while (batch := self.tail.step(self.now_s, time.time())) is not None:
            self.got += batch.data

    def stop(self):
        self.saved = encode(self.tail.state())
        self.tail.close()

    def restart(self, **settings):
        self.stop()
        self.start(**settings)

    def path(self, name):
        return self.folder / name

    @property
    def totals(self):
        return self.tail.state().about.totals

    def check(self, *, rotations, lost=0):
        self.read()
        assert sorted(self.got.splitlines()) == sorted(self.wrote.splitlines())
        assert (self.totals.rotations, self.totals.lost_bytes) == (rotations, lost)
        assert self.tail.lag_bytes == 0


def keep_times(source, copy):
    status = source.stat()
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lambda data: lzma.compress(data, preset=0)}


def compress(path, ending=".gz"):
    packed = path.with_name(path.name + ending)
    packed.write_bytes(PACKERS[ending](path.read_bytes()))
    keep_times(path, packed)
    path.unlink()
    return packed
