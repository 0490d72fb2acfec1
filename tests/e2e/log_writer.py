"""Writes and rotates many logs at once, in every way there is, and knows how many lines it wrote.

A process of its own, driven by lines of JSON on its standard input, each answered by one:

    {"do": "open", "folder": ..., "cells": [[kind, lines_per_s], ...]}   the logs' paths
    {"do": "run"}                                                       begin to write
    {"do": "piece", "kinds": [...]}          write half a line there, and nothing more before the next rotation
    {"do": "rotate", "destroy": true}        rotate all logs, in mid-stream; where bytes would be destroyed, if told so
    {"do": "end"}                            stop writing; how many lines there are, and bytes that are gone, by log
"""

import gzip
import json
import os
import select
import shutil
import sys
import time
from pathlib import Path

TICK_S = 0.01
PIECE = b"192.0.2.1\tGET /never-finished" + b"x" * 971
CODES = 60


def line(number):
    """Lines are told apart by what is counted of them: their code, and the sum of their bytes."""
    return b"192.0.2.1\tGET /\t%d\t%d\n" % (200 + number % CODES, number)


class Log:
    """One log and the writer that rotates it by renaming; the other kinds differ in `change`."""

    kind = "rename"
    destroys = False

    def __init__(self, folder, rate):
        self.path = folder / "access.log"
        self.pattern = self.path
        self.rate = rate
        self.lines = 0  # whole ones
        self.gone_bytes = 0
        self.ticks = 0
        self.held = False
        self.later = []  # (tick, what to do then)
        self.first()

    def first(self):
        self.create(self.path)

    def create(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def tick(self, since_s):
        self.ticks += 1
        for due, act in [item for item in self.later if item[0] <= self.ticks]:
            self.later.remove((due, act))
            act()
        due = int((time.monotonic() - since_s) * self.rate) - self.lines
        if due > 0 and not self.held:
            self.put(due)

    def put(self, count):
        data = b"".join(map(line, range(self.lines, self.lines + count)))
        self.lines += count
        os.write(self.fd, data)

    def piece(self):
        os.write(self.fd, PIECE)
        self.held = True

    def rotate(self, *, destroy):
        if destroy or not self.destroys:
            self.change()
        self.held = False

    def shift(self):
        """.1 to .2 and so on, as logrotate does it."""
        names = sorted(self.path.parent.glob(self.path.name + ".*"), key=lambda p: -int(p.name.split(".")[2]))
        for old in names:
            parts = old.name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            old.rename(old.with_name(".".join(parts)))
        return self.path.with_name(self.path.name + ".1")

    def change(self):
        self.path.rename(self.shift())
        self.put(5)  # the old descriptor is still in use for a moment
        os.close(self.fd)
        self.create(self.path)


class Gap(Log):
    kind = "rename, create later"

    def change(self):
        self.path.rename(self.shift())
        self.later.append((self.ticks + 10, self.reopen))

    def reopen(self):
        os.close(self.fd)
        self.create(self.path)


class CopyTruncate(Log):
    kind = "copytruncate"

    def change(self):
        shutil.copyfile(self.path, self.shift())
        os.truncate(self.path, 0)


class MidLine(CopyTruncate):
    kind = "copytruncate in mid-line"

    def change(self):
        whole = line(self.lines)
        os.write(self.fd, whole[:9])
        super().change()
        os.write(self.fd, whole[9:])
        self.lines += 1


class Delete(Log):
    kind = "delete, create"
    destroys = True

    def change(self):
        self.path.unlink()
        if self.held:
            self.gone_bytes += len(PIECE)
        else:
            self.put(5)
        os.close(self.fd)
        self.create(self.path)


class InodeReuse(Delete):
    kind = "delete, create, same inode"

    def change(self):
        self.path.unlink()
        if self.held:
            self.gone_bytes += len(PIECE)
        os.close(self.fd)  # first of all, so that its inode is free for the next
        self.create(self.path)


class Truncate(Log):
    kind = "truncate in place"
    destroys = True

    def change(self):
        if self.held:
            os.truncate(self.path, 0)
            self.gone_bytes += len(PIECE)


class Symlink(Log):
    kind = "symlink switched"

    def first(self):
        self.number = 0
        self.switch()

    def switch(self):
        self.number += 1
        target = self.path.with_name(f"app-{self.number}.log")
        self.create(target)
        link = self.path.with_name("link")
        link.symlink_to(target.name)
        link.rename(self.path)

    def change(self):
        old = self.fd
        self.switch()
        os.write(old, line(self.lines))
        self.lines += 1
        os.close(old)


class Stays(Log):
    kind = "writer stays in old file"

    def first(self):
        self.old = []
        super().first()

    def change(self):
        self.path.rename(self.shift())
        self.old.append(self.fd)
        self.create(self.path)

    def put(self, count):
        for fd in self.old:
            share = count // (len(self.old) + 1)
            count -= share
            data = b"".join(map(line, range(self.lines, self.lines + share)))
            self.lines += share
            os.write(fd, data)
        super().put(count)


class Gzip(Log):
    kind = "rename, then gzip"

    def change(self):
        rotated = self.shift()
        self.path.rename(rotated)
        os.close(self.fd)
        self.create(self.path)
        packed = rotated.with_name(rotated.name + ".gz")
        with rotated.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as out:
            shutil.copyfileobj(plain, out)
        times = rotated.stat()
        os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns))
        rotated.unlink()


