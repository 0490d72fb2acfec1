"""What the patterns match now: files to follow, and files rotated from them that a pattern matches too."""

import logging
import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from exporter.sources.tail.book import Book
from exporter.sources.tail.listing import Found, Listing, find
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.names import Bases
from exporter.sources.tail.paths import SHOWN
from foundation.terminal import printable

log = logging.getLogger(__name__)

_SAY_AGAIN_S = 60.0


class Standing(NamedTuple):
    """What a look found.

    homes: the file that stands at each home.
    extras: what is matched but seems rotated from a home, as (file, home), oldest first.
    whole: whether no path without wildcards lacks its file.
    """

    homes: dict[str, Found]
    extras: list[tuple[Found, str]]
    whole: bool


class Survey:
    """Looks at what the patterns match.

    Attributes:
        skipped: files that the patterns match beyond the limit, which are not read.
        directories: those that looks were into since a scan emptied it.
    """

    def __init__(self, patterns: list[str], book: Book, limits: Limits) -> None:
        """`book`: what is followed, and keeps its place where there are too many; `limits`: on files."""
        self._patterns, self._book, self._limits = patterns, book, limits
        self.skipped = 0
        self.directories: set[str] = set()
        self._said_skipped, self._said_s = 0, float("-inf")

    def is_wanted(self, home: str) -> bool:
        """Whether a pattern matches the path."""
        return any(home == pattern or fnmatchcase(home, pattern) for pattern in self._patterns)

    def unknown(self, paths: Iterable[str]) -> set[str]:
        """Those of homes that no earlier run has followed; what has been followed is read on."""
        known = self._book.homes()
        bases = Bases(known)
        return {path for path in paths if path not in known and bases.of(path) is None}

    def look(self, now_s: float) -> Standing:
        """What is there now; `now_s`: a monotonic time. Raises NotNowError where it cannot be seen."""
        listing = Listing()
        matched = self._within_limit(dict(listing.expand(self._patterns)), now_s)
        self.directories.update(listing.directories(), map(os.path.dirname, matched))
        complete = True
        live = self._book.live_homes()
        bases = Bases({*matched, *self._book.homes()})
        homes: dict[str, Found] = {}
        extras: list[tuple[Found, str]] = []
        for path, literal in matched.items():
            file = find(path)
            if file is None:
                complete &= not literal
                continue
            base = None if literal or path in live else bases.of(path)
            if base is None:
                homes[path] = file
            else:
                extras.append((file, base))
        return Standing(homes, sorted(extras, key=lambda extra: extra[0].mtime_ns), complete)

    def _within_limit(self, matched: dict[str, bool], now_s: float) -> dict[str, bool]:
        """As many as may be followed; tell of the rest. A new name takes no place from one that is followed."""
        most = self._limits.files
        if len(matched) > most:
            live = self._book.live_homes()
            order = sorted(matched, key=lambda path: (path not in live, not matched[path]))
            rest = order[most:]
            self._say_skipped(rest, now_s)
            matched = {path: matched[path] for path in order[:most]}
        else:
            rest = []
        if self.skipped and not rest:
            self._said_skipped = 0
            log.info("%s: no file is beyond the limit any more", ", ".join(self._patterns))
        self.skipped = len(rest)
        return matched

    def _say_skipped(self, paths: list[str], now_s: float) -> None:
        """At most once a minute, and only where their number has changed."""
        if len(paths) == self._said_skipped or now_s - self._said_s < _SAY_AGAIN_S:
            return
        self._said_skipped, self._said_s = len(paths), now_s
        shown = ", ".join(paths[:SHOWN])
        more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
        text = "%s: not read because of max_files (%d): %d of the files: %s%s"
        log.warning(text, ", ".join(self._patterns), self._limits.files, len(paths), printable(shown), more)
