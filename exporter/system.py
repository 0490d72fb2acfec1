"""The daemon's interface of a system: it runs, and exposes its metrics.

The daemon uses nothing else of the systems, and they are independent of each other. Each has a room, in which a file
(or, where it is too large for one, a folder) of one name has one role:

source    the configuration of one source, an item of the system's list in the file
parse     text to records
state     what is remembered of them, and kept over a restart
live      follows one source for the daemon
metrics   the state as metric families
engine    the SQL of a report, and what runs it; `spark` runs the same elsewhere
bulk      whole files to arrays, for the batch tools
report    what the batch tools find, as data
render    the report as text, HTML or pictures
cli       flags to calls
system    the door: what the daemon is given
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from exporter.catalogue import Family
from exporter.checkpoint import Checkpoint
from foundation.clock import Clock
from foundation.web import WebPolicy


class Context:
    """The daemon's services for every system."""

    def __init__(self, state_dir: Path, clock: Clock, web: WebPolicy | None = None) -> None:
        """Opens nothing yet. `web`: the policy of the daemon's servers, which a system's own servers share."""
        self.state_dir = state_dir
        self.clock = clock
        self.web = web or WebPolicy()

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The process's one state file, opened by its first use."""
        return Checkpoint(self.state_dir / "exporter.db", self.clock)

    def opened_checkpoint(self) -> Checkpoint | None:
        """The state file, if a system has wanted it."""
        opened: Checkpoint | None = self.__dict__.get("checkpoint")
        return opened

    def close(self) -> None:
        """Give the state file free for another process."""
        if opened := self.opened_checkpoint():
            opened.close()


@runtime_checkable
class System(Protocol):
    """A room's door."""

    async def run(self) -> None:
        """Read the sources until cancelled; on cancellation, save the state."""

    def collect(self) -> Iterable[Family]:
        """Metric families from the state as it is now. Quick, and without I/O: it runs in the event loop."""


@runtime_checkable
class InParts(System, Protocol):
    """A system of several sources, which can be asked one after the other."""

    def parts(self) -> Iterator[list[Family]]:
        """The result of `collect`, one source at a time, so that the caller can let other tasks run in between."""


@runtime_checkable
class Refreshing(System, Protocol):
    """A system that fetches at scrape time."""

    async def refresh(self, deadline_s: float) -> None:
        """Bring the state up to date; called before `collect`, and cut off `deadline_s` seconds later."""


@runtime_checkable
class Keeping(System, Protocol):
    """A system whose counts are put away, each source apart."""

    @property
    def failures(self) -> Mapping[str, int]:
        """Unexpected errors so far, by source."""

    async def begun(self) -> None:
        """Wait until every source has its position on disk; before that none has counts to show."""

    async def written(self) -> None:
        """Wait until what was counted before is on disk, or the disk has refused it."""


@runtime_checkable
class Reloading(System, Protocol):
    """A system that goes over to other sources while it runs, with the counters of unchanged series going on."""

    async def reload(self, sources: list[Any]) -> None:
        """Go over to `sources`, which a constructor call has already found good."""
