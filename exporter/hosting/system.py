"""The hosting system: the logs of one web host followed for each source."""

from collections.abc import Sequence
from functools import partial

from exporter.hosting.live import Live
from exporter.hosting.source import Source
from exporter.supervisor import Supervisor
from exporter.system import Context


class System(Supervisor[Live]):
    """Follows all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Reads no file yet."""
        super().__init__("hosting", context.clock)
        for source in sources:
            self.add(source.source, partial(Live, source, context.checkpoint, context.clock))
