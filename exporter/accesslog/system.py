"""The accesslog system: one log followed for each source."""

from collections.abc import Sequence
from functools import partial

from exporter.accesslog.live import Live
from exporter.accesslog.parse.own_regex import RegexProcess
from exporter.accesslog.source import Source
from exporter.supervisor import Supervisor
from exporter.system import Context


class System(Supervisor[Live]):
    """Follows all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Reads no file yet."""
        super().__init__("accesslog", context.clock)
        self._context = context
        self._regexes = RegexProcess(context.clock)
        self._sources: dict[str, Source] = {}
        for source in sources:
            self._follow(source)

    async def run(self) -> None:
        """Follow until cancelled. Raises StoreError when the state file cannot be had."""
        try:
            await super().run()
        finally:
            await self._regexes.close()

    async def reload(self, sources: Sequence[Source]) -> None:
        """Go over to `sources`. A source that stays keeps its counters; one that did not change is left alone."""
        wanted = {source.source: source for source in sources}
        for name, source in list(self._sources.items()):
            if wanted.get(name) == source:
                continue
            live = await self.remove(name)
            del self._sources[name]
            if live is not None and name in wanted:
                live.reconfigure(wanted[name])
                self._follow(wanted[name], live)
        for name, source in wanted.items():
            if name not in self._sources:
                self._follow(source)

    def _follow(self, source: Source, live: Live | None = None) -> None:
        self._sources[source.source] = source
        make = partial(Live, source, self._context.checkpoint, self._context.clock, self._regexes)
        self.add(source.source, make, live)
