"""State files that tests open, and a clock that stands; what the tests of the checkpoint share."""

from contextlib import contextmanager

from exporter.checkpoint import Changes, Checkpoint
from foundation.clock import SystemClock

PRIVATE = 0o600


class FixedClock(SystemClock):
    def __init__(self, wall_s=1_000.0):
        self.wall_s = wall_s

    def wall(self):
        return self.wall_s

    def monotonic(self):
        return self.wall_s


@contextmanager
def opened(path, scope="site", **clock):
    with Checkpoint(path, FixedClock(**clock)) as store:
        store.load(scope)
        yield store


def everything(**puts):
    return Changes({key: value.encode() for key, value in puts.items()}, everything=True)


def modes(path):
    return {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


COMMITTER = """
import pathlib, sys
from exporter.checkpoint import Changes, Checkpoint
from foundation.clock import SystemClock
store = Checkpoint(pathlib.Path(sys.argv[1]), SystemClock())
store.load("site")
number = 0
while True:
    number += 1
    store.commit_now("site", Changes({"position": b"%d" % number, "counts": b"%d" % number + bytes(9000)}))
    if number == 50:
        print("going", flush=True)
"""
