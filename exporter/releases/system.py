"""The releases system: one running comparison for each source."""

from collections.abc import Sequence
from functools import partial

from exporter.releases.live import Live
from exporter.releases.source import Source
from exporter.supervisor import Supervisor
from exporter.system import Context
from foundation.errors import ConfigError


class System(Supervisor[Live]):
    """Receives the records of all sources. `run` once."""

    def __init__(self, sources: Sequence[Source], context: Context) -> None:
        """Opens nothing yet. Raises ConfigError."""
        super().__init__("releases", context.clock)
        for number, source in enumerate(sources):
            policy = context.web.of(source.web_config_file)
            if source.tcp and policy.rules.config.basic_auth_users and not source.token_file:
                raise ConfigError(
                    f"$.releases[{number}].tcp: the web configuration has users, and lines show none: expected "
                    f"token_file, or a web_config_file without users"
                )
            self.add(source.source, partial(Live, source, policy, context.checkpoint, context.clock))
