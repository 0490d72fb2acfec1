"""The one way in which every server of the house takes connections.

`serve` puts an HTTP application on an address, `listen` any other protocol.
"""

from foundation.listen.http import Problem, http_server, plain_problem, serve
from foundation.listen.sockets import Tls, listen

__all__ = ["Problem", "Tls", "http_server", "listen", "plain_problem", "serve"]
