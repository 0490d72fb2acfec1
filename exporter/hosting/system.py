"""The hosting system: one follower for each source."""

import asyncio
from collections.abc import Iterator, Sequence

from exporter.catalogue import Family
from exporter.hosting.live import Live
from exporter.hosting.source import Source
from exporter.system import Context


class System:
    """Follows all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Reads no file yet."""
        self._sources = sources
        self._context = context
        self._followers: list[Live] = []

    async def run(self) -> None:
        """Follow until cancelled. Raises StoreError when the state cannot be read."""
        self._followers = [Live(one, self._context.checkpoint, self._context.clock) for one in self._sources]
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run(), name=f"hosting {follower.source.source}")

    def collect(self) -> Iterator[Family]:
        """Metrics of all sources: one family a metric."""
        merged: dict[str, Family] = {}
        for follower in self._followers:
            for family in follower.families():
                before = merged.get(family.metric.name)
                series = family.series if before is None else before.series + family.series
                merged[family.metric.name] = Family(family.metric, series)
        yield from merged.values()
