"""The accesslog system: one follower for each source."""

import asyncio
from collections.abc import Iterator, Sequence

from exporter.accesslog.live import Live
from exporter.accesslog.parse.own_regex import RegexProcess
from exporter.accesslog.source import Source
from exporter.catalogue import Family
from exporter.system import Context


class System:
    """Follows all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Reads no file yet."""
        self._wanted = {source.source: source for source in sources}
        self._context = context
        self._regexes = RegexProcess(context.clock)
        self._followers: dict[str, Live] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Follow until cancelled. Raises StoreError when the state file cannot be had."""
        try:
            async with asyncio.TaskGroup() as self._group:
                for source in self._wanted.values():
                    self._start(self._follower(source))
                await asyncio.get_running_loop().create_future()  # sources may come and go by `reload`
        finally:
            await self._regexes.close()

    def _start(self, follower: Live) -> None:
        assert self._group is not None
        name = follower.source.source
        self._followers[name] = follower
        self._tasks[name] = self._group.create_task(follower.run(), name=f"accesslog {name}")

    async def reload(self, sources: Sequence[Source]) -> None:
        """Go over to `sources`. A source that stays keeps its counters; one that did not change is left alone."""
        wanted = {source.source: source for source in sources}
        added = [self._follower(source) for name, source in wanted.items() if name not in self._followers]
        for name, follower in list(self._followers.items()):
            if wanted.get(name) == follower.source:
                continue
            await self._stop(name)
            if name in wanted:
                follower.reconfigure(wanted[name])
                self._start(follower)
        for follower in added:
            self._start(follower)

    def _follower(self, source: Source) -> Live:
        return Live(source, self._context.checkpoint, self._context.clock, self._regexes)

    async def _stop(self, name: str) -> None:
        del self._followers[name]
        task = self._tasks.pop(name)
        task.cancel()
        await asyncio.wait([task])

    def collect(self) -> Iterator[Family]:
        """Metrics of all sources: one family a metric."""
        merged: dict[str, Family] = {}
        for follower in self._followers.values():
            for family in follower.families():
                name = family.metric.name
                merged[name] = _joined(merged[name], family) if name in merged else family
        yield from merged.values()


def _joined(one: Family, other: Family) -> Family:
    return Family(one.metric, one.series + other.series, {**(one.created or {}), **(other.created or {})})
