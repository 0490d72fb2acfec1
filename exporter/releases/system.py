"""The live system: every configured stream of errors, and the metrics of them."""

import asyncio
from collections.abc import Iterable

from exporter.catalogue import Family
from exporter.releases.live import Live
from exporter.releases.metrics import families
from exporter.releases.source import Source
from exporter.system import Context


class System:
    """The error streams of a configuration."""

    def __init__(self, sources: list[Source], ctx: Context) -> None:
        """Opens nothing yet. Raises ConfigError."""
        self._followers = [Live(source, number, ctx) for number, source in enumerate(sources)]

    async def run(self) -> None:
        """Take records until cancelled; then write down what was taken."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run())

    async def listening(self) -> None:
        """Wait until every source takes records."""
        for follower in self._followers:
            await follower.listening.wait()

    def collect(self) -> Iterable[Family]:
        """The comparisons as they are now."""
        return families(
            {follower.name: follower.stream for follower in self._followers},
            {follower.name: follower for follower in self._followers},
        )
