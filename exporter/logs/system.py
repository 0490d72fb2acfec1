"""The logs system: one log followed for each source."""

from collections.abc import Sequence

from exporter.following import Following
from exporter.logs.live import Live
from exporter.logs.source import Source
from exporter.system import Context


class System(Following[Live]):
    """Follows all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Reads no file yet."""
        super().__init__(Live, sources, context)
