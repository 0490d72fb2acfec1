"""The place of a source's lines, from its configuration; the base of sources that follow logs."""

import glob
import grp
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from exporter.sources.captures import Captures, glob_of
from exporter.sources.journal.settings import Journal
from exporter.sources.limits import MAX_FILES, MaxFiles
from exporter.sources.syslog.settings import Listen
from exporter.sources.tail.paths import path_troubles
from foundation.keys import Name

_KEYS = ("paths", "listen", "stdin", "fifo", "journal")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The name of a source, and one of these places.

    source: the name of the source, a label of all its metrics.
    from_: where to begin in a file that was there before the first start; files that appear later are read whole.
    paths: files and globs, in which `{name}` captures a part of a file's name.
    required: whether it is a fault if paths match no file; without it, only unreadable files are.
    max_files: files of the paths that are followed; a warning and a metric report the others.
    listen: syslog messages that the exporter receives.
    stdin: whether lines come on the standard input.
    fifo: a named pipe that lines come through.
    journal: systemd's journal.
    """

    source: Name
    from_: Literal["start", "end"] = msgspec.field(name="from", default="start")
    paths: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ()
    required: bool = True
    max_files: MaxFiles = MAX_FILES
    listen: Listen | None = None
    stdin: bool = False
    fifo: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    journal: Journal | None = None

    def check_place(self, envelope: str) -> None:
        """Raises ValueError unless there is exactly one place, which fits the envelope that is set."""
        named = [name for name in _KEYS if getattr(self, name)]
        if not named:
            raise ValueError(
                "nothing to read: expected one of paths, listen, stdin, fifo and journal, for example "
                "paths: [/var/log/nginx/access.log]"
            )
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)}: expected one of them; make a source of each")
        if not self.required and not (self.paths and all(map(glob.has_magic, self.globs))):
            raise ValueError(
                "required: false is for paths with wildcards, for example /var/log/containers/web-*.log; all other "
                "sources must exist"
            )
        if not all(self.paths):
            raise ValueError("paths: expected no empty path")
        for key, path in [*(("paths", path) for path in self.paths), ("fifo", self.fifo or "")]:
            if "\0" in path:
                raise ValueError(f"{key}: {path!r}: a path cannot contain a null character")
        try:
            self.captures()
        except ValueError as exc:
            raise ValueError(f"paths: {exc}") from exc
        if self.journal and envelope != "auto" and envelope.partition("+")[0] != "journal":
            raise ValueError(
                f"invalid envelope {envelope!r}: expected one that begins with journal, for example journal+caddy"
            )

    @property
    def globs(self) -> tuple[str, ...]:
        """The paths as globs."""
        return tuple(map(glob_of, self.paths))

    def captures(self) -> Captures:
        """Finds the values of the captures of the paths. Raises ValueError."""
        return Captures(self.paths)

    def path_troubles(self) -> Iterator[str]:
        """One text for each path and file that cannot be followed now."""
        for path, pattern in zip(self.paths, self.globs, strict=True):
            for text in path_troubles([pattern], required=self.required):
                yield path + text.removeprefix(pattern) if text.startswith(f"{pattern}:") else text

    def opened(self, envelope: str) -> str:
        """The envelope to open, which the place may narrow from `auto`."""
        if envelope != "auto":
            return envelope
        return "syslog" if self.listen else "journal" if self.journal else "auto"

    def troubles(self) -> Iterator[str]:
        """One text for each fault of the place now, with its key. Opens no socket, follows nothing."""
        yield from (f"paths: {text}" for text in self.path_troubles())
        yield from (f"paths: {path}: a FIFO is read with `fifo: {path}`" for path in self.paths if _is_fifo(path))
        if self.fifo is not None and not _is_fifo(self.fifo):
            yield f"fifo: {self.fifo}: is not a FIFO; make it with `mkfifo -m 660 {self.fifo}`"
        if self.journal is not None and shutil.which(self.journal.program) is None:
            yield f"journal: {self.journal.program}: not found; install systemd, or name it with journal.program"
        if self.listen is not None:
            yield from _listen_troubles(self.listen)


def _listen_troubles(listen: Listen) -> Iterator[str]:
    endpoint = listen.endpoint()
    if not endpoint.is_local:
        yield f"listen: {endpoint}: other machines can reach it and add lines"
    if endpoint.address is not None:
        return
    directory = Path(endpoint.path).parent
    if not directory.is_dir():
        yield f"listen: {endpoint}: there is no directory {directory}"
    elif not os.access(directory, os.W_OK):
        yield f"listen: {endpoint}: this user cannot write to {directory}"
    if listen.group is not None:
        try:
            grp.getgrnam(listen.group)
        except KeyError:
            yield f"listen: there is no group {listen.group}"


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except OSError:
        return False
