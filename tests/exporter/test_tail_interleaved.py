"""A writer rotates its log between any two system calls of ours: no line lost, none twice, and nothing told falsely.

Each rotation is a list of the writer's own calls. The first is made right before the reader's call of some number, the
others at once or some calls later; every number is tried.
"""

import fcntl
import gzip
import itertools
import os
from contextlib import contextmanager

import pytest
from rotated import Site, compress

CALLS = [(os, name) for name in ("stat", "lstat", "fstat", "open", "pread", "lseek", "scandir")] + [(fcntl, "ioctl")]
TAKES = 2  # rounds of the reader in which the writer may have its turns


class Writer:
    """Makes its calls when it is its turn: the first before the reader's call number `at`, one more every `gap`."""

    def __init__(self, steps, at, gap):
        self.steps, self.at, self.gap = list(steps), at, gap
        self.calls = 0

    def turn(self):
        """The reader is about to make a call."""
        steps, self.steps = self.steps, []  # what a step does is no call of the reader's
        due = self.calls >= self.at and (not self.gap or not (self.calls - self.at) % self.gap)
        self.calls += 1
        while steps and due:
            steps.pop(0)()
            due = not self.gap
        self.steps = steps

    def finish(self):
        for step in self.steps:
            step()


@contextmanager
def taking_turns(writer):
    with pytest.MonkeyPatch.context() as patch:
        for module, name in CALLS:
            real = getattr(module, name)

            def call(*args, real=real, **kwargs):
                if writer.steps:
                    writer.turn()
                return real(*args, **kwargs)

            patch.setattr(module, name, call)
        yield


def shift(site):
    for number in (2, 1):
        for ending in ("", ".gz"):
            old = site.path(f"access.log.{number}{ending}")
            if old.exists():
                old.rename(site.path(f"access.log.{number + 1}{ending}"))


def renamed(site):
    return [
        lambda: site.write(2),
        lambda: shift(site),
        lambda: site.log.rename(site.path("access.log.1")),
        lambda: site.write(2, to=site.path("access.log.1")),
        site.log.touch,
        lambda: site.write(2),
    ]


def copied(site):
    """In the middle of a line, of which the other half comes once the log is empty."""
    line = site.lines(1)

    def half(part):
        with site.log.open("ab") as file:
            file.write(part)

    def copy(start, end):
        with site.path("access.log.1").open("ab") as file:
            file.write(site.log.read_bytes()[start:end])

    def rest():
        half(line[9:])
        site.wrote += line

    return [
        lambda: site.write(2),
        lambda: half(line[:9]),
        lambda: shift(site),
        site.path("access.log.1").touch,
        lambda: copy(0, 300),
        lambda: copy(300, None),
        lambda: os.truncate(site.log, 0),
        rest,
        lambda: site.write(2),
    ]


def copied_and_packed(site):
    return [*copied(site), lambda: compress(site.path("access.log.1"))]


def renamed_and_packed(site):
    return [*renamed(site), lambda: compress(site.path("access.log.1"))]


def deleted(site):
    return [lambda: site.write(2), site.log.unlink, site.log.touch, lambda: site.write(2)]


def copied_over(site):
    """The one copy there is, a file that stays the same, is overwritten each time."""
    return [
        lambda: site.write(2),
        lambda: site.path("access.log.1").write_bytes(b""),
        lambda: site.path("access.log.1").write_bytes(site.log.read_bytes()),
        lambda: os.truncate(site.log, 0),
        lambda: site.write(2),
    ]


def packed_over(site):
    return [
        lambda: site.write(2),
        lambda: site.path("access.log.1.gz").write_bytes(gzip.compress(site.log.read_bytes())),
        lambda: os.truncate(site.log, 0),
        lambda: site.write(2),
    ]


def behind_a_link(site):
    """As the kubelet: the log is a link, and what it leads to is rotated in its own directory, and compressed later."""
    pod = site.path("pod")
    log = pod / "0.log"

    def older():
        return sorted(path for path in pod.iterdir() if path != log and path.suffix != ".gz")

    def pack():
        for path in older()[:-1]:
            compress(path)

    def rename():
        log.rename(pod / f"0.log.20261126-0000{len(list(pod.iterdir())):02}")

    if not pod.exists():
        pod.mkdir()
        site.log.rename(log)
        site.log.symlink_to(log)
    return [
        lambda: site.write(2),
        pack,
        rename,
        lambda: site.write(2, to=older()[-1]),
        log.touch,
        lambda: site.write(2),
    ]


def switched(site):
    """The log is a link that leads to another file each time."""

    def switch():
        name = site.path(f"part-{len(list(site.folder.iterdir()))}.log")
        name.touch()
        link = site.path("link")
        link.symlink_to(name)
        link.replace(site.log)

    return [lambda: site.write(2), switch, lambda: site.write(2)]


ROTATIONS = [
    renamed,
    renamed_and_packed,
    deleted,
    copied,
    copied_and_packed,
    copied_over,
    packed_over,
    behind_a_link,
    switched,
]


def interleave(folder, pattern, rotation, size, gap, *, at, again):
    """The site after two rotations, the second while it is read; and how many calls the reader made meanwhile."""
    site = Site(folder)
    site.write(size)
    site.start(pattern)
    for step in rotation(site):
        step()
    site.read()
    site.write(size)
    site.read()
    writer = Writer(rotation(site), at, gap)
    if again:
        site.stop()
    with taking_turns(writer):
        if again:
            site.start(pattern)
        for _ in range(TAKES):
            site.read()
    writer.finish()
    for _ in range(3):
        site.read()
    site.tail.close()
    return site, writer.calls


@pytest.mark.parametrize(
    ("rotation", "again"),
    [
        *((rotation, False) for rotation in ROTATIONS),
        *((rotation, True) for rotation in ROTATIONS if rotation is not deleted),  # what nobody held open is gone then
    ],
)
@pytest.mark.parametrize("pattern", ["access.log", "access.log*"])
@pytest.mark.parametrize("pace", list(itertools.product([5, 60], [0, 1, 3])), ids=str)
def test_every_line_comes_once_whenever_the_log_is_rotated(tmp_path, pattern, rotation, again, pace):
    at, wrong = 0, []
    while True:
        folder = tmp_path / str(at)
        folder.mkdir()
        site, calls = interleave(folder, pattern, rotation, *pace, at=at, again=again)
        if sorted(site.got.splitlines()) != sorted(site.wrote.splitlines()) or site.totals.lost_bytes:
            wrong.append((at, len(site.got) - len(site.wrote), site.totals.rotations, site.totals.lost_bytes))
        if calls < at:
            break
        at += 1
    assert not wrong
    assert at > 3 * TAKES
