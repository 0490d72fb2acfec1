"""What a system is to the daemon: something that runs, and tells its metrics when asked.

The daemon knows nothing else of the five systems, and they know nothing of each other.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from exporter.catalogue import Family
from exporter.clock import Clock


class Context(NamedTuple):
    """What the daemon lends to every system."""

    state_dir: Path
    clock: Clock


@runtime_checkable
class System(Protocol):
    """A room's door."""

    async def run(self) -> None:
        """Read the sources until cancelled; on cancellation, put away what must not be lost."""

    def collect(self) -> Iterable[Family]:
        """Metric families from the state as it is now. Quick, and without I/O: it runs in the event loop."""


@runtime_checkable
class Refreshing(System, Protocol):
    """A system that fetches at scrape time."""

    async def refresh(self, deadline_s: float) -> None:
        """Bring the state up to date; called before `collect`, and cut off `deadline_s` seconds later."""


@runtime_checkable
class Reloading(System, Protocol):
    """A system that goes over to other sources while it runs, with the counters of unchanged series going on."""

    async def reload(self, sources: list[Any]) -> None:
        """Go over to `sources`, which a constructor call has already found good."""
