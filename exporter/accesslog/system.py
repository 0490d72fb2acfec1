"""The accesslog system: one log followed for each source."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from exporter.accesslog.live import Live
from exporter.accesslog.parse.own_regex import RegexProcess
from exporter.accesslog.source import Source
from exporter.catalogue import Family
from exporter.supervisor import Supervisor
from exporter.system import Context


class System:
    """Follows all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Reads no file yet."""
        self._context = context
        self._regexes = RegexProcess(context.clock)
        self._supervisor = Supervisor[Live]("accesslog", context.clock)
        self._sources: dict[str, Source] = {}
        for source in sources:
            self._add(source)

    async def run(self) -> None:
        """Follow until cancelled. Raises StoreError when the state file cannot be had."""
        try:
            await self._supervisor.run()
        finally:
            await self._regexes.close()

    async def begun(self) -> None:
        """Wait until every source has its position on disk."""
        await self._supervisor.begun()

    async def written(self) -> None:
        """Wait until what was counted is on disk, or refused by it."""
        await self._supervisor.written()

    async def reload(self, sources: Sequence[Source]) -> None:
        """Go over to `sources`. A source that stays keeps its counters; one that did not change is left alone."""
        wanted = {source.source: source for source in sources}
        for name, source in list(self._sources.items()):
            if wanted.get(name) == source:
                continue
            live = await self._supervisor.remove(name)
            del self._sources[name]
            if live is not None and name in wanted:
                live.reconfigure(wanted[name])
                self._add(wanted[name], live)
        for name, source in wanted.items():
            if name not in self._sources:
                self._add(source)

    def _add(self, source: Source, live: Live | None = None) -> None:
        self._sources[source.source] = source
        make = partial(Live, source, self._context.checkpoint, self._context.clock, self._regexes)
        self._supervisor.add(source.source, make, live)

    @property
    def failures(self) -> Counter[str]:
        """Unexpected errors so far, by source."""
        return self._supervisor.failures

    def collect(self) -> Iterable[Family]:
        """Metrics of all sources: one family a metric."""
        return self._supervisor.families()
