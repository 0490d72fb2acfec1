"""The one policy of every server that speaks HTTP: TLS, users, Host, origin, headers.

`WebPolicy` holds the rules of one file of `--web.config.file` and keeps up with it; a `Guard` holds one server to them.
The way of data: `config` (what the file says), `file` (it and the files that it names), `policy`; and of a request:
`tls` (the handshake), `sites` (from where, under which name), `passwords` (who), `headers` (what every answer carries),
brought together by `guard`.
"""

from foundation.web.guard import Guard
from foundation.web.policy import REASONS, Status, WebPolicy

__all__ = ["REASONS", "Guard", "Status", "WebPolicy"]
