"""The machine's certificate authorities, read when a client first needs them.

aiohttp reads them twice when it is imported: 45 ms and 2 MiB, which a server does not need.
"""

import importlib
import ssl
import sys
from functools import cache
from typing import Any


def import_aiohttp() -> None:
    """Import aiohttp without them, in a process whose clients take `authorities()`.

    A client that forgets it trusts nobody. Does nothing if aiohttp is imported already.
    """
    if "aiohttp" in sys.modules:
        return
    reading = ("load_default_certs", "set_default_verify_paths")
    real = {name: getattr(ssl.SSLContext, name) for name in reading}

    def later(*_: Any) -> None:
        """Read nothing."""

    try:
        for name in reading:
            setattr(ssl.SSLContext, name, later)
        importlib.import_module("aiohttp")
    finally:
        for name, method in real.items():
            setattr(ssl.SSLContext, name, method)


@cache
def authorities() -> ssl.SSLContext:
    """A client's context that trusts them, as aiohttp's own does."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))
    return context
