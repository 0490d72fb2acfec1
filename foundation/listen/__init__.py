"""The one way in which every server of the house takes connections.

`serve` puts an HTTP application on an address, `listen` any other protocol.
"""

from foundation.listen.connection import Connection, Standing, State
from foundation.listen.http import SHUTDOWN_S, Problem, http_server, plain_problem, serve
from foundation.listen.limits import Limits
from foundation.listen.slots import BusyError, Slots
from foundation.listen.sockets import Tls, listen
from foundation.listen.table import OVERDUE, Connections, connections

__all__ = [
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
    "listen",
    "plain_problem",
    "serve",
]
