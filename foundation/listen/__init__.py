"""The common way in which every server accepts connections.

`serve` puts an HTTP application on an address, `listen` any other protocol; `listen_on` takes a socket that is there.
"""

from foundation.listen.connection import Connection, Standing, State
from foundation.listen.http import SHUTDOWN_S, Problem, http_server, plain_problem, serve
from foundation.listen.inherited import inherited_sockets
from foundation.listen.limits import Limits
from foundation.listen.slots import BusyError, Slots
from foundation.listen.sockets import BACKLOG, Tls, listen, listen_on
from foundation.listen.table import OVERDUE, Connections, connections

__all__ = [
    "BACKLOG",
    "OVERDUE",
    "SHUTDOWN_S",
    "BusyError",
    "Connection",
    "Connections",
    "Limits",
    "Problem",
    "Slots",
    "Standing",
    "State",
    "Tls",
    "connections",
    "http_server",
    "inherited_sockets",
    "listen",
    "listen_on",
    "plain_problem",
    "serve",
]
