"""Listening sockets, and the connections that come from them."""

import asyncio
import errno
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

from foundation.errors import SourceError, in_words
from foundation.grammar import Address

Tls: TypeAlias = ssl.SSLContext | Callable[[], ssl.SSLContext | None] | None
"""How connections are encrypted: a context, or what gives the one in force; None for not at all."""


async def listen(
    protocol: Callable[[], asyncio.BaseProtocol],
    address: tuple[str, int],
    stack: AsyncExitStack,
    *,
    ssl_context: Tls = None,
) -> Address:
    """Accept connections, each handled by a `protocol`, until the stack is left.

    Returns:
        The address that was bound; its port matters where 0 was asked for.

    Raises:
        SourceError: the address cannot be listened on.
    """
    context = ssl_context() if callable(ssl_context) else ssl_context
    try:
        server = await asyncio.get_running_loop().create_server(protocol, *address, ssl=context)
    except OSError as exc:
        why = "the port is taken" if exc.errno == errno.EADDRINUSE else in_words(exc)
        raise SourceError(f"cannot listen on {Address(*address)}: {why}") from exc
    stack.callback(server.close)
    return Address(*server.sockets[0].getsockname()[:2])
