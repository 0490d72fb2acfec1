"""A process that has no descriptors left, for a while."""

import builtins
import errno
import os
import resource
from contextlib import contextmanager

import pytest


class Starving:
    """While this is entered, so many files and directories can still be opened."""

    def __init__(self, left=0):
        self._left = left
        self._patches = pytest.MonkeyPatch()

    def __enter__(self):
        for module, name in ((os, "open"), (os, "scandir"), (builtins, "open")):
            self._patches.setattr(module, name, self._limited(getattr(module, name)))

    def __exit__(self, *_):
        self._patches.undo()

    def _limited(self, real):
        def limited(*args, **settings):
            if self._left <= 0:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            self._left -= 1
            return real(*args, **settings)

        return limited


@contextmanager
def no_descriptors(spare=0):
    """As if other parts of the process had used up all but `spare`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
