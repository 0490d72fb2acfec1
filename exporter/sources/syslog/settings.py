"""The configuration of a source that listens for syslog messages."""

import re
from typing import Annotated

import msgspec

from exporter.sources.syslog.endpoint import Endpoint, endpoint
from foundation.keys import duration, size

_MODE = re.compile(r"0?[0-7]{3}")
MESSAGE_BYTES = 64 << 10
RECEIVE_BUFFER_BYTES = 8 << 20


class Listen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The address for messages, and limits.

    syslog: the address: udp://HOST:PORT, tcp://HOST:PORT, unix:/PATH (datagrams) or unix-stream:/PATH.
    message_bytes: the longest message; a longer one is dropped and counted as a line that is too long.
    receive_buffer_bytes: the requested buffer of the kernel for datagrams; it may be smaller.
    max_connections: connections at a time, of tcp and unix-stream.
    idle_timeout_s: after how long a connection that sends nothing is closed; by default never, as most senders lose a
        message then.
    mode: the mode of the socket at a path, in octal digits and in quotes.
    group: the group of the socket at a path.
    """

    syslog: str
    message_bytes: Annotated[int, size(least_bytes=480, most_bytes=1 << 20)] = MESSAGE_BYTES
    receive_buffer_bytes: Annotated[int, size(least_bytes=4096, most_bytes=1 << 30)] = RECEIVE_BUFFER_BYTES
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    idle_timeout_s: Annotated[float, duration(most_s=86_400 * 365)] | None = None
    mode: str = "0660"
    group: str | None = None

    def __post_init__(self) -> None:
        self.endpoint()
        if not _MODE.fullmatch(self.mode):
            raise ValueError(f"invalid mode {self.mode!r}: expected three octal digits in quotes, for example '0660'")

    def endpoint(self) -> Endpoint:
        """Where to listen. Raises ValueError."""
        return endpoint(self.syslog)