class Glob(Log):
    kind = "glob, files come later"

    def first(self):
        self.number = 1
        self.pattern = self.path.with_name("site-*.log")
        self.create(self.path.with_name("site-1.log"))

    def change(self):
        os.close(self.fd)
        self.number += 1
        self.create(self.path.with_name(f"site-{self.number}.log"))


class Vanish(Log):
    kind = "away for a while"

    def change(self):
        away = self.path.with_name("elsewhere")
        self.path.rename(away)
        self.later.append((self.ticks + 15, lambda: away.rename(self.path)))


KINDS = {
    log.kind: log
    for log in (Log, Gap, CopyTruncate, MidLine, Delete, InodeReuse, Truncate, Symlink, Stays, Gzip, Glob, Vanish)
}


class Writer:
    """All logs, and the answers to the commands."""

    def __init__(self):
        self.logs = {}
        self.since_s = None

    def open(self, folder, cells):
        for kind, rate in cells:
            name = f"{kind}/{rate}"
            place = Path(folder) / name.replace(" ", "-").replace(",", "").replace("/", "-")
            place.mkdir(parents=True)
            self.logs[name] = KINDS[kind](place, rate)
        return {name: str(log.pattern) for name, log in self.logs.items()}

    def run(self):
        self.since_s = time.monotonic()

    def piece(self, kinds):
        for log in self.logs.values():
            if log.kind in kinds:
                log.piece()

    def rotate(self, *, destroy):
        self.finish()  # on a busy machine the rotation before may have steps to come
        for log in self.logs.values():
            log.rotate(destroy=destroy)

    def finish(self):
        while any(log.later for log in self.logs.values()):
            self.tick()

    def end(self):
        self.finish()
        self.since_s = None
        return {name: [log.lines, log.gone_bytes] for name, log in self.logs.items()}

    def tick(self):
        for log in self.logs.values():
            log.tick(self.since_s)


def main():
    writer, ticks = Writer(), 0
    pending = b""
    while True:
        wait_s = None
        if writer.since_s is not None:
            writer.tick()
            ticks += 1
            wait_s = max(0.0, writer.since_s + ticks * TICK_S - time.monotonic())
        if not select.select([0], [], [], wait_s)[0]:
            continue
        found = os.read(0, 1 << 16)
        if not found:
            return
        *commands, pending = (pending + found).split(b"\n")
        for text in commands:
            command = json.loads(text)
            answer = getattr(writer, command.pop("do"))(**command)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
