"""The log formats in a server's configuration, and which log is written in which."""

from exporter.accesslog.serverconf.model import NamedLog, ServerConfig
from exporter.accesslog.serverconf.read import read_server_config

__all__ = ["NamedLog", "ServerConfig", "read_server_config"]
