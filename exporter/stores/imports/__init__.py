"""Polls of other monitoring systems, to a file of polls that is loaded like any other."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Protocol

from exporter.stores.load import Input

COLUMNS = ("store_id", "status", "timestamp_utc")


class Poll(NamedTuple):
    """One poll; `status` in the other system's word where it is neither active nor inactive."""

    store_id: str
    status: str
    timestamp_utc: str


class Polls(Protocol):
    """Where polls come from. `name`: what people know it by."""

    name: str

    def read(self) -> Iterator[Poll]:
        """All of them. Raises SourceError and ConfigError."""

    def caveat(self) -> str | None:
        """A note for the user who loads them. Raises SourceError."""


@contextmanager
def as_input(polls: Polls) -> Iterator[Input]:
    """The polls as a file to load. Raises SourceError and ConfigError."""
    with TemporaryDirectory(prefix="tidewatch-") as folder:
        path = Path(folder) / "polls.csv"
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(polls.read())
        yield Input(path, polls.name, "status")
